package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
)

// The test runs itself as the processes that it needs in network namespaces.
func TestMain(m *testing.M) {
	switch os.Getenv("STAND_IN") {
	case "felix":
		main()
	case "metadata":
		fmt.Println(http.ListenAndServe("127.0.0.1:8775", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "metadata for ", r.RemoteAddr)
		})))
		os.Exit(1)
	case "guest":
		if err := guest(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	default:
		os.Exit(m.Run())
	}
}

// guest is a server: it gets an address and prints its metadata.
func guest() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := nclient4.New("eth0")
	if err != nil {
		return err
	}
	lease, err := client.Request(ctx)
	if err != nil {
		return err
	}
	router := lease.ACK.Router()[0].String()
	for _, args := range []string{
		"address replace " + lease.ACK.YourIPAddr.String() + "/32 dev eth0", "route replace " + router + " dev eth0",
		"route replace default via " + router,
	} {
		if err := command("ip", strings.Fields(args)...); err != nil {
			return err
		}
	}
	response, err := http.Get("http://169.254.169.254/")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	fmt.Println(string(data))
	return err
}

const (
	node, server = "ccp-felix-node", "ccp-felix-server"
	key          = resources + "workloadendpoints/openstack/node2-openstack-server-port"
	spec         = `{"spec": {"node": "node2", "workload": "server", "endpoint": "port", "interfaceName": "tap0", "mac": "fa:16:3e:00:00:01", "ipNetworks": ["10.65.0.19/32"], "ipv4Gateway": "10.65.0.1"}}`
	status       = "/calico/felix/v2/no-region/host/node2/workload/openstack/openstack%2fserver/endpoint/port"
)

func TestFelix(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("it makes network namespaces, and needs root for that")
	}
	for _, name := range []string{node, server} {
		ip(t, "netns add "+name)
		t.Cleanup(func() { ip(t, "netns delete "+name) })
		ip(t, "-netns "+name+" link set lo up")
	}
	ip(t, "link add tap0 netns "+node+" type veth peer name eth0 netns "+server+" address fa:16:3e:00:00:01")
	ip(t, "-netns "+server+" link set eth0 up")
	// The way to the other nodes: only what has another way out is answered for.
	ip(t, "-netns "+node+" link add uplink type bridge")
	ip(t, "-netns "+node+" address add 10.210.1.12/24 dev uplink")
	ip(t, "-netns "+node+" link set uplink up")
	ip(t, "-netns "+node+" route add default via 10.210.1.1")
	start(t, "", "../../../bin/etcd35", "--data-dir="+t.TempDir(), "--log-level=error")
	start(t, "metadata", os.Args[0])
	start(t, "felix", os.Args[0])

	eventually(t, func() error { return inside(node, "", "etcdctl", "endpoint", "health").Run() })
	etcd(t, "put", key, spec)
	etcd(t, "put", strings.ReplaceAll(key, "node2", "node3"), strings.NewReplacer("node2", "node3", "10.65.0.19", "10.65.0.20").Replace(spec))
	eventually(t, func() error {
		return has(etcd(t, "get", "--prefix", "/calico/felix"), "/calico/felix/v2/no-region/host/node2/status", `"first_update":true`)
	})
	ip(t, "-netns "+node+" link set tap0 up")
	// Without it Felix leaves all but cali alone, and reports no endpoints.
	etcd(t, "put", felixConfiguration, `{"spec": {"interfacePrefix": "cali,tap", "reportingInterval": "1s"}}`)
	eventually(t, func() error { return has(ip(t, "-netns "+node+" route"), "10.65.0.19 dev tap0 scope link") })
	if routes := ip(t, "-netns "+node+" route"); strings.Contains(routes, "10.65.0.20") {
		t.Errorf("the endpoint of another node has a route\n%s", routes)
	}
	if keys := etcd(t, "get", "--prefix", status); keys != "" {
		t.Errorf("an endpoint is reported, though that was not asked for: %s", keys)
	}
	etcd(t, "put", felixConfiguration, `{"spec": {"interfacePrefix": "cali,tap", "reportingInterval": "1s", "endpointReportingEnabled": true}}`)
	eventually(t, func() error { return has(etcd(t, "get", status), `{"status":"up"}`) })
	eventually(t, func() error { return has(etcd(t, "get", "--prefix", "/calico/felix"), `"first_update":false`) })

	cmd := inside(server, "guest", os.Args[0])
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "metadata for 10.65.0.19:") {
		t.Errorf("the server got %s (%v)", out, err)
	}
	rules := func() string { t.Helper(); return run(t, "ip", "netns", "exec", node, "iptables-save", "-t", "nat") }
	if err := has(rules(), "--to-destination 127.0.0.1:8775"); err != nil {
		t.Error(err)
	}
	etcd(t, "del", key)
	eventually(t, func() error { return is(etcd(t, "get", status), "") })
	for what, text := range map[string]string{"10.65.0.19": ip(t, "-netns "+node+" route"), "8775": rules()} {
		if strings.Contains(text, what) {
			t.Errorf("%s is still in\n%s", what, text)
		}
	}
}

const felixConfiguration = resources + "felixconfigurations/default"

// inside is a command in a namespace, as one of the processes of TestMain.
func inside(namespace, as string, args ...string) *exec.Cmd {
	cmd := exec.Command("ip", append([]string{"netns", "exec", namespace}, args...)...)
	cmd.Env = append(os.Environ(), "STAND_IN="+as, "FELIX_FELIXHOSTNAME=node2", "FELIX_ETCDENDPOINTS=http://127.0.0.1:2379")
	return cmd
}

// start runs a process on the node until the test ends.
func start(t *testing.T, as string, args ...string) {
	t.Helper()
	cmd := inside(node, as, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill() // ip became the command itself
		cmd.Wait()
		if t.Failed() {
			t.Logf("%s %s\n%s", as, args, out.String())
		}
	})
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func ip(t *testing.T, args string) string {
	t.Helper()
	return run(t, "ip", strings.Fields(args)...)
}

func etcd(t *testing.T, args ...string) string {
	t.Helper()
	return run(t, "ip", append([]string{"netns", "exec", node, "env", "ETCDCTL_API=3", "etcdctl"}, args...)...)
}

func is(got, want string) error {
	if got != want {
		return fmt.Errorf("got %q, want %q", got, want)
	}
	return nil
}

func has(text string, parts ...string) error {
	var errs []error
	for _, part := range parts {
		if !strings.Contains(text, part) {
			errs = append(errs, fmt.Errorf("there is no %q in %q", part, text))
		}
	}
	return errors.Join(errs...)
}

func eventually(t *testing.T, condition func() error) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := condition()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
