package postrender

import (
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/helm-ccp/helm-ccp/pkg/catalog"
	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
	"github.com/helm-ccp/helm-ccp/pkg/topology"
)

// extensionKey is where a ccp.yaml says what the charts can't know.
const extensionKey = "x-post-render"

// extension is what stands under x-post-render:
//
//	services:  {nova-compute: [hypervisor/agent, my-compute-*]}   what services are called
//	ignore:    [prometheus/*]                                     what is left alone
//	labels:    {team: cloud}                                      put on every object and pod
type extension struct {
	aliases []alias
	ignore  []string
	labels  map[string]string
}

// readExtension reads x-post-render. The error is ccpfile.Problems.
func readExtension(cfg *ccpfile.Config, cat *catalog.Catalog, top *topology.Topology) (extension, error) {
	r := extensionReader{claimed: map[string]string{}, services: map[string]string{}}
	for name, service := range cat.Services {
		r.services[name] = service.Chart
	}
	for name, service := range top.Services {
		r.services[name] = service.Chart
	}
	root := cfg.Root.Get(extensionKey)
	r.fields(root, extensionKey, map[string]func(*ccpfile.Node, string){
		"services": r.aliases,
		"ignore":   func(n *ccpfile.Node, at string) { r.ext.ignore = r.patterns(n, at) },
		"labels":   r.labels,
	})
	return r.ext, r.problems.Err()
}

type extensionReader struct {
	ext      extension
	services map[string]string // and instances -> their chart
	claimed  map[string]string // pattern -> service
	problems ccpfile.Problems
}

func (r *extensionReader) problem(pos ccpfile.Position, at, format string, args ...any) {
	r.problems = append(r.problems, ccpfile.Problem{Pos: pos, Path: at, Message: fmt.Sprintf(format, args...)})
}

// entries calls fn for each key of a mapping.
func (r *extensionReader) entries(n *ccpfile.Node, at string, fn func(key string, value *ccpfile.Node, at string)) {
	if n == nil || n.Kind == ccpfile.Null {
		return
	}
	if n.Kind != ccpfile.Mapping {
		r.problem(n.Pos, at, "must be a mapping")
		return
	}
	for _, key := range n.Keys {
		fn(key, n.Fields[key], ccpfile.JoinPath(at, key))
	}
}

func (r *extensionReader) fields(n *ccpfile.Node, at string, known map[string]func(*ccpfile.Node, string)) {
	r.entries(n, at, func(key string, value *ccpfile.Node, at string) {
		read, ok := known[key]
		if !ok {
			r.problem(value.KeyPos, at, "unknown key%s", catalog.Suggest(key, slices.Sorted(maps.Keys(known))))
			return
		}
		read(value, at)
	})
}

func (r *extensionReader) aliases(n *ccpfile.Node, at string) {
	r.entries(n, at, func(name string, value *ccpfile.Node, at string) {
		chart, known := r.services[name]
		if !known {
			r.problem(value.KeyPos, at, "no service %q%s", name, catalog.Suggest(name, slices.Sorted(maps.Keys(r.services))))
			return
		}
		for _, pattern := range r.patterns(value, at) {
			if other, claimed := r.claimed[pattern]; claimed && other != name {
				r.problem(value.Pos, at, "%q is claimed by %s of the chart %s and by %s of the chart %s: leave it to one", pattern, other, r.services[other], name, chart)
				continue
			}
			r.claimed[pattern] = name
			r.ext.aliases = append(r.ext.aliases, alias{pattern, name, chart})
		}
	})
	slices.SortStableFunc(r.ext.aliases, func(a, b alias) int { return literal(b.pattern) - literal(a.pattern) })
}

// patterns reads one pattern or a list of them.
func (r *extensionReader) patterns(n *ccpfile.Node, at string) []string {
	items := []*ccpfile.Node{n}
	if n.Kind == ccpfile.Sequence {
		items = n.Items
	}
	var out []string
	for _, item := range items {
		pattern, isText := item.Scalar.(string)
		_, err := path.Match(pattern, "")
		if !isText || pattern == "" || err != nil {
			r.problem(item.Pos, at, "must be names: APPLICATION/COMPONENT for labels, one word for a name, * for any letters")
			continue
		}
		out = append(out, pattern)
	}
	return out
}

func (r *extensionReader) labels(n *ccpfile.Node, at string) {
	r.ext.labels = map[string]string{}
	r.entries(n, at, func(key string, value *ccpfile.Node, at string) {
		label, isText := value.Scalar.(string)
		if !isText {
			r.problem(value.Pos, at, "must be a string")
			return
		}
		r.ext.labels[key] = label
	})
}

// ignored reports whether the user wants an object left alone.
func (e *extension) ignored(id identity) bool {
	return slices.ContainsFunc(e.ignore, func(pattern string) bool {
		return slices.ContainsFunc(slices.Concat(id.pairs, id.names), func(name string) bool { return matches(pattern, name) })
	})
}
