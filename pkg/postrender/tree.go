package postrender

import (
	"errors"
	"fmt"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// maxNodes bounds the values of one document, with what its aliases stand for.
const maxNodes = 2_000_000

var (
	errTooLarge = errors.New("its aliases stand for too much: write less of it with *aliases")
	errTooMany  = fmt.Errorf("it has more than %d values: part it into several documents", maxNodes)
	errEndless  = errors.New("an alias within its own anchor: it would have no end")
)

// expand returns a copy of a tree in which aliases and merge keys ("<<") are
// replaced by what they stand for, so that a change in one place is none in
// another. The copy keeps comments, styles and positions.
func expand(tree *yaml.Node) (*yaml.Node, error) {
	e := expander{inside: map[*yaml.Node]bool{}}
	return e.copy(tree)
}

type expander struct {
	inside map[*yaml.Node]bool // anchors that are being copied
	count  int
	// aliases says that there are some.
	aliases bool
}

func (e *expander) copy(n *yaml.Node) (*yaml.Node, error) {
	if e.count++; e.count > maxNodes {
		if e.aliases {
			return nil, errTooLarge
		}
		return nil, errTooMany
	}
	if n.Kind == yaml.AliasNode {
		e.aliases = true
		out, err := e.copy(n.Alias)
		if err != nil {
			return nil, err
		}
		out.HeadComment, out.LineComment, out.FootComment = n.HeadComment, n.LineComment, n.FootComment
		return out, nil
	}
	if n.Anchor != "" {
		if e.inside[n] {
			return nil, errEndless
		}
		e.inside[n] = true
		defer delete(e.inside, n)
	}
	out := *n
	out.Anchor = ""
	if n.Content == nil {
		return &out, nil
	}
	out.Content = make([]*yaml.Node, 0, len(n.Content))
	var merged []*yaml.Node
	for i, child := range n.Content {
		c, err := e.copy(child)
		if err != nil {
			return nil, err
		}
		if n.Kind == yaml.MappingNode && i%2 == 1 && isMerge(n.Content[i-1]) {
			out.Content = out.Content[:len(out.Content)-1]
			merged = append(merged, mergeSources(c)...)
			continue
		}
		out.Content = append(out.Content, c)
	}
	addMerged(&out, merged)
	return &out, nil
}

// twice returns the first key that a mapping in the tree has a second time, or nil.
// A change of the one would be none of the other, which counts.
func twice(tree *yaml.Node) *yaml.Node {
	if tree.Kind == yaml.MappingNode {
		seen := make(map[string]bool, len(tree.Content)/2)
		for i := 0; i+1 < len(tree.Content); i += 2 {
			key := tree.Content[i]
			if key.Kind != yaml.ScalarNode || isMerge(key) {
				continue
			}
			if seen[key.Value] {
				return key
			}
			seen[key.Value] = true
		}
	}
	for _, child := range tree.Content { // an alias has none
		if key := twice(child); key != nil {
			return key
		}
	}
	return nil
}

func isMerge(key *yaml.Node) bool {
	return key.Kind == yaml.ScalarNode && key.Value == "<<" && (key.Tag == "!!merge" || key.Tag == "" || key.Tag == "!")
}

// mergeSources are the mappings that the value of "<<" names.
func mergeSources(value *yaml.Node) []*yaml.Node {
	if value.Kind == yaml.SequenceNode {
		return value.Content
	}
	return []*yaml.Node{value}
}

// addMerged adds to a mapping the keys of sources that it does not have.
func addMerged(mapping *yaml.Node, sources []*yaml.Node) {
	for _, source := range sources {
		if source.Kind != yaml.MappingNode {
			continue
		}
		for i := 0; i+1 < len(source.Content); i += 2 {
			if find(mapping, source.Content[i].Value) == nil {
				mapping.Content = append(mapping.Content, source.Content[i], source.Content[i+1])
			}
		}
	}
}

// find returns the value of a mapping's key, or nil.
func find(mapping *yaml.Node, key string) *yaml.Node {
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// lookup follows keys from n, and returns nil where one is missing.
func lookup(n *yaml.Node, keys ...string) *yaml.Node {
	for _, key := range keys {
		n = find(n, key)
	}
	return n
}

// text returns the value of the scalar that keys lead to, or "".
func text(n *yaml.Node, keys ...string) string {
	if n = lookup(n, keys...); n != nil && n.Kind == yaml.ScalarNode {
		return n.Value
	}
	return ""
}

// same reports whether two trees hold the same values; comments, styles and
// anchors do not count. An alias counts as what it stands for.
func same(a, b *yaml.Node) bool {
	if a.Kind == yaml.AliasNode {
		return same(a.Alias, b)
	}
	if b.Kind == yaml.AliasNode {
		return same(a, b.Alias)
	}
	if a.Kind != b.Kind {
		return false
	}
	if a.Kind == yaml.ScalarNode {
		return a.Value == b.Value && (a.Tag == b.Tag || a.ShortTag() == b.ShortTag())
	}
	if hasMerge(a) {
		expanded, err := expand(a)
		return err == nil && same(expanded, b)
	}
	if len(a.Content) != len(b.Content) {
		return false
	}
	for i := range a.Content {
		if !same(a.Content[i], b.Content[i]) {
			return false
		}
	}
	return true
}

// hasMerge reports whether n is a mapping with a merge key.
func hasMerge(n *yaml.Node) bool {
	if n.Kind == yaml.MappingNode {
		for i := 0; i < len(n.Content); i += 2 {
			if isMerge(n.Content[i]) {
				return true
			}
		}
	}
	return false
}
