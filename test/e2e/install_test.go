package e2e

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestInstall installs the guide's deployment with Helm, once for each network, and
// with each way to place. The hooks run as pods, with an image of ccp-hook; for the
// services there are no images here, so they are looked at as far as the
// scheduler takes them.
func TestInstall(t *testing.T) {
	hookImage(t)
	for network, placement := range map[string]string{"calico": "label", "openvswitch": "hostname"} {
		t.Run(network+"/"+placement, func(t *testing.T) {
			flags := []string{"-f", guide, "-f", small, "--network", network, "--placement", placement, "--nodes", "-"}
			install := installation{namespace: "e2e-install", nodes: nodes(t), flags: flags}
			calico := newFabric(t, "etcdv2")
			install.up(t)
			install.secretsMade(t, 10)
			install.labelled(t, network, placement == "label")
			if network == "calico" {
				calico.told(t)
			} else {
				calico.untouched(t)
			}
			install.scheduled(t)
			install.down(t)
			calico.untouched(t)
		})
	}
}

// installation is a release of a chart that ccp generates.
type installation struct {
	namespace string
	nodes     string   // as kubectl prints them
	flags     []string // of ccp
	client    string   // helm3, the default, or helm4
}

// up installs the release, and removes it and its namespace after the test.
func (i installation) up(t *testing.T) {
	t.Helper()
	removeAfter(t, i.namespace)
	t.Cleanup(func() { i.clearLabels(t) })
	i.helm(t, "install", "ccp", i.chart(t), "--create-namespace")
}

func (i installation) upgrade(t *testing.T) {
	t.Helper()
	i.helm(t, "upgrade", "ccp", i.chart(t))
}

func (i installation) down(t *testing.T) {
	t.Helper()
	i.helm(t, "uninstall", "ccp")
}

// chart generates the chart and returns its folder.
func (i installation) chart(t *testing.T) string {
	t.Helper()
	folder := t.TempDir() + "/openstack"
	run(t, i.nodes, "ccp", append([]string{"generate", "-o", folder}, i.flags...)...)
	return folder
}

func (i installation) helm(t *testing.T, args ...string) {
	t.Helper()
	client := cmp.Or(i.client, "helm3")
	if _, err := try(t, "", client, append(args, "--namespace", i.namespace, "--timeout", "4m")...); err != nil {
		t.Fatalf("%v\n%s", err, i.state(t))
	}
}

// state returns what is in the namespace, and what the containers said that did
// not do well.
func (i installation) state(t *testing.T) string {
	t.Helper()
	out, _ := try(t, "", "kubectl", "--namespace", i.namespace, "get", "jobs,pods", "-o", "wide")
	for line := range strings.Lines(out) {
		pod, isPod := strings.CutPrefix(strings.Fields(line + " -")[0], "pod/")
		if isPod && !strings.Contains(line, " Completed ") && !strings.Contains(line, " 1/1 ") {
			log, err := try(t, "", "kubectl", "--namespace", i.namespace, "logs", pod, "--all-containers", "--prefix", "--tail=20")
			out += log
			if err != nil {
				out += err.Error() + "\n"
			}
		}
	}
	return out
}

// clearLabels takes the labels off the nodes, which an uninstall leaves there.
func (i installation) clearLabels(t *testing.T) {
	t.Helper()
	labels := map[string]bool{}
	for _, node := range nodeLabels(t) {
		for label := range node.labels {
			if strings.Contains(label, "ccp.openstack.org/") {
				labels[label+"-"] = true
			}
		}
	}
	if len(labels) > 0 {
		run(t, "", "kubectl", append([]string{"label", "nodes", "--selector=!" + simulated}, slices.Sorted(maps.Keys(labels))...)...)
	}
}

// secretsMade checks that the hook made the credentials, so many at least, each a
// real password.
func (i installation) secretsMade(t *testing.T, least int) {
	t.Helper()
	secret := get[struct{ Data map[string]string }](t, "secret", "ccp-credentials", "--namespace", i.namespace)
	if len(secret.Data) < least {
		t.Errorf("the Secret has only %d passwords: %v", len(secret.Data), slices.Sorted(maps.Keys(secret.Data)))
	}
	for key, value := range secret.Data {
		if password, err := base64.StdEncoding.DecodeString(value); err != nil || len(password) < 16 {
			t.Errorf("%s is no password (%v)", key, err)
		}
	}
}

