package e2e

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/helm-ccp/helm-ccp/test/e2e/cluster"
)

// TestServersCalico boots servers on Calico. BIRD is real, as all from Nova down
// is. For networking-calico and Felix there are stand-ins, in testdata and folder
// stand-in-felix, unless E2E_NETWORKING_CALICO names the folder of the real one and
// E2E_FELIX its program; docs/tested.md has what was seen with these.
func TestServersCalico(t *testing.T) {
	hookImage(t)
	debianImages(t, "glance", "keystone", "libvirt", "mariadb", "memcached", "neutron", "nova", "openstackclient",
		"placement", "rabbitmq")
	withoutDummyDevices(t)
	calico := newFabric(t, "etcdv3").(resources)
	birds := startBirds(t)
	forgetServers(t)
	l := newLife(t, "e2e-servers-calico", "testdata/servers-calico.yaml")
	startFelix(t)
	// The first deployment's filter lets nothing out yet.
	l.must(t, "deploy", l.with(t, `configs: {calico: {bgp: {filters: {tap_iface: {ipv4: 'if ( ifname ~ "none*" ) then { accept; }'}}}}}`)...).
		expect(t, 0, "labelled 3 of 3 nodes", "everything is ready")
	cloud := newCloud(t, l)

	hypervisors := cloud.run(t, "openstack hypervisor list -f value -c 'Hypervisor Hostname' -c State --sort-column 'Hypervisor Hostname'")
	if got := strings.Join(strings.Fields(hypervisors), " "); got != "node2 up node3 up" {
		t.Fatalf("the hypervisors are %q, want node2 and node3 up", got)
	}
	eventually(t, 2*time.Minute, func() error {
		agents := cloud.run(t, "openstack network agent list -f value -c Host -c Alive --sort-column Host")
		if got := strings.Join(strings.Fields(agents), " "); got != "node1 True node2 True node3 True" {
			return fmt.Errorf("Neutron's agents are %q, want Felix alive on three nodes", got)
		}
		return nil
	})
	cloud.uploadGuest(t)
	cloud.run(t, `
openstack network create --provider-network-type local --share vms > /dev/null
openstack subnet create --network vms --subnet-range 10.65.0.0/24 vms > /dev/null
openstack security group create shop > /dev/null
openstack security group rule create --proto icmp shop > /dev/null
openstack security group rule create --proto tcp --dst-port 80 shop > /dev/null`)
	cloud.create(t, "one", "node2", "vms", "shop")
	cloud.create(t, "two", "node3", "vms", "shop")
	one, two := cloud.active(t, "one"), cloud.active(t, "two")
	for _, s := range []server{one, two} {
		if told := cloud.told(t, s, "address"); told != s.address(t) {
			t.Errorf("%s has got the address %s by DHCP, Neutron gave it %s", s.Name, told, s.address(t))
		}
		for _, way := range []string{"metadata", "drive"} {
			if told := cloud.told(t, s, way); told != s.ID {
				t.Errorf("the %s of %s has the metadata of %q, want %s", way, s.Name, told, s.ID)
			}
		}
	}

	via := map[string]string{}
	for _, node := range cluster.Nodes {
		via[node.Name] = node.Address
	}
	for _, s := range []server{one, two} {
		birds.knows(t, s.Node, s.address(t))
		birds.route(t, "node1", s.address(t), "")
	}
	l.must(t, "deploy").expect(t, 0, "everything is ready")
	pod := pinger(t, "node1")
	reachable := func(s server) {
		t.Helper()
		birds.route(t, "node1", s.address(t), via[s.Node])
		eventually(t, time.Minute, func() error { return pod.ping(t, s.address(t)) })
	}
	reachable(one)
	reachable(two)
	if err := pod.pingBetween(t, one.address(t), two.address(t)); err != nil {
		t.Error(err)
	}

	if os.Getenv("E2E_FELIX") != "" { // the stand-in knows no policies
		t.Run("security groups", func(t *testing.T) { cloud.securityGroups(t, pod, one) })
		t.Run("one policy over servers and pods", func(t *testing.T) { cloud.policy(t, pod, one, two) })
	}
	t.Run("servers survive libvirt's pod", func(t *testing.T) {
		process, up := qemu(t, one), cloud.runs(t, one, 0)
		cloud.replacePod(t, "nova-libvirt", "node2")
		if now := qemu(t, one); now != process {
			t.Errorf("QEMU is process %d, before %d", now, process)
		}
		cloud.runs(t, one, up)
		reachable(one)
		// libvirt has it back, and Nova can do something with it.
		cloud.run(t, "openstack server reboot --hard --wait one")
		reachable(one)
	})
	t.Run("Nova moves a server to another node", func(t *testing.T) {
		moved := cloud.move(t, two, "migrate")
		if moved.Node == two.Node {
			t.Errorf("it is on %s still", two.Node)
		}
		two = moved
		reachable(two)
		if os.Getenv("E2E_FELIX") == "" { // what else there is takes minutes, which the run with the stand-ins has not
			return
		}
		cloud.run(t, "openstack flavor create --ram 192 --disk 1 m1.more > /dev/null")
		two = cloud.move(t, two, "resize --flavor m1.more")
		if flavor := cloud.run(t, "openstack server show two -f value -c flavor"); !strings.Contains(flavor, "m1.more") {
			t.Errorf("after a resize its flavor is %s", flavor)
		}
		reachable(two)
	})
	if os.Getenv("E2E_FELIX") != "" {
		cloud.faults(t, one, reachable)
	}
	t.Run("a deleted server leaves nothing", func(t *testing.T) {
		tap := calico.endpoint(t, two)["interfaceName"].(string)
		cloud.delete(t, "two")
		if left := qemus(t, two.ID); len(left) > 0 {
			t.Errorf("its QEMU still runs: %v", left)
		}
		eventually(t, time.Minute, func() error {
			var errs []error
			for what, text := range map[string]string{
				"its interface": onNode(t, two.Node, "ip", "-oneline", "link"),
				"its route":     onNode(t, two.Node, "ip", "route"),
				"its rules":     onNode(t, two.Node, "iptables-save"),
			} {
				if strings.Contains(text, tap) {
					errs = append(errs, fmt.Errorf("%s %s is still there", what, tap))
				}
			}
			if keys := etcdctl(t, 3, "", "get", "--keys-only", "--prefix", "/calico/"); strings.Contains(strings.ReplaceAll(keys, "--", "-"), two.ID) {
				errs = append(errs, fmt.Errorf("in etcd there is something of it in\n%s", keys))
			}
			return errors.Join(errs...)
		})
		birds.route(t, "node1", two.address(t), "")
		reachable(one)
	})

	l.must(t, "cleanup", "--yes").expect(t, 0, "removed 1 servers in OpenStack", "the namespace e2e-servers-calico has gone")
	if left := qemus(t, ""); len(left) > 0 {
		t.Errorf("after the cleanup QEMU still runs: %v", left)
	}
	birds.route(t, "node1", one.address(t), "")
	calico.left(t)
}

