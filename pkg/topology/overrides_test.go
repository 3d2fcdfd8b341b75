package topology

import (
	"fmt"
	"strings"
	"testing"
)

// variants shows the variants of a service: overrides as Go prints them, nodes.
func variants(top *Topology, service string, keys ...string) []string {
	var out []string
	for _, v := range top.Variants(top.Services[service], keys) {
		out = append(out, fmt.Sprintf("%v on %v in %d", v.Overrides.Interface(), v.Nodes, len(v.Sets)))
	}
	return out
}

// setPatterns shows the patterns of each override set.
func setPatterns(top *Topology) []string {
	var out []string
	for _, s := range top.OverrideSets {
		out = append(out, strings.Join(s.Patterns, " "))
	}
	return out
}

const overrides = `
nodes:
  node.*: {roles: [compute], configs: {neutron: {physnets: [a], debug: true}}}
  node[23]: {roles: [], configs: {neutron: {physnets: [b]}}}
  node3: {roles: [], configs: {nova: {virt_type: qemu}}}
  db1: {roles: [db], configs: {neutron: {debug: false}}}
  other: {roles: [compute]}
roles:
  compute: [nova-compute, nova-libvirt]
  db: [mariadb]
`

func TestOverridesMergeInFileOrderAndTheLaterPatternWins(t *testing.T) {
	t.Parallel()
	top := resolve(t, overrides, options("node1", "node2", "node3", "node4", "db1", "other"))
	same(t, "sets", setPatterns(top), []string{"node.*", "node.* node[23]", "node.* node[23] node3", "db1"})
	same(t, "node3", top.OverrideSets[2].Overrides.Interface(), map[string]any{
		"neutron": map[string]any{"physnets": []any{"b"}, "debug": true}, "nova": map[string]any{"virt_type": "qemu"},
	})
	same(t, "nodes", top.OverrideSets[0].Nodes, []string{"node1", "node4"})
	// printf 'node.*\nnode[23]' | sha256sum | cut -c1-10
	same(t, "name", top.OverrideSets[1].Set, "e6282d24de")
}

func TestVariantsAreGroupedByWhatConcernsTheService(t *testing.T) {
	t.Parallel()
	top := resolve(t, overrides, options("node1", "node2", "node3", "node4", "db1", "other"))
	same(t, "neutron's", variants(top, "neutron-openvswitch-agent", "neutron"), []string{
		"map[neutron:map[debug:true physnets:[a]]] on [node1 node4] in 1",
		"map[neutron:map[debug:true physnets:[b]]] on [node2 node3] in 2",
	})
	same(t, "nova's", variants(top, "nova-compute", "nova"), []string{"map[nova:map[virt_type:qemu]] on [node3] in 1"})
	same(t, "nobody's", variants(top, "nova-compute", "glance"), []string(nil))
	same(t, "not a DaemonSet", variants(top, "mariadb", "neutron"), []string(nil))
}

func TestOverridesWithoutAnInventory(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, nodes string
		mode        Match
		want        []string
	}{
		{"literal patterns are exact", "n1: C, n2: C, n10: C", Whole, []string{"n1", "n2", "n10"}},
		{"a literal against a regex is decided by matching", "n1: C, 'n[0-9]': C, 'm[0-9]': C, m2: C", Whole,
			[]string{"n1 n[0-9]", "m[0-9] m2", "n[0-9]", "m[0-9]"}},
		{"regex pairs may overlap", "'.*1': C, '.*2': C", Whole, []string{".*1 .*2", ".*1", ".*2"}},
		{"other beginnings do not overlap", "'a.*': C, 'b.*': C, a.example.com: C", Whole,
			[]string{"a.* a.example.com", "a.*", "b.*", "a.example.com"}},
		{"a pattern that takes all is everywhere", "'n.*': C, '.*': C", Whole, []string{"n.* .*", ".*"}},
		{"groups without configs do not count", "'n.*': R, '.*': C", Whole, []string{".*"}},
		{"a literal is a beginning in prefix mode", "n1: C, n10: C, n2$: C", Prefix, []string{"n2$", "n1 n10", "n1", "n10"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			nodes := strings.ReplaceAll(strings.ReplaceAll(test.nodes, ": C", ": {roles: [a], configs: {nova: {}}}"), ": R", ": {roles: [a]}")
			o := options()
			o.NodeMatch = test.mode
			same(t, "sets", setPatterns(resolve(t, "nodes: {"+nodes+"}\nroles: {a: [etcd]}\n", o)), test.want)
		})
	}
}

func TestBeyond32CombinationsAProblemAsksForAnInventory(t *testing.T) {
	t.Parallel()
	patterns := func(form string, n int) string {
		text := "nodes:\n"
		for i := range n {
			text += fmt.Sprintf("  '"+form+"': {roles: [a], configs: {nova: {debug: true}}}\n", i)
		}
		return text + "roles: {a: [etcd]}\n"
	}
	if n := len(resolve(t, patterns(".*%d", 5), options()).OverrideSets); n != 31 {
		t.Errorf("%d sets, want 31", n)
	}
	got := problems(t, patterns(".*%d", 40), options())
	if want := `ccp.yaml:2:3: nodes.".*0": the patterns with configs may meet on nodes in more than 32 combinations: give an inventory with --nodes or --kube`; !strings.HasPrefix(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if n := len(resolve(t, patterns(".*%d", 40), options("a1", "a2")).OverrideSets); n != 2 {
		t.Errorf("%d sets with an inventory, want 2", n)
	}
	if n := len(resolve(t, patterns("n%d", 100), options()).OverrideSets); n != 100 {
		t.Errorf("%d sets of names, want 100", n)
	}
}

func TestVariantsWithoutAnInventoryKeepToRolesThatMayMeet(t *testing.T) {
	t.Parallel()
	top := resolve(t, `
nodes:
  db1: {roles: [db], configs: {nova: {a: 1}}}
  'cpu.*': {roles: [], configs: {nova: {a: 2}}}
  'cpu[0-9]': {roles: [compute]}
roles: {db: [mariadb], compute: [nova-compute]}
`, options())
	same(t, "variants", variants(top, "nova-compute", "nova"), []string{"map[nova:map[a:2]] on [] in 1"})
}
