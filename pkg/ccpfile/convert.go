package ccpfile

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// converter turns the nodes of the YAML parser into Nodes. Aliases share the
// Node of their anchor, so a file of many aliases costs no memory; what it
// would grow to is counted all the same.
type converter struct {
	file     string
	path     []step
	problems Problems
	anchors  map[*yaml.Node]*anchored // nil while the anchor's value is being converted
	values   *int                     // of all files so far, aliases expanded
	stopped  bool                     // a limit was exceeded: what is left is not looked at
}

type anchored struct {
	node           *Node
	values, height int
}

func newConverter(file string, values *int) *converter {
	return &converter{file: file, values: values, anchors: map[*yaml.Node]*anchored{}}
}

func (c *converter) position(n *yaml.Node) Position {
	return Position{File: c.file, Line: n.Line, Column: n.Column}
}

func (c *converter) report(n *yaml.Node, format string, args ...any) {
	c.problems = append(c.problems, Problem{Pos: c.position(n), Path: joinSteps("", c.path), Message: fmt.Sprintf(format, args...)})
}

func (c *converter) stop(n *yaml.Node, message string) {
	c.report(n, "%s", message)
	c.stopped = true
}

// count adds values to what was seen, and reports whether there is still room.
func (c *converter) count(n *yaml.Node, values int) bool {
	if *c.values += values; *c.values > maxValues {
		c.stop(n, tooManyValues)
	}
	return !c.stopped
}

// value converts n, which stands inside depth mappings and lists. It also
// returns how many mappings and lists the value itself has in each other.
func (c *converter) value(n *yaml.Node, depth int) (node *Node, height int) {
	null := &Node{Kind: Null, Pos: c.position(n)}
	if c.stopped || n.Kind != yaml.AliasNode && !c.count(n, 1) {
		return null, 0
	}
	if n.Anchor != "" && n.Kind != yaml.AliasNode {
		c.anchors[n] = nil
		before := *c.values
		defer func() { c.anchors[n] = &anchored{node: node, values: *c.values - before, height: height} }()
	}
	switch n.Kind {
	case yaml.AliasNode:
		return c.alias(n, depth)
	case yaml.ScalarNode:
		return c.scalar(n), 0
	}
	if depth >= maxDepth {
		c.stop(n, tooDeep)
		return null, 0
	}
	if tag := n.ShortTag(); n.Style&yaml.TaggedStyle != 0 && tag != "!!map" && tag != "!!seq" {
		c.badTag(n)
		return null, 0
	}
	if n.Kind == yaml.MappingNode {
		return c.mapping(n, depth)
	}
	return c.sequence(n, depth)
}

// alias returns the Node of the anchor that n names; only its first node is a
// copy, for each use has its own key.
func (c *converter) alias(n *yaml.Node, depth int) (*Node, int) {
	target, known := c.anchors[n.Alias]
	if !known { // the anchor of a key
		return c.value(n.Alias, depth)
	}
	if target == nil {
		c.report(n, "an alias within its own anchor: it would have no end")
		return &Node{Kind: Null, Pos: c.position(n)}, 0
	}
	if depth+target.height > maxDepth {
		c.stop(n, tooDeep)
	}
	if !c.count(n, target.values) {
		return &Node{Kind: Null, Pos: c.position(n)}, 0
	}
	node := *target.node
	node.KeyPos = Position{}
	return &node, target.height
}

func (c *converter) sequence(n *yaml.Node, depth int) (*Node, int) {
	node := &Node{Kind: Sequence, Pos: c.position(n), Items: make([]*Node, 0, len(n.Content))}
	height := 0
	for i, content := range n.Content {
		c.path = append(c.path, step{index: i, isIndex: true})
		item, h := c.value(content, depth+1)
		c.path = c.path[:len(c.path)-1]
		node.Items = append(node.Items, item)
		height = max(height, h)
	}
	return node, height + 1
}

