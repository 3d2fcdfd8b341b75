package ccpfile

import (
	"maps"
	"slices"
)

// Merge lays over on top of base and returns the result: mappings merge, key
// by key, in the order the keys were first written; everything else, lists
// and an explicit null included, replaces what was there. Both may be nil, and
// neither is changed. A merged mapping keeps the position of base.
func Merge(base, over *Node) *Node {
	var m merger
	return m.merge(base, over)
}

// merger merges many Nodes one after the other in time that grows with their
// sizes, not with the size of the result: the mappings that it made itself it
// changes in place. Those are the ones in made.
type merger struct{ made map[*Node]bool }

func (m *merger) merge(base, over *Node) *Node {
	if over == nil {
		return base
	}
	if base == nil || base.Kind != Mapping || over.Kind != Mapping {
		return over
	}
	if !m.made[base] {
		base = m.copy(base)
	}
	for _, key := range over.Keys {
		field, ok := base.Fields[key]
		if !ok {
			base.Keys = append(base.Keys, key)
		}
		base.Fields[key] = m.merge(field, over.Fields[key])
	}
	return base
}

func (m *merger) copy(n *Node) *Node {
	c := *n
	c.Keys, c.Fields = slices.Clone(n.Keys), maps.Clone(n.Fields)
	if c.Fields == nil {
		c.Fields = map[string]*Node{}
	}
	if m.made == nil {
		m.made = map[*Node]bool{}
	}
	m.made[&c] = true
	return &c
}
