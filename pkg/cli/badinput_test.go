package cli_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// small is a whole topology in a few lines; %s is where a test puts its own.
const small = `roles:
  controller: [mariadb, rabbitmq, memcached, keystone, neutron-server, nova-api]
  compute: [nova-compute, nova-libvirt]
  agents: [neutron-metadata-agent]
nodes:
  node1: {roles: [controller, agents]}
  node2: {roles: [compute]}
`

// Each of these is refused with exit code 2, every fault on a line of its own
// with its place, nothing on standard output and nothing written.
func TestBadInput(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text  string
		args  []string
		wants []string // regular expressions, each for one line
	}{
		"broken YAML":                         {text: "roles: [a\nnodes: {", wants: []string{`ccp\.yaml:\d+:\d+: .`}},
		"tab":                                 {text: "roles:\n\tcontroller: []\n", wants: []string{`ccp\.yaml:2:1: .*tab`}},
		"duplicate key":                       {text: "roles: {}\nroles: {}\n", wants: []string{`ccp\.yaml:2:1: .*"roles"`}},
		"missing include":                     {text: "!include [nothere.yaml]\n", wants: []string{`ccp\.yaml:1:\d+: .*nothere\.yaml`}},
		"include loop":                        {text: "!include [ccp.yaml]\n", wants: []string{`ccp\.yaml:1:\d+: .*ccp\.yaml`}},
		"bad regular expression":              {text: small + "  'node[': {roles: [compute]}\n", wants: []string{`ccp\.yaml:8:3: nodes\."node\[": .`}},
		"undefined role":                      {text: small + "  node3: {roles: [computer]}\n", wants: []string{`ccp\.yaml:8:\d+: nodes\.node3\.roles\[0\]: .*computer.*compute`}},
		"undefined service":                   {text: "roles: {controller: [keyston]}\nnodes: {node1: {roles: [controller]}}\n", wants: []string{`ccp\.yaml:1:\d+: roles\.controller\[0\]: .*keyston.*keystone`}},
		"wrong type":                          {text: small + "configs: {keystone: {debug: 17}}\n", wants: []string{`ccp\.yaml:8:\d+: configs\.keystone\.debug: .`}},
		"unknown key of a chart":              {text: small + "configs: {keystone: {debgu: true}}\n", wants: []string{`ccp\.yaml:8:\d+: configs\.keystone\.debgu: .*debug`}},
		"unknown chart":                       {text: small + "configs: {keyston: {debug: true}}\n", wants: []string{`ccp\.yaml:8:\d+: configs\.keyston: .*keystone`}},
		"unknown top-level key":               {text: small + "rolls: {}\n", wants: []string{`ccp\.yaml:8:1: rolls: .*roles`}},
		"replicas over the nodes":             {text: small + "replicas: {keystone: 3}\n", args: []string{"--nodes", "nodes.txt"}, wants: []string{`ccp\.yaml:8:\d+: replicas\.keystone: .*node1`}},
		"replicas of a DaemonSet":             {text: small + "replicas: {nova-compute: 1}\n", wants: []string{`ccp\.yaml:8:\d+: replicas\.nova-compute: .`}},
		"override of a key that no chart has": {text: small + "  node3: {roles: [compute], configs: {nova: {virt_tpye: qemu}}}\n", wants: []string{`ccp\.yaml:8:\d+: nodes\.node3\.configs\.nova\.virt_tpye: .*virt_type`}},
		"unknown release":                     {text: small + "openstack: {release: zedd}\n", wants: []string{`ccp\.yaml:8:\d+: openstack\.release: .*zed`}},
		"unknown release, flag":               {text: small, args: []string{"--openstack-release", "zedd"}, wants: []string{`^--openstack-release: .*zed`}},
		"two regions": {
			text:  small + "configs:\n  neutron: {calico: {openstack_region: north}}\n  calico: {region: south}\n",
			wants: []string{`ccp\.yaml:10:20: configs\.calico\.region: south here and north at .*ccp\.yaml:9:40 \(configs\.neutron\.calico\.openstack_region\) are one value`},
		},
		"etcd's certificate without https": {
			text:  small + "configs:\n  neutron: {calico: {etcd_scheme: http}}\n  calico: {etcd: {tls_secret: etcd-client}}\n",
			wants: []string{`ccp\.yaml:10:31: configs\.calico\.etcd\.tls_secret: .*; configs\.neutron\.calico\.etcd_scheme is http at .*ccp\.yaml:9:35`},
		},
		"servers without etcd": {
			text:  small + "configs:\n  neutron: {plugin_agent: calico}\n  calico: {store: kubernetes}\n",
			wants: []string{`ccp\.yaml:10:19: configs\.calico\.store: kubernetes does not go with nova-compute \(role compute\): networking-calico .* speak etcd only`},
		},
		"unknown backend":       {text: small + "configs: {neutron: {plugin_agent: calicoo}}\n", wants: []string{`ccp\.yaml:8:\d+: configs\.neutron\.plugin_agent: .*calico`}},
		"unknown backend, flag": {text: small, args: []string{"--network", "calicoo"}, wants: []string{`calico`}},
		"compute without libvirt": {
			text:  "roles: {controller: [mariadb, keystone], compute: [nova-compute]}\nnodes: {node1: {roles: [controller]}, node2: {roles: [compute]}}\n",
			wants: []string{`ccp\.yaml:1:\d+: roles\.compute\[0\]: .*nova-libvirt`},
		},
		"password with a quote": {text: small + "secret_configs: {keystone: {db: {password: \"a'b\"}}}\n", wants: []string{`ccp\.yaml:8:\d+: secret_configs\.keystone\.db\.password: .`}},
		"deep nesting":          {text: strings.Repeat("[", 1_000_000), wants: []string{`ccp\.yaml:1:\d+: .*deep`}},
		"alias bomb": {
			text:  "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + bomb(),
			wants: []string{`ccp\.yaml:\d+:\d+: .`},
		},
		"huge file": {text: "# " + strings.Repeat(strings.Repeat("x", 1023)+"\n#", 50_000), wants: []string{`ccp\.yaml:1:1: .*MiB`}},
		"all at once": {
			text: "rolls: {}\nroles: {controller: [keyston]}\nnodes: {node1: {roles: [controler]}}\nconfigs: {keystone: {debug: 17}}\nopenstack: {release: zedd}\n",
			wants: []string{
				`ccp\.yaml:1:1: rolls: `, `ccp\.yaml:2:\d+: roles\.controller\[0\]: `, `ccp\.yaml:3:\d+: nodes\.node1\.roles\[0\]: `,
				`ccp\.yaml:4:\d+: configs\.keystone\.debug: `, `ccp\.yaml:5:\d+: openstack\.release: `,
			},
		},
	}
	for title, test := range tests {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			file := write(t, "ccp.yaml", test.text)
			args := append([]string{"generate", "-f", file, "-o", filepath.Join(filepath.Dir(file), "out")}, test.args...)
			for i, arg := range args {
				if arg == "nodes.txt" {
					args[i] = write(t, "nodes.txt", "node1\nnode2\n")
				}
			}
			r := run(t, "", args...)
			if r.code != 2 {
				t.Errorf("exit code %d, want 2", r.code)
			}
			if r.stdout != "" {
				t.Errorf("standard output: %s", r.stdout)
			}
			for _, want := range test.wants {
				if !regexp.MustCompile("(?m)" + want).MatchString(r.stderr) {
					t.Errorf("no line of standard error matches %s:\n%.2000s", want, r.stderr)
				}
			}
			if entries, _ := os.ReadDir(filepath.Dir(file)); len(entries) != 1 {
				t.Errorf("something was written: %v", entries)
			}
		})
	}
}

