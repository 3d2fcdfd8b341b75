package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestServersOpenvswitch boots servers on the real Open vSwitch, Neutron, Nova,
// libvirt and QEMU.
func TestServersOpenvswitch(t *testing.T) {
	hookImage(t)
	debianImages(t, "glance", "keystone", "libvirt", "mariadb", "memcached", "neutron", "nova", "openstackclient",
		"openvswitch", "placement", "rabbitmq")
	forgetServers(t)
	l := newLife(t, "e2e-servers-ovs", "testdata/servers-openvswitch.yaml")
	l.must(t, "deploy").expect(t, 0, "everything is ready")
	cloud := newCloud(t, l)

	// What "everything is ready" promises.
	hypervisors := cloud.run(t, "openstack hypervisor list -f value -c 'Hypervisor Hostname' -c State --sort-column 'Hypervisor Hostname'")
	if got := strings.Join(strings.Fields(hypervisors), " "); got != "node2 up node3 up" {
		t.Fatalf("the hypervisors are %q, want node2 and node3 up", got)
	}
	if dead := cloud.run(t, "openstack network agent list -f value -c Binary -c Host -c Alive | grep -v True || true"); dead != "" {
		t.Errorf("agents that are not alive: %s", dead)
	}

	cloud.uploadGuest(t)
	cloud.run(t, `
openstack security group rule create --proto icmp default > /dev/null
openstack security group rule create --proto tcp --dst-port 80 default > /dev/null`)
	cloud.create(t, "one", "node2", "int-net", "default")
	cloud.create(t, "two", "node3", "int-net", "default")
	one, two := cloud.active(t, "one"), cloud.active(t, "two")

	// The networks are those that the chart has made.
	router := cloud.run(t, "openstack router show ext-router -f value -c id")
	outside := cloud.run(t, "openstack port list --router ext-router --network ext-net -f value -c 'Fixed IP Addresses'")
	if !strings.Contains(outside, "198.51.100.1") {
		t.Errorf("the router's address outside is %q, want one of the pool", outside)
	}
	inRouter := func(args ...string) (string, error) {
		call := append([]string{"exec", "daemonset/neutron-l3-agent", "--container=neutron-l3-agent", "--",
			"ip", "netns", "exec", "qrouter-" + router}, args...)
		return cloud.try(t, call...)
	}
	for _, s := range []server{one, two} {
		if told := cloud.told(t, s, "address"); told != s.address(t) {
			t.Errorf("%s has got the address %s by DHCP, Neutron gave it %s", s.Name, told, s.address(t))
		}
		if told := cloud.told(t, s, "metadata"); told != s.ID {
			t.Errorf("the metadata of %s are those of %q, want %s", s.Name, told, s.ID)
		}
		if out, err := inRouter("ping", "-c", "2", "-W", "2", s.address(t)); err != nil {
			t.Errorf("the router does not reach %s: %v\n%s", s.Name, err, out)
		}
	}
	between := func() error {
		out, err := inRouter("python3", "-c", "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=20).read().decode())",
			fmt.Sprintf("http://%s/cgi-bin/ping?%s", one.address(t), two.address(t)))
		if err == nil && !strings.Contains(out, " 0% packet loss") {
			err = fmt.Errorf("no answer: %s", out)
		}
		return err
	}
	if err := between(); err != nil {
		t.Errorf("servers do not reach each other: %v", err)
	}

	t.Run("servers survive libvirt's pod", func(t *testing.T) {
		process, up := qemu(t, one), cloud.runs(t, one, 0)
		cloud.replacePod(t, "nova-libvirt", "node2")
		if now := qemu(t, one); now != process {
			t.Errorf("QEMU is process %d, before %d", now, process)
		}
		cloud.runs(t, one, up)
		if err := between(); err != nil {
			t.Errorf("afterwards: %v", err)
		}
		// libvirt has it back, and Nova can do something with it.
		cloud.run(t, "openstack server reboot --hard --wait one")
		eventually(t, 2*time.Minute, func() error {
			out, err := inRouter("ping", "-c", "2", "-W", "2", one.address(t))
			if err != nil {
				return fmt.Errorf("after a hard reboot the router does not reach it: %w\n%s", err, out)
			}
			return nil
		})
	})

	cloud.delete(t, "two")
	if left := qemus(t, two.ID); len(left) > 0 {
		t.Errorf("the deleted server's QEMU still runs: %v", left)
	}
	o := l.must(t, "cleanup", "--yes")
	o.expect(t, 0, "removed 1 servers in OpenStack", "the namespace e2e-servers-ovs has gone")
	if left := qemus(t, ""); len(left) > 0 {
		t.Errorf("after the cleanup QEMU still runs: %v", left)
	}
}
