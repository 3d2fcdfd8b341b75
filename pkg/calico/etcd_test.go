package calico

import (
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/helm-ccp/helm-ccp/test/etcd"
)

const (
	reportingKey = "/calico/v1/config/ReportingIntervalSecs"
	prefixKey    = "/calico/v1/config/InterfacePrefix"
	endpointKey  = "/calico/v1/config/EndpointReportingEnabled"
	filterKey    = "/calico/bgp/v1/global/custom_filters/v4/tap_iface"
)

// The guide's commands, as the guide has them.
const (
	guideApply = `set -e
etcdctl set /calico/v1/config/ReportingIntervalSecs 60
cat << EOF | etcdctl set /calico/bgp/v1/global/custom_filters/v4/tap_iface
  if ( ifname ~ "tap*" ) then {
    accept;
  }
EOF`
	guideUndo = `
etcdctl rm /calico/bgp/v1/global/custom_filters/v4/tap_iface
etcdctl set /calico/v1/config/ReportingIntervalSecs 0
etcdctl ls /calico/felix/v1/host -r | grep status | xargs -n1 etcdctl rm`
)

// felixKeys are keys that a Felix reported into, and keys that are not its
// status.
func felixKeys() (status, other map[string]string) {
	status = map[string]string{
		"/calico/felix/v1/host/node1/status":                             `{"time":"now"}`,
		"/calico/felix/v1/host/node1/last_reported_status":               `{"time":"now"}`,
		"/calico/felix/v1/host/node2/status":                             `{"time":"now"}`,
		"/calico/felix/v1/host/node2/workload/openstack/w1/e1/status_up": "x",
	}
	other = map[string]string{
		"/calico/felix/v1/host/node2/workload/openstack/w1/endpoint/e1": `{"status":"up"}`,
		"/calico/felix/v2/no-region/host/round-trip-check":              "x",
		"/calico/felix/v2/no-region/host/node1/status":                  "up",
		"/calico/dhcp/v2/no-region/subnet/s1":                           "{}",
		"/calico/openstack/v2/region-b/neutron_election":                "x",
		"/registry/pods/status":                                         "x",
	}
	return status, other
}

// TestGuideEtcdV2 walks through the guide on real servers of both lines that
// serve the v2 API, and looks at each point with the real etcdctl.
func TestGuideEtcdV2(t *testing.T) {
	t.Parallel()
	for _, v := range []etcd.Version{etcd.V34, etcd.V35} {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, v, 1, StoreEtcdV2)
			status, before := felixKeys()
			for key, value := range before {
				s.put(key, value)
			}
			c := s.client(Default())
			report := ok(t)(c.Apply(t.Context()))
			if len(report.Lines) != 4 || report.Lines[0].State != StateWritten {
				t.Errorf("report: %+v", report.Lines)
			}
			applied := s.dump()
			s.sh(guideApply)
			if got := s.dump(); !maps.Equal(got, applied) {
				t.Errorf("the guide's commands write something else:\n%q\n%q", got, applied)
			}

			ok(t)(c.Apply(t.Context()))
			revision := s.revision()
			ok(t)(c.Apply(t.Context()))
			if now := s.revision(); now != revision {
				t.Errorf("the second apply wrote: revision %d, was %d", now, revision)
			}
			if l := find(t, ok(t)(c.Status(t.Context())), filterKey); l.State != StateOK || *l.Found != TapFilter {
				t.Errorf("status: %+v", l)
			}

			for key, value := range status {
				s.put(key, value)
			}
			c.DryRun = true
			if r := ok(t)(c.Revert(t.Context())); r.Removed != len(status) {
				t.Errorf("dry run would remove %d keys, want %d", r.Removed, len(status))
			}
			c.DryRun = false
			if r := ok(t)(c.Revert(t.Context())); r.Removed != len(status) {
				t.Errorf("removed %d keys, want %d", r.Removed, len(status))
			}
			want := maps.Clone(before)
			want[reportingKey] = "0"
			equalDump(t, s.dump(), want)
			revision = s.revision()
			ok(t)(c.Revert(t.Context()))
			if now := s.revision(); now != revision {
				t.Errorf("the second revert wrote: revision %d, was %d", now, revision)
			}
		})
	}
}

// TestGuideThenRevert undoes the guide's commands with ours, and ours with the
// guide's.
func TestGuideThenRevert(t *testing.T) {
	t.Parallel()
	s := newServer(t, etcd.V35, 1, StoreEtcdV2)
	c := s.client(Default())
	status, other := felixKeys()
	for key, value := range other {
		s.put(key, value)
	}
	fill := func() {
		for key, value := range status {
			s.put(key, value)
		}
	}
	want := maps.Clone(other)
	want[reportingKey] = "0"

	s.sh(guideApply)
	fill()
	c.Adopt = true
	ok(t)(c.Revert(t.Context()))
	c.Adopt = false
	equalDump(t, s.dump(), want)

	ok(t)(c.Apply(t.Context()))
	fill()
	s.sh(guideUndo)
	got := s.dump()
	for _, key := range []string{RecordKey, prefixKey, endpointKey} { // the guide knows nothing of them
		delete(got, key)
	}
	equalDump(t, withoutDirs(got), want)
	if l := find(t, ok(t)(c.Apply(t.Context())), filterKey); l.State != StateWritten {
		t.Errorf("apply after the guide's undo: %+v", l)
	}
	s.sh(guideUndo[:strings.LastIndex(guideUndo, "\n")])
	if r := ok(t)(c.Revert(t.Context())); find(t, r, filterKey).State != StateOK {
		t.Errorf("revert after the guide's undo: %+v", r.Lines)
	}
	equalDump(t, withoutDirs(s.dump()), want)
}

