package e2e

import (
	"os"
	"strings"
	"testing"
)

// Keys of the guide, in the dialect of Calico 1 and 2, and those beside them
// that an installation has to leave alone.
const (
	interval = "/calico/v1/config/ReportingIntervalSecs"
	filter   = "/calico/bgp/v1/global/custom_filters/v4/tap_iface"
	status   = "/calico/felix/v1/host/node2/status"
	endpoint = "/calico/felix/v1/host/node2/workload/openstack/server/endpoint/port"
)

// fabric is Calico's datastore in the cluster's etcd, as a Calico that was there
// before OpenStack left it.
type fabric struct{}

func newFabric(t *testing.T) fabric {
	t.Helper()
	f := fabric{}
	for key, value := range map[string]string{"/calico/v1/Ready": "true", interval: "30", endpoint: "{}"} {
		f.etcdctl(t, "set", key, value)
	}
	t.Cleanup(func() { f.etcdctl(t, "rm", "--recursive", "/calico") })
	return f
}

// etcdctl runs it on the v2 API.
func (f fabric) etcdctl(t *testing.T, args ...string) string {
	t.Helper()
	cmd := append([]string{"ETCDCTL_API=2", "etcdctl", "--endpoints", os.Getenv("CCP_E2E_ETCD")}, args...)
	return strings.TrimSpace(run(t, "", "env", cmd...))
}

// has says whether a key exists.
func (f fabric) has(t *testing.T, key string) bool {
	t.Helper()
	return strings.Contains("\n"+f.etcdctl(t, "ls", "--recursive", "/calico")+"\n", "\n"+key+"\n")
}

// told checks the guide's settings, and has Felix report once, as they say.
func (f fabric) told(t *testing.T) {
	t.Helper()
	if got := f.etcdctl(t, "get", interval); got != "60" {
		t.Errorf("%s is %q, want 60", interval, got)
	}
	want := `if ( ifname ~ "tap*" ) then { accept; }`
	if got := strings.Join(strings.Fields(f.etcdctl(t, "get", filter)), " "); got != want {
		t.Errorf("%s is %q, want %q", filter, got, want)
	}
	f.etcdctl(t, "set", status, `{"uptime": 60}`)
}

// untouched checks that the datastore is as it was before.
func (f fabric) untouched(t *testing.T) {
	t.Helper()
	if got := f.etcdctl(t, "get", interval); got != "30" {
		t.Errorf("%s is %q, want the 30 from before", interval, got)
	}
	for _, key := range []string{filter, status} {
		if f.has(t, key) {
			t.Errorf("%s is there", key)
		}
	}
	if !f.has(t, endpoint) {
		t.Errorf("%s is gone", endpoint)
	}
}
