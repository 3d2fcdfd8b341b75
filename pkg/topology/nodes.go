package topology

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
)

// combination is a set of groups that some nodes are matched by.
type combination struct {
	groups   []int // indexes of cfg.Nodes, ascending
	roles    []string
	services []string // sorted
	nodes    []string // sorted; nil when the nodes are not known
}

// nodes holds the groups against the inventory.
func (r *resolver) nodes() {
	if r.badPatterns {
		return
	}
	inventory := r.opts.Inventory
	if inventory == nil && r.opts.Placement == PlacementHostname {
		inventory = r.spelledOut()
	}
	if inventory == nil {
		return
	}
	names := make([]string, 0, len(inventory.Nodes))
	for _, n := range inventory.Nodes {
		names = append(names, n.Name)
		if n.Hostname != "" && n.Hostname != n.Name {
			r.top.hostnames[n.Name] = n.Hostname
		}
	}
	slices.Sort(names)
	r.match(names)
	if r.opts.Inventory != nil && r.known {
		r.unmatched()
		r.wholeOrPrefix()
	}
}

// spelledOut is the inventory that the patterns make when each is the name of
// one node.
func (r *resolver) spelledOut() *Inventory {
	inv := &Inventory{}
	for i, p := range r.patterns {
		name, ok := p.name(r.opts.NodeMatch)
		if !ok {
			r.problem(groupRef(&r.cfg.Nodes[i]), "placement by hostname needs the names of the nodes that %q takes: give an inventory with --nodes or --kube", p.source)
			continue
		}
		inv.Nodes = append(inv.Nodes, Node{Name: name, Hostname: name})
	}
	if len(inv.Nodes) < len(r.patterns) {
		return nil
	}
	return inv
}

// match sorts the nodes by the groups that take them.
func (r *resolver) match(names []string) {
	names = slices.Compact(names)
	set := newSet(r.patterns, r.opts.NodeMatch)
	byKey := map[string]*combination{}
	var key []byte
	r.combinationOf = make([]*combination, len(names))
	for i, name := range names {
		groups, err := set.match(name)
		if err != nil {
			r.matchFailed(err)
			return
		}
		key = key[:0]
		for _, g := range groups {
			key = binary.AppendUvarint(key, uint64(g))
		}
		c := byKey[string(key)]
		if c == nil {
			c = r.combine(groups)
			byKey[string(key)] = c
			r.combinations = append(r.combinations, c)
		}
		c.nodes = append(c.nodes, name)
		r.combinationOf[i] = c
		r.top.Nodes[name] = c.services
	}
	r.names, r.known = names, true
	slices.SortFunc(r.combinations, func(a, b *combination) int { return slices.Compare(a.groups, b.groups) })
}

func (r *resolver) matchFailed(err error) {
	var e *matchError
	if errors.As(err, &e) {
		r.problem(groupRef(&r.cfg.Nodes[e.index]), "%v", e)
	}
}

// combine says which roles and services nodes have that these groups take.
func (r *resolver) combine(groups []int) *combination {
	c := &combination{groups: slices.Clone(groups), services: []string{}}
	for _, g := range groups {
		for _, ref := range r.cfg.Nodes[g].Roles {
			c.roles = append(c.roles, ref.Name)
		}
	}
	c.roles = sortedSet(c.roles)
	for name, in := range r.instances {
		if slices.ContainsFunc(c.roles, func(role string) bool { return in.roles[role] }) {
			c.services = append(c.services, name)
		}
	}
	slices.Sort(c.services)
	return c
}

func sortedSet(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

// place makes the services of the Topology.
func (r *resolver) place() {
	count := map[string]int{}
	for _, c := range r.combinations {
		for _, name := range c.services {
			count[name] += len(c.nodes)
		}
	}
	for name, in := range r.instances {
		if !in.placed() {
			continue
		}
		s := &Service{
			Name: name, Definition: in.def.Name, Chart: in.def.Chart, Workload: in.def.Workload,
			Replicas: 1, Roles: sortedKeys(in.roles), Nodes: make([]string, 0, count[name]),
		}
		if in.everywhere() {
			s.Replicas = 0
		}
		if r.known && count[name] == 0 && r.opts.Placement == PlacementHostname {
			r.top.Dropped = append(r.top.Dropped, Dropped{name, "no node has its roles (" + strings.Join(s.Roles, ", ") + ")"})
			clear(in.roles)
			continue
		}
		r.top.Services[name] = s
	}
	for i, node := range r.names {
		for _, name := range r.combinationOf[i].services {
			s := r.top.Services[name]
			s.Nodes = append(s.Nodes, node)
		}
	}
}

// unmatched warns of patterns that no node of the inventory matches.
func (r *resolver) unmatched() {
	matched := make([]bool, len(r.patterns))
	for _, c := range r.combinations {
		for _, g := range c.groups {
			matched[g] = true
		}
	}
	for i, p := range r.patterns {
		if !matched[i] {
			r.warn(groupRef(&r.cfg.Nodes[i]), "no node of the inventory matches %q", p.source)
		}
	}
}

// wholeOrPrefix warns of patterns that took more nodes when a match of the
// beginning of a name was enough.
func (r *resolver) wholeOrPrefix() {
	if r.opts.NodeMatch == Prefix {
		return
	}
	prefix := newSet(r.patterns, Prefix)
	more := make([][]string, len(r.patterns))
	for i, name := range r.names {
		groups, err := prefix.match(name)
		if err != nil {
			r.matchFailed(err)
			return
		}
		for _, g := range groups {
			if _, ok := slices.BinarySearch(r.combinationOf[i].groups, g); !ok {
				more[g] = append(more[g], name)
			}
		}
	}
	for i, nodes := range more {
		if len(nodes) > 0 {
			r.warn(groupRef(&r.cfg.Nodes[i]), "%q takes whole names, so it does not take %s; with --node-match=prefix, the first implementation's way, it would",
				r.patterns[i].source, some(nodes))
		}
	}
}
