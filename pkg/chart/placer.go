package chart

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"helm.sh/helm/v3/pkg/chartutil"

	"github.com/helm-ccp/helm-ccp/pkg/catalog"
	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
)

// placer turns trees of the shape of `configs` into values: each key goes to
// the chart of its name, to the chart that claims it, or to global, and below
// that where the chart's schema says.
type placer struct {
	sources map[string]*source
	owners  map[string]string // a key of configs -> its chart

	problems ccpfile.Problems
	notices  []ccpfile.Problem

	// written says where the tree that was placed last gives a value of
	// global; its key is the path there.
	written map[string]origin
}

// origin is a value and the place in the file that it comes from.
type origin struct {
	node *ccpfile.Node
	path string
}

func newPlacer(sources map[string]*source, cat *catalog.Catalog) *placer {
	p := &placer{sources: sources, owners: map[string]string{}}
	for name, c := range cat.Charts {
		p.owners[name] = name
		for _, claim := range c.Claims {
			p.owners[claim] = name
		}
	}
	for _, key := range sources[library].schema.keys() {
		if p.owners[key] == "" { // the chart placement, not global.placement
			p.owners[key] = library
		}
	}
	return p
}

// values are the values that a tree gave: chart -> values, and what is for all
// of them under library.
type values map[string]map[string]any

// place validates tree and returns its values. path is where tree stands, such
// as "configs" or `nodes."node[2-3]".configs`.
func (p *placer) place(tree *ccpfile.Node, path string) values {
	out := values{}
	p.written = map[string]origin{}
	if tree == nil {
		return out
	}
	for _, key := range tree.Keys {
		node := tree.Fields[key]
		owner := p.owners[key]
		switch {
		case owner == "":
			p.unknown(node, path, key)
		case owner == key:
			p.tree(out, owner, p.sources[owner].schema, node, nil, ccpfile.JoinPath(path, key))
		default:
			whole := &ccpfile.Node{Kind: ccpfile.Mapping, Pos: node.KeyPos, Keys: []string{key}, Fields: map[string]*ccpfile.Node{key: node}}
			p.tree(out, owner, p.sources[owner].schema, whole, nil, path)
		}
	}
	return out
}

func (p *placer) unknown(node *ccpfile.Node, path, key string) {
	known := make([]string, 0, len(p.owners))
	for name := range p.owners {
		known = append(known, name)
	}
	slices.Sort(known)
	message := "no chart has this key" + catalog.Suggest(key, known)
	p.problems = append(p.problems, ccpfile.Problem{Pos: node.KeyPos, Path: ccpfile.JoinPath(path, key), Message: message})
}

// tree validates node, a part of one chart's values, and files it under out.
func (p *placer) tree(out values, owner string, s schema, node *ccpfile.Node, at []string, path string) {
	if node.Kind == ccpfile.Null {
		return
	}
	if !p.valid(owner, node, path) {
		return
	}
	p.file(out, owner, s, node, at, path)
}

// valid checks node over the chart's defaults against the chart's schema.
func (p *placer) valid(owner string, node *ccpfile.Node, path string) bool {
	s := p.sources[owner]
	given, ok := node.Interface().(map[string]any)
	if !ok {
		p.problems = append(p.problems, ccpfile.Problem{Pos: node.Pos, Path: path, Message: "must be a mapping of this chart's values"})
		return false
	}
	defaults := s.defaults
	if owner == library {
		defaults, _ = s.defaults["global"].(map[string]any)
	}
	merged := overlay(defaults, given)
	compiled, err := s.schema.compiled()
	if err != nil { // the chart is at fault, not the file
		p.problems = append(p.problems, ccpfile.Problem{Path: "charts/" + owner + "/values.schema.json", Message: err.Error()})
		return false
	}
	var invalid *jsonschema.ValidationError
	if err := compiled.Validate(merged); errors.As(err, &invalid) {
		if owner == library { // the other half of a pair may be written elsewhere
			if invalid = s.schema.withoutPairs(invalid); invalid == nil {
				return true
			}
		}
		p.problems = append(p.problems, ccpfile.SchemaProblems(compiled, invalid, node, path)...)
		return false
	}
	return true
}

// overlay returns base with over merged on top of it, deeply; a null in over
// stays a null, so that a schema sees it.
func overlay(base, over map[string]any) map[string]any {
	out := make(map[string]any, len(base)+len(over))
	for key, value := range base {
		out[key] = value
	}
	for key, value := range over {
		below, isMap := out[key].(map[string]any)
		above, overMap := value.(map[string]any)
		if isMap && overMap {
			value = overlay(below, above)
		}
		out[key] = value
	}
	return out
}

// file puts what stands in node where the schema's annotations say: into the
// chart's values at the same path, or at another, or into global, or nowhere.
func (p *placer) file(out values, owner string, s schema, node *ccpfile.Node, at []string, path string) {
	if len(node.Keys) == 0 && len(at) > 0 {
		out.set(owner, at, map[string]any{})
	}
	for _, key := range node.Keys {
		child := node.Fields[key]
		sub := s.property(key)
		here := append(slices.Clone(at), key)
		childPath := ccpfile.JoinPath(path, key)
		note := func(message string) {
			p.notices = append(p.notices, ccpfile.Problem{Pos: child.KeyPos, Path: childPath, Message: message})
		}
		switch global, renamed, unused := sub.annotation("global"), sub.annotation("renamed"), sub.annotation("unused"); {
		case unused != "":
			note("not used: " + unused)
		case global != "":
			p.share(out, strings.Split(global, "."), origin{child, childPath})
		case renamed != "":
			note("the key is now " + renamed)
			out.set(owner, strings.Split(renamed, "."), child.Interface())
		case child.Kind == ccpfile.Mapping && sub != nil:
			p.file(out, owner, *sub, child, here, childPath)
		case owner == library:
			p.share(out, here, origin{child, childPath})
		default:
			out.set(owner, here, child.Interface())
		}
	}
}

// share files a value of global, which may be written at several places, but
// only once or each time the same.
func (p *placer) share(out values, at []string, from origin) {
	key := strings.Join(at, ".")
	if first, twice := p.written[key]; twice && fmt.Sprint(first.node.Interface()) != fmt.Sprint(from.node.Interface()) {
		p.problems = append(p.problems, ccpfile.Problem{Pos: from.node.Pos, Path: from.path, Message: fmt.Sprintf(
			"%v here and %v at %v (%s) are one value, global.%s: write it once", from.node.Interface(), first.node.Interface(), first.node.Pos, first.path, key)})
		return
	}
	p.written[key] = from
	out.set(library, at, from.node.Interface())
}

// set puts value at a path of a chart's values.
func (v values) set(chart string, path []string, value any) {
	if v[chart] == nil {
		v[chart] = map[string]any{}
	}
	m := v[chart]
	for _, key := range path[:len(path)-1] {
		next, ok := m[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			m[key] = next
		}
		m = next
	}
	m[path[len(path)-1]] = value
}

// merge puts the values of over on top of v.
func (v values) merge(over values) {
	for chart, more := range over {
		v[chart] = overlay(v[chart], more)
	}
}

// get returns what stands at a path of a chart's values, or nil.
func (v values) get(chart string, path ...string) any {
	value, err := chartutil.Values(v[chart]).PathValue(strings.Join(path, "."))
	if err != nil {
		return nil
	}
	return value
}
