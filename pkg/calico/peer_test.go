package calico

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/helm-ccp/helm-ccp/test/etcd"
)

// mesh returns a BGPConfiguration that turns the node-to-node mesh on or off.
func mesh(on bool) string {
	return fmt.Sprintf(`{"kind":"BGPConfiguration","metadata":{"name":"default"},"spec":{"nodeToNodeMeshEnabled":%t}}`, on)
}

func peer(spec string) string { return `{"kind":"BGPPeer","spec":{` + spec + `}}` }

// warned says whether one of the warnings has all the texts in it.
func warned(r *Report, texts ...string) bool {
	return slices.ContainsFunc(r.Warnings, func(w string) bool {
		return !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(w, text) })
	})
}

// TestPeers gives the filter to every peer, in a place where it is asked, and
// gives each back exactly its list.
func TestPeers(t *testing.T) {
	t.Parallel()
	s := newServer(t, etcd.V37, 1, StoreEtcdV3)
	for name, rules := range map[string]string{
		"network": `{"cidr":"10.66.0.0/16","matchOperator":"In","action":"Reject"}`,
		"others":  `{"cidr":"10.244.0.0/16","matchOperator":"In","action":"Accept"},{"action":"Reject"}`,
		"eth":     `{"interface":"eth*","action":"Reject"}`,
		"servers": `{"interface":"tap*","action":"Reject"}`,
		"notin":   `{"cidr":"10.0.0.0/8","matchOperator":"NotIn","action":"Reject"}`,
		"remote":  `{"source":"RemotePeers","action":"Reject"}`,
		"long":    `{"prefixLength":{"min":25},"cidr":"0.0.0.0/0","matchOperator":"In","action":"Reject"}`,
	} {
		s.put(resourcePrefix+"bgpfilters/"+name, `{"kind":"BGPFilter","spec":{"exportV4":[`+rules+`]}}`)
	}
	s.put(resourcePrefix+bgpKey, mesh(false))
	want := map[string][]string{}
	for name, p := range map[string]struct {
		spec string
		want []string
	}{
		"global":  {`"peerIP":"1.2.3.4"`, []string{"tap-iface"}},
		"rack1":   {`"nodeSelector":"rack == '1'","peerIP":"1.2.3.5"`, []string{"tap-iface"}},
		"node":    {`"node":"n1","peerSelector":"all()","filters":["network"]`, []string{"network", "tap-iface"}},
		"others":  {`"peerIP":"1.2.3.6","filters":["network","others"]`, []string{"network", "tap-iface", "others"}},
		"narrow":  {`"peerIP":"1.2.3.7","filters":["eth", "remote","long","gone"]`, []string{"eth", "remote", "long", "gone", "tap-iface"}},
		"servers": {`"peerIP":"1.2.3.8","filters":["servers","notin"]`, []string{"tap-iface", "servers", "notin"}},
		"notin":   {`"peerIP":"1.2.3.9","filters":["eth","notin","eth"]`, []string{"eth", "tap-iface", "notin", "eth"}},
	} {
		s.put(resourcePrefix+"bgppeers/"+name, peer(p.spec))
		want[name] = p.want
	}
	before := s.dump()
	c := s.client(Default())
	if r := ok(t)(c.Apply(t.Context())); len(r.Warnings) > 0 {
		t.Errorf("warnings: %q", r.Warnings)
	}
	for name, filters := range want {
		var got []string
		for _, f := range specOf(t, s.dump()[resourcePrefix+"bgppeers/"+name])["filters"].([]any) {
			got = append(got, f.(string))
		}
		if !reflect.DeepEqual(got, filters) {
			t.Errorf("%s: %q, want %q", name, got, filters)
		}
	}
	ok(t)(c.Revert(t.Context()))
	equalDump(t, s.dump(), before)

	s.put(resourcePrefix+"bgppeers/late", peer(`"peerIP":"1.2.3.4","filters":["others","tap-iface"]`))
	if r := ok(t)(c.Apply(t.Context())); !warned(r, "bgppeers/late", "others before tap-iface", "put tap-iface before it") {
		t.Errorf("warnings: %q", r.Warnings)
	}
	c.Settings.Peers = []string{"rack1"}
	r := ok(t)(c.Apply(t.Context()))
	if len(r.Warnings) > 0 || len(r.Notices) != 1 || !strings.Contains(r.Notices[0], "leaves out bgppeers") && !strings.Contains(r.Notices[0], "global") {
		t.Errorf("warnings %q, notices %q", r.Warnings, r.Notices)
	}
	ok(t)(c.Revert(t.Context()))
}