// move has Nova migrate or resize a server, confirms that, and returns the server
// as it is then. Nothing of it stays on a node that it has left.
func (c cloud) move(t *testing.T, s server, how string) server {
	t.Helper()
	c.run(t, fmt.Sprintf("openstack server %s --wait %s && openstack server resize confirm %[2]s", how, s.Name))
	moved := c.active(t, s.Name)
	qemu(t, moved)
	eventually(t, time.Minute, func() error {
		if disks := onNode(t, s.Node, "ls", "/var/lib/nova/instances"); moved.Node != s.Node && strings.Contains(disks, s.ID) {
			return fmt.Errorf("its disks are on %s still: %s", s.Node, disks)
		}
		return nil
	})
	return moved
}

// securityGroups takes away the rule by which a pod asks a server, and gives it
// back.
func (c cloud) securityGroups(t *testing.T, pod installation, s server) {
	t.Helper()
	ask := func() error { return pod.pingBetween(t, s.address(t), "127.0.0.1") }
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	c.run(t, "openstack security group rule delete $(openstack security group rule list shop --protocol tcp -f value -c ID)")
	eventually(t, time.Minute, refused(ask))
	if err := pod.ping(t, s.address(t)); err != nil {
		t.Errorf("the rule for ICMP is still there: %v", err)
	}
	c.run(t, "openstack security group rule create --proto tcp --dst-port 80 shop > /dev/null")
	eventually(t, time.Minute, ask)
}

