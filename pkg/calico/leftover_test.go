package calico

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/helm-ccp/helm-ccp/test/etcd"
)

// openStackKeys are keys that networking-calico and Felix leave in the datastore
// of Calico 3, of two regions and of both, and such as are somebody else's.
func openStackKeys() (none, paris, shared, other []string) {
	const endpoints, policies = resourcePrefix + "workloadendpoints/", resourcePrefix + "networkpolicies/"
	none = []string{
		"/calico/felix/v2/no-region/host/n1/status", "/calico/felix/v2/no-region/host/round-trip-check",
		"/calico/felix/v2/no-region/host/n1/workload/openstack/s/endpoint/p", "/calico/dhcp/v2/no-region/subnet/s",
		policies + "openstack/ossg.default.7d1", endpoints + "openstack/node--1-openstack-s--1-p--2",
	}
	paris = []string{
		"/calico/felix/v2/region-paris/host/n1/status", "/calico/dhcp/v2/region-paris/subnet/s",
		policies + "openstack-region-paris/ossg.default.7d2", endpoints + "openstack-region-paris/n1-openstack-s-p",
	}
	shared = []string{"/calico/compaction/v1/last", "/calico/compaction/v1/trigger", "/calico/felix/v1/host/n1/status"}
	other = []string{
		policies + "openstack/knp.default.mine", policies + "openstack/default.ossg.default.x", policies + "openstack2/ossg.default.x",
		endpoints + "openstack/n1-k8s-pod-eth0", endpoints + "openstack/node--openstack--2-k8s-pod-eth0", endpoints + "openstack/n1-k8s-a--openstack--b-eth0",
		"/calico/felix/v2/region-paris2/host/n1/status", "/calico/ipam/v2/host/n1", resourcePrefix + "profiles/kns.openstack",
	}
	return none, paris, shared, other
}

// TestLeftovers removes what a region left with its last release, and what all
// share with the last of all.
func TestLeftovers(t *testing.T) {
	t.Parallel()
	s := newServer(t, etcd.V37, 1, StoreEtcdV3)
	none, paris, shared, other := openStackKeys()
	for _, key := range slices.Concat(none, paris, shared, other) {
		s.put(key, "x")
	}
	client := func(release, region string) *Client {
		c := s.client(Default())
		c.Release, c.Settings.Region = release, region
		return c
	}
	for release, region := range map[string]string{"a": NoRegion, "b": "paris", "c": "paris"} {
		ok(t)(client(release, region).Apply(t.Context()))
	}
	check := func(when string, gone []string, left ...[]string) {
		t.Helper()
		all := s.dump()
		for _, key := range gone {
			if _, there := all[key]; there {
				t.Errorf("%s: %s is left", when, key)
			}
		}
		for _, key := range slices.Concat(left...) {
			if _, there := all[key]; !there {
				t.Errorf("%s: %s is gone", when, key)
			}
		}
	}
	ok(t)(client("b", "paris").Revert(t.Context()))
	check("b has left", nil, none, paris, shared, other)
	dry := client("a", NoRegion)
	dry.DryRun = true
	if r := ok(t)(dry.Revert(t.Context())); r.Removed != len(none) {
		t.Errorf("dry run: %d keys, want %d", r.Removed, len(none))
	}
	ok(t)(client("a", NoRegion).Revert(t.Context()))
	check("a has left", none, paris, shared, other)
	ok(t)(client("c", "paris").Revert(t.Context()))
	check("all have left", slices.Concat(none, paris, shared), other)
	if got := s.dump(); len(got) != len(other) {
		t.Errorf("left: %v", got)
	}
}

// TestLeftoversV2 is the same with what Calico 1 and 2 leave.
func TestLeftoversV2(t *testing.T) {
	t.Parallel()
	s := newServer(t, etcd.V35, 1, StoreEtcdV2)
	for _, key := range []string{
		"/calico/dhcp/v1/subnet/s", "/calico/v1/policy/profile/openstack-sg-1/rules", "/calico/v1/policy/profile/openstack-sg-1/tags",
		"/calico/v1/host/n1/workload/openstack/w/endpoint/e", "/calico/felix/v1/host/n1/status",
	} {
		s.put(key, "x")
	}
	want := map[string]string{"/calico/v1/policy/profile/k8s_ns.x/rules": "x", "/calico/v1/host/n1/workload/k8s/w/endpoint/e": "x", reportingKey: "30"}
	for key, value := range want {
		s.put(key, value)
	}
	c := s.client(Default())
	ok(t)(c.Apply(t.Context()))
	ok(t)(c.Revert(t.Context()))
	equalDump(t, s.dump(), want)
}

// leader stands in for the neutron-server that leads: as long as it holds the
// election key it puts back what it misses, and it gives up when the key is
// somebody else's. It sees to that more often than the real one.
func leader(t *testing.T, s *server, key string) (stop func()) {
	t.Helper()
	const every = 20 * time.Millisecond
	client := s.raw()
	lease, err := client.Grant(t.Context(), 60)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Put(t.Context(), key, "controller:7", clientv3.WithLease(lease.ID)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			resp, err := client.Txn(ctx).If(clientv3.Compare(clientv3.Value(key), "=", "controller:7")).
				Then(clientv3.OpPut(key, "controller:7", clientv3.WithLease(lease.ID)),
					clientv3.OpPut(resourcePrefix+"networkpolicies/openstack/ossg.default.1", "{}")).Commit()
			if err == nil && !resp.Succeeded {
				return
			}
			select {
			case <-ctx.Done():
			case <-time.After(every):
			}
		}
	}()
	return func() { cancel(); <-done }
}

// TestStandDown reverts while a neutron-server runs: it writes nothing after,
// and its next release elects a leader at once.
func TestStandDown(t *testing.T) {
	t.Parallel()
	s := newServer(t, etcd.V37, 1, StoreEtcdV3)
	const key = "/calico/openstack/v2/no-region/neutron_election"
	c := s.client(Default())
	c.Settings.Region, c.Settle = NoRegion, 500*time.Millisecond
	ok(t)(c.Apply(t.Context()))
	stop := leader(t, s, key)
	defer stop()
	eventually(t, "the leader writes", func() bool { return len(s.dump()) > 4 })
	ok(t)(c.Revert(t.Context()))
	stop()
	equalDump(t, s.dump(), map[string]string{key: standIn})
	kv, err := s.raw().Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	ttl, err := s.raw().TimeToLive(t.Context(), clientv3.LeaseID(kv.Kvs[0].Lease))
	if err != nil || ttl.GrantedTTL != int64(standDownFor/time.Second) {
		t.Errorf("the key stays for %+v (%v)", ttl, err)
	}
	ok(t)(c.Prepare(t.Context()))
	if _, held := s.dump()[key]; held {
		t.Error("prepare leaves the key to the stand-in")
	}

	v2 := newServer(t, etcd.V35, 1, StoreEtcdV2)
	v2.put("/calico/openstack/v1/neutron_election", "controller:7")
	c = v2.client(Default())
	c.Settle = time.Millisecond
	ok(t)(c.Apply(t.Context()))
	ok(t)(c.Revert(t.Context()))
	if out, err := v2.etcdctl("", "-o", "extended", "get", "/calico/openstack/v1/neutron_election"); err != nil || !strings.Contains(out, standIn) || !strings.Contains(out, "TTL: 1") {
		t.Errorf("%s %v", out, err)
	}
	ok(t)(c.Apply(t.Context()))
	if out, err := v2.etcdctl("", "get", "/calico/openstack/v1/neutron_election"); err == nil {
		t.Errorf("apply leaves the key to the stand-in: %s", out)
	}
}
