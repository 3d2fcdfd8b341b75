package chart

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/helm-ccp/helm-ccp/charts"
	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
	"github.com/helm-ccp/helm-ccp/pkg/topology"
)

// house is a small set of charts: web has a service on each network, shelf a
// DaemonSet with everything a schema can say.
func house(t *testing.T) fstest.MapFS {
	t.Helper()
	fsys := fstest.MapFS{}
	for _, name := range []string{"common/Chart.yaml", "common/global.yaml", "common/values.schema.json", "common/releases.yaml"} {
		data, err := charts.FS.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		fsys[name] = &fstest.MapFile{Data: data}
	}
	for name, text := range map[string]string{
		"web/Chart.yaml":    "apiVersion: v2\nname: web\nversion: 0.1.0\ndependencies: [{name: common, version: 0.1.0, repository: file://../common}]\n",
		"web/services.yaml": "services:\n  web: {workload: Deployment, nodes_connect: [calico]}\n  tap: {workload: DaemonSet, network: [calico], follows: [shelf]}\n  bridge: {workload: DaemonSet, network: [openvswitch], follows: [shelf]}\n",
		"web/values.yaml":   "agent_count: 1\n",
		"web/values.schema.json": `{"type": "object", "properties": {"agent_count": {"type": "integer"}, "agent": {"enum": ["calico", "openvswitch"], "x-ccp-global": "network.backend"},
			"port": {"type": ["integer", "string"], "x-ccp-global": "network.calico.etcd_port"}, "secret": {"type": "string", "x-ccp-global": "network.calico.etcd_secret"}}, "additionalProperties": false}`,
		"shelf/Chart.yaml":    "apiVersion: v2\nname: shelf\nversion: 0.1.0\n",
		"shelf/services.yaml": "claims: [rack]\nservices:\n  shelf: {workload: DaemonSet}\ncredentials:\n  passwords: {shelf-password: secret_configs.shelf.password, shelf-token: configs.rack.token}\n",
		"shelf/values.yaml":   "width: 1\nrack: {height: 2}\nname: shelf\n",
		"shelf/values.schema.json": `{"type": "object", "required": ["width"], "properties": {
			"width": {"type": "integer"}, "name": {"type": "string"}, "breadth": {"type": "integer", "x-ccp-renamed": "width"},
			"paint": {"type": "object", "x-ccp-unused": "there is no paint"},
			"rack": {"$ref": "#/definitions/rack"}}, "additionalProperties": false,
			"definitions": {"rack": {"type": "object", "properties": {"height": {"type": "integer"}}, "additionalProperties": false}}}`,
	} {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

const roles = "roles: {all: [web, shelf]}\nnodes: {node1: {roles: [all]}, node2: {roles: [all]}}\n"

func build(t *testing.T, text string, opts topology.Options) (*Deployment, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ccp.yaml")
	if err := os.WriteFile(file, []byte(roles+text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := ccpfile.Load([]string{file}, ccpfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return Build(cfg, house(t), Options{Options: opts})
}

func TestWhereConfigsGo(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text   string
		chart  string // "" for the umbrella's global
		path   []string
		want   any
		notice string
	}{
		"a chart's own key":           {text: "configs: {shelf: {width: 7}}", chart: "shelf", path: []string{"width"}, want: int64(7)},
		"a claimed key":               {text: "configs: {rack: {height: 9}}", chart: "shelf", path: []string{"rack", "height"}, want: int64(9)},
		"a name in secret_configs":    {text: "secret_configs: {shelf: {name: oak}}", chart: "shelf", path: []string{"name"}, want: "oak"},
		"an old name":                 {text: "configs: {shelf: {breadth: 7}}", chart: "shelf", path: []string{"width"}, want: int64(7), notice: "configs.shelf.breadth: the key is now width"},
		"a key that is not used":      {text: "configs: {shelf: {paint: {colour: red}}}", chart: "shelf", path: []string{"paint"}, want: nil, notice: "configs.shelf.paint: not used: there is no paint"},
		"a key that is for all":       {text: "configs: {web: {agent: calico}}", path: []string{"network", "backend"}, want: "calico"},
		"the same for all twice":      {text: "configs: {web: {port: '2380'}, network: {calico: {etcd_port: 2380}}}", path: []string{"network", "calico", "etcd_port"}, want: int64(2380)},
		"two halves of a pair":        {text: "configs: {web: {secret: etcd}, network: {calico: {etcd_scheme: https}}}", path: []string{"network", "calico", "etcd_secret"}, want: "etcd"},
		"a global":                    {text: "configs: {private_interface: eth7}", path: []string{"private_interface"}, want: "eth7"},
		"a global under secrets":      {text: "secret_configs: {openstack: {user_name: root}}", path: []string{"openstack", "user_name"}, want: "root"},
		"the release":                 {text: "openstack: {release: '2024.1'}", path: []string{"openstack", "release"}, want: "caracal"},
		"the cluster's domain":        {text: "kubernetes: {cluster_domain: k8s.example}", path: []string{"cluster_domain"}, want: "k8s.example"},
		"the registry":                {text: "registry: {address: 'r.example:5000', username: me, password: x}", path: []string{"images", "pull_secret"}, want: "ccp-registry"},
		"a chart without any service": {text: "---\nroles: {all: [web]}\nconfigs: {shelf: {width: 7}}", chart: "shelf", want: nil, notice: "configs.shelf: not used: no role lists a service of this chart"},
	}
	for title, test := range tests {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			d, err := build(t, test.text, topology.Options{})
			if err != nil {
				t.Fatal(err)
			}
			at := d.Values["global"]
			if test.chart != "" {
				at = d.Values[test.chart]
			}
			for _, key := range test.path {
				m, _ := at.(map[string]any)
				at = m[key]
			}
			if test.path != nil && !reflect.DeepEqual(at, test.want) {
				t.Errorf("got %#v, want %#v", at, test.want)
			}
			if test.notice != "" && !slices.ContainsFunc(d.Notices, func(p ccpfile.Problem) bool { return strings.HasSuffix(p.Error(), test.notice) }) {
				t.Errorf("no notice %q in %v", test.notice, d.Notices)
			}
		})
	}
}

func TestFaultsOfConfigs(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text  string
		wants []string // path: beginning of the message
	}{
		"unknown chart":           {"configs: {shelve: {}}", []string{"configs.shelve: no chart has this key (did you mean \"shelf\"?)"}},
		"not a mapping":           {"configs: {shelf: 7}", []string{"configs.shelf: "}},
		"wrong type, twice":       {"configs: {shelf: {width: oak}, rack: {height: [1]}}", []string{"configs.shelf.width: ", "configs.rack.height: "}},
		"an override's wrong key": {"---\nnodes: {node2: {configs: {shelf: {wdith: 1}}}}", []string{"nodes.node2.configs.shelf.wdith: "}},
		"an unknown backend":      {"configs: {web: {agent: token-ring}}", []string{"configs.web.agent: "}},
		"a list for a password":   {"secret_configs: {shelf: {password: [1]}}", []string{"secret_configs.shelf.password: "}},
	}
	for title, test := range tests {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			_, err := build(t, test.text, topology.Options{})
			var problems ccpfile.Problems
			if !errors.As(err, &problems) {
				t.Fatalf("got %v, want Problems", err)
			}
			if len(problems) != len(test.wants) {
				t.Errorf("%d problems, want %d:\n%v", len(problems), len(test.wants), err)
			}
			for _, want := range test.wants {
				if !slices.ContainsFunc(problems, func(p ccpfile.Problem) bool {
					return strings.Contains(p.Error(), want) && p.Pos.Line > 0
				}) {
					t.Errorf("no problem %q in:\n%v", want, err)
				}
			}
		})
	}
}

