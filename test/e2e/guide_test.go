package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestGuide goes the guide's way with the verbs of ccp: deploy, all Jobs finish,
// Calico knows, the openrc that was written gets something made, cleanup removes
// that and takes back what Calico was told. Of Calico's datastores it takes etcd v2,
// the guide's own, with all of its controller, and Kubernetes with what Neutron
// needs; TestServersCalico goes the same way on etcd v3. Neutron is real but for
// networking-calico, for which testdata has a stand-in.
func TestGuide(t *testing.T) {
	hookImage(t)
	debianImages(t, "etcd", "glance", "heat", "horizon", "keystone", "mariadb", "memcached", "neutron", "nova",
		"openstackclient", "placement", "rabbitmq")
	const network = `
openstack network create --provider-network-type local --share vms -f value -c name
openstack subnet create --network vms --subnet-range 10.65.0.0/24 vms -f value -c cidr
openstack port create --network vms port -f value -c name
`
	for _, test := range []struct {
		store, config, script, made string
		removed                     []string
	}{
		{
			store: "etcdv2",
			script: network + `
head -c 1000000 /dev/urandom > /tmp/disk
openstack image create --disk-format raw --container-format bare --protected --file /tmp/disk disk > /dev/null
openstack image show disk -f value -c status
openstack flavor show m1.test -f value -c ram
openstack compute service list -f value -c Binary -c State --sort-column Binary
`,
			made:    "vms 10.65.0.0/24 port active 128 nova-conductor up nova-scheduler up",
			removed: []string{"1 images", "1 ports", "1 networks"},
		},
		{store: "kubernetes/crd.projectcalico.org", config: "testdata/guide-neutron.yaml", script: network, made: "vms 10.65.0.0/24 port", removed: []string{"1 ports", "1 networks"}},
	} {
		t.Run(test.store, func(t *testing.T) {
			calico := newFabric(t, test.store)
			l := newLife(t, "e2e-guide", "testdata/guide.yaml")
			store, _, _ := strings.Cut(test.store, "/")
			flags := l.with(t, "configs: {calico: {store: "+store+"}}")
			if test.config != "" {
				flags = slices.Concat([]string{"-f", absolute(t, test.config)}, flags)
			}
			l.must(t, "deploy", flags...).expect(t, 0, "labelled 1 of 3 nodes", "everything is ready", "openrc-e2e-guide")
			calico.told(t)
			install := installation{namespace: l.namespace}
			install.complete(t)

			openrc := filepath.Join(l.dir, "openrc-e2e-guide")
			if info, err := os.Stat(openrc); err != nil || info.Mode() != 0o600 {
				t.Errorf("the openrc: %v, %v", info, err)
			}
			if made := strings.Join(strings.Fields(install.openstack(t, openrc, test.script)), " "); made != test.made {
				t.Errorf("OpenStack made %q, want %q", made, test.made)
			}
			o := l.must(t, "cleanup", "--yes")
			for _, what := range test.removed {
				o.expect(t, 0, "removed "+what+" in OpenStack")
			}
			o.expect(t, 0, "took the labels off 1 nodes", "the namespace e2e-guide has gone")
			calico.untouched(t)
		})
	}
}