// TestNotExported warns where no route to a server is exported, and says what
// to set.
func TestNotExported(t *testing.T) {
	t.Parallel()
	s := newServer(t, etcd.V37, 1, StoreEtcdV3)
	c := s.client(Default())
	for _, tt := range []struct {
		mesh, peer, pools bool
		want              string
	}{
		{mesh: true, want: "list the tenants' networks under bgp.ip_pools"},
		{mesh: true, peer: true, want: "list the tenants' networks under bgp.ip_pools"},
		{mesh: true, pools: true},
		{mesh: true, peer: true, pools: true},
		{want: "there is no BGPPeer"},
		{pools: true, want: "there is no BGPPeer"},
		{peer: true},
	} {
		s.put(resourcePrefix+bgpKey, mesh(tt.mesh))
		if tt.peer {
			s.put(resourcePrefix+"bgppeers/p", peer(`"peerIP":"1.2.3.4"`))
		} else if _, err := s.etcdctl("", "del", resourcePrefix+"bgppeers/p"); err != nil {
			t.Fatal(err)
		}
		c.Settings.IPPools = nil
		if tt.pools {
			c.Settings.IPPools = []string{"10.65.0.0/24"}
		}
		r := ok(t)(c.Status(t.Context()))
		if len(r.Warnings) != boolInt(tt.want != "") || tt.want != "" && !warned(r, tt.want) {
			t.Errorf("%+v: %q", tt, r.Warnings)
		}
	}
}

// TestNodes names the nodes whose own settings overrule those for all.
func TestNodes(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		switch s.store {
		case StoreEtcdV2:
			for key, value := range map[string]string{
				"compute1/config/ReportingIntervalSecs": "0", "fine/config/ReportingIntervalSecs": "60",
				"compute2/config/InterfacePrefix": "cali", "compute2/config/EndpointReportingEnabled": "false",
				"other/workload/k8s/x": "{}",
			} {
				s.put(hostDir+key, value)
			}
		case StoreEtcdV3:
			for node, spec := range map[string]string{
				"compute1": `"reportingInterval":"0s"`, "fine": `"reportingInterval":"60s","interfacePrefix":"tap,cali","endpointReportingEnabled":true`,
				"compute2": `"interfacePrefix":"cali","endpointReportingEnabled":false`, "other": `"logSeverityScreen":"Info"`,
			} {
				s.put(resourcePrefix+"felixconfigurations/node."+node, `{"kind":"FelixConfiguration","spec":{`+spec+`}}`)
			}
			s.put(resourcePrefix+bgpKey, mesh(false))
		}
		c := s.client(Default())
		for _, run := range []func() (*Report, error){
			func() (*Report, error) { return c.Status(t.Context()) }, func() (*Report, error) { return c.Prepare(t.Context()) },
			func() (*Report, error) { return c.Apply(t.Context()) },
		} {
			r := ok(t)(run())
			if len(r.Warnings) != 2 || !warned(r, "node.compute1 ", "reportingInterval 0s instead of 1m0s") ||
				!warned(r, "node.compute2 ", "interfacePrefix cali without tap, endpointReportingEnabled false") {
				t.Errorf("%q", r.Warnings)
			}
		}
	})
}
