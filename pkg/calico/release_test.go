package calico

import (
	"strings"
	"testing"

	"github.com/helm-ccp/helm-ccp/test/etcd"
)

// byHand says how somebody changes the reporting interval by hand, and what it
// looks like in a report, in each dialect.
var byHand = map[string]struct{ key, value, found, wanted, before string }{
	StoreEtcdV2: {reportingKey, "10", "10", "60", ""},
	StoreEtcdV3: {resourcePrefix + felixKey, strings.Replace(facts()[resourcePrefix+felixKey], `"30s"`, `"10s"`, 1),
		`"10s"`, `"1m0s"`, `"30s"`},
}

// onBoth runs a test on the v2 and the v3 API of one etcd each.
func onBoth(t *testing.T, test func(t *testing.T, s *server)) {
	t.Parallel()
	for store, v := range map[string]etcd.Version{StoreEtcdV2: etcd.V35, StoreEtcdV3: etcd.V37} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, v, 1, store)
			if store == StoreEtcdV3 {
				for key, value := range facts() {
					s.put(key, value)
				}
			}
			test(t, s)
		})
	}
}

// TestChangedByHand keeps and reports what somebody changed since, unless
// forced.
func TestChangedByHand(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		hand := byHand[s.store]
		interval := func(r *Report) Line { return r.Lines[len(r.Lines)-1] }
		if s.store == StoreEtcdV3 {
			interval = func(r *Report) Line { return find(t, r, felixKey+"#spec.reportingInterval") }
		}
		c := s.client(Default())
		ok(t)(c.Apply(t.Context()))
		s.put(hand.key, hand.value)
		for name, run := range map[string]func() (*Report, error){
			"status": func() (*Report, error) { return c.Status(t.Context()) },
			"apply":  func() (*Report, error) { return c.Apply(t.Context()) },
		} {
			l := interval(ok(t)(run()))
			if l.State != StateByHand || *l.Found != hand.found || *l.Wanted != hand.wanted || *l.Recorded != hand.wanted {
				t.Errorf("%s: %+v", name, l)
			}
		}
		if got := s.dump()[hand.key]; got != hand.value {
			t.Errorf("apply wrote %s over a value of a person", got)
		}
		c.Force = true
		if l := interval(ok(t)(c.Apply(t.Context()))); l.State != StateWritten {
			t.Errorf("forced apply: %+v", l)
		}
		c.Force = false
		s.put(hand.key, hand.value)
		if l := interval(ok(t)(c.Revert(t.Context()))); l.State != StateByHand || *l.Found != hand.found {
			t.Errorf("revert: %+v", l)
		}
		all := s.dump()
		if all[hand.key] != hand.value {
			t.Errorf("revert wrote %s over a value of a person", all[hand.key])
		}
		if _, left := all[RecordKey]; left {
			t.Errorf("record left: %s", all[RecordKey])
		}
	})
}

// TestTwoReleases shares one Calico: settings go back when the last one leaves,
// whoever came first.
func TestTwoReleases(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		before := s.dump()
		a, b := s.client(Default()), s.client(Default())
		b.Release = "b"
		b.Settings.ReportingInterval = 20
		b.Settings.Filters = map[string]Filter{
			"tap_iface": {IPv4: TapFilter},
			"own":       {IPv4: "if net ~ 10.0.0.0/8 then accept;"},
		}
		ok(t)(a.Apply(t.Context()))
		withA := s.dump()
		ok(t)(b.Apply(t.Context()))
		if r := ok(t)(a.Status(t.Context())); len(r.Releases) != 2 {
			t.Errorf("releases: %v", r.Releases)
		}
		ok(t)(b.Revert(t.Context()))
		equalDump(t, s.dump(), withA)
		ok(t)(b.Apply(t.Context()))
		ok(t)(a.Revert(t.Context()))
		if l := find(t, ok(t)(b.Status(t.Context())), "/calico/bgp"[:0]); l.State != StateOK {
			t.Errorf("b after a left: %+v", l)
		}
		ok(t)(b.Revert(t.Context()))
		if s.store == StoreEtcdV2 {
			before[reportingKey] = "0"
		}
		equalDump(t, s.dump(), before)
	})
}

// TestSameBefore leaves alone what was as wanted before the release came, and
// does so however often it is reverted.
func TestSameBefore(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		hand := byHand[s.store]
		s.put(hand.key, strings.Replace(strings.Replace(hand.value, `"10s"`, `"60s"`, 1), "10", "60", boolInt(s.store == StoreEtcdV2)))
		want := s.dump()[hand.key]
		c := s.client(Default())
		ok(t)(c.Apply(t.Context()))
		for range 3 {
			ok(t)(c.Revert(t.Context()))
			if got := s.dump()[hand.key]; got != want {
				t.Fatalf("got %s, want %s", got, want)
			}
		}
	})
}

// TestSettingsChange gives back what a new configuration no longer wants.
func TestSettingsChange(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		c := s.client(Default())
		c.Settings.Filters = map[string]Filter{"old": {IPv4: "accept;", IPv6: "reject;"}}
		ok(t)(c.Apply(t.Context()))
		c.Settings = Default()
		ok(t)(c.Apply(t.Context()))
		for key, value := range s.dump() {
			if strings.Contains(key, "old") || key != RecordKey && strings.Contains(value, `"old"`) {
				t.Errorf("left: %s %s", key, value)
			}
		}
	})
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
