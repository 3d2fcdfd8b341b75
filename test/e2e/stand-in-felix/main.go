// Command stand-in-felix stands in for Felix, Calico's agent on each node, which
// no registry of packages that the tests use has. Of what Felix does it does as
// little as makes OpenStack's servers reachable: for each workload endpoint of its
// node whose interface is there it sets a route, proxy ARP, the way to the
// metadata API and, in the place of Calico's DHCP agent, answers DHCP; and it
// reports itself and the endpoints. It knows no policies.
//
// Like Felix it takes FELIX_FELIXHOSTNAME, FELIX_ETCDENDPOINTS and
// FELIX_OPENSTACKREGION from its environment, and interfacePrefix,
// endpointReportingEnabled and reportingInterval from the FelixConfiguration
// default.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"os"
	"strings"
	"time"

	"go.etcd.io/etcd/client/v3"
)

func main() {
	f := felix{host: os.Getenv("FELIX_FELIXHOSTNAME"), region: os.Getenv("FELIX_OPENSTACKREGION"), started: time.Now()}
	if f.host == "" {
		log.Fatal("stand-in-felix: FELIX_FELIXHOSTNAME is not set")
	}
	var err error
	f.etcd, err = clientv3.New(clientv3.Config{
		Endpoints: strings.Split(os.Getenv("FELIX_ETCDENDPOINTS"), ","), DialTimeout: 5 * time.Second,
	})
	if err != nil {
		log.Fatal("stand-in-felix: ", err)
	}
	// etcd and the node's interfaces are asked again and again: whatever failed is tried again by that.
	for {
		if err := f.once(context.Background()); err != nil {
			log.Print(err)
		}
		time.Sleep(500 * time.Millisecond)
	}
}

type felix struct {
	host, region      string
	etcd              *clientv3.Client
	started, reported time.Time
	served            map[string]*served // by the endpoint's key
}

// endpoint is what the spec of a WorkloadEndpoint has for Felix.
type endpoint struct {
	Node          string
	Workload      string
	Endpoint      string
	InterfaceName string
	MAC           string
	IPNetworks    []string
	IPv4Gateway   string
}

// settings are of the FelixConfiguration default.
type settings struct {
	InterfacePrefix          string
	EndpointReportingEnabled bool
	ReportingInterval        string
}

// served is an endpoint that the node was set up for.
type served struct {
	endpoint
	index    int // of the interface, which one made anew does not have
	dhcp     *dhcpServer
	reported bool
}

