package hook

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/helm-ccp/helm-ccp/test/etcd"
)

// result is what one run of ccp-hook gave.
type result struct {
	code           int
	stdout, stderr string
}

// runHook runs ccp-hook in the process.
func runHook(t *testing.T, kubernetes func() (*kube, error), vars map[string]string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if kubernetes == nil {
		kubernetes = func() (*kube, error) { return nil, errors.New("no Kubernetes in this test") }
	}
	env := &environment{stdout: &stdout, log: newLog(&stderr), getenv: func(name string) string { return vars[name] }, kube: kubernetes}
	code := run(t.Context(), env, args, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "calico.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestCallErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{nil, 2, "no command"},
		{[]string{"nix"}, 2, "nix"},
		{[]string{"calico"}, 2, "say prepare, apply, revert or status"},
		{[]string{"calico", "apply", "--nix"}, 2, "unknown flag"},
		{[]string{"calico", "apply", "extra"}, 2, `takes no argument \"extra\"`},
		{[]string{"calico", "apply", "--store", "nix", "--etcd-endpoints", "http://a:1"}, 2, `no store \"nix\"`},
		{[]string{"calico", "apply", "--store", "etcdv3"}, 2, "etcd.endpoints"},
		{[]string{"calico", "apply", "--store", "etcdv3", "--etcd-endpoints", "a:1"}, 2, "not a URL"},
		{[]string{"calico", "status", "-o", "xml"}, 2, "table or json"},
		{[]string{"calico", "apply", "--config", "/nowhere/calico.yaml"}, 2, "/nowhere/calico.yaml"},
		{[]string{"calico", "apply", "--store", "kubernetes", "--timeout", "1s"}, 1, "no Kubernetes in this test"},
		{[]string{"wait"}, 2, "nothing to wait for"},
		{[]string{"wait", "--tcp", "a", "--http", "b"}, 2, "not HOST:PORT"},
		{[]string{"credentials", "ensure"}, 2, "nothing to ensure"},
		{[]string{"credentials", "ensure", "--password", "a"}, 2, "--secret is missing"},
		{[]string{"credentials", "rotate", "--key-repository", "r", "--max-active", "1"}, 2, "--max-active 1"},
		{[]string{"credentials", "rotate"}, 2, "nothing to rotate"},
		{[]string{"label-nodes"}, 2, "--config is missing"},
		{[]string{"version"}, 0, ""},
	} {
		r := runHook(t, nil, nil, tt.args...)
		if r.code != tt.code || !strings.Contains(r.stderr, tt.want) {
			t.Errorf("%q: code %d, want %d with %q:\n%s", tt.args, r.code, tt.code, tt.want, r.stderr)
		}
	}
}

func TestConfigErrors(t *testing.T) {
	t.Parallel()
	name := write(t, `store: auto
felix: {reporting_interval: -1}
bgp:
  filters:
    9lives: {ipv4: "accept;"}
  ip_pools: [10.0.0.0/24, 10.0.0.1/24, nix]
region: a/b
`)
	r := runHook(t, nil, nil, "calico", "apply", "--config", name)
	for _, want := range []string{
		"calico.yaml:2:29: felix.reporting_interval: -1 is negative",
		"calico.yaml:5:13: bgp.filters.9lives: a filter's name",
		"calico.yaml:6:27: bgp.ip_pools.1: 10.0.0.1/24 has bits of a host; write 10.0.0.0/24",
		"calico.yaml:6:40: bgp.ip_pools.2:",
		"calico.yaml:7:9: region:",
	} {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("no %q in\n%s", want, r.stderr)
		}
	}
	if r.code != ExitInput {
		t.Errorf("code %d", r.code)
	}
	r = runHook(t, nil, nil, "calico", "apply", "--config", write(t, "felix: {interval: 1, reporting_interval: x}\nbgp: []\n"))
	for _, want := range []string{
		"calico.yaml:1:9: felix.interval: unknown key; known are reporting_interval",
		"calico.yaml:1:42: felix.reporting_interval: expected a whole number",
		"calico.yaml:2:6: bgp: expected keys with values",
	} {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("no %q in\n%s", want, r.stderr)
		}
	}
}

