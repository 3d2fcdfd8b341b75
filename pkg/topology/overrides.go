package topology

import (
	"encoding/json"
	"slices"

	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
)

// OverrideSet is one combination of groups with `configs`, the nodes that are
// matched by exactly these of them, and what the groups say together.
type OverrideSet struct {
	// Set is the value of OverridesLabel on its nodes.
	Set string
	// Patterns are those of its groups, in the order of the file.
	Patterns []string
	// Nodes are its nodes, sorted, empty when the nodes are not known.
	Nodes []string
	// Roles are those that some node of it has, or may have when the nodes
	// are not known; sorted.
	Roles []string
	// Overrides is the `configs` of its groups, merged deeply in the order of
	// the file: the later pattern wins.
	Overrides *ccpfile.Node
}

// Variant is a part of the nodes of a DaemonSet service whose overrides, as
// far as they concern the service, differ from those of its other nodes. It
// becomes a workload of its own.
type Variant struct {
	// Sets are the values of OverridesLabel on the variant's nodes, sorted.
	Sets []string
	// Nodes are its nodes, sorted, empty when the nodes are not known.
	Nodes []string
	// Overrides is a mapping of the shape of `configs` that holds no other
	// keys than the ones asked for.
	Overrides *ccpfile.Node
}

// Variants returns the workloads of a DaemonSet service that come beside the
// one for the nodes without overrides. keys are the keys of `configs` that
// concern the service; override sets that say the same about these are one
// variant, those that say nothing are none. No node is in two variants, so
// the workload without overrides is placed where OverridesLabel is none of all
// their Sets. For a service of another kind there are none.
func (t *Topology) Variants(s *Service, keys []string) []Variant {
	if s.Replicas > 0 {
		return nil
	}
	var variants []Variant
	index := map[string]int{} // by the overrides, as JSON
	for _, set := range t.OverrideSets {
		overrides := pick(set.Overrides, keys)
		if len(overrides.Keys) == 0 || !slices.ContainsFunc(set.Roles, func(role string) bool { return slices.Contains(s.Roles, role) }) {
			continue
		}
		text, err := json.Marshal(overrides.Interface())
		if err != nil { // a float that JSON has no number for: a variant of its own
			text = []byte(set.Set)
		}
		i, ok := index[string(text)]
		if !ok {
			i = len(variants)
			index[string(text)] = i
			variants = append(variants, Variant{Overrides: overrides})
		}
		v := &variants[i]
		v.Sets = append(v.Sets, set.Set)
		for _, node := range set.Nodes {
			if _, ok := slices.BinarySearch(s.Nodes, node); ok {
				v.Nodes = append(v.Nodes, node)
			}
		}
	}
	for i := range variants {
		slices.Sort(variants[i].Sets)
		slices.Sort(variants[i].Nodes)
	}
	return variants
}

// pick leaves only some keys of a mapping.
func pick(n *ccpfile.Node, keys []string) *ccpfile.Node {
	out := &ccpfile.Node{Kind: ccpfile.Mapping, Fields: map[string]*ccpfile.Node{}}
	if n == nil {
		return out
	}
	out.Pos, out.KeyPos = n.Pos, n.KeyPos
	for _, key := range n.Keys {
		if slices.Contains(keys, key) {
			out.Keys = append(out.Keys, key)
			out.Fields[key] = n.Fields[key]
		}
	}
	return out
}

// overrides makes the override sets of the Topology.
func (r *resolver) overrides() {
	if r.badPatterns {
		return
	}
	combinations := r.combinations
	if !r.known {
		combinations = r.possible()
	}
	index := map[string]int{}
	for _, c := range combinations {
		var patterns []string
		var merged *ccpfile.Node
		for _, g := range c.groups {
			if group := r.cfg.Nodes[g]; group.Configs != nil {
				patterns = append(patterns, group.Pattern)
				merged = ccpfile.Merge(merged, group.Configs)
			}
		}
		name := setName(patterns)
		if name == "" {
			continue
		}
		i, ok := index[name]
		if !ok {
			i = len(r.top.OverrideSets)
			index[name] = i
			r.top.OverrideSets = append(r.top.OverrideSets, OverrideSet{Set: name, Patterns: patterns, Overrides: merged})
		}
		set := &r.top.OverrideSets[i]
		set.Nodes = append(set.Nodes, c.nodes...)
		set.Roles = sortedSet(append(set.Roles, c.roles...))
	}
	for i := range r.top.OverrideSets {
		slices.Sort(r.top.OverrideSets[i].Nodes)
	}
}

// maxPossible is how many combinations of groups that take many nodes are made
// without an inventory that says which of them there are.
const maxPossible = 32

// possible lists the combinations of overriding groups that nodes may be
// matched by when the nodes are not known. Of a group that names one node it
// is known what else takes that node. The others may come in every
// combination of patterns that are not plainly different.
func (r *resolver) possible() []*combination {
	if !slices.ContainsFunc(r.cfg.Nodes, func(g ccpfile.NodeGroup) bool { return g.Configs != nil }) {
		return nil
	}
	set := newSet(r.patterns, r.opts.NodeMatch)
	var found []*combination
	var open []int // groups that may take many nodes
	names := map[string]bool{}
	for i, p := range r.patterns {
		name, one := p.literalPrefix(r.opts.NodeMatch)
		switch {
		case r.cfg.Nodes[i].Configs == nil || names[name]:
		case !one:
			open = append(open, i)
		default:
			names[name] = true
			groups, err := set.match(name)
			if err != nil {
				r.matchFailed(err)
				return nil
			}
			found = append(found, r.combine(groups))
		}
	}
	cliques := r.cliques(nil, open, nil)
	if len(cliques) > maxPossible {
		r.problem(groupRef(&r.cfg.Nodes[open[0]]),
			"the patterns with configs may meet on nodes in more than %d combinations: give an inventory with --nodes or --kube, so that only those that there are count", maxPossible)
		return nil
	}
	for _, groups := range cliques {
		found = append(found, r.widest(groups))
	}
	return found
}

// cliques adds to found the ways to choose some of rest, beside chosen, such
// that all of them may meet. It stops when there are more than maxPossible.
func (r *resolver) cliques(chosen, rest []int, found [][]int) [][]int {
	if len(found) > maxPossible {
		return found
	}
	if len(rest) == 0 {
		if len(chosen) > 0 {
			found = append(found, chosen)
		}
		return found
	}
	first, rest := rest[0], rest[1:]
	if r.overlapsAll(first, chosen) {
		found = r.cliques(append(slices.Clone(chosen), first), rest, found)
	}
	if !r.patterns[first].matchesAll(r.opts.NodeMatch) {
		found = r.cliques(chosen, rest, found)
	}
	return found
}

func (r *resolver) overlapsAll(group int, others []int) bool {
	for _, other := range others {
		if !mayOverlap(r.patterns[group], r.patterns[other], r.opts.NodeMatch) {
			return false
		}
	}
	return true
}

// widest is the combination of the overriding groups with the roles of all
// groups that may meet them.
func (r *resolver) widest(overriding []int) *combination {
	var groups []int
	for i := range r.patterns {
		if r.cfg.Nodes[i].Configs == nil && r.overlapsAll(i, overriding) || slices.Contains(overriding, i) {
			groups = append(groups, i)
		}
	}
	return r.combine(groups)
}
