package calico

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/helm-ccp/helm-ccp/test/etcd"
)

// TestPrepare writes what Felix has to know and nothing else, and a later apply
// and revert go on from its record.
func TestPrepare(t *testing.T) {
	t.Parallel()
	felix := func(spec string) string {
		return `{"kind":"FelixConfiguration","apiVersion":"projectcalico.org/v3","metadata":{"name":"default"},"spec":` + spec + `}`
	}
	for _, tt := range []struct{ store, before, after string }{
		{StoreEtcdV3, `{}`, `{"endpointReportingEnabled":true,"interfacePrefix":"cali,tap","reportingInterval":"1m0s"}`},
		{StoreEtcdV3, `{"interfacePrefix":"cali"}`, `{"interfacePrefix":"cali,tap","endpointReportingEnabled":true,"reportingInterval":"1m0s"}`},
		{StoreEtcdV3, `{"interfacePrefix":"cali, foo","reportingInterval":"60s"}`, `{"interfacePrefix":"cali, foo,tap","reportingInterval":"60s","endpointReportingEnabled":true}`},
		{StoreEtcdV3, `{"interfacePrefix":"tap,cali","endpointReportingEnabled":false}`, `{"interfacePrefix":"tap,cali","endpointReportingEnabled":true,"reportingInterval":"1m0s"}`},
		{StoreEtcdV3, `{"interfacePrefix":"tap"}`, `{"interfacePrefix":"cali,tap","endpointReportingEnabled":true,"reportingInterval":"1m0s"}`},
		{StoreEtcdV3, `{"interfacePrefix":"","x":null}`, `{"interfacePrefix":"cali,tap","x":null,"endpointReportingEnabled":true,"reportingInterval":"1m0s"}`},
		{StoreEtcdV3, ``, `{"endpointReportingEnabled":true,"interfacePrefix":"cali,tap","reportingInterval":"1m0s"}`},
		{StoreEtcdV2, "cali", "cali,tap"},
		{StoreEtcdV2, "tap", "cali,tap"},
		{StoreEtcdV2, "cali, foo", "cali, foo,tap"},
		{StoreEtcdV2, "", "cali,tap"},
	} {
		t.Run(tt.store+tt.before, func(t *testing.T) {
			t.Parallel()
			v := map[string]etcd.Version{StoreEtcdV2: etcd.V35, StoreEtcdV3: etcd.V37}[tt.store]
			s := newServer(t, v, 1, tt.store)
			key, value := prefixKey, tt.before
			if tt.store == StoreEtcdV3 {
				key, value = resourcePrefix+felixKey, felix(tt.before)
				s.put(resourcePrefix+"bgppeers/rr", facts()[resourcePrefix+"bgppeers/rr"])
			} else {
				s.put(reportingKey, "30")
			}
			if tt.before != "" {
				s.put(key, value)
			}
			before := s.dump()
			c := s.client(Default())
			ok(t)(c.Prepare(t.Context()))
			got := s.dump()[key]
			if tt.store == StoreEtcdV3 {
				got = got[strings.Index(got, `"spec":`)+len(`"spec":`) : len(got)-1]
			}
			if got != tt.after {
				t.Errorf("got  %s\nwant %s", got, tt.after)
			}
			if len(s.dump()) != len(before)+map[string]int{StoreEtcdV2: 2, StoreEtcdV3: 1}[tt.store]+boolInt(tt.before == "") {
				t.Errorf("more was written: %v", s.dump())
			}
			revision := s.revision()
			ok(t)(c.Prepare(t.Context()))
			if now := s.revision(); now != revision {
				t.Error("the second prepare wrote")
			}
			alone := tt.before == "tap" || tt.before == `{"interfacePrefix":"tap"}`
			if r := ok(t)(c.Revert(t.Context())); warned(r, "is tap alone again") != alone {
				t.Errorf("warnings: %q", r.Warnings)
			}
			equalDump(t, s.dump(), before)

			ok(t)(c.Prepare(t.Context()))
			ok(t)(c.Apply(t.Context()))
			applied := s.dump()
			ok(t)(c.Prepare(t.Context()))
			equalDump(t, s.dump(), applied)
			ok(t)(c.Revert(t.Context()))
			equalDump(t, s.dump(), before)
		})
	}
}

