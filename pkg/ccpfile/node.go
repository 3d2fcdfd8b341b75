package ccpfile

import (
	"regexp"
	"strconv"
)

// Kind says what a Node is.
type Kind int

// The kinds of Node.
const (
	Null Kind = iota
	Scalar
	Sequence
	Mapping
)

// Node is one value of the merged ccp.yaml, with the place where it was
// written. Nodes are shared (by aliases, and by what a merge leaves alone) and
// must not be changed; Merge and Interface return new ones.
type Node struct {
	Kind Kind
	// Pos is where the value begins, KeyPos where its key does. KeyPos is
	// zero for the items of a list and for the root.
	Pos, KeyPos Position
	// Scalar is a string, bool, int64 or float64.
	Scalar any
	// Keys are the keys of a mapping in the order they were written, Fields
	// their values.
	Keys   []string
	Fields map[string]*Node
	// Items are the items of a sequence.
	Items []*Node
}

// Get returns the value that the keys in path lead to from n, or nil when
// there is none. A value that is written as null is a Node of kind Null. The
// receiver may be nil.
func (n *Node) Get(path ...string) *Node {
	for _, key := range path {
		if n == nil {
			return nil
		}
		n = n.Fields[key]
	}
	return n
}

// Interface returns a copy of the value as encoding/json would decode it,
// except for whole numbers: map[string]any, []any, string, bool, int64,
// float64 or nil. The receiver may be nil.
func (n *Node) Interface() any {
	if n == nil {
		return nil
	}
	switch n.Kind {
	case Scalar:
		return n.Scalar
	case Sequence:
		items := make([]any, len(n.Items))
		for i, item := range n.Items {
			items[i] = item.Interface()
		}
		return items
	case Mapping:
		fields := make(map[string]any, len(n.Fields))
		for key, field := range n.Fields {
			fields[key] = field.Interface()
		}
		return fields
	default:
		return nil
	}
}

// present returns n, or nil when n is absent or null.
func (n *Node) present() *Node {
	if n == nil || n.Kind == Null {
		return nil
	}
	return n
}

// place is where to point at for a fault of n as a whole: at its key if it has
// one.
func (n *Node) place() Position {
	if n.KeyPos != (Position{}) {
		return n.KeyPos
	}
	return n.Pos
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_/-]+$`)

// JoinPath returns the path of the value at keys below the path parent, as it
// stands in Problems: nodes.node1.configs. A key with other characters than
// letters, digits, "_", "-" and "/" is quoted: nodes."node[2-3]".configs.
func JoinPath(parent string, keys ...string) string {
	for _, key := range keys {
		if !plainKey.MatchString(key) {
			key = strconv.Quote(key)
		}
		if parent != "" {
			parent += "."
		}
		parent += key
	}
	return parent
}

// indexPath returns the path of item i of the list at the path parent.
func indexPath(parent string, i int) string {
	return parent + "[" + strconv.Itoa(i) + "]"
}

// step is one key or index of a path.
type step struct {
	key     string
	index   int
	isIndex bool
}

// joinSteps returns the path of the value that steps lead to below parent.
func joinSteps(parent string, steps []step) string {
	for _, s := range steps {
		if s.isIndex {
			parent = indexPath(parent, s.index)
		} else {
			parent = JoinPath(parent, s.key)
		}
	}
	return parent
}