type labelledNode struct {
	name   string
	labels map[string]string
}

func nodeLabels(t *testing.T) []labelledNode {
	t.Helper()
	list := get[struct {
		Items []struct {
			Metadata struct {
				Name   string
				Labels map[string]string
			}
		}
	}](t, "nodes")
	var found []labelledNode
	for _, item := range list.Items {
		found = append(found, labelledNode{item.Metadata.Name, item.Metadata.Labels})
	}
	return found
}

// labelled checks that nodes have the labels of their roles, or none. A role of
// which the network has no service is no label.
func (i installation) labelled(t *testing.T, network string, wanted bool) {
	t.Helper()
	roles := map[string][]string{"node1": {"controller", "neutron-agents"}, "node2": {"compute"}, "node3": {"compute"}}
	if network == "calico" {
		roles["node1"] = []string{"controller"}
		roles["node2"], roles["node3"] = []string{"calico", "compute"}, []string{"calico", "compute"}
	}
	for _, node := range nodeLabels(t) {
		var got []string
		for _, label := range slices.Sorted(maps.Keys(node.labels)) {
			if role, ok := strings.CutPrefix(label, "role.ccp.openstack.org/"); ok && node.labels[label] == "true" {
				got = append(got, role)
			}
		}
		want := roles[node.name]
		if !wanted {
			want = nil
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s has the roles %v, want %v", node.name, got, want)
		}
	}
}

// scheduled checks that the scheduler binds the pods of every service to the
// nodes that ccp topology says, and to no others.
func (i installation) scheduled(t *testing.T) {
	t.Helper()
	var topology struct {
		Services map[string]struct {
			Workload string
			Replicas int
			Nodes    []string
		}
	}
	unmarshal(t, run(t, i.nodes, "ccp", append([]string{"topology", "-o", "json"}, i.flags...)...), &topology)
	eventually(t, time.Minute, func() error {
		bound, pending := i.pods(t)
		var errs []error
		for name, service := range topology.Services {
			want := service.Replicas
			if service.Workload == "DaemonSet" {
				want = len(service.Nodes)
			}
			got := bound[name]
			if len(got) != want || slices.ContainsFunc(got, func(node string) bool { return !slices.Contains(service.Nodes, node) }) {
				errs = append(errs, fmt.Errorf("%s is on %v, want %d on %v", name, got, want, service.Nodes))
			}
			if service.Workload == "DaemonSet" && len(slices.Compact(got)) != want {
				errs = append(errs, fmt.Errorf("%s is on %v, want one on each of %v", name, got, service.Nodes))
			}
		}
		return errors.Join(append(errs, pending...)...)
	})
}

// pods returns the nodes of each service's pods, sorted, and for each pod that
// is on none why. Pods of Jobs are among the latter only.
func (i installation) pods(t *testing.T) (map[string][]string, []error) {
	t.Helper()
	list := get[struct {
		Items []struct {
			Metadata struct {
				Name            string
				Labels          map[string]string
				OwnerReferences []struct{ Kind string }
			}
			Spec   struct{ NodeName string }
			Status struct {
				Conditions []struct{ Type, Message string }
			}
		}
	}](t, "pods", "--namespace", i.namespace)
	bound := map[string][]string{}
	var pending []error
	for _, pod := range list.Items {
		if pod.Spec.NodeName == "" {
			pending = append(pending, fmt.Errorf("pod %s is on no node: %v", pod.Metadata.Name, pod.Status.Conditions))
			continue
		}
		if owners := pod.Metadata.OwnerReferences; len(owners) > 0 && owners[0].Kind == "Job" {
			continue
		}
		service := pod.Metadata.Labels["app.kubernetes.io/component"]
		bound[service] = append(bound[service], pod.Spec.NodeName)
	}
	for _, nodes := range bound {
		slices.Sort(nodes)
	}
	return bound, pending
}
