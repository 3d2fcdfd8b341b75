package topology

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/helm-ccp/helm-ccp/pkg/catalog"
	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
)

// charts is the catalog of the tests: every service, as a first draft of what
// the charts say.
var charts = sync.OnceValue(func() *catalog.Catalog {
	c, err := catalog.Load(os.DirFS("../catalog/testdata/charts"))
	if err != nil {
		panic(err)
	}
	return c
})

// read parses text as ccp.yaml.
func read(t testing.TB, text string) *ccpfile.Config {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ccp.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := ccpfile.Load([]string{file}, ccpfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// messages are problems one a line, without the folder of the file.
func messages(problems []ccpfile.Problem) string {
	var lines []string
	for _, p := range problems {
		if p.Pos.File != "" {
			p.Pos.File = filepath.Base(p.Pos.File)
		}
		lines = append(lines, p.Error())
	}
	return strings.Join(lines, "\n")
}

func inventory(names ...string) *Inventory {
	inv := &Inventory{}
	for _, name := range names {
		inv.Nodes = append(inv.Nodes, Node{Name: name, Hostname: name})
	}
	return inv
}

// options are the usual ones, with an inventory when names are given.
func options(names ...string) Options {
	o := Options{Network: "openvswitch", Release: "zed"}
	if len(names) > 0 {
		o.Inventory = inventory(names...)
	}
	return o
}

func resolve(t testing.TB, text string, o Options) *Topology {
	t.Helper()
	top, err := Resolve(read(t, text), charts(), o)
	if err != nil {
		t.Fatal(err)
	}
	return top
}

// problems resolves what must not resolve.
func problems(t *testing.T, text string, o Options) string {
	t.Helper()
	top, err := Resolve(read(t, text), charts(), o)
	ps, ok := err.(ccpfile.Problems)
	if !ok || top != nil {
		t.Fatalf("got %v, %v, want only Problems", top, err)
	}
	return messages(ps)
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}

// placed says on which roles each service is.
func placed(top *Topology) map[string]string {
	out := map[string]string{}
	for name, s := range top.Services {
		out[name] = strings.Join(s.Roles, " ")
	}
	return out
}

func TestServiceRunsOnTheUnionOfItsRolesEachNodeOnce(t *testing.T) {
	t.Parallel()
	top := resolve(t, `
nodes:
  node1: {roles: [a, b]}
  node2: {roles: [b]}
  node3: {roles: [c]}
  node4: {roles: []}
roles: {a: [memcached], b: [etcd, memcached], c: [etcd]}
`, options("node4", "node3", "node2", "node1"))
	same(t, "memcached", top.Services["memcached"].Nodes, []string{"node1", "node2"})
	same(t, "etcd", top.Services["etcd"].Nodes, []string{"node1", "node2", "node3"})
	same(t, "roles", top.Services["memcached"].Roles, []string{"a", "b"})
	same(t, "replicas", top.Services["memcached"].Replicas, 1)
}

func TestNodeMatchedBySeveralKeysHasAllTheirRoles(t *testing.T) {
	t.Parallel()
	top := resolve(t, `
nodes:
  node[1-3]: {roles: [a]}
  node(2|3): {roles: [b]}
  .*3: {roles: [a, c]}
roles: {a: [memcached], b: [etcd], c: [rabbitmq]}
`, options("node1", "node2", "node3"))
	same(t, "nodes", top.Nodes, map[string][]string{
		"node1": {"memcached"}, "node2": {"etcd", "memcached"}, "node3": {"etcd", "memcached", "rabbitmq"},
	})
}

func TestInventoryNodesWithNoRoleAreListedWithEmptyServiceLists(t *testing.T) {
	t.Parallel()
	top := resolve(t, "nodes: {node1: {roles: [a]}}\nroles: {a: [etcd]}\n", options("node1", "node2"))
	same(t, "nodes", top.Nodes, map[string][]string{"node1": {"etcd"}, "node2": {}})
	top = resolve(t, "nodes: {}\n", options("node1"))
	same(t, "nodes", top.Nodes, map[string][]string{"node1": {}})
}

func TestNodesAreEmptyWithoutAnInventoryInLabelMode(t *testing.T) {
	t.Parallel()
	top := resolve(t, "nodes: {node1: {roles: [a]}}\nroles: {a: [etcd]}\n", options())
	same(t, "nodes", top.Nodes, map[string][]string{})
	same(t, "nodes of etcd", top.Services["etcd"].Nodes, []string{})
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, text string
		nodes      []string
		want       string
	}{
		{"a role used by no node", "nodes: {n: {roles: [a]}}\nroles:\n  a: [etcd]\n  b: [memcached]\n", nil,
			"ccp.yaml:4:3: roles.b: no node has the role b, so it places nothing"},
		{"a pattern that matches no inventory node", "nodes:\n  n1: {roles: [a]}\n  x[0-9]: {roles: [a]}\nroles: {a: [etcd]}\n", []string{"n1"},
			`ccp.yaml:3:3: nodes."x[0-9]": no node of the inventory matches "x[0-9]"`},
		{"whole and prefix match differ", "nodes:\n  node1: {roles: [a]}\nroles: {a: [etcd]}\n",
			[]string{"node1", "node10", "node11", "node12", "node13", "node14", "node15", "node16", "node2"},
			`ccp.yaml:2:3: nodes.node1: "node1" takes whole names, so it does not take node10, node11, node12, node13, node14 and 2 more; with --node-match=prefix, the first implementation's way, it would`},
		{"a need that is not placed", "nodes: {n: {roles: [a]}}\nroles: {a: [horizon, heat-api, mariadb]}\n", nil,
			"ccp.yaml:2:13: roles.a[0]: horizon needs memcached, which no role with nodes lists\n" +
				"ccp.yaml:2:22: roles.a[1]: heat-api needs rpc, which nothing provides: list rabbitmq in a role\n" +
				"ccp.yaml:2:22: roles.a[1]: heat-api, horizon need keystone, which no role with nodes lists"},
		{"needs_on_node by roles without an inventory", "nodes: {n: {roles: [a, b]}}\nroles:\n  a: [nova-compute, rabbitmq]\n  b: [nova-libvirt]\n", nil,
			"ccp.yaml:3:7: roles.a[0]: nova-compute needs nova-libvirt on each of its nodes, and the role a does not list it; give an inventory with --nodes or --kube to check the nodes"},
		{"an instance that no role lists", "nodes: {n: {roles: [a]}}\nroles: {a: [etcd]}\nservices: {database: {service_def: galera}}\n", nil,
			"ccp.yaml:3:12: services.database: no role lists database, so it is not deployed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			top := resolve(t, test.text, options(test.nodes...))
			if got := messages(top.Warnings); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

func TestPrefixMatchTakesWhatTheFirstImplementationTook(t *testing.T) {
	t.Parallel()
	o := options("node1", "node10", "node2")
	o.NodeMatch = Prefix
	top := resolve(t, "nodes: {node1: {roles: [a]}}\nroles: {a: [etcd]}\n", o)
	same(t, "etcd", top.Services["etcd"].Nodes, []string{"node1", "node10"})
	same(t, "warnings", messages(top.Warnings), "")
}

func TestProblems(t *testing.T) {
	t.Parallel()
	const roles = "nodes: {n1: {roles: [a]}, n2: {roles: [a]}}\nroles: {a: [etcd, openvswitch-db]}\n"
	for _, test := range []struct {
		name, text string
		nodes      []string
		want       string
	}{
		{"a bad expression", "nodes: {'node[1': {roles: []}, 'a)|(b': {roles: []}}\n", []string{"node1"},
			`ccp.yaml:1:9: nodes."node[1": not a regular expression: missing closing ]: "[1"` + "\n" +
				`ccp.yaml:1:32: nodes."a)|(b": not a regular expression: unexpected ): "a)|(b"`},
		{"more replicas than nodes", roles + "replicas: {etcd: 3}\n", []string{"n1", "n2", "n3"},
			"ccp.yaml:3:18: replicas.etcd: 3 replicas of etcd need as many nodes, but its roles (a) have 2: n1, n2"},
		{"replicas for a service no role lists", roles + "replicas: {memcached: 1}\n", nil,
			"ccp.yaml:3:23: replicas.memcached: no role lists memcached"},
		{"replicas for a DaemonSet", roles + "replicas: {openvswitch-db: 2}\n", nil,
			"ccp.yaml:3:28: replicas.openvswitch-db: openvswitch-db is a DaemonSet, which runs once on every node of its roles: leave its replicas out"},
		{"replicas for nothing", roles + "replicas: {etdc: 2}\n", nil,
			`ccp.yaml:3:12: replicas.etdc: no service "etdc" (did you mean "etcd"?)`},
		{"an undefined role of a node", "nodes: {n: {roles: [controler]}}\nroles: {controller: [etcd]}\n", nil,
			`ccp.yaml:1:21: nodes.n.roles[0]: no role "controler" (did you mean "controller"?)`},
		{"an unknown service in a role", "nodes: {n: {roles: [a]}}\nroles: {a: [nova-compute, nova-libvrt, neutron-openvswitch-agent, openvswitch-vswitchd]}\n", nil,
			`ccp.yaml:2:27: roles.a[1]: no service "nova-libvrt" (did you mean "nova-libvirt"?)`},
		{"an abstract name with no services entry", "nodes: {n: {roles: [a]}}\nroles: {a: [database]}\n", nil,
			"ccp.yaml:2:13: roles.a[0]: database is an abstract name: list galera or mariadb here, or say what backs it with `services: {database: {service_def: galera}}`"},
		{"an unknown service_def", roles + "services: {database: {service_def: galrea}}\n", nil,
			`ccp.yaml:3:36: services.database.service_def: no service "galrea" (did you mean "galera"?)`},
		{"an instance of a service that has none", roles + "services: {etcd2: {service_def: etcd}}\n", nil,
			`ccp.yaml:3:12: services.etcd2: etcd can't run in several instances, so it keeps its name; call this "etcd"`},
		{"an instance under the name of a service", roles + "services: {mariadb: {service_def: galera}}\n", nil,
			"ccp.yaml:3:12: services.mariadb: mariadb is a service itself, so it can't be an instance of galera; choose another name"},
		{"an abstract name backed by what does not provide it", roles + "services: {database: {service_def: rabbitmq}}\n", nil,
			"ccp.yaml:3:12: services.database: rabbitmq does not provide database; galera and mariadb do"},
		{"needs_on_node missing on a node", "nodes: {n1: {roles: [a, b]}, n2: {roles: [a]}}\nroles: {a: [nova-compute, rabbitmq], b: [nova-libvirt]}\n", []string{"n1", "n2"},
			"ccp.yaml:2:13: roles.a[0]: nova-compute needs nova-libvirt on each of its nodes, and it is not on n2"},
		{"several providers and a need", "nodes: {n: {roles: [a]}}\nroles: {a: [keystone, galera, mariadb, memcached]}\n", nil,
			"ccp.yaml:2:13: roles.a[0]: keystone needs database, which galera and mariadb provide: say which one in `services`, either database: {service_def: …} or as the mapping of each that needs it"},
		{"a role that can't be a label", "nodes: {n: {roles: ['a b']}}\nroles: {'a b': [etcd]}\n", nil,
			`ccp.yaml:2:9: roles."a b": "a b" can't name a node label: letters, digits, -, _ and ., at most 63`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := problems(t, test.text, options(test.nodes...)); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

func TestReplicasBelowOneIsAProblem(t *testing.T) {
	t.Parallel()
	cfg := read(t, "nodes: {n: {roles: [a]}}\nroles: {a: [etcd]}\n")
	cfg.Replicas = []ccpfile.Replica{{Service: ccpfile.Ref{Name: "etcd"}, Count: 0, Path: "replicas.etcd"}}
	_, err := Resolve(cfg, charts(), options())
	if err == nil || !strings.HasPrefix(err.Error(), "replicas.etcd: 0 replicas: there must be at least 1") {
		t.Error(err)
	}
}

func TestNeedsOnNodeMissingAtAllIsAProblem(t *testing.T) {
	t.Parallel()
	cat := *charts()
	cat.Services = maps.Clone(cat.Services)
	alone := *cat.Services["nova-libvirt"]
	alone.Follows = nil
	cat.Services["nova-libvirt"] = &alone
	_, err := Resolve(read(t, "nodes: {n: {roles: [a]}}\nroles: {a: [nova-compute]}\n"), &cat, options())
	if err == nil || !strings.Contains(err.Error(), "ccp.yaml:2:13: roles.a[0]: nova-compute needs nova-libvirt on each of its nodes, and no role with nodes lists it: list it beside nova-compute") {
		t.Error(err)
	}
}

func TestAllProblemsAtOnceInTheOrderOfTheFile(t *testing.T) {
	t.Parallel()
	o := Options{Network: "calicoo", Release: "zedd", Placement: "labels", NodeMatch: "both"}
	got := problems(t, "nodes: {'(': {roles: [b]}}\nroles: {a: [x]}\nreplicas: {y: 1}\n", o)
	want := strings.Join([]string{
		`no OpenStack release "zedd" (did you mean "zed"?)`,
		`no network backend "calicoo", only calico, openvswitch (did you mean "calico"?)`,
		`no placement "labels", only hostname, label (did you mean "label"?)`,
		`no way to match nodes "both", only prefix, whole`,
		`ccp.yaml:1:9: nodes."(": not a regular expression: missing closing ): "("`,
		`ccp.yaml:1:23: nodes."(".roles[0]: no role "b"`,
		`ccp.yaml:2:13: roles.a[0]: no service "x"`,
	}, "\n")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestReleaseDropsWithReason(t *testing.T) {
	t.Parallel()
	const text = "nodes: {n: {roles: [a]}}\nroles: {a: [glance-registry, placement-api, nova-consoleauth]}\nreplicas: {glance-registry: 1}\n"
	o := options()
	top := resolve(t, text, o)
	same(t, "dropped in zed", top.Dropped, []Dropped{
		{"glance-registry", "zed no longer has it (last in stein)"},
		{"nova-consoleauth", "zed no longer has it (last in stein)"},
	})
	o.Release = "newton"
	same(t, "dropped in newton", resolve(t, text, o).Dropped, []Dropped{{"placement-api", "newton does not have it yet (first in ocata)"}})
	o.Release = "2023.1"
	same(t, "release", resolve(t, text, o).Release, "antelope")
}

const guide = `
nodes:
  node1: {roles: [controller, neutron-agents]}
  node[2-3]: {roles: [compute, calico]}
roles:
  controller: [etcd, glance-api, glance-registry, heat-api, heat-engine, horizon, keystone, mariadb, memcached,
    neutron-server, nova-api, nova-conductor, nova-consoleauth, nova-novncproxy, nova-scheduler, rabbitmq]
  neutron-agents: [neutron-metadata-agent]
  compute: [nova-compute, nova-libvirt]
  calico: [calico-dhcp-agent]
`

func TestNetworkDropsAndFollowsPlaceTheOthersTransitively(t *testing.T) {
	t.Parallel()
	o := options("node1", "node2", "node3")
	top := resolve(t, guide, o)
	same(t, "dropped", top.Dropped, []Dropped{
		{"calico-dhcp-agent", "network backend openvswitch does not use it (calico only)"},
		{"glance-registry", "zed no longer has it (last in stein)"},
		{"nova-consoleauth", "zed no longer has it (last in stein)"},
	})
	got := placed(top)
	for service, roles := range map[string]string{
		"neutron-dhcp-agent": "neutron-agents", "neutron-l3-agent": "neutron-agents",
		"neutron-openvswitch-agent": "compute neutron-agents", "openvswitch-db": "compute neutron-agents", "openvswitch-vswitchd": "compute neutron-agents",
		"placement-api": "controller",
	} {
		same(t, service, got[service], roles)
	}
	same(t, "warnings", messages(top.Warnings), "")
	same(t, "node2", top.Nodes["node2"], []string{"neutron-openvswitch-agent", "nova-compute", "nova-libvirt", "openvswitch-db", "openvswitch-vswitchd"})

	o.Network = "calico"
	top = resolve(t, guide, o)
	same(t, "node1", top.Nodes["node1"], []string{"etcd", "glance-api", "heat-api", "heat-engine", "horizon", "keystone", "mariadb", "memcached",
		"neutron-metadata-agent", "neutron-server", "nova-api", "nova-conductor", "nova-novncproxy", "nova-scheduler", "placement-api", "rabbitmq"})
	same(t, "node3", top.Nodes["node3"], []string{"calico-dhcp-agent", "nova-compute", "nova-libvirt"})
	same(t, "providers", top.Providers, map[string]string{"database": "mariadb", "notifications": "rabbitmq", "rpc": "rabbitmq"})
}

func TestFollowersOfADroppedServiceAreNotPlaced(t *testing.T) {
	t.Parallel()
	o := options()
	o.Network = "calico"
	top := resolve(t, "nodes: {n: {roles: [a]}}\nroles: {a: [neutron-openvswitch-agent]}\n", o)
	same(t, "services", placed(top), map[string]string{})
}

func TestReplicasForFollowersAsUsual(t *testing.T) {
	t.Parallel()
	const text = "nodes: {'n[12]': {roles: [a]}}\nroles: {a: [nova-api]}\nreplicas: {placement-api: %d}\n"
	same(t, "replicas", resolve(t, fmt.Sprintf(text, 2), options("n1", "n2")).Services["placement-api"].Replicas, 2)
	if got := problems(t, fmt.Sprintf(text, 3), options("n1", "n2")); !strings.Contains(got, "3 replicas of placement-api need as many nodes") {
		t.Error(got)
	}
	// What the release lacks may keep its replicas in the file.
	o := options()
	o.Release = "newton"
	same(t, "services", placed(resolve(t, fmt.Sprintf(text, 3), o)), map[string]string{"nova-api": "a"})
}

func TestInstancesAndMapping(t *testing.T) {
	t.Parallel()
	const text = `
nodes: {n: {roles: [a]}}
roles: {a: [database, keystone-db, rpc, keystone, memcached, glance-api]}
services:
  database: {service_def: galera}
  keystone-db: {service_def: galera}
  rpc: {service_def: rabbitmq}
  keystone: {service_def: keystone, mapping: {database: keystone-db}}
`
	top := resolve(t, text, options("n"))
	same(t, "providers", top.Providers, map[string]string{"database": "database", "notifications": "rpc", "rpc": "rpc"})
	same(t, "mapping", top.Services["keystone"].Mapping, map[string]string{"database": "keystone-db"})
	db := top.Services["keystone-db"]
	same(t, "keystone-db", []string{db.Name, db.Definition, db.Chart, string(db.Workload)}, []string{"keystone-db", "galera", "mariadb", "StatefulSet"})
	same(t, "warnings", messages(top.Warnings), "")
}

func TestMappingValuesMustBePlacedInstancesThatProvideTheNeed(t *testing.T) {
	t.Parallel()
	const text = `
nodes: {n: {roles: [a]}}
roles: {a: [mariadb, rabbitmq, keystone, memcached]}
services:
  other-db: {service_def: galera}
  keystone: {service_def: keystone, mapping: {%s}}
`
	const at = "ccp.yaml:6:"
	for entry, want := range map[string]string{
		"database: rabbitmq":   "57: services.keystone.mapping.database: rabbitmq does not provide database; mariadb does",
		"database: maraidb":    `57: services.keystone.mapping.database: no service "maraidb" (did you mean "mariadb"?)`,
		"database: other-db":   "57: services.keystone.mapping.database: other-db is not deployed, since no role with nodes lists it; mariadb does",
		"databse: mariadb":     `47: services.keystone.mapping.databse: keystone has no need "databse" (did you mean "database"?)`,
		"memcached: memcached": "",
	} {
		if want == "" {
			resolve(t, fmt.Sprintf(text, entry), options())
		} else if got := problems(t, fmt.Sprintf(text, entry), options()); got != at+want {
			t.Errorf("%s:\n got %s\nwant %s", entry, got, at+want)
		}
	}
}

func TestSeveralProvidersAreNoProblemWhenNobodyAsks(t *testing.T) {
	t.Parallel()
	top := resolve(t, "nodes: {n: {roles: [a]}}\nroles: {a: [galera, mariadb]}\n", options())
	same(t, "providers", top.Providers, map[string]string{})
}

func TestHostnamePlacementWithoutAnInventoryTakesLiteralPatternsAsNames(t *testing.T) {
	t.Parallel()
	o := options()
	o.Placement = PlacementHostname
	const roles = "roles: {a: [etcd], b: [memcached]}\n"
	top := resolve(t, "nodes: {node1: {roles: [a]}, ^node2$: {roles: [b]}, node3.example.com: {roles: [b]}, 'node4\\.x': {roles: [b]}}\n"+roles, o)
	same(t, "memcached", top.Services["memcached"].Nodes, []string{"node2", "node3.example.com", "node4.x"})
	same(t, "nodes", slices.Sorted(maps.Keys(top.Nodes)), []string{"node1", "node2", "node3.example.com", "node4.x"})
	got := problems(t, "nodes: {node1: {roles: [a]}, 'node[2-3]': {roles: [b]}}\n"+roles, o)
	if want := `ccp.yaml:1:30: nodes."node[2-3]": placement by hostname needs the names of the nodes that "node[2-3]" takes: give an inventory with --nodes or --kube`; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	o.NodeMatch = Prefix
	if got := problems(t, "nodes: {node1: {roles: [a]}, node2$: {roles: [b]}}\n"+roles, o); !strings.HasPrefix(got, "ccp.yaml:1:9: nodes.node1: ") || strings.Contains(got, "\n") {
		t.Errorf("the beginning of a name is no name: %s", got)
	}
}

func TestHostnamePlacementDropsServicesWithoutNodes(t *testing.T) {
	t.Parallel()
	o := options()
	o.Placement = PlacementHostname
	o.Inventory = &Inventory{Nodes: []Node{{Name: "n1", Hostname: "host1"}}}
	top := resolve(t, "nodes: {n1: {roles: [a]}, n2: {roles: [b]}}\nroles: {a: [etcd], b: [memcached]}\n", o)
	same(t, "dropped", top.Dropped, []Dropped{{"memcached", "no node has its roles (b)"}})
	same(t, "services", placed(top), map[string]string{"etcd": "a"})
	same(t, "hostname", []string{top.Hostname("n1"), top.Hostname("x")}, []string{"host1", "x"})
}