// What is for all is written once, or the same each time; a fault names every
// place that has a part in it.
func TestFaultsOfSharedValues(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ text, want string }{
		"two values": {"configs:\n  web: {port: 2380}\n  network: {calico: {etcd_port: 2381}}",
			`ccp.yaml:5:33: configs\.network\.calico\.etcd_port: 2381 here and 2380 at \S+ccp.yaml:4:15 \(configs\.web\.port\) are one value, global\.network\.calico\.etcd_port: write it once`},
		"half of a pair": {"configs: {network: {calico: {etcd_scheme: https}}}",
			`ccp.yaml:3:43: configs\.network\.calico\.etcd_scheme: https needs .*; nothing gives etcd_secret, which is "" then`},
		"the other half": {"configs: {web: {secret: etcd}}",
			`ccp.yaml:3:25: configs\.web\.secret: a certificate is of no use .*; nothing gives etcd_scheme, which is "http" then`},
		"a pair that can't work": {"configs:\n  web: {secret: etcd}\n  network: {calico: {etcd_scheme: http}}",
			`ccp.yaml:4:17: configs\.web\.secret: a certificate is of no use .*; configs\.network\.calico\.etcd_scheme is http at \S+ccp.yaml:5:35`},
		"half of a pair, and a misprint": {"configs: {network: {calico: {etcd_scheme: https, etcd_hsot: x}}}",
			`configs\.network\.calico\.etcd_hsot: unknown key "etcd_hsot" \(did you mean "etcd_host"\?\)`},
	}
	for title, test := range tests {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			_, err := build(t, test.text, topology.Options{})
			var problems ccpfile.Problems
			if !errors.As(err, &problems) || len(problems) != 1 {
				t.Fatalf("got %v, want one problem", err)
			}
			if !regexp.MustCompile(test.want + "$").MatchString(problems[0].Error()) {
				t.Errorf("got %s\nwant %s", problems[0].Error(), test.want)
			}
		})
	}
}

