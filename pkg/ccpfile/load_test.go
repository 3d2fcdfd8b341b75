package ccpfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// load reads text as stdin, so that problems are at "stdin".
func load(text string) (*Config, error) {
	return Load([]string{"-"}, Options{Stdin: strings.NewReader(text)})
}

func mustLoad(t *testing.T, text string) *Config {
	t.Helper()
	c, err := load(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// names returns the names of refs.
func names(refs []Ref) []string {
	var out []string
	for _, r := range refs {
		out = append(out, r.Name)
	}
	return out
}

func TestGuide(t *testing.T) {
	t.Parallel()
	c, err := Load([]string{"../../examples/calico/ccp.yaml"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Configs.Get("neutron", "plugin_agent").Interface(); got != "calico" {
		t.Errorf("plugin_agent = %v", got)
	}
	if got := c.Configs.Get("neutron", "calico", "etcd_port").Interface(); got != "2379" {
		t.Errorf("etcd_port = %v (%T)", got, got)
	}
	if got := c.Kubernetes.Get("namespace").Interface(); got != "ccp" {
		t.Errorf("namespace = %v", got)
	}
	want := []any{"10.210.1.11", "10.210.1.12", "10.210.1.13"}
	if got := c.Configs.Get("calico", "etcd_proxy", "endpoints").Interface(); !reflect.DeepEqual(got, want) {
		t.Errorf("endpoints = %v", got)
	}
	if len(c.Nodes) != 2 || c.Nodes[1].Pattern != "node[2-3]" || c.Nodes[1].Path != `nodes."node[2-3]"` ||
		!reflect.DeepEqual(names(c.Nodes[1].Roles), []string{"compute", "calico"}) {
		t.Errorf("Nodes = %+v", c.Nodes)
	}
	if got := c.Nodes[0].Roles[1]; got.Pos.Line != 15 || got.Pos.Column != 9 || got.Path != "nodes.node1.roles[1]" {
		t.Errorf("nodes.node1.roles[1] = %+v", got)
	}
	var roles []string
	for _, r := range c.Roles {
		roles = append(roles, r.Name)
	}
	if !reflect.DeepEqual(roles, []string{"controller", "neutron-agents", "compute", "calico"}) || len(c.Roles[0].Services) != 16 {
		t.Errorf("Roles = %+v", c.Roles)
	}
	if c.Placement != "label" || c.Release != "" || len(c.Notices) != 0 || len(c.Files) != 1 {
		t.Errorf("Placement %q, Release %q, Notices %v, Files %v", c.Placement, c.Release, c.Notices, c.Files)
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, `
x-services: &both [keystone, keystone]
openstack: {release: 2024.1}
placement: hostname
nodes:
  only-roles: {roles: [a, b, a]}
  only-configs: {configs: {private_interface: eth7}}
  neither:
  empty: {roles: }
roles:
  a: *both
  b:
  c: []
services:
  keystone: {service_def: keystone, mapping: {database: keystone-db}}
  keystone-db: {service_def: galera}
replicas: {keystone: 3, etcd: 3.0}
`)
	if c.Placement != "hostname" || c.Release != "2024.1" {
		t.Errorf("Placement %q, Release %q", c.Placement, c.Release)
	}
	if got := names(c.Nodes[0].Roles); !reflect.DeepEqual(got, []string{"a", "b"}) {
		t.Errorf("roles of a node, one twice: %v", got)
	}
	if c.Nodes[0].Configs != nil || c.Nodes[1].Configs.Get("private_interface").Interface() != "eth7" || c.Nodes[1].Roles != nil {
		t.Errorf("Nodes = %+v", c.Nodes)
	}
	if len(c.Nodes) != 4 || len(c.Roles) != 3 {
		t.Errorf("%d nodes, %d roles", len(c.Nodes), len(c.Roles))
	}
	if got := names(c.Roles[0].Services); !reflect.DeepEqual(got, []string{"keystone"}) {
		t.Errorf("services of a role, one twice: %v", got)
	}
	m := c.Services[0].Mapping[0]
	if c.Services[0].ServiceDef.Name != "keystone" || m.Need != "database" || m.Service.Name != "keystone-db" || m.Path != "services.keystone.mapping.database" {
		t.Errorf("Services = %+v", c.Services)
	}
	if c.Replicas[0].Count != 3 || c.Replicas[1].Count != 3 || c.Replicas[0].Service.Name != "keystone" || c.Replicas[0].Pos.Line != 17 {
		t.Errorf("Replicas = %+v", c.Replicas)
	}
}

func TestRelease(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                      "",
		"openstack: {release: zed}":             "zed",
		"configs: {openstack: {release: yoga}}": "yoga",
		"configs: {openstack: {release: 2023.2}}":                          "2023.2",
		"openstack: {release: zed}\nconfigs: {openstack: {release: yoga}}": "zed",
		"openstack: {release: }":                                           "",
	} {
		if got := mustLoad(t, text).Release; got != want {
			t.Errorf("%s: Release = %q, want %q", text, got, want)
		}
	}
}

// What a first implementation accepted.
func TestAccepted(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "---\n", "# nothing\n", "---\n---\nroles:\n", "\ufeffroles: {}\n", "roles: {}\r\nnodes: {}\r\n",
		"roles: null\nnodes: null\nservices: null\nreplicas: null\nconfigs: null\nsecret_configs: null",
		"configs: {etcd: {client_port: {cont: \"2379\", node: 30000}}, 'private interface': 1}",
		"x-anything: [1, {a: b}]", "kubernetes: {password: null, image_pull_policy: null, appcontroller: {enabled: no}}",
		"registry: {address: \"127.0.0.1:31500\", insecure: yes, username: u, password: p, timeout: 300}",
		"images: {namespace: ccp, tag: latest, image_specs: {keystone: {tag: t}, nova: {namespace: n}, etcd: }}",
		"sources: {openstack/networking-calico: {git_url: u, git_ref: r}, b: {source_dir: d}}",
		"repositories: {clone: true, repos: [{name: x}]}\nurl: http://x\nversions: {a: 1}",
		"nodes: {node1: {configs: {}}}",
	} {
		if _, err := load(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestNotices(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, `
ccp_node: {}
kubernetes: {namespace: a, server: "http://x", cluster_domain: b, image_pull_policy: Always}
registry: {address: r, timeout: 5}
images: {tag: t, base_distro: debian}
builder: {workers: 2, keep_image_tree_consistency: yes}
debug: false
log_file:
x-mine: 1
---
debug: true
`)
	want := strings.TrimSpace(`
stdin:2:1: ccp_node: ignored: it is computed, not written
stdin:3:28: kubernetes.server: not used: the kubeconfig says how to reach the cluster
stdin:4:24: registry.timeout: not used: the container runtime of the nodes has its own
stdin:5:18: images.base_distro: not used: images are built on bases of their own
stdin:6:23: builder.keep_image_tree_consistency: not used: an image is always built after the one that it is made on
stdin:11:1: debug: not used: there is no such log`)
	if got := Problems(c.Notices).Error(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// A secret that stands where it would be in a ConfigMap is named, and not dumped.
func TestSecretsThatCanBeRead(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, `
configs:
  nova: {conf: {nova: {keystone_authtoken: {password: SEKRET}, database: {connection: "mysql://a:SEKRET@h/x"}, api: {auth_type: password, max_limit: 5}}}}
  rabbitmq: {conf: {rabbitmq: {default_pass: SEKRET, listeners.tcp.default: 5672}}}
  glance: {bootstrap: {image: {url: "https://example.org/a"}}}
nodes:
  node1: {configs: {keystone: {conf: {keystone: {ldap: {password: SEKRET}}}}}}
`)
	var places []string
	for _, notice := range c.Notices {
		if !strings.Contains(notice.Message, "ConfigMap") || strings.Contains(notice.Error(), "SEKRET") {
			t.Error(notice)
		}
		places = append(places, notice.Path)
	}
	want := []string{
		"configs.nova.conf.nova.keystone_authtoken.password", "configs.nova.conf.nova.database.connection",
		"configs.rabbitmq.conf.rabbitmq.default_pass", "nodes.node1.configs.keystone.conf.keystone.ldap.password",
	}
	if !slices.Equal(places, want) {
		t.Errorf("named are %q, want %q", places, want)
	}
	if text := dump(t, c); strings.Contains(text, "SEKRET") || !strings.Contains(text, "auth_type: password") {
		t.Errorf("the dump is\n%s", text)
	}
}

func TestNoticesNameEveryUnusedKey(t *testing.T) {
	t.Parallel()
	for _, u := range unused {
		top, below, nested := strings.Cut(u.path, ".")
		if _, ok := fileSchema().Properties[top]; !ok || nested && fileSchema().Properties[top].Properties[below] == nil {
			t.Errorf("%s: the schema does not know it", u.path)
		}
	}
}

func TestDefaultFile(t *testing.T) {
	home, dir := t.TempDir(), t.TempDir()
	t.Setenv("HOME", home)
	t.Chdir(dir)
	if _, err := DefaultFile(); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), filepath.Join(home, ".ccp.yaml")) {
		t.Errorf("without a file: %v", err)
	}
	for _, file := range []string{filepath.Join(home, ".ccp", "ccp.yaml"), filepath.Join(home, ".ccp.yaml"), "ccp.yaml"} {
		write(t, file, "")
		if got, err := DefaultFile(); got != file || err != nil {
			t.Errorf("DefaultFile() = %q, %v; want %q", got, err, file)
		}
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestMissingFile(t *testing.T) {
	t.Parallel()
	_, err := Load([]string{filepath.Join(t.TempDir(), "no.yaml")}, Options{})
	var problems Problems
	if !errors.Is(err, fs.ErrNotExist) || errors.As(err, &problems) {
		t.Errorf("err = %v", err)
	}
	if _, err := Load([]string{t.TempDir()}, Options{}); err == nil {
		t.Error("a folder was read")
	}
}
