package calico

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/helm-ccp/helm-ccp/test/etcd"
)

// server is a real etcd and the store in it that a test is about.
type server struct {
	testing.TB
	members []*etcd.Member
	store   string
	config  Etcd
}

// newServer starts n members of a real etcd.
func newServer(t testing.TB, v etcd.Version, n int, store string, args ...string) *server {
	t.Helper()
	members, err := etcd.Start(v, t.TempDir(), n, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { etcd.StopAll(members) })
	return &server{TB: t, members: members, store: store, config: Etcd{Endpoints: etcd.Endpoints(members)}}
}

func (s *server) open(ctx context.Context) (Store, error) {
	if s.store == StoreEtcdV2 {
		return OpenEtcdV2(ctx, s.config)
	}
	return OpenEtcdV3(ctx, s.config)
}

// client returns a Client of release "ccp" that logs into the test.
func (s *server) client(settings Settings) *Client {
	return &Client{Open: s.open, Release: "ccp", Settings: settings, Log: testLog(s.TB)}
}

// raw returns a plain client of the v3 API.
func (s *server) raw() *clientv3.Client {
	s.Helper()
	c, err := etcd.Client(s.members)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { c.Close() })
	return c
}

// etcdctl runs the real etcdctl with the API of the store.
func (s *server) etcdctl(stdin string, args ...string) (string, error) {
	api := "3"
	if s.store == StoreEtcdV2 {
		api = "2"
	}
	cmd := exec.Command("etcdctl", append([]string{"--endpoints", strings.Join(s.config.Endpoints, ",")}, args...)...)
	cmd.Env = append(os.Environ(), "ETCDCTL_API="+api)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// sh runs the guide's own commands, with etcdctl pointed at the server.
func (s *server) sh(script string) string {
	s.Helper()
	cmd := exec.Command("sh", "-c", script)
	cmd.Env = append(os.Environ(), "ETCDCTL_API=2", "ETCDCTL_ENDPOINTS="+s.config.Endpoints[0])
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.Fatalf("%s\n%s: %v", script, out, err)
	}
	return string(out)
}

// put writes a key as somebody else would.
func (s *server) put(key, value string) {
	s.Helper()
	args := []string{"put", key, value}
	if s.store == StoreEtcdV2 {
		args = []string{"set", key, value}
	}
	if out, err := s.etcdctl("", args...); err != nil {
		s.Fatalf("put %s: %s", key, out)
	}
}

// dump returns every key and value, and with the v2 API the empty directories.
func (s *server) dump() map[string]string {
	s.Helper()
	all := map[string]string{}
	if s.store != StoreEtcdV2 {
		resp, err := s.raw().Get(s.Context(), "", clientv3.WithPrefix())
		if err != nil {
			s.Fatal(err)
		}
		for _, kv := range resp.Kvs {
			all[string(kv.Key)] = string(kv.Value)
		}
		return all
	}
	store, err := s.open(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	defer store.Close()
	out, err := s.etcdctl("", "ls", "-r", "-p", "/")
	if err != nil {
		s.Fatal(out)
	}
	for key := range strings.FieldsSeq(out) {
		if strings.HasSuffix(key, "/") {
			if out, err := s.etcdctl("", "ls", key); err == nil && strings.TrimSpace(out) == "" {
				all[key] = "an empty directory"
			}
			continue
		}
		e, err := store.Get(s.Context(), key)
		if err != nil {
			s.Fatal(err)
		}
		all[key] = string(e.Value)
	}
	return all
}

// withoutDirs leaves out the empty directories, which the guide's commands leave.
func withoutDirs(all map[string]string) map[string]string {
	maps.DeleteFunc(all, func(key, _ string) bool { return strings.HasSuffix(key, "/") })
	return all
}

// revision moves with every write to the store.
func (s *server) revision() int64 {
	s.Helper()
	if s.store != StoreEtcdV2 {
		rev, err := etcd.Revision(s.Context(), s.raw())
		if err != nil {
			s.Fatal(err)
		}
		return rev
	}
	out, err := exec.Command("curl", "-sS", "-D", "-", "-o", "/dev/null", s.config.Endpoints[0]+"/v2/keys/").Output()
	if err != nil {
		s.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		if value, ok := strings.CutPrefix(line, "X-Etcd-Index: "); ok {
			rev, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
			if err != nil {
				s.Fatal(err)
			}
			return rev
		}
	}
	s.Fatalf("no X-Etcd-Index in %s", out)
	return 0
}

// ok returns a function that takes the result of a Client's method and fails
// the test on an error.
func ok(t testing.TB) func(*Report, error) *Report {
	return func(report *Report, err error) *Report {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
}

// find returns the line of a key and path that begin so.
func find(t testing.TB, r *Report, start string) Line {
	t.Helper()
	for _, l := range r.Lines {
		if strings.HasPrefix((field{l.Key, l.Path}).id(), start) {
			return l
		}
	}
	t.Fatalf("no line %s in %+v", start, r.Lines)
	return Line{}
}

func equalDump(t testing.TB, got, want map[string]string) {
	t.Helper()
	for key, value := range want {
		if g, ok := got[key]; !ok || g != value {
			t.Errorf("%s\n got %q (%t)\nwant %q", key, g, ok, value)
		}
	}
	for key, value := range got {
		if _, ok := want[key]; !ok {
			t.Errorf("%s is left: %q", key, value)
		}
	}
}

// specOf returns the spec of a resource as Go values.
func specOf(t testing.TB, value string) map[string]any {
	t.Helper()
	var r struct{ Spec map[string]any }
	if err := json.Unmarshal([]byte(value), &r); err != nil {
		t.Fatalf("%q: %v", value, err)
	}
	return r.Spec
}

func testLog(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(testWriter{t}, nil))
}

type testWriter struct{ testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.Logf("%s", p)
	return len(p), nil
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// facts are resources as Calico's own client writes them.
func facts() map[string]string {
	meta := func(kind, name, spec string) string {
		return fmt.Sprintf(`{"kind":"%s","apiVersion":"projectcalico.org/v3","metadata":{"name":"%s","uid":"83558fa2-f5e8-416e-8ae3-35418a4789e3","creationTimestamp":"2026-11-22T11:50:33Z"},"spec":%s}`, kind, name, spec)
	}
	return map[string]string{
		resourcePrefix + clusterKey:    meta("ClusterInformation", "default", `{"clusterGUID":"543da0b32f6a4dc8b38ce931cb76bdbe","datastoreReady":true}`),
		resourcePrefix + felixKey:      meta("FelixConfiguration", "default", `{"interfacePrefix":"cali,tap","reportingInterval":"30s","endpointReportingEnabled":true,"fieldOfTomorrow":{"b":1,"a":2.50}}`),
		resourcePrefix + "bgppeers/rr": meta("BGPPeer", "rr", `{"peerIP":"10.99.0.2","asNumber":64512,"filters":["other"]}`),
		resourcePrefix + "bgppeers/r2": meta("BGPPeer", "r2", `{"peerIP":"10.99.0.3","asNumber":64512}`),
		resourcePrefix + "bgppeers/n1": meta("BGPPeer", "n1", `{"node":"node1","peerIP":"10.99.0.4","asNumber":64512}`),
		resourcePrefix + "ippools/pod": meta("IPPool", "pod", `{"cidr":"192.168.0.0/16","vxlanMode":"Never","ipipMode":"Never","blockSize":26,"nodeSelector":"all()"}`),
	}
}