// What a DaemonSet gets for nodes with overrides: one variant for each
// distinct set that concerns its chart.
func TestVariants(t *testing.T) {
	t.Parallel()
	d, err := build(t, `---
nodes:
  node1: {configs: {shelf: {width: 3}}}
  node2: {configs: {shelf: {width: 3}}}
  node3: {roles: [all], configs: {web: {agent_count: 2}}}
  node4: {roles: [all]}
`, topology.Options{Network: "calico", Inventory: &topology.Inventory{Nodes: []topology.Node{{Name: "node1"}, {Name: "node2"}, {Name: "node3"}, {Name: "node4"}}}})
	if err != nil {
		t.Fatal(err)
	}
	variants := func(chart, service string) []map[string]any {
		services := d.Values[chart].(map[string]any)["services"].(map[string]any)
		list, _ := services[service].(map[string]any)["variants"].([]map[string]any)
		return list
	}
	shelf := variants("shelf", "shelf")
	if len(shelf) != 1 || len(shelf[0]["sets"].([]string)) != 2 || !reflect.DeepEqual(shelf[0]["overrides"], map[string]any{"width": int64(3)}) {
		t.Errorf("shelf has the variants %v, want one for two sets", shelf)
	}
	if tap := variants("web", "tap"); len(tap) != 1 || !reflect.DeepEqual(tap[0]["overrides"], map[string]any{"agent_count": int64(2)}) {
		t.Errorf("tap has the variants %v, want one", tap)
	}
}

