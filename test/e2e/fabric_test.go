package e2e

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// fabric is where Calico keeps its settings, as a Calico that was there before
// OpenStack left it.
type fabric interface {
	// told checks the guide's settings, and has Felix report once, as they say.
	told(t *testing.T)
	// untouched checks that everything is as it was before.
	untouched(t *testing.T)
}

// newFabric makes the fabric of one of ccp-hook's stores, and removes it after
// the test. The store kubernetes has the group of its resources behind a slash.
func newFabric(t *testing.T, store string) fabric {
	t.Helper()
	own(t)
	t.Cleanup(func() {
		for _, folder := range []string{"/calico", "/ccp"} {
			etcdctl(t, 2, "", "set", folder+"/e2e", "") // or there is nothing to remove
			etcdctl(t, 2, "", "rm", "--recursive", folder)
		}
		for _, prefix := range []string{"/calico/", "/ccp/calico/"} {
			etcdctl(t, 3, "", "del", "--prefix", prefix)
		}
	})
	etcdctl(t, 2, "", "set", endpoint, "{}")
	store, group, _ := strings.Cut(store, "/")
	switch store {
	case "etcdv2":
		return newTexts(t)
	case "etcdv3":
		return newResources(t, etcdResources{})
	default:
		return newResources(t, newCustomResources(t, group))
	}
}

// etcdctl runs it on one of the two APIs.
func etcdctl(t *testing.T, api int, stdin string, args ...string) string {
	t.Helper()
	env := []string{fmt.Sprintf("ETCDCTL_API=%d", api), "etcdctl", "--endpoints", os.Getenv("CCP_E2E_ETCD")}
	return strings.TrimSpace(run(t, stdin, "env", append(env, args...)...))
}

// Keys of the guide, in the dialect of Calico 1 and 2, and those beside them
// that an installation has to leave alone.
const (
	interval = "/calico/v1/config/ReportingIntervalSecs"
	prefix   = "/calico/v1/config/InterfacePrefix"
	reports  = "/calico/v1/config/EndpointReportingEnabled"
	filter   = "/calico/bgp/v1/global/custom_filters/v4/tap_iface"
	status   = "/calico/felix/v1/host/node2/status"
	endpoint = "/calico/felix/v1/host/node2/workload/openstack/server/endpoint/port"
)

// texts is the fabric in the etcd v2 API.
type texts struct{}

func newTexts(t *testing.T) texts {
	t.Helper()
	for key, value := range map[string]string{"/calico/v1/Ready": "true", interval: "30"} {
		etcdctl(t, 2, "", "set", key, value)
	}
	return texts{}
}

// has says whether a key exists.
func (texts) has(t *testing.T, key string) bool {
	t.Helper()
	return strings.Contains("\n"+etcdctl(t, 2, "", "ls", "--recursive", "/calico")+"\n", "\n"+key+"\n")
}

func (texts) told(t *testing.T) {
	t.Helper()
	for key, want := range map[string]string{interval: "60", prefix: "cali,tap", reports: "true"} {
		if got := etcdctl(t, 2, "", "get", key); got != want {
			t.Errorf("%s is %q, want %s", key, got, want)
		}
	}
	want := `if ( ifname ~ "tap*" ) then { accept; }`
	if got := strings.Join(strings.Fields(etcdctl(t, 2, "", "get", filter)), " "); got != want {
		t.Errorf("%s is %q, want %q", filter, got, want)
	}
	etcdctl(t, 2, "", "set", status, `{"uptime": 60}`)
}

func (f texts) untouched(t *testing.T) {
	t.Helper()
	if got := etcdctl(t, 2, "", "get", interval); got != "30" {
		t.Errorf("%s is %q, want the 30 from before", interval, got)
	}
	for _, key := range []string{prefix, reports, filter, status} {
		if f.has(t, key) {
			t.Errorf("%s is there", key)
		}
	}
	if !f.has(t, endpoint) {
		t.Errorf("%s is gone", endpoint)
	}
	if all := etcdctl(t, 2, "", "ls", "--recursive", "/"); strings.Contains(all, "/ccp/calico/record") {
		t.Error("the record is there")
	}
}

