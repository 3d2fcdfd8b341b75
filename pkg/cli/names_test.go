package cli_test

import (
	"strings"
	"testing"
)

// What Kubernetes or a program would refuse, or run, is refused, with its place:
// names, addresses, ports and tags.
func TestValidateRefusesNames(t *testing.T) {
	t.Parallel()
	for text, at := range map[string]string{
		`registry: {address: "https://reg.local"}`:                                           "1:21: registry.address",
		`registry: {address: "reg.local:5000/"}`:                                             "1:21: registry.address",
		`images: {tag: "x y"}`:                                                               "1:15: images.tag",
		`images: {tag: "1 #x"}`:                                                              "1:15: images.tag",
		`images: {namespace: "Team"}`:                                                        "1:21: images.namespace",
		`images: {image_specs: {nova: {tag: "a b"}}}`:                                        "1:36: images.image_specs.nova.tag",
		`images: {image_specs: {nova: {digest: "sha256:0"}}}`:                                "1:39: images.image_specs.nova.digest",
		`kubernetes: {namespace: My_NS}`:                                                     "1:25: kubernetes.namespace",
		`kubernetes: {cluster_domain: "a b"}`:                                                "1:30: kubernetes.cluster_domain",
		`replicas: {mariadb: 100000}`:                                                        "1:21: replicas.mariadb",
		`configs: {calico: {etcd_proxy: {endpoints: [127.0.0.1]}}}`:                          "1:45: configs.calico.etcd_proxy.endpoints[0]",
		`configs: {calico: {etcd_proxy: {endpoints: [999.1.1.1]}}}`:                          "1:45: configs.calico.etcd_proxy.endpoints[0]",
		`configs: {calico: {etcd_proxy: {endpoints: [224.0.0.1]}}}`:                          "1:45: configs.calico.etcd_proxy.endpoints[0]",
		`configs: {neutron: {calico: {etcd_port: "70000"}}}`:                                 "1:41: configs.neutron.calico.etcd_port",
		`configs: {ingress: {enabled: true, domain: "a b", port: 8443}}`:                     "1:44: configs.ingress.domain",
		`configs: {ingress: {enabled: true, domain: a, port: 99999}}`:                        "1:53: configs.ingress.port",
		`configs: {k8s_external_ip: not-an-ip}`:                                              "1:28: configs.k8s_external_ip",
		`configs: {horizon: {port: {node: 80}}}`:                                             "1:34: configs.horizon.port.node",
		`configs: {service_account: {domain: "x'; touch PWNED; '"}}`:                         "1:37: configs.service_account.domain",
		`configs: {private_interface: "eth0 >/dev/null; touch PWNED"}`:                       "1:30: configs.private_interface",
		`configs: {rabbitmq: {user: "openstack\n- name: LD_PRELOAD"}}`:                       "1:28: configs.rabbitmq.user",
		`configs: {openstack: {region: 'x")]; open("PWNED","w")#'}}`:                         "1:31: configs.openstack.region",
		`configs: {neutron: {calico: {etcd_scheme: https, etcd_secret: "a b"}}}`:             "1:63: configs.neutron.calico.etcd_secret",
		`configs: {etcd: {token: "x\n            - --auth-token=simple"}}`:                   "1:25: configs.etcd.token",
		`configs: {memcached: {address: "0.0.0.0\n            - --enable-shutdown"}}`:        "1:32: configs.memcached.address",
		`configs: {keystone: {fernet_secret_name: "keystone-fernet-keys, ccp-credentials"}}`: "1:42: configs.keystone.fernet_secret_name",
	} {
		file := write(t, "more.yaml", text+"\n")
		r := run(t, "", "validate", "-f", example, "-f", file)
		if r.code != 2 || !strings.Contains(r.stderr, file+":"+at) {
			t.Errorf("%s: exit code %d, want it refused at %s:\n%s", text, r.code, at, r.stderr)
		}
	}
	registry := write(t, "more.yaml", "registry: {address: \"[2001:db8::1]:5000/team\"}\n")
	r := run(t, "", "template", "-f", example, "-f", registry)
	if r.code != 0 || !strings.Contains(r.stdout, `image: "[2001:db8::1]:5000/team/ccp/nova:latest"`) {
		t.Errorf("a registry at an IPv6 address: exit code %d\n%s", r.code, r.stderr)
	}
}