// refused turns a condition round.
func refused(condition func() error) func() error {
	return func() error {
		if condition() == nil {
			return errors.New("it is let through")
		}
		return nil
	}
}

// policy gives the servers and a pod the policy of examples/policy. The pods of
// this cluster are not Calico's, so the pod's endpoint is written for it, on a
// node that has no Felix.
func (c cloud) policy(t *testing.T, pod installation, one, two server) {
	t.Helper()
	stranger := pinger(t, "node3")
	example, err := os.ReadFile(repository("examples/policy/policy.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	group := strings.TrimSpace(c.run(t, "openstack security group show shop -f value -c id"))
	text := strings.ReplaceAll(string(example), "SECURITY_GROUP_ID", group)
	var policy object
	unmarshal(t, run(t, text, "kubectl", "patch", "--local", "--filename=-", "--type=merge", "--output=json",
		`--patch={"metadata": {"name": "default.shop"}, "spec": {"tier": "default"}}`), &policy)
	key := resourcesPrefix + "globalnetworkpolicies/default.shop"
	endpoint := resourcesPrefix + "workloadendpoints/shop/elsewhere-k8s-api-eth0"
	// Without a pool for the tenants' network pods would come under the addresses of their nodes.
	pool := resourcesPrefix + "ippools/tenants"
	etcdResources{}.put(t, "ippools/tenants", `{"cidr": "10.65.0.0/24", "nodeSelector": "!all()", "ipipMode": "Never", "vxlanMode": "Never", "blockSize": 26}`)
	for _, mine := range []string{key, endpoint, pool} {
		t.Cleanup(func() { etcdctl(t, 3, "", "del", mine) })
	}

	etcdctl(t, 3, marshal(t, policy), "put", key)
	ping := func(pod installation, s server) func() error {
		return func() error { return pod.ping(t, s.address(t)) }
	}
	for _, s := range []server{one, two} {
		eventually(t, time.Minute, refused(ping(pod, s)))
		eventually(t, time.Minute, refused(ping(stranger, s)))
	}
	address := strings.TrimSpace(pod.kubectl(t, "get", "pod", "pinger", "--output=jsonpath={.status.podIP}"))
	etcdctl(t, 3, marshal(t, object{
		"apiVersion": "projectcalico.org/v3", "kind": "WorkloadEndpoint",
		"metadata": object{
			"name": "elsewhere-k8s-api-eth0", "namespace": "shop", "uid": "6d0bc5d8-4fa1-4a41-8d4c-1f3a5e2a7c11",
			"creationTimestamp": "2026-01-01T00:00:00Z",
			"labels":            object{"projectcalico.org/orchestrator": "k8s", "projectcalico.org/namespace": "shop", "app": "api"},
		},
		"spec": object{
			"orchestrator": "k8s", "node": "elsewhere", "pod": "api", "endpoint": "eth0", "containerID": "api",
			"interfaceName": "cali0e2e", "ipNetworks": []string{address + "/32"}, "profiles": []string{"kns.shop"},
		},
	}), "put", endpoint)
	for _, s := range []server{one, two} {
		eventually(t, time.Minute, ping(pod, s))
	}
	if err := pod.pingBetween(t, one.address(t), two.address(t)); err != nil {
		t.Errorf("the policy's servers: %v", err)
	}
	for _, s := range []server{one, two} {
		if err := refused(ping(stranger, s))(); err != nil {
			t.Errorf("a pod without the label reaches %s: %v", s.Name, err)
		}
	}
	etcdctl(t, 3, "", "del", key)
	eventually(t, time.Minute, ping(stranger, one))
}

// endpoint returns the spec of a server's WorkloadEndpoint.
func (r resources) endpoint(t *testing.T, s server) object {
	t.Helper()
	for name, spec := range r.store.specs(t) {
		if !strings.HasPrefix(name, "workloadendpoints/") {
			continue
		}
		if spec := spec.(object); spec["workload"] == s.ID {
			return spec
		}
	}
	t.Fatalf("%s has no WorkloadEndpoint", s.Name)
	return nil
}

// left checks that nothing of OpenStack is left in etcd but what is Felix', who
// goes on, and what networking-calico says of all of Calico.
func (r resources) left(t *testing.T) {
	t.Helper()
	// Some keys end by a lease; the longest is the hook's, by which no neutron-server leads for three minutes.
	eventually(t, 4*time.Minute, func() error {
		var errs []error
		for _, key := range strings.Fields(etcdctl(t, 3, "", "get", "--keys-only", "--prefix", "/calico/")) {
			_, known := calico3[strings.TrimPrefix(key, resourcesPrefix)]
			if !known && !strings.HasPrefix(key, "/calico/felix/") && !strings.HasPrefix(key, "/calico/compaction/") {
				errs = append(errs, fmt.Errorf("%s is left in etcd", key))
			}
		}
		return errors.Join(errs...)
	})
	specs := r.store.specs(t)
	for name, text := range calico3 {
		if want := decode(t, text); name != "clusterinformations/default" && !reflect.DeepEqual(specs[name], want) {
			t.Errorf("%s is %v, before %v", name, specs[name], want)
		}
	}
	if keys := etcdctl(t, 3, "", "get", "--keys-only", "--prefix", "/ccp/"); keys != "" {
		t.Errorf("the record is there: %s", keys)
	}
}

// startFelix starts the stand-in for Felix on each node, or the program that
// E2E_FELIX names.
func startFelix(t *testing.T) {
	t.Helper()
	own(t)
	program, err := exec.LookPath(cmp.Or(os.Getenv("E2E_FELIX"), "stand-in-felix"))
	if err != nil {
		t.Fatal("run make bin/stand-in-felix: ", err)
	}
	for _, node := range cluster.Nodes {
		// The real one takes the datastore from the names without FELIX_.
		environment := []string{"FELIX_FELIXHOSTNAME=" + node.Name, "FELIX_DATASTORETYPE=etcdv3", "FELIX_ETCDENDPOINTS=http://127.0.0.1:2379",
			"DATASTORE_TYPE=etcdv3", "ETCD_ENDPOINTS=http://127.0.0.1:2379"}
		for _, setting := range []string{
			"BPFENABLED=false", "ENDPOINTSTATUSPATHPREFIX=none", "HEALTHENABLED=false", "IPV6SUPPORT=false", "LOGFILEPATH=none", "LOGSEVERITYFILE=none",
			"LOGSEVERITYSCREEN=info", "LOGSEVERITYSYS=none", "USAGEREPORTINGENABLED=false", "XDPENABLED=false",
		} {
			environment = append(environment, "FELIX_"+setting)
		}
		if os.Getenv("E2E_FELIX") != "" {
			// It leaves its rules when it ends, and they are for the interfaces of other networks, too.
			t.Cleanup(func() {
				onNode(t, node.Name, "sh", "-ec", `for table in raw mangle nat filter; do iptables-save -t $table | grep -v cali | iptables-restore -T $table; done`)
			})
		}
		startOnNode(t, node.Name, "felix", environment, program)
	}
}

// withoutDummyDevices makes up for a kernel that has none, which Calico's own DHCP
// agent needs, in the image of Neutron.
func withoutDummyDevices(t *testing.T) {
	t.Helper()
	if _, err := try(t, "", "unshare", "--net", "ip", "link", "add", "e2e", "type", "dummy"); err == nil || os.Getenv("E2E_NETWORKING_CALICO") == "" {
		return
	}
	recipe := filepath.Join("testdata", "dummy.containerfile")
	if err := imageBuilder().Push(t.Context(), "ccp/neutron:latest", recipe, t.TempDir(), "--build-arg=NEUTRON="+registry()+"/ccp/neutron:latest"); err != nil {
		t.Fatal(err)
	}
}