// once makes the node and what is reported what etcd says.
func (f *felix) once(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	settings, err := f.settings(ctx)
	if err != nil {
		return err
	}
	if err := f.report(ctx, settings.ReportingInterval); err != nil {
		return err
	}
	wanted, err := f.endpoints(ctx, settings.InterfacePrefix)
	if err != nil {
		return err
	}
	for key, s := range f.served {
		e, ok := wanted[key]
		if i, err := net.InterfaceByName(s.InterfaceName); !ok || fmt.Sprint(e) != fmt.Sprint(s.endpoint) || err != nil || i.Index != s.index {
			f.remove(ctx, key)
		}
	}
	for key, e := range wanted {
		if err := f.serve(ctx, key, e, settings.EndpointReportingEnabled); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

const resources = "/calico/resources/v3/projectcalico.org/"

// settings returns those of the FelixConfiguration, or Felix' own.
func (f *felix) settings(ctx context.Context) (settings, error) {
	response, err := f.etcd.Get(ctx, resources+"felixconfigurations/default")
	if err != nil {
		return settings{}, err
	}
	var resource struct{ Spec settings }
	for _, kv := range response.Kvs {
		if err := json.Unmarshal(kv.Value, &resource); err != nil {
			return settings{}, fmt.Errorf("%s: %w", kv.Key, err)
		}
	}
	s := resource.Spec
	s.InterfacePrefix, s.ReportingInterval = cmp.Or(s.InterfacePrefix, "cali"), cmp.Or(s.ReportingInterval, "30s")
	return s, nil
}

// endpoints returns the node's endpoints, by their keys, whose interfaces have
// one of the prefixes.
func (f *felix) endpoints(ctx context.Context, prefixes string) (map[string]endpoint, error) {
	response, err := f.etcd.Get(ctx, resources+"workloadendpoints/", clientv3.WithPrefix())
	if err != nil {
		return nil, err
	}
	found := map[string]endpoint{}
	for _, kv := range response.Kvs {
		var resource struct{ Spec endpoint }
		if err := json.Unmarshal(kv.Value, &resource); err != nil {
			return nil, fmt.Errorf("%s: %w", kv.Key, err)
		}
		if resource.Spec.Node != f.host {
			continue
		}
		for prefix := range strings.SplitSeq(prefixes, ",") {
			if strings.HasPrefix(resource.Spec.InterfaceName, prefix) {
				found[string(kv.Key)] = resource.Spec
			}
		}
	}
	return found, nil
}

// serve sets the node up for an endpoint when its interface is there, and
// reports that it is up.
func (f *felix) serve(ctx context.Context, key string, e endpoint, report bool) error {
	s := f.served[key]
	if s == nil {
		i, err := net.InterfaceByName(e.InterfaceName)
		if err != nil || i.Flags&net.FlagUp == 0 || i.Flags&net.FlagRunning == 0 {
			return nil // the hypervisor is not there yet
		}
		s = &served{endpoint: e, index: i.Index}
		if err := setUp(e); err != nil {
			return err
		}
		if s.dhcp, err = serveDHCP(e); err != nil {
			return err
		}
		if f.served == nil {
			f.served = map[string]*served{}
		}
		f.served[key] = s
		log.Printf("%s has %s", e.InterfaceName, e.IPNetworks)
	}
	if report && !s.reported {
		if _, err := f.etcd.Put(ctx, f.statusKey(e), `{"status":"up"}`); err != nil {
			return err
		}
		s.reported = true
	}
	return nil
}

// remove undoes serve.
func (f *felix) remove(ctx context.Context, key string) {
	s := f.served[key]
	s.dhcp.close()
	takeDown(s.endpoint)
	if _, err := f.etcd.Delete(ctx, f.statusKey(s.endpoint)); err != nil {
		log.Print(err)
		return // and is tried again
	}
	delete(f.served, key)
	log.Printf("%s is no more", s.InterfaceName)
}

// statusPrefix is where this node's Felix reports.
func (f *felix) statusPrefix() string {
	region := "no-region"
	if f.region != "" {
		region = "region-" + f.region
	}
	return "/calico/felix/v2/" + region + "/host/" + f.host + "/"
}

func (f *felix) statusKey(e endpoint) string {
	return f.statusPrefix() + "workload/openstack/openstack%2f" + e.Workload + "/endpoint/" + e.Endpoint
}

// report tells that this Felix is alive, when the interval is over.
func (f *felix) report(ctx context.Context, interval string) error {
	every, err := time.ParseDuration(interval)
	if err != nil {
		return err
	}
	now := time.Now()
	if every == 0 || now.Sub(f.reported) < every {
		return nil
	}
	status, err := json.Marshal(map[string]any{
		"time": now.UTC().Format(time.RFC3339), "uptime": now.Sub(f.started).Seconds(), "first_update": f.reported.IsZero(),
	})
	if err != nil {
		return err
	}
	lease, err := f.etcd.Grant(ctx, max(90, int64(every.Seconds()*5/2)))
	if err != nil {
		return err
	}
	if _, err := f.etcd.Put(ctx, f.statusPrefix()+"status", string(status), clientv3.WithLease(lease.ID)); err != nil {
		return err
	}
	if _, err := f.etcd.Put(ctx, f.statusPrefix()+"last_reported_status", string(status)); err != nil {
		return err
	}
	f.reported = now
	return nil
}
