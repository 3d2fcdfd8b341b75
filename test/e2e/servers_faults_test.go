package e2e

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/helm-ccp/helm-ccp/test/e2e/cluster"
)

// faults breaks what servers need while one is made, and restarts the node of one
// that runs. reachable fails the test when nobody reaches a server.
func (c cloud) faults(t *testing.T, running server, reachable func(server)) {
	t.Helper()
	// What was asked for when it broke may have failed, which OpenStack tells: it can be deleted, and a new one is made.
	mended := func(t *testing.T, name, node string) {
		t.Helper()
		c.kubectl(t, "wait", "--for=condition=Ready", "pods", "--selector=!job-name", "--timeout=3m")
		var status string
		deadline := time.Now().Add(2 * time.Minute)
		for time.Now().Before(deadline) && status != "ACTIVE" && status != "ERROR" {
			if out, err := c.tryRun(t, "openstack server list --name '^"+name+"$' -f value -c Status"); err == nil {
				status = out
			}
		}
		t.Logf("the server that was being made is %q", status)
		if status != "ACTIVE" {
			eventually(t, 2*time.Minute, func() error {
				_, err := c.tryRun(t, "for id in $(openstack server list --name '^"+name+"$' -f value -c ID); do openstack server delete --wait $id; done")
				return err
			})
			c.create(t, name, node, "vms", "shop")
		}
		reachable(c.active(t, name))
		c.delete(t, name)
		reachable(running)
	}
	t.Run("MariaDB and RabbitMQ are killed while a server is made", func(t *testing.T) {
		c.create(t, "three", "node3", "vms", "shop")
		c.kubectl(t, "delete", "pods", "mariadb-0", "rabbitmq-0", "--grace-period=0", "--force")
		mended(t, "three", "node3")
	})
	t.Run("etcd stands still while a port is bound", func(t *testing.T) {
		c.create(t, "four", "node3", "vms", "shop") // Nova has taken it, and binds its port in the next seconds
		still := true
		all := func(what syscall.Signal) {
			for _, node := range cluster.Nodes {
				signal(t, what, "etcd35", "--name="+node.Name)
			}
		}
		goOn := func() {
			if still {
				all(syscall.SIGCONT)
				still = false
			}
		}
		t.Cleanup(goOn)
		all(syscall.SIGSTOP)
		time.Sleep(20 * time.Second)
		goOn()
		mended(t, "four", "node3")
	})
	t.Run("its node is restarted", func(t *testing.T) {
		run(t, "", "e2e-cluster", "restart", running.Node)
		eventually(t, 5*time.Minute, func() error {
			_, err := c.tryRun(t, "openstack hypervisor list -f value -c 'Hypervisor Hostname' -c State | grep -q '"+running.Node+" up'")
			return err
		})
		eventually(t, 3*time.Minute, func() error {
			if s := c.show(t, running.Name); s.Status != "SHUTOFF" {
				return fmt.Errorf("%s is %s, want it to be told that it is off", s.Name, s.Status)
			}
			return nil
		})
		c.run(t, "openstack server start "+running.Name)
		c.active(t, running.Name)
		reachable(running)
	})
}