// TestPrefixOfNeutron makes what an older release had Neutron write go away,
// and takes care of what is changed by hand later.
func TestPrefixOfNeutron(t *testing.T) {
	t.Parallel()
	s := newServer(t, etcd.V37, 1, StoreEtcdV3)
	key := resourcePrefix + felixKey
	with := func(spec string) string {
		return `{"kind":"FelixConfiguration","metadata":{"name":"default"},"spec":` + spec + `}`
	}
	s.put(key, with(`{"interfacePrefix":"tap","reportingInterval":"1m0s"}`))
	id := felixKey + "#spec.reportingInterval"
	s.put(RecordKey, `{"version":1,"fields":{"`+id+`":{"before":null,"off":"\"0s\"","created":true,"set":"\"1m0s\""}},`+
		`"releases":[{"name":"ccp","wants":{"`+id+`":"\"1m0s\""}}],"kept":["x"]}`)
	c := s.client(Settings{ReportingInterval: 60})
	ok(t)(c.Apply(t.Context()))
	if got, want := s.dump()[key], with(`{"interfacePrefix":"cali,tap","reportingInterval":"1m0s","endpointReportingEnabled":true}`); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	s.put(key, with(`{"interfacePrefix":"cali,tap,mine","endpointReportingEnabled":true,"reportingInterval":"1m0s"}`))
	ok(t)(c.Revert(t.Context()))
	equalDump(t, s.dump(), map[string]string{key: with(`{"interfacePrefix":"cali,mine"}`)})
}