// TestRoundTripEtcdV3 applies and reverts on resources as Calico writes them:
// after the revert every byte is what it was.
func TestRoundTripEtcdV3(t *testing.T) {
	t.Parallel()
	for _, v := range []etcd.Version{etcd.V34, etcd.V35, etcd.V37} {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, v, 1, StoreEtcdV3)
			status, before := felixKeys()
			maps.Copy(before, facts())
			for key, value := range before {
				s.put(key, value)
			}
			left := []string{
				"/calico/felix/v2/no-region/host/node1/status", "/calico/felix/v2/no-region/host/round-trip-check",
				"/calico/dhcp/v2/no-region/subnet/s1",
			}
			for _, key := range left {
				delete(before, key)
			}
			settings := Default()
			settings.IPPools = []string{"10.65.0.0/24", "fd00:65::/64", "192.168.7.0/24"}
			settings.Region = NoRegion
			c := s.client(settings)
			revision := s.revision()
			ok(t)(c.Apply(t.Context()))
			if now := s.revision(); now != revision+1 {
				t.Errorf("apply took %d transactions, want 1", now-revision)
			}
			checkApplied(t, s.dump())
			ok(t)(c.Apply(t.Context()))
			if now := s.revision(); now != revision+1 {
				t.Errorf("the second apply wrote: revision %d, was %d", now, revision+1)
			}
			for key, value := range status {
				s.put(key, value)
			}
			if r := ok(t)(c.Revert(t.Context())); r.Removed != len(status)+len(left) {
				t.Errorf("removed %d keys, want %d", r.Removed, len(status)+len(left))
			}
			equalDump(t, s.dump(), before)
		})
	}
}

// checkApplied compares with what Calico's own client wrote for the same.
func checkApplied(t *testing.T, all map[string]string) {
	t.Helper()
	for key, want := range map[string]map[string]any{
		felixKey: {"interfacePrefix": "cali,tap", "reportingInterval": "1m0s", "endpointReportingEnabled": true,
			"fieldOfTomorrow": map[string]any{"b": 1.0, "a": 2.5}},
		"bgpfilters/tap-iface": {"exportV4": []any{map[string]any{"interface": "tap*", "action": "Accept"}}},
		"bgppeers/rr":          {"peerIP": "10.99.0.2", "asNumber": 64512.0, "filters": []any{"other", "tap-iface"}},
		"bgppeers/r2":          {"peerIP": "10.99.0.3", "asNumber": 64512.0, "filters": []any{"tap-iface"}},
		"bgppeers/n1":          {"node": "node1", "peerIP": "10.99.0.4", "asNumber": 64512.0, "filters": []any{"tap-iface"}},
		"ippools/ccp-10-65-0-0-24": {"cidr": "10.65.0.0/24", "vxlanMode": "Never", "ipipMode": "Never", "disabled": true,
			"blockSize": 26.0, "nodeSelector": "all()", "allowedUses": []any{"Workload", "Tunnel"}, "assignmentMode": "Automatic"},
	} {
		if got := specOf(t, all[resourcePrefix+key]); !reflect.DeepEqual(got, want) {
			t.Errorf("%s\n got %v\nwant %v", key, got, want)
		}
	}
	if _, ok := all[resourcePrefix+"ippools/ccp-192-168-7-0-24"]; ok {
		t.Error("a pool inside another was made")
	}
	if spec := specOf(t, all[resourcePrefix+"ippools/ccp-fd00-65---64"]); spec["blockSize"] != 122.0 {
		t.Errorf("IPv6 pool: %v", spec)
	}
}

// TestNothingThere leaves nothing where nothing was, but for the guide's 0 with
// the v2 API.
func TestNothingThere(t *testing.T) {
	t.Parallel()
	for store, v := range map[string]etcd.Version{StoreEtcdV2: etcd.V35, StoreEtcdV3: etcd.V37} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, v, 1, store)
			c := s.client(Default())
			ok(t)(c.Prepare(t.Context()))
			ok(t)(c.Apply(t.Context()))
			ok(t)(c.Revert(t.Context()))
			want := map[string]string{}
			if store == StoreEtcdV2 {
				want[reportingKey] = "0"
			}
			equalDump(t, s.dump(), want)
		})
	}
}

// TestManyStatusKeys removes keys of status from among more keys than a page
// holds, of names that make the ranges of the pages end in odd places.
func TestManyStatusKeys(t *testing.T) {
	t.Parallel()
	s := newServer(t, etcd.V37, 1, StoreEtcdV3)
	client := s.raw()
	want := 0
	var ops []clientv3.Op
	flush := func() {
		if _, err := client.Txn(t.Context()).Then(ops...).Commit(); err != nil {
			t.Fatal(err)
		}
		ops = nil
	}
	for i := range 7000 {
		host := fmt.Sprintf("/calico/felix/v1/host/%s%c%d", []string{"n", "no\xff", "zz.example", "a"}[i%4], 'a'+i%26, i/7)
		for j, rest := range []string{"status", "last_reported_status", "workload/openstack/w/e"} {
			ops = append(ops, clientv3.OpPut(host+"/"+rest, "x"))
			if j < 2 {
				want++
			}
		}
		if len(ops) > 120 {
			flush()
		}
	}
	flush()
	before := s.dump()
	c := s.client(Default())
	ok(t)(c.Apply(t.Context()))
	if got := ok(t)(c.Revert(t.Context())).Removed; got > want || got < len(before)/2 {
		t.Errorf("removed %d of %d", got, want)
	}
	for key := range s.dump() {
		delete(before, key)
		if strings.Contains(key, "status") {
			t.Fatalf("left: %q", key)
		}
	}
	for key := range before {
		if !strings.Contains(key, "status") {
			t.Errorf("removed too: %q", key)
		}
	}
}