// bomb is nine levels of aliases, 9^9 values when followed.
func bomb() string {
	var out strings.Builder
	for i := 1; i < 10; i++ {
		name, last := string(rune('a'+i)), "*a0"
		if i > 1 {
			last = "*" + string(rune('a'+i-1))
		}
		out.WriteString("x-" + name + ": &" + name + " [" + strings.TrimSuffix(strings.Repeat(last+",", 9), ",") + "]\n")
	}
	return out.String()
}

func TestWrongCalls(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"nothing"}, {"topology", "--nothing"}, {"topology", "-f", "nothere.yaml"}, {"topology", "-f", example, "-o", "xml"},
		{"topology", "-f", example, "--nodes", "nothere.txt"}, {"topology", "-f", example, "--node-match", "half"},
		{"topology", "-f", example, "--placement", "nowhere"}, {"validate", "one", "two"}, {"topology", "-f", example, "--nodes", "a", "--kube"},
	} {
		if r := run(t, "", args...); r.code != 2 || r.stdout != "" || r.stderr == "" {
			t.Errorf("ccp %s: exit code %d, want 2; standard output %q, standard error %q", strings.Join(args, " "), r.code, r.stdout, r.stderr)
		}
	}
}

func TestGenerateKeepsWhatIsNotIts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keep := filepath.Join(dir, "letter.txt")
	if err := os.WriteFile(keep, []byte("dear reader"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := run(t, "", "generate", "-f", example, "-o", dir); r.code != 2 || !strings.Contains(r.stderr, "--force") {
		t.Errorf("exit code %d, want 2: %s", r.code, r.stderr)
	}
	if tree := readTree(t, dir); len(tree) != 1 || tree["letter.txt"] != "dear reader" {
		t.Errorf("the folder changed: %v", tree)
	}
	ok(t, "generate", "-f", example, "-o", dir, "--force")
	if _, err := os.Stat(keep); !os.IsNotExist(err) {
		t.Error("--force left the old file")
	}
	ok(t, "generate", "-f", example, "-o", dir, "--network", "openvswitch") // ours may be replaced
	if tree := readTree(t, dir); !strings.Contains(tree["values.yaml"], "backend: openvswitch") {
		t.Errorf("the second chart was not written: %.500s", tree["values.yaml"])
	}
}