// TestExact applies and reverts on resources that nobody writes the way Calico
// does: every byte comes back, whatever the releases and upgrades in between.
func TestExact(t *testing.T) {
	t.Parallel()
	both, two := Default(), Default()
	both.Filters = map[string]Filter{"tap_iface": {IPv4: TapFilter, IPv6: TapFilter}}
	two.Filters = map[string]Filter{"tap_iface": {IPv4: TapFilter}, "two": {IPv4: "if net ~ 10.0.0.0/8 then accept;"}}
	fast := Default()
	fast.ReportingInterval = 45
	felix, peer := resourcePrefix+felixKey, resourcePrefix+"bgppeers/p"
	seed := map[string]string{
		felix:                                     `{"kind":"F","spec":{"reportingInterval":"60s"}}`,
		peer:                                      `{"kind":"BGPPeer","spec":{"peerIP":"1.2.3.4"}}`,
		resourcePrefix + "bgppeers/null":          `{"kind":"BGPPeer","spec":{"peerIP":"1.2.3.4","filters":null}}`,
		resourcePrefix + "bgppeers/twice":         `{"kind":"BGPPeer","spec":{"peerIP":"1.2.3.4","filters":[ "a", "b" ,"a"]}}`,
		resourcePrefix + "bgppeers/ours":          `{"kind":"BGPPeer","spec":{"peerIP":"1.2.3.4","filters":["tap-iface","b","tap-iface"]}}`,
		resourcePrefix + "bgppeers/html":          `{"kind":"BGPPeer","spec":{"peerIP":"1.2.3.4","filters":["<a&b>"]}}`,
		resourcePrefix + "bgppeers/spaced":        `{ "kind": "BGPPeer", "spec": { "peerIP" : "1.2.3.4" } }` + "\n",
		resourcePrefix + "bgppeers/keys":          `{"kind":"F","\u006beep":1,"metadata":null,"spec":{"peerIP":"9","peerIP":"1.2.3.4","a\u0062":2}}`,
		resourcePrefix + "clusterinformations/db": `{}`,
	}
	ways := map[string][]step{
		"apply":             {{"a", &two}},
		"changed interval":  {{"a", &fast}, {"a", ptr(Default())}},
		"upgrade to IPv6":   {{"a", ptr(Default())}, {"a", &both}},
		"upgrade to two":    {{"a", ptr(Default())}, {"a", &two}},
		"two releases":      {{"a", ptr(Default())}, {"b", &both}, {"a", nil}},
		"two, first leaves": {{"a", &fast}, {"b", &two}, {"b", nil}, {"b", &both}, {"a", nil}},
	}
	for name, spec := range map[string]string{
		"60s": `{"kind":"F","spec":{"reportingInterval":"60s"}}`, "30s": `{ "kind": "F", "spec": { "reportingInterval": "30s", "x" : 1 } }`,
		"null": `{"kind":"F","spec":{"reportingInterval":null}}`, "twice": `{"spec":{"reportingInterval":"10s","reportingInterval":"30s"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, etcd.V37, 1, StoreEtcdV3)
			before := maps.Clone(seed)
			before[felix] = spec
			for key, value := range before {
				s.put(key, value)
			}
			for way, steps := range ways {
				for _, step := range append(slices.Clone(steps), step{"a", nil}, step{"b", nil}) {
					c := s.client(Default())
					c.Release = step.release
					if step.settings == nil {
						ok(t)(c.Revert(t.Context()))
						continue
					}
					c.Settings = *step.settings
					ok(t)(c.Apply(t.Context()))
				}
				t.Log(way)
				equalDump(t, s.dump(), before)
			}
		})
	}
}

// step is an apply of a release, or a revert with nil.
type step struct {
	release  string
	settings *Settings
}

func ptr[T any](v T) *T { return &v }

// TestOwnFilter reverts again and again, also after a revert that was cut at
// each of its writes: a filter of somebody's own that is equal to ours stays,
// as do settings that no release applied.
func TestOwnFilter(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		own := map[string]map[string]string{
			StoreEtcdV2: {filterKey: TapFilter, reportingKey: "60"},
			StoreEtcdV3: {
				resourcePrefix + "bgpfilters/tap-iface": `{"kind":"BGPFilter","spec":{"exportV4":[{"interface":"tap*","action":"Accept"}]}}`,
				resourcePrefix + felixKey:               `{"kind":"FelixConfiguration","spec":{"reportingInterval":"60s"}}`,
			},
		}[s.store]
		for key, value := range own {
			s.put(key, value)
		}
		before := s.dump()
		client := func() *Client {
			c := s.client(Default())
			c.Patience = 300 * time.Millisecond
			return c
		}
		revision := s.revision()
		ok(t)(client().Revert(t.Context()))
		if now := s.revision(); now != revision {
			t.Error("the revert of a release that never applied wrote")
		}
		for n := 0; ; n++ {
			ok(t)(client().Apply(t.Context()))
			c := client()
			crashed := crashAt(c, n/2, n%2 == 0)
			_, err := c.Revert(t.Context())
			if *crashed != errors.Is(err, errCrash) {
				t.Fatalf("write %d: %v", n, err)
			}
			for range 3 {
				ok(t)(client().Revert(t.Context()))
				equalDump(t, s.dump(), before)
			}
			other := client()
			other.Release = "never"
			ok(t)(other.Revert(t.Context()))
			equalDump(t, s.dump(), before)
			if !*crashed {
				break
			}
		}
	})
}

// TestNeverApplied reverts a release that never applied while another one's
// apply or revert was cut short: it leaves that alone.
func TestNeverApplied(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		for n := range 8 {
			c := s.client(Default())
			c.Patience = 300 * time.Millisecond
			crashed := crashAt(c, n/2, false)
			if n%2 == 0 {
				c.Apply(t.Context())
			} else {
				ok(t)(s.client(Default()).Apply(t.Context()))
				c.Revert(t.Context())
			}
			if *crashed {
				revision := s.revision()
				other := s.client(Default())
				other.Release, other.Patience = "never", 300*time.Millisecond
				ok(t)(other.Revert(t.Context()))
				if now := s.revision(); now != revision {
					t.Errorf("step %d: it wrote", n)
				}
			}
			again := s.client(Default())
			again.Patience = 300 * time.Millisecond
			ok(t)(again.Apply(t.Context()))
			ok(t)(again.Revert(t.Context()))
		}
	})
}

// TestHalfClosed cuts each way of a connection in the middle: the question, the
// answer. It is asked again.
func TestHalfClosed(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		before := s.dump()
		good := strings.TrimPrefix(s.config.Endpoints[0], "http://")
		for _, way := range []string{"question", "answer"} {
			var left atomic.Int64
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { listener.Close() })
			go func() {
				for {
					in, err := listener.Accept()
					if err != nil {
						return
					}
					out, err := net.Dial("tcp", good)
					if err != nil {
						in.Close()
						continue
					}
					cut := left.Add(-1) >= 0
					go halfCopy(out, in, cut && way == "question")
					go halfCopy(in, out, cut && way == "answer")
				}
			}()
			s.config.Endpoints = []string{fmt.Sprintf("http://%s", listener.Addr())}
			for _, method := range []string{"apply", "revert"} {
				left.Store(3)
				c := s.client(Default())
				if method == "apply" {
					ok(t)(c.Apply(t.Context()))
				} else {
					ok(t)(c.Revert(t.Context()))
				}
			}
		}
		s.config.Endpoints = []string{"http://" + good}
		if s.store == StoreEtcdV2 {
			before[reportingKey] = "0"
		}
		equalDump(t, s.dump(), before)
	})
}

// halfCopy copies from one side to the other, or only the first bytes of it.
func halfCopy(to, from net.Conn, cut bool) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if cut {
			n = min(n, 40)
		}
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil || cut {
			to.(*net.TCPConn).CloseWrite()
			return
		}
	}
}