// TestCalicoCommand runs the verbs on a real etcd that serves both APIs, found
// by itself, with everything from a file and the environment.
func TestCalicoCommand(t *testing.T) {
	t.Parallel()
	members, err := etcd.Start(etcd.V35, t.TempDir(), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { etcd.StopAll(members) })
	ctl := func(api string, args ...string) string {
		cmd := exec.Command("etcdctl", append([]string{"--endpoints", members[0].Endpoint}, args...)...)
		cmd.Env = append(os.Environ(), "ETCDCTL_API="+api)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%q: %s", args, out)
		}
		return strings.TrimRight(string(out), "\n")
	}
	vars := map[string]string{"CCP_HOOK_ETCD_ENDPOINTS": members[0].Endpoint, "CCP_HOOK_TIMEOUT": "20s"}
	if r := runHook(t, nil, vars, "calico", "apply"); r.code != ExitFailed || !strings.Contains(r.stderr, "none is live") {
		t.Errorf("empty etcd: %+v", r)
	}
	ctl("2", "set", "/calico/v1/Ready", "true")
	r := runHook(t, nil, vars, "calico", "apply", "--release", "r1")
	if r.code != ExitDone || !strings.Contains(r.stderr, "/calico/v1/Ready is true") {
		t.Errorf("apply: %+v", r)
	}
	if got := ctl("2", "get", "/calico/v1/config/ReportingIntervalSecs"); got != "60" {
		t.Errorf("etcdctl says %s", got)
	}
	r = runHook(t, nil, vars, "calico", "status", "--release", "r1", "-o", "json")
	var report struct {
		Store    string
		Settings []struct{ Key, Wanted, Found, Recorded, State string }
	}
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil || report.Store != "etcdv2" {
		t.Errorf("status: %v %s", err, r.stdout)
	}
	found := map[string]string{}
	for _, setting := range report.Settings {
		found[setting.Key] = setting.Found + " " + setting.State
	}
	if got := found["/calico/v1/config/ReportingIntervalSecs"]; got != "60 ok" {
		t.Errorf("of the interval the status is %q in %s", got, r.stdout)
	}
	if r = runHook(t, nil, vars, "calico", "status", "--release", "r1"); !strings.Contains(r.stdout, "SETTING") {
		t.Errorf("table: %s", r.stdout)
	}
	if r = runHook(t, nil, vars, "calico", "revert", "--release", "r1"); r.code != ExitDone {
		t.Errorf("revert: %+v", r)
	}
	if got := ctl("2", "get", "/calico/v1/config/ReportingIntervalSecs"); got != "0" {
		t.Errorf("etcdctl says %s", got)
	}
	ctl("3", "put", "/calico/resources/v3/projectcalico.org/clusterinformations/default",
		`{"kind":"ClusterInformation","apiVersion":"projectcalico.org/v3","metadata":{"name":"default"},"spec":{"datastoreReady":true}}`)
	if r = runHook(t, nil, vars, "calico", "apply"); r.code != ExitFailed || !strings.Contains(r.stderr, "several are live") {
		t.Errorf("two live: %+v", r)
	}
	if r = runHook(t, nil, vars, "calico", "apply", "--store", "etcdv3"); r.code != ExitDone {
		t.Errorf("told: %+v", r)
	}
	name := write(t, "store: etcdv3\nbgp:\n  filters:\n    tap_iface: {ipv4: \"bgp_path.len;\"}\n  peers: [nobody]\n")
	r = runHook(t, nil, vars, "calico", "apply", "--config", name)
	if r.code != ExitInput || !strings.Contains(r.stderr, ":4:23: bgp.filters.tap_iface.ipv4: has no BGPFilter form") ||
		!strings.Contains(r.stderr, `:5:11: bgp.peers.0: there is no BGPPeer`) {
		t.Errorf("no form: %+v", r)
	}
}