// The policies of what nodes connect to know the addresses of the nodes that
// have services, or a note says who may connect.
func TestNodeNetworks(t *testing.T) {
	t.Parallel()
	node := func(name string, addresses ...string) topology.Node {
		return topology.Node{Name: name, Addresses: addresses}
	}
	known := []topology.Node{node("node2", "192.0.2.10", "2001:db8::2"), node("node1", "192.0.2.9"), node("elsewhere")}
	many := []topology.Node{}
	for i := range 101 {
		many = append(many, node(fmt.Sprintf("m%d", i), fmt.Sprintf("192.0.2.%d", i+1)))
	}
	const note = "so anybody in the cluster may connect to what pods on the nodes' own network use of web: give the networks"
	tests := map[string]struct {
		text, network string
		nodes         []topology.Node
		want          []any
		note          string // how it begins; "" for none
	}{
		"of the nodes with services": {network: "calico", nodes: known, want: []any{"192.0.2.9/32", "192.0.2.10/32", "2001:db8::2/128"}},
		"given":                      {text: "configs: {network: {node_networks: [192.0.2.0/24]}}", network: "calico", nodes: known, want: []any{"192.0.2.0/24"}},
		"wanted open":                {text: "configs: {network: {node_networks: []}}", network: "calico", want: []any{}},
		"nobody connects":            {network: "openvswitch", nodes: known, want: []any{}},
		"no inventory":               {network: "calico", want: []any{}, note: "the nodes are not known (--kube asks the cluster), " + note},
		"names alone":                {network: "calico", nodes: []topology.Node{known[0], node("node1")}, want: []any{}, note: "the address of node1 is not known (kubectl get nodes -o yaml has them), " + note},
		"a hundred and one":          {text: "---\nnodes: {'m[0-9]+': {roles: [all]}}", network: "calico", nodes: many, want: []any{}, note: "there are more than 100 nodes with services, " + note},
	}
	for title, test := range tests {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			opts := topology.Options{Network: test.network}
			if test.nodes != nil {
				opts.Inventory = &topology.Inventory{Nodes: test.nodes}
			}
			d, err := build(t, test.text, opts)
			if err != nil {
				t.Fatal(err)
			}
			if got := d.Values["global"].(map[string]any)["network"].(map[string]any)["node_networks"]; !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
			var notes []string
			for _, notice := range d.Notices {
				if notice.Path == "configs.network.node_networks" {
					notes = append(notes, notice.Message)
				}
			}
			if len(notes) > 1 || test.note == "" && len(notes) > 0 || test.note != "" && (len(notes) == 0 || !strings.HasPrefix(notes[0], test.note)) {
				t.Errorf("notes %q, want %q", notes, test.note)
			}
		})
	}
}

func TestOverlay(t *testing.T) {
	t.Parallel()
	base := map[string]any{"a": map[string]any{"b": 1, "c": 2}, "d": 3}
	got := overlay(base, map[string]any{"a": map[string]any{"b": nil}, "d": map[string]any{"e": 4}})
	want := map[string]any{"a": map[string]any{"b": nil, "c": 2}, "d": map[string]any{"e": 4}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if !reflect.DeepEqual(base, map[string]any{"a": map[string]any{"b": 1, "c": 2}, "d": 3}) {
		t.Errorf("the base changed: %v", base)
	}
}

// A folder that can't be written leaves the old chart as it was.
func TestWriteIsAllOrNothing(t *testing.T) {
	t.Parallel()
	d, err := build(t, "", topology.Options{})
	if err != nil {
		t.Fatal(err)
	}
	parent := t.TempDir()
	dir := filepath.Join(parent, "chart")
	if err := d.Write(dir, false); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(dir, "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	d.Values["global"].(map[string]any)["placement"] = func() {} // can't be marshalled
	if err := d.Write(dir, true); err == nil {
		t.Fatal("writing a chart that can't be marshalled did not fail")
	}
	after, err := os.ReadFile(filepath.Join(dir, "values.yaml"))
	if err != nil || string(after) != string(before) {
		t.Errorf("the old chart changed: %v", err)
	}
	if entries, _ := os.ReadDir(parent); len(entries) != 1 {
		t.Errorf("something was left beside the chart: %v", entries)
	}
}
