package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/helm-ccp/helm-ccp/test/e2e/cluster"
	"github.com/helm-ccp/helm-ccp/test/e2e/guest"
)

// cloud is an OpenStack as its administrator sees it: through OpenStack's client,
// which runs in a pod, as APIs are reached from pods only.
type cloud struct{ installation }

// newCloud starts the client in a release's namespace.
func newCloud(t *testing.T, l life) cloud {
	t.Helper()
	c := cloud{installation{namespace: l.namespace}}
	openrc := filepath.Join(l.dir, "openrc-"+l.namespace)
	c.kubectl(t, "create", "secret", "generic", "client-openrc", "--from-file=openrc="+openrc)
	c.kubectl(t, "apply", "-f", "testdata/client.yaml")
	c.kubectl(t, "wait", "--for=condition=Ready", "pod/client", "--timeout=2m")
	return c
}

// tryRun runs a script of the client's commands, up to the first that fails, and
// returns what they printed.
func (c cloud) tryRun(t *testing.T, script string) (string, error) {
	t.Helper()
	out, err := try(t, script, "kubectl", "--namespace", c.namespace, "exec", "--stdin", "client", "--",
		"bash", "-euo", "pipefail", "-c", `. /openrc/openrc; eval "$(cat)"`)
	return strings.TrimSpace(out), err
}

// run is tryRun for a script that must succeed.
func (c cloud) run(t *testing.T, script string) string {
	t.Helper()
	out, err := c.tryRun(t, script)
	if err != nil {
		t.Fatalf("%v\n%s", err, c.state(t))
	}
	return out
}

// uploadGuest makes the image "guest", of package guest.
func (c cloud) uploadGuest(t *testing.T) {
	t.Helper()
	files, err := guest.Make(t.Context(), filepath.Join(os.Getenv("CCP_E2E_DIR"), "cache/guest"))
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]string{"kernel": files.Kernel, "initrd": files.Initrd} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		run(t, string(data), "kubectl", "--namespace", c.namespace, "exec", "--stdin", "client", "--", "sh", "-c", "cat > /tmp/"+name)
	}
	c.run(t, `
kernel=$(openstack image create --disk-format aki --container-format aki --file /tmp/kernel guest-kernel -f value -c id)
initrd=$(openstack image create --disk-format ari --container-format ari --file /tmp/initrd guest-initrd -f value -c id)
head -c 1M /dev/zero > /tmp/disk
openstack image create --disk-format raw --container-format bare --file /tmp/disk \
  --property kernel_id="$kernel" --property ramdisk_id="$initrd" guest -f value -c id`)
}

// server is one of the cloud's servers.
type server struct {
	ID      string
	Name    string
	Status  string
	Node    string `json:"OS-EXT-SRV-ATTR:host"`
	Domain  string `json:"OS-EXT-SRV-ATTR:instance_name"` // its name in libvirt
	Fault   any
	Network map[string][]string `json:"addresses"`
}

// address returns the server's only address.
func (s server) address(t *testing.T) string {
	t.Helper()
	var all []string
	for _, addresses := range s.Network {
		all = append(all, addresses...)
	}
	if len(all) != 1 {
		t.Fatalf("%s has the addresses %v, want one", s.Name, all)
	}
	return all[0]
}

// create asks for a server of the image guest on a node, in a network and a
// security group.
func (c cloud) create(t *testing.T, name, node, network, group string) {
	t.Helper()
	c.run(t, fmt.Sprintf("openstack server create --image guest --flavor m1.test --network %s --security-group %s --availability-zone nova:%s %s -f value -c id",
		network, group, node, name))
}

// show returns what OpenStack says of a server.
func (c cloud) show(t *testing.T, name string) server {
	t.Helper()
	var s server
	unmarshal(t, c.run(t, "openstack server show -f json "+name), &s)
	return s
}

// active waits until a server is ACTIVE. One in ERROR stays there, and the test
// ends with what OpenStack gives as the fault.
func (c cloud) active(t *testing.T, name string) server {
	t.Helper()
	var s server
	eventually(t, 8*time.Minute, func() error {
		s = c.show(t, name)
		switch s.Status {
		case "ACTIVE":
			return nil
		case "ERROR":
			t.Fatalf("%s is in ERROR: %v\n%s", name, s.Fault, c.state(t))
		}
		return fmt.Errorf("%s is %s", name, s.Status)
	})
	return s
}