// TestSigterm ends the real binary while it waits for an etcd that hangs, and
// finds the exit code and a last line that says what to do.
func TestSigterm(t *testing.T) {
	t.Parallel()
	binary := buildHook(t)
	members, err := etcd.Start(etcd.V37, t.TempDir(), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { etcd.StopAll(members) })
	if err := members[0].Pause(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "calico", "apply", "--store", "etcdv3", "--etcd-endpoints", members[0].Endpoint)
	var stderr lockedBuffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "a retry", func() bool { return strings.Contains(stderr.String(), "will try again") })
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
	last := lines[len(lines)-1]
	if cmd.ProcessState.ExitCode() != ExitFailed || !strings.Contains(last, "terminated") || !strings.Contains(last, "run again to finish") {
		t.Errorf("%v, last line %s", err, last)
	}
	if err := members[0].Continue(); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"apply", "revert"} {
		if out, err := exec.Command(binary, "calico", verb, "--store", "etcdv3", "--etcd-endpoints", members[0].Endpoint).CombinedOutput(); err != nil {
			t.Errorf("%s: %s", verb, out)
		}
	}
}

// TestBinary looks at what the binary is made of.
func TestBinary(t *testing.T) {
	t.Parallel()
	info, err := os.Stat(buildHook(t))
	if err != nil {
		t.Fatal(err)
	}
	if size := info.Size(); size > 45_000_000 {
		t.Errorf("the binary has %d bytes, more than 45 MB", size)
	}
	out, err := exec.Command("go", "list", "-deps", "github.com/helm-ccp/helm-ccp/cmd/ccp-hook").Output()
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range strings.FieldsSeq(string(out)) {
		for _, bad := range []string{"helm.sh/", "sigs.k8s.io/kustomize", "helm-ccp/charts", "helm-ccp/pkg/cli"} {
			if strings.Contains(pkg, bad) {
				t.Errorf("ccp-hook links %s", pkg)
			}
		}
	}
}

var hookBinary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "ccp-hook-test-")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "ccp-hook")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "github.com/helm-ccp/helm-ccp/cmd/ccp-hook")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", errors.New(string(out))
	}
	return binary, nil
})

// TestMain removes the binary that the tests built.
func TestMain(m *testing.M) {
	code := m.Run()
	if binary, err := hookBinary(); err == nil {
		os.RemoveAll(filepath.Dir(binary))
	}
	os.Exit(code)
}

// buildHook builds the binary as make does.
func buildHook(t *testing.T) string {
	t.Helper()
	binary, err := hookBinary()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestWaitNetwork(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if calls++; calls < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		// Only now does the other come up.
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() { l.Close() })
	}))
	t.Cleanup(server.Close)
	r := runHook(t, nil, nil, "wait", "--tcp", address, "--http", server.URL, "--interval", "10ms", "--timeout", "20s")
	if r.code != ExitDone || !strings.Contains(r.stderr, "503") || !strings.Contains(r.stderr, "connection refused") {
		t.Errorf("%+v", r)
	}
	r = runHook(t, nil, nil, "wait", "--tcp", "127.0.0.1:1", "--interval", "10ms", "--timeout", "200ms")
	if r.code != ExitFailed || !strings.Contains(r.stderr, "gave up after --timeout 200ms: waiting for tcp 127.0.0.1:1: dial tcp") {
		t.Errorf("%+v", r)
	}
}

// TestMounted reads a file as the kubelet mounts it, by a symbolic link.
func TestMounted(t *testing.T) {
	t.Parallel()
	target := write(t, "store: etcdv3\netcd: {endpoints: [\"http://127.0.0.1:1\"]}\n")
	link := filepath.Join(t.TempDir(), "calico.yaml")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	r := runHook(t, nil, nil, "calico", "apply", "--config", link, "--timeout", "300ms")
	if r.code != ExitFailed || !strings.Contains(r.stderr, "gave up after --timeout 300ms") || !strings.Contains(r.stderr, "127.0.0.1:1") {
		t.Errorf("%+v", r)
	}
}