func (c *converter) mapping(n *yaml.Node, depth int) (*Node, int) {
	node := &Node{Kind: Mapping, Pos: c.position(n), Fields: make(map[string]*Node, len(n.Content)/2)}
	var merged []*Node // mappings that "<<" names; what is in an earlier one wins
	height := 0
	for i := 0; i+1 < len(n.Content) && !c.stopped; i += 2 {
		if isMergeKey(n.Content[i]) {
			mappings, h := c.merges(n.Content[i+1], depth+1)
			merged = append(merged, mappings...)
			height = max(height, h)
			continue
		}
		key, ok := c.key(n.Content[i])
		if !ok {
			continue
		}
		if first, ok := node.Fields[key]; ok {
			c.report(n.Content[i], "key %q is given twice, first at line %d: remove one of the two", key, first.KeyPos.Line)
			continue
		}
		c.path = append(c.path, step{key: key})
		field, h := c.value(n.Content[i+1], depth+1)
		c.path = c.path[:len(c.path)-1]
		field.KeyPos = c.position(n.Content[i])
		node.Keys = append(node.Keys, key)
		node.Fields[key] = field
		height = max(height, h)
	}
	addMerged(node, merged)
	return node, height + 1
}

// isMergeKey reports whether n is the "<<" of YAML 1.1, which takes over the
// keys of other mappings.
func isMergeKey(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Value == "<<" && n.Style == 0
}

// merges returns the mappings that the value n of a "<<" stands for.
func (c *converter) merges(n *yaml.Node, depth int) ([]*Node, int) {
	node, height := c.value(n, depth)
	mappings := []*Node{node}
	if node.Kind == Sequence {
		mappings = node.Items
	}
	for _, m := range mappings {
		if m.Kind != Mapping && !c.stopped {
			c.report(n, `"<<" wants a mapping or a list of mappings, got %s`, m.describe())
			return nil, 0
		}
	}
	return mappings, height
}

// addMerged adds the keys of merged that node does not have itself. They come
// first, as if they had been written there.
func addMerged(node *Node, merged []*Node) {
	if len(merged) == 0 {
		return
	}
	var keys []string
	for _, m := range merged {
		for _, key := range m.Keys {
			if _, ok := node.Fields[key]; !ok {
				keys = append(keys, key)
				node.Fields[key] = m.Fields[key]
			}
		}
	}
	node.Keys = append(keys, node.Keys...)
}

func (c *converter) key(n *yaml.Node) (string, bool) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if !c.count(n, 1) {
		return "", false
	}
	if n.Kind != yaml.ScalarNode {
		c.report(n, "a list or mapping as a key: put text that begins with \"[\" or \"{\" in quotes")
		return "", false
	}
	node := c.scalar(n)
	key, ok := node.Scalar.(string)
	switch {
	case !ok:
		c.report(n, "want a string as a key, got %s: put the key in quotes", node.describe())
		return "", false
	case len(key) > maxKeyLength:
		c.report(n, "a key of %d bytes: keys have at most %d", len(key), maxKeyLength)
		return "", false
	}
	return key, true
}

// scalar converts a scalar with the type that its text, its quotes or its tag
// say.
func (c *converter) scalar(n *yaml.Node) *Node {
	const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	var value any = n.Value
	if n.Style&yaml.TaggedStyle != 0 {
		value = c.tagged(n)
	} else if n.Style&quoted == 0 {
		value = resolvePlain(n.Value)
	}
	if value == nil {
		return &Node{Kind: Null, Pos: c.position(n)}
	}
	return &Node{Kind: Scalar, Pos: c.position(n), Scalar: value}
}

func (c *converter) tagged(n *yaml.Node) any {
	tag := n.ShortTag()
	if tag == "!!str" || tag == "!!timestamp" {
		return n.Value
	}
	value := resolvePlain(n.Value)
	ok := false
	switch tag {
	case "!!null":
		ok = value == nil
	case "!!bool":
		_, ok = value.(bool)
	case "!!int":
		_, ok = value.(int64)
	case "!!float":
		if i, isInt := value.(int64); isInt {
			value = float64(i)
		}
		_, ok = value.(float64)
	}
	if !ok {
		c.badTag(n)
		return nil
	}
	return value
}

// badTag does not tell the tag: it may be a password that begins with "!".
func (c *converter) badTag(n *yaml.Node) {
	if n.Tag == "!include" {
		c.report(n, "!include is for a whole document, not for a value: write it after a \"---\" of its own")
		return
	}
	c.report(n, `a tag (!name) that does not fit the value: remove it, or put text that begins with "!" in quotes`)
}

// describe says what n is, as in "got a list".
func (n *Node) describe() string {
	switch n.Kind {
	case Mapping:
		return "a mapping"
	case Sequence:
		return "a list"
	case Null:
		return "nothing"
	}
	switch n.Scalar.(type) {
	case bool:
		return "a boolean"
	case string:
		return "a string"
	default:
		return "a number"
	}
}