// delete deletes a server and waits until it is gone.
func (c cloud) delete(t *testing.T, name string) {
	t.Helper()
	c.run(t, "openstack server delete --wait "+name)
}

// console returns what a server has written on its console.
func (c cloud) console(t *testing.T, s server) string {
	t.Helper()
	return c.run(t, "openstack console log show "+s.ID)
}

// told waits until a server's console has a line "GUEST WHAT VALUE", and returns
// the value of the last one.
func (c cloud) told(t *testing.T, s server, what string) string {
	t.Helper()
	line := regexp.MustCompile(`(?m)^GUEST ` + what + ` (.*?)\r?$`)
	var value string
	eventually(t, 6*time.Minute, func() error {
		text := c.console(t, s)
		found := line.FindAllStringSubmatch(text, -1)
		if found == nil {
			return fmt.Errorf("%s does not tell its %s; the end of its console is\n%s", s.Name, what, text[max(0, len(text)-3000):])
		}
		value = found[len(found)-1][1]
		return nil
	})
	return value
}

// runs waits until a server tells that it is up, later than before: it returns
// the seconds since its start, which begin anew when it was started anew.
func (c cloud) runs(t *testing.T, s server, before int) int {
	t.Helper()
	var now int
	eventually(t, time.Minute, func() error {
		var err error
		if now, err = strconv.Atoi(c.told(t, s, "up")); err != nil {
			t.Fatal(err)
		}
		if now <= before {
			return fmt.Errorf("%s tells that it is up for %d s, want more than the %d from before", s.Name, now, before)
		}
		return nil
	})
	return now
}

// pinger starts a pod with busybox on a node, from which servers are pinged and
// asked: it is somebody else's, in a namespace of its own.
func pinger(t *testing.T, node string) installation {
	t.Helper()
	own(t)
	files, err := guest.Make(t.Context(), filepath.Join(os.Getenv("CCP_E2E_DIR"), "cache/guest"))
	if err != nil {
		t.Fatal(err)
	}
	recipe := filepath.Join(t.TempDir(), "Containerfile")
	write(t, recipe, "FROM scratch\nCOPY busybox /bin/busybox\n")
	if err := imageBuilder().Push(t.Context(), "e2e/busybox:1", recipe, filepath.Dir(files.Busybox)); err != nil {
		t.Fatal(err)
	}
	namespace(t, "e2e-pinger-"+node)
	pod := installation{namespace: "e2e-pinger-" + node}
	pod.kubectl(t, "run", "pinger", "--image="+registry()+"/e2e/busybox:1", "--restart=Never",
		"--overrides="+marshal(t, object{"spec": object{"nodeName": node, "terminationGracePeriodSeconds": 0}}),
		"--command", "--", "/bin/busybox", "sleep", "2147483647")
	pod.kubectl(t, "wait", "--for=condition=Ready", "pod/pinger", "--timeout=2m")
	return pod
}

