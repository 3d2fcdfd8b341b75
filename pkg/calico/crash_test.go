package calico

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/helm-ccp/helm-ccp/test/etcd"
)

// tapped is a store that calls a function around each of its writes. It stands
// for what happens to a hook between two requests.
type tapped struct {
	Store
	before, after func(entries []Entry) error
}

func (s tapped) Swap(ctx context.Context, entries ...Entry) ([]Entry, error) {
	if s.before != nil {
		if err := s.before(entries); err != nil {
			return nil, err
		}
	}
	now, err := s.Store.Swap(ctx, entries...)
	if err == nil && s.after != nil {
		err = s.after(entries)
	}
	return now, err
}

// tap puts the functions around the writes of the client.
func tap(c *Client, before, after func([]Entry) error) {
	open := c.Open
	c.Open = func(ctx context.Context) (Store, error) {
		store, err := open(ctx)
		return tapped{store, before, after}, err
	}
}

var errCrash = errors.New("the hook crashed")

// crashAt makes the client's n-th write, counted from 0, the last thing that
// it does; with before it does not happen any more.
func crashAt(c *Client, n int, before bool) (crashed *bool) {
	crashed = new(bool)
	count := 0
	hit := func([]Entry) error {
		count++
		if count-1 == n {
			*crashed = true
			return errCrash
		}
		return nil
	}
	if before {
		tap(c, hit, nil)
	} else {
		tap(c, nil, hit)
	}
	return crashed
}

// TestCrash ends apply and revert before and after each of their writes. Then
// running again finishes, and revert undoes, both completely.
func TestCrash(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		s.put(byHand[s.store].key, byHand[s.store].value)
		clean := s.dump()
		client := func() *Client {
			c := s.client(Default())
			c.Patience = 400 * time.Millisecond
			return c
		}
		ok(t)(client().Apply(t.Context()))
		applied := s.dump()
		ok(t)(client().Revert(t.Context()))
		for _, before := range []bool{true, false} {
			for n := 0; ; n++ {
				c := client()
				crashed := crashAt(c, n, before)
				_, err := c.Apply(t.Context())
				if !*crashed {
					break
				}
				if !errors.Is(err, errCrash) {
					t.Fatalf("write %d: %v", n, err)
				}
				if s.store == StoreEtcdV3 {
					checkWhole(t, s.dump(), clean, applied)
				}
				if n%2 == 0 {
					ok(t)(client().Apply(t.Context()))
					equalUIDs(t, s.dump(), applied)
				}
				ok(t)(client().Revert(t.Context()))
				equalDump(t, s.dump(), clean)

				ok(t)(client().Apply(t.Context()))
				c = client()
				crashAt(c, n, before)
				c.Revert(t.Context())
				if n%2 == 0 {
					ok(t)(client().Apply(t.Context()))
					equalUIDs(t, s.dump(), applied)
				}
				ok(t)(client().Revert(t.Context()))
				equalDump(t, s.dump(), clean)
			}
		}
	})
}

// checkWhole fails on a state that is neither that before nor that after.
func checkWhole(t *testing.T, got, before, after map[string]string) {
	t.Helper()
	if maps.Equal(got, before) {
		return
	}
	equalUIDs(t, got, after)
}

// equalUIDs compares two dumps but for the random UID and the time of what the
// package makes.
func equalUIDs(t *testing.T, got, want map[string]string) {
	t.Helper()
	got, want = maps.Clone(got), maps.Clone(want)
	for _, m := range []map[string]string{got, want} {
		for key, value := range m {
			if _, fact := facts()[key]; !fact && key != RecordKey && value[0] == '{' {
				m[key] = fmt.Sprint(specOf(t, value))
			}
		}
	}
	equalDump(t, got, want)
}

// TestInterleaved runs two hooks at once, a hundred times, each write delayed
// by chance. Whoever wins, nothing is lost and the last to leave restores all.
func TestInterleaved(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		s.put(byHand[s.store].key, byHand[s.store].value)
		clean := s.dump()
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		random := rand.New(rand.NewPCG(seed, 0))
		delay := func() func([]Entry) error {
			var mu sync.Mutex
			r := rand.New(rand.NewPCG(random.Uint64(), 0))
			return func([]Entry) error {
				mu.Lock()
				d := time.Duration(r.IntN(4000)) * time.Microsecond
				mu.Unlock()
				time.Sleep(d)
				return nil
			}
		}
		client := func(release string, interval int) *Client {
			c := s.client(Default())
			c.Log = nil
			c.Release, c.Settings.ReportingInterval = release, interval
			tap(c, delay(), delay())
			return c
		}
		for i := range 100 {
			a, b := client("a", 60), client("b", 20+40*random.IntN(2))
			same := client("a", 60)
			both(t, a.Apply, []func(context.Context) (*Report, error){b.Apply, same.Apply}[i%2])
			both(t, same.Revert, b.Revert)
			if got := s.dump(); !maps.Equal(got, clean) {
				t.Errorf("interleaving %d", i)
				equalDump(t, got, clean)
				return
			}
		}
	})
}

// both runs two methods at once.
func both(t *testing.T, methods ...func(context.Context) (*Report, error)) {
	t.Helper()
	var wg sync.WaitGroup
	for _, m := range methods {
		wg.Go(func() {
			if _, err := m(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// TestChangedBetween changes a key between the hook's reading and its writing:
// neither the other's change nor the hook's is lost.
func TestChangedBetween(t *testing.T) {
	t.Parallel()
	s := newServer(t, etcd.V37, 1, StoreEtcdV3)
	for key, value := range facts() {
		s.put(key, value)
	}
	changed := `{"kind":"FelixConfiguration","apiVersion":"projectcalico.org/v3","metadata":{"name":"default"},"spec":{"interfacePrefix":"tap","new":[1]}}`
	once := sync.OnceFunc(func() { s.put(resourcePrefix+felixKey, changed) })
	c := s.client(Default())
	tap(c, func([]Entry) error { once(); return nil }, nil)
	ok(t)(c.Apply(t.Context()))
	spec := specOf(t, s.dump()[resourcePrefix+felixKey])
	if len(spec) != 4 || spec["interfacePrefix"] != "cali,tap" || spec["reportingInterval"] != "1m0s" {
		t.Errorf("spec: %v", spec)
	}
}

// TestStalled lets a hook sleep past its time in the middle of its writes,
// while another takes its work over and reverts. The sleeper must not write.
func TestStalled(t *testing.T) {
	t.Parallel()
	s := newServer(t, etcd.V35, 1, StoreEtcdV2)
	s.put(reportingKey, "30")
	clean := s.dump()
	sleeper, other := s.client(Default()), s.client(Default())
	sleeper.Patience, other.Patience = 400*time.Millisecond, 400*time.Millisecond
	first := true
	tap(sleeper, nil, func(entries []Entry) error {
		if first && entries[0].Key == RecordKey {
			first = false
			ok(t)(other.Revert(t.Context()))
		}
		return nil
	})
	ok(t)(sleeper.Apply(t.Context()))
	ok(t)(other.Revert(t.Context()))
	equalDump(t, s.dump(), clean)
}