// calico3 is what Calico 3 has, the specs of its resources by PLURAL/NAME: nodes
// that peer with a route reflector.
var calico3 = map[string]string{
	"clusterinformations/default":  `{"datastoreReady": true, "calicoVersion": "v3.30.0"}`,
	"felixconfigurations/default":  `{"interfacePrefix": "cali", "reportingInterval": "30s"}`,
	"bgpconfigurations/default":    `{"nodeToNodeMeshEnabled": false, "asNumber": 64512}`,
	"bgppeers/reflector":           `{"peerIP": "10.210.1.99", "asNumber": 64512}`,
	"ippools/default-ipv4-ippool":  `{"cidr": "10.244.0.0/16", "natOutgoing": true}`,
	"bgpfilters/somebodys-filters": `{"exportV4": [{"action": "Reject", "matchOperator": "In", "cidr": "10.66.0.0/16"}]}`,
}

// resources is the fabric of Calico 3.
type resources struct{ store resourceStore }

// resourceStore is where Calico 3 keeps its resources, by PLURAL/NAME.
type resourceStore interface {
	put(t *testing.T, name, spec string)
	// specs returns the specs of all resources of all kinds in calico3.
	specs(t *testing.T) map[string]any
}

func newResources(t *testing.T, store resourceStore) resources {
	t.Helper()
	for name, spec := range calico3 {
		store.put(t, name, spec)
	}
	for key, value := range map[string]string{felixStatus: "", felixEndpoint: "{}", policy: "{}", felixElsewhere: ""} {
		etcdctl(t, 3, "", "put", key, value)
	}
	return resources{store}
}

// Keys of OpenStack in the region no-region, and of Felix in another one.
const (
	felixStatus    = "/calico/felix/v2/no-region/host/node2/status"
	felixEndpoint  = "/calico/felix/v2/no-region/host/node2/workload/openstack/server/endpoint/port"
	policy         = "/calico/resources/v3/projectcalico.org/networkpolicies/openstack/ossg.default.a"
	felixElsewhere = "/calico/felix/v2/region-elsewhere/host/node2/status"
)

func (r resources) told(t *testing.T) {
	t.Helper()
	r.expect(t, map[string]string{
		"felixconfigurations/default": `{"interfacePrefix": "cali,tap", "reportingInterval": "1m0s", "endpointReportingEnabled": true}`,
		"bgpfilters/tap-iface":        `{"exportV4": [{"action": "Accept", "interface": "tap*"}]}`,
		"bgppeers/reflector":          `{"peerIP": "10.210.1.99", "asNumber": 64512, "filters": ["tap-iface"]}`,
	})
	etcdctl(t, 3, "", "put", felixStatus, `{"uptime": 60}`)
}

func (r resources) untouched(t *testing.T) {
	t.Helper()
	r.expect(t, nil)
	keys := strings.Fields(etcdctl(t, 3, "", "get", "--keys-only", "--prefix", "/calico/felix/"))
	keys = append(keys, strings.Fields(etcdctl(t, 3, "", "get", "--keys-only", policy))...)
	if !slices.Equal(keys, []string{felixElsewhere}) {
		t.Errorf("of OpenStack's keys there are %q, want only %s", keys, felixElsewhere)
	}
	if keys := etcdctl(t, 3, "", "get", "--keys-only", "--prefix", "/ccp/"); keys != "" {
		t.Errorf("the record is there: %s", keys)
	}
	records := run(t, "", "kubectl", "get", "configmap", "ccp-calico-record", "--namespace=kube-system", "--ignore-not-found", "--output=name")
	if records != "" {
		t.Errorf("the record is there: %s", records)
	}
}

// expect checks that the resources are those from before but for what differs.
func (r resources) expect(t *testing.T, differs map[string]string) {
	t.Helper()
	want := map[string]any{}
	for _, specs := range []map[string]string{calico3, differs} {
		for name, spec := range specs {
			want[name] = decode(t, spec)
		}
	}
	got := r.store.specs(t)
	kinds := map[string]bool{}
	for name := range want {
		plural, _, _ := strings.Cut(name, "/")
		kinds[plural] = true
	}
	for name := range got { // those of other kinds are networking-calico's
		if plural, _, _ := strings.Cut(name, "/"); !kinds[plural] {
			delete(got, name)
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Calico has\n%v\nwant\n%v", got, want)
	}
}

func decode(t *testing.T, text string) any {
	t.Helper()
	var value any
	unmarshal(t, text, &value)
	return value
}
