// Command demo shows ccp-hook at work on an etcd of its own: it fills in what a
// Calico has there, applies the settings, shows them, reverts, and compares
// what is left with what was there.
package main

import (
	"context"
	"fmt"
	"log"
	"maps"
	"os"
	"os/exec"
	"slices"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/helm-ccp/helm-ccp/test/etcd"
)

const resources = "/calico/resources/v3/projectcalico.org/"

// calico is what a Calico 3 with one route reflector keeps in etcd, and a subnet
// of an OpenStack in another region.
var calico = map[string]string{
	resources + "clusterinformations/default":    `{"kind":"ClusterInformation","apiVersion":"projectcalico.org/v3","metadata":{"name":"default"},"spec":{"datastoreReady":true}}`,
	resources + "felixconfigurations/default":    `{"kind":"FelixConfiguration","apiVersion":"projectcalico.org/v3","metadata":{"name":"default"},"spec":{"interfacePrefix":"cali,tap","reportingInterval":"0s","endpointReportingEnabled":true}}`,
	resources + "bgppeers/rr":                    `{"kind":"BGPPeer","apiVersion":"projectcalico.org/v3","metadata":{"name":"rr"},"spec":{"peerIP":"10.210.1.1","asNumber":64512}}`,
	"/calico/dhcp/v2/region-elsewhere/subnet/s1": `{}`,
}

// openstack is what Felix reports once it is told to, and what Neutron leaves.
var openstack = map[string]string{
	"/calico/dhcp/v2/no-region/subnet/s1":          `{}`,
	"/calico/felix/v2/no-region/host/node1/status": `{}`,
	"/calico/felix/v2/no-region/host/node2/status": `{}`,
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: demo CCP-HOOK CALICO.YAML")
	}
	if err := run(context.Background(), os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, hook, config string) error {
	dir, err := os.MkdirTemp("", "ccp-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	members, err := etcd.Start(etcd.V37, dir, 1)
	if err != nil {
		return err
	}
	defer etcd.StopAll(members)
	client, err := etcd.Client(members)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := put(ctx, client, calico); err != nil {
		return err
	}
	for _, verb := range []string{"apply", "status", "revert"} {
		if verb == "revert" {
			if err := put(ctx, client, openstack); err != nil {
				return err
			}
		}
		fmt.Printf("\n$ ccp-hook calico %s --config %s --etcd-endpoints %s\n", verb, config, members[0].Endpoint)
		cmd := exec.Command(hook, "calico", verb, "--config", config, "--etcd-endpoints", members[0].Endpoint)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		// The demo's etcd alone: no cluster that happens to be configured.
		cmd.Env = append(os.Environ(), "KUBECONFIG=/nonexistent", "HOME="+dir)
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("ccp-hook calico %s: %w", verb, err)
		}
	}
	resp, err := client.Get(ctx, "", clientv3.WithPrefix())
	if err != nil {
		return err
	}
	left := map[string]string{}
	for _, kv := range resp.Kvs {
		left[string(kv.Key)] = string(kv.Value)
	}
	fmt.Printf("\nleft in etcd:\n")
	for _, key := range slices.Sorted(maps.Keys(left)) {
		fmt.Printf("  %s\n", key)
	}
	if !maps.Equal(left, calico) {
		return fmt.Errorf("that is not what was there before: %v", left)
	}
	fmt.Printf("byte for byte what was there before; of ccp-hook nothing is left\n")
	return nil
}

func put(ctx context.Context, client *clientv3.Client, all map[string]string) error {
	for key, value := range all {
		if _, err := client.Put(ctx, key, value); err != nil {
			return err
		}
	}
	return nil
}
