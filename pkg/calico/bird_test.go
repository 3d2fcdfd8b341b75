package calico

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helm-ccp/helm-ccp/test/etcd"
)

// birdRouter is one real BIRD in a network namespace of its own.
type birdRouter struct {
	testing.TB
	namespace, dir string
	cmd            *exec.Cmd
}

// command runs a command in the router's namespace.
func (r *birdRouter) command(args ...string) (string, error) {
	out, err := exec.Command("ip", append([]string{"netns", "exec", r.namespace}, args...)...).CombinedOutput()
	return string(out), err
}

func (r *birdRouter) must(args ...string) string {
	r.Helper()
	out, err := r.command(args...)
	if err != nil {
		r.Fatalf("%q: %s", args, out)
	}
	return out
}

func (r *birdRouter) path(name string) string { return filepath.Join(r.dir, name) }

// shows says whether the text is in what BIRD shows.
func (r *birdRouter) shows(text string, what ...string) bool {
	out, _ := r.command(append([]string{"birdc", "-s", r.path("ctl"), "show"}, what...)...)
	return strings.Contains(out, text)
}

// configure writes the configuration and starts BIRD, or has it read again.
func (r *birdRouter) configure(config string) {
	r.Helper()
	if err := os.WriteFile(r.path("bird.conf"), []byte(config), 0o600); err != nil {
		r.Fatal(err)
	}
	if r.cmd != nil {
		r.must("birdc", "-s", r.path("ctl"), "configure")
		return
	}
	r.cmd = exec.Command("ip", "netns", "exec", r.namespace, "bird", "-f", "-c", r.path("bird.conf"), "-s", r.path("ctl"))
	r.cmd.Stderr = testWriter{r.TB}
	if err := r.cmd.Start(); err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() {
		r.cmd.Process.Kill()
		r.cmd.Wait()
	})
}

// TestBird writes a filter with Apply, puts the text from etcd into a real
// BIRD the way Calico's confd template does, and looks at what a BGP peer in
// another network namespace learns.
func TestBird(t *testing.T) {
	t.Parallel()
	node, peer := newRouters(t)
	s := newServer(t, etcd.V35, 1, StoreEtcdV2)
	c := s.client(Default())
	filters := func() string {
		var statements string
		for key, value := range s.dump() {
			if strings.HasPrefix(key, "/calico/bgp/v1/global/custom_filters/v4/") {
				statements += value
			}
		}
		return "function apply_filters() {\n" + statements + "}\n"
	}
	bgp := func(name string, own, other string, export string) string {
		return fmt.Sprintf("protocol bgp %s {\n local %s as 64512;\n neighbor %s as 64512;\n direct;\n connect delay time 1;\n connect retry time 1;\n error wait time 1, 2;\n import all;\n export %s;\n}\n", name, own, other, export)
	}
	configure := func() {
		node.configure("router id 10.231.0.1;\n" + filters() +
			"filter calico_export { apply_filters(); reject; }\n" +
			"protocol device { scan time 1; }\nprotocol kernel { learn; scan time 1; import all; export none; }\n" +
			bgp("reflector", "10.231.0.1", "10.231.0.2", "filter calico_export"))
	}
	learns := func(prefix string) bool { return peer.shows(prefix, "route") }
	established := func() bool { return peer.shows("Established", "protocols") }
	peer.configure("router id 10.231.0.2;\nprotocol device { scan time 1; }\n" + bgp("node", "10.231.0.2", "10.231.0.1", "none"))
	configure()
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := node.command("birdc", "-s", node.path("ctl"), "show", "protocols", "all")
			t.Log(out)
		}
	})
	eventually(t, "the BGP session is up", established)
	eventually(t, "the node knows the routes", func() bool {
		return node.shows("10.65.0.7/32", "route") && node.shows("10.66.0.7/32", "route")
	})
	if node.shows("10.65.0.7/32", "route", "export", "reflector") || learns("10.65.0.7/32") {
		t.Error("the route is there before apply")
	}
	ok(t)(c.Apply(t.Context()))
	configure()
	eventually(t, "the peer learns the route through tapvm0 after apply", func() bool { return learns("10.65.0.7/32") })
	if learns("10.66.0.7/32") {
		t.Error("the peer learns a route through an interface that is no tap")
	}
	ok(t)(c.Revert(t.Context()))
	configure()
	eventually(t, "the route is gone after revert", func() bool { return !learns("10.65.0.7/32") })
	if !established() {
		t.Error("the session went with it")
	}
}

// newRouters makes two network namespaces with a line between them; in the
// first there are a route through tapvm0 and one through another interface.
func newRouters(t *testing.T) (node, peer *birdRouter) {
	t.Helper()
	skip := t.Skipf
	if os.Getenv("CI") == "true" {
		skip = t.Fatalf
	}
	for _, name := range []string{"bird", "birdc", "ip"} {
		if _, err := exec.LookPath(name); err != nil {
			skip("needs %s, of the packages bird (1.6) and iproute2: %v", name, err)
		}
	}
	ip := func(args ...string) error {
		out, err := exec.Command("ip", args...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("ip %s: %s", strings.Join(args, " "), out)
		}
		return nil
	}
	var routers []*birdRouter
	for i := range 2 {
		name := fmt.Sprintf("ccp-bird-%d-%d", os.Getpid(), i)
		if err := ip("netns", "add", name); err != nil {
			skip("cannot make a network namespace: %v", err)
		}
		t.Cleanup(func() { ip("netns", "del", name) })
		dir, err := os.MkdirTemp("", "bird")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		routers = append(routers, &birdRouter{TB: t, namespace: name, dir: dir})
	}
	node, peer = routers[0], routers[1]
	if err := ip("-n", node.namespace, "link", "add", "line0", "type", "veth", "peer", "name", "line1", "netns", peer.namespace); err != nil {
		t.Fatal(err)
	}
	peer.must("ip", "addr", "add", "10.231.0.2/24", "dev", "line1")
	peer.must("ip", "link", "set", "line1", "up")
	for _, args := range []string{
		"ip addr add 10.231.0.1/24 dev line0", "ip link set line0 up",
		"ip tuntap add tapvm0 mode tap", "ip link set tapvm0 up", "ip route add 10.65.0.7/32 dev tapvm0",
		"ip tuntap add other0 mode tap", "ip link set other0 up", "ip route add 10.66.0.7/32 dev other0",
	} {
		node.must(strings.Fields(args)...)
	}
	return node, peer
}
