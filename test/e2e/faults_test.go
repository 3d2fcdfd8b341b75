package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/helm-ccp/helm-ccp/test/e2e/cluster"
)

// TestHooksKilled kills the pods of the hooks in the middle: the one that makes
// passwords, those that prepare and tell Calico while they wait for an etcd that
// does not answer yet, the latter's successor while it writes, and the one that
// takes it back. Each Job goes on with a new pod, and all comes out as if nothing
// had been.
func TestHooksKilled(t *testing.T) {
	hookImage(t)
	calico := newFabric(t, "etcdv2")
	etcd := newGate(t)
	behind := filepath.Join(t.TempDir(), "behind.yaml")
	write(t, behind, fmt.Sprintf("configs: {calico: {store: etcdv2, etcd: {endpoints: ['http://%s']}}}\n", etcd.address))
	install := installation{namespace: "e2e-killed", nodes: nodes(t),
		flags: []string{"-f", "testdata/stores.yaml", "-f", behind}}
	removeAfter(t, install.namespace)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(install.state(t))
		}
		install.clearLabels(t)
	})

	done := install.start(t, "install", "ccp", install.chart(t), "--create-namespace")
	install.kill(t, "ccp-credentials")
	etcd.waits(t)
	install.kill(t, "ccp-hook-calico-prepare")
	etcd.open(all)
	install.ended(t, "ccp-hook-calico-prepare")
	etcd.open(0)
	etcd.waits(t)
	install.kill(t, "ccp-hook-calico-apply")
	etcd.open(3)
	etcd.waits(t)
	install.kill(t, "ccp-hook-calico-apply")
	etcd.open(all)
	done(t)
	install.secretsMade(t, 5)
	calico.told(t)

	etcd.open(0)
	done = install.start(t, "uninstall", "ccp")
	etcd.waits(t)
	install.kill(t, "ccp-hook-calico-revert")
	etcd.open(3)
	etcd.waits(t)
	install.kill(t, "ccp-hook-calico-revert")
	etcd.open(all)
	done(t)
	calico.untouched(t)
}

// gate stands before etcd and lets through what it is opened for.
type gate struct {
	address string
	mu      sync.Mutex
	left    int        // requests that it lets through
	held    []net.Conn // whose request has to wait
}

const all = math.MaxInt

// newGate makes one that is shut, at an address that pods reach.
func newGate(t *testing.T) *gate {
	t.Helper()
	own(t)
	etcd, err := url.Parse(os.Getenv("CCP_E2E_ETCD"))
	if err != nil {
		t.Fatal(err)
	}
	to, err := net.Dial("tcp", etcd.Host)
	if err != nil {
		t.Fatal(err)
	}
	here, _, _ := net.SplitHostPort(to.LocalAddr().String())
	to.Close()
	listener, err := net.Listen("tcp", net.JoinHostPort(here, "0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	for _, node := range cluster.Nodes { // or pods get no answer from here
		run(t, "", "ip", "route", "add", node.PodCIDR, "via", node.Address)
		t.Cleanup(func() { run(t, "", "ip", "route", "delete", node.PodCIDR, "via", node.Address) })
	}
	g := &gate{address: listener.Addr().String()}
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			go g.connect(from, etcd.Host)
		}
	}()
	return g
}

// open lets that many requests through. The connections that had to wait are
// closed: who had them has been killed.
func (g *gate) open(requests int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, connection := range g.held {
		connection.Close()
	}
	g.held, g.left = nil, requests
}

// waits returns when a request has to.
func (g *gate) waits(t *testing.T) {
	t.Helper()
	eventually(t, 2*time.Minute, func() error {
		g.mu.Lock()
		defer g.mu.Unlock()
		if len(g.held) == 0 {
			return errors.New("nobody asks etcd")
		}
		return nil
	})
}

// connect carries a connection until a request has to wait.
func (g *gate) connect(from net.Conn, etcd string) {
	to, err := net.Dial("tcp", etcd)
	if err != nil {
		from.Close()
		return
	}
	go func() {
		io.Copy(from, to)
		from.Close()
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			to.Close()
			return
		}
		if !g.pass(from) {
			return
		}
		to.Write(buffer[:n])
	}
}

// pass says whether a request may go on; its connection is held when not.
func (g *gate) pass(from net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.left == 0 {
		g.held = append(g.held, from)
		return false
	}
	g.left--
	return true
}

// ended waits until a Job has succeeded, after which Helm removes it.
func (i installation) ended(t *testing.T, job string) {
	t.Helper()
	eventually(t, 2*time.Minute, func() error {
		out, err := i.try(t, "get", "job", job, "--ignore-not-found", "--output=jsonpath={.metadata.name} {.status.succeeded}")
		if err == nil && out != "" && !strings.HasSuffix(out, " 1") {
			err = fmt.Errorf("the Job %s has not succeeded", job)
		}
		return err
	})
}

// start runs Helm and returns what waits for its end.
func (i installation) start(t *testing.T, args ...string) (done func(t *testing.T)) {
	t.Helper()
	cmd := exec.Command("helm3", append(args, "--namespace", i.namespace, "--timeout", "4m")...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	t.Cleanup(func() {
		if !ended {
			cmd.Process.Kill()
			cmd.Wait()
		}
	})
	return func(t *testing.T) {
		t.Helper()
		ended = true
		if err := cmd.Wait(); err != nil {
			t.Fatalf("%v: %s\n%s", err, stderr.String(), i.state(t))
		}
	}
}

// kill removes the pod of a Job at once, before it has ended. A pod that was killed
// before is not the one that is meant.
func (i installation) kill(t *testing.T, job string) {
	t.Helper()
	eventually(t, 2*time.Minute, func() error {
		out, err := i.try(t, "get", "pods", "--selector=job-name="+job, "--output=name", "--field-selector=status.phase!=Succeeded,status.phase!=Failed")
		if err == nil && strings.TrimSpace(out) == "" {
			err = fmt.Errorf("no pod of %s is there", job)
		}
		if err == nil {
			i.kubectl(t, "delete", strings.TrimSpace(out), "--grace-period=0", "--force")
		}
		return err
	})
}