// ping returns nil when an address answers the pod, and what ping printed if not.
func (i installation) ping(t *testing.T, address string) error {
	t.Helper()
	out, err := i.try(t, "exec", "pinger", "--", "/bin/busybox", "ping", "-c", "2", "-W", "2", address)
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// pingBetween has one server ping another, and returns nil when it is answered.
func (i installation) pingBetween(t *testing.T, from, to string) error {
	t.Helper()
	out, err := i.try(t, "exec", "pinger", "--", "/bin/busybox", "wget", "-q", "-O", "-", "http://"+from+"/cgi-bin/ping?"+to)
	if err == nil && !strings.Contains(out, " 0% packet loss") {
		err = errors.New("no answer")
	}
	if err != nil {
		return fmt.Errorf("%s pings %s: %w: %s", from, to, err, out)
	}
	return nil
}

// enter returns the command line that runs another inside a node, as what the
// node's init starts.
func enter(node string, args ...string) ([]string, error) {
	var init struct{ PID int }
	data, err := os.ReadFile(filepath.Join(os.Getenv("CCP_E2E_DIR"), "nodes", node, "init"))
	if err == nil {
		err = json.Unmarshal(data, &init)
	}
	return slices.Concat([]string{"nsenter", "--target", strconv.Itoa(init.PID), "--mount", "--uts", "--ipc", "--net", "--pid", "--"}, args), err
}

// onNode runs a command on a node and returns what it printed.
func onNode(t *testing.T, node string, args ...string) string {
	t.Helper()
	own(t)
	line, err := enter(node, args...)
	if err != nil {
		t.Fatal(err)
	}
	return run(t, "", line[0], line[1:]...)
}

// startOnNode keeps a program running on a node, see keepRunning, also when the node
// was started again. Its log is with those of the node's servers.
func startOnNode(t *testing.T, node, name string, environment []string, args ...string) {
	t.Helper()
	own(t)
	log, err := os.OpenFile(filepath.Join(os.Getenv("CCP_E2E_DIR"), "logs", node, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	keepRunning(t, log, name, environment, func() ([]string, error) { return enter(node, args...) })
}

// keepRunning keeps a program running until the test ends, as an init does: when
// it ends it is started again. Its environment is the test's and what is given.
func keepRunning(t *testing.T, log *os.File, name string, environment []string, line func() ([]string, error)) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for ctx.Err() == nil {
			args, err := line()
			if err == nil {
				cmd := exec.CommandContext(ctx, args[0], args[1:]...)
				cmd.Env = append(os.Environ(), environment...)
				cmd.Stdout, cmd.Stderr = log, log
				// nsenter waits for the program, which is a process of its own.
				cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
				cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
				err = cmd.Run()
			}
			fmt.Fprintf(log, "%s ended: %v\n", name, err)
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	}()
	t.Cleanup(func() {
		stop()
		<-stopped
		log.Close()
	})
}

// qemus returns the process ids, on this machine, of the QEMUs that run servers:
// all of them, or the one of a server.
func qemus(t *testing.T, uuid string) []int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []int
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		args := bytes.Split(data, []byte{0})
		if !strings.Contains(filepath.Base(string(args[0])), "qemu-system-") || !bytes.Contains(data, []byte("guest=instance-")) ||
			!bytes.Contains(data, []byte(uuid)) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, pid)
	}
	return found
}

// forgetServers ends the servers that a failed test leaves, and removes from the
// nodes what is known of them there, once the release's pods are gone.
func forgetServers(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		for _, pid := range qemus(t, "") {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Error(err)
			}
		}
		for _, node := range cluster.Nodes {
			onNode(t, node.Name, "rm", "-rf", "/run/libvirt", "/var/lib/libvirt", "/var/lib/neutron", "/var/lib/nova")
			onNode(t, node.Name, "sh", "-euc", `for tap in $(ip -oneline link | grep -oE ' tap[^:@]*'); do ip link delete "$tap"; done`)
		}
	})
}

// qemu returns the process id of a server's QEMU.
func qemu(t *testing.T, s server) int {
	t.Helper()
	found := qemus(t, s.ID)
	if len(found) != 1 {
		t.Fatalf("the QEMUs of %s are %v, want one", s.Name, found)
	}
	return found[0]
}

// replacePod deletes the pod of a service on a node, and waits until another one
// is ready there.
func (i installation) replacePod(t *testing.T, service, node string) {
	t.Helper()
	selector := "--selector=app.kubernetes.io/component=" + service
	pod := func() string {
		t.Helper()
		return strings.TrimSpace(i.kubectl(t, "get", "pods", selector, "--field-selector=spec.nodeName="+node, "--output=name"))
	}
	before := pod()
	i.kubectl(t, "delete", before, "--wait")
	eventually(t, 2*time.Minute, func() error {
		if now := pod(); now == "" || now == before || strings.Contains(now, "\n") {
			return fmt.Errorf("the pods of %s on %s are %q, before %q", service, node, now, before)
		}
		return nil
	})
	i.kubectl(t, "wait", pod(), "--for=condition=Ready", "--timeout=3m")
}
