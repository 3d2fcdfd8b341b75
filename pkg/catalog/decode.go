package catalog

import (
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
)

// decoder turns the files into a Catalog and collects what is wrong in them.
type decoder struct {
	catalog  *Catalog
	problems ccpfile.Problems
	path     string // the file being read
	later    []func()

	services  map[string]ccpfile.Position // where each service is defined
	claims    map[string]string           // claimed key -> chart
	aliases   map[string]string           // name elsewhere -> what goes by it
	passwords map[string]string           // Secret key -> path in a ccp.yaml
}

// field reads the value of one key; at is the value's path in the file.
type field func(n *yaml.Node, at string)

// dnsLabel is the form of names that become names of Kubernetes objects.
var dnsLabel = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)

// file parses one file and reads its document. Only I/O is an error.
func (d *decoder) file(charts fs.FS, name string, read field) error {
	data, err := fs.ReadFile(charts, name)
	if err != nil {
		return err
	}
	d.path = name
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		d.problems = append(d.problems, ccpfile.Problem{
			Pos:     ccpfile.Position{File: name},
			Message: strings.TrimPrefix(err.Error(), "yaml: "),
		})
		return nil
	}
	if len(doc.Content) > 0 {
		read(doc.Content[0], "")
	}
	return nil
}

// position is where n stands in the file being read.
func (d *decoder) position(n *yaml.Node) ccpfile.Position {
	return ccpfile.Position{File: d.path, Line: n.Line, Column: n.Column}
}

func (d *decoder) problem(n *yaml.Node, at, format string, args ...any) {
	d.problems = append(d.problems, ccpfile.Problem{Pos: d.position(n), Path: at, Message: fmt.Sprintf(format, args...)})
}

// check runs fn once all files are read, and reports its error at n.
func (d *decoder) check(n *yaml.Node, at string, fn func() error) {
	pos := d.position(n)
	d.later = append(d.later, func() {
		if err := fn(); err != nil {
			d.problems = append(d.problems, ccpfile.Problem{Pos: pos, Path: at, Message: err.Error()})
		}
	})
}

// entries calls fn for each key of a mapping, in order.
func (d *decoder) entries(n *yaml.Node, at string, fn func(key, value *yaml.Node, at string)) {
	if n.Kind != yaml.MappingNode {
		d.problem(n, at, "must be a mapping")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		p := ccpfile.JoinPath(at, key.Value)
		if seen[key.Value] {
			d.problem(key, p, "key %q stands here twice", key.Value)
			continue
		}
		seen[key.Value] = true
		fn(key, n.Content[i+1], p)
	}
}

// fields reads a mapping whose keys are all known.
func (d *decoder) fields(n *yaml.Node, at string, known map[string]field) {
	d.entries(n, at, func(key, value *yaml.Node, p string) {
		read, ok := known[key.Value]
		if !ok {
			d.problem(key, p, "unknown key%s", Suggest(key.Value, slices.Sorted(maps.Keys(known))))
			return
		}
		read(value, p)
	})
}

// items calls fn for each item of a sequence.
func (d *decoder) items(n *yaml.Node, at string, fn field) {
	if n.Kind != yaml.SequenceNode {
		d.problem(n, at, "must be a list")
		return
	}
	for i, item := range n.Content {
		fn(item, fmt.Sprintf("%s[%d]", at, i))
	}
}

// text reads a string into dst and reports whether it is one.
func (d *decoder) text(n *yaml.Node, at string, dst *string) bool {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" {
		d.problem(n, at, "must be a string")
		return false
	}
	*dst = n.Value
	return true
}

// names reads a list of distinct names into dst; valid, when not nil, checks
// each name after all files are read.
func (d *decoder) names(dst *[]string, valid func(name string) error) field {
	return func(n *yaml.Node, at string) {
		d.items(n, at, func(item *yaml.Node, at string) {
			var name string
			if !d.text(item, at, &name) {
				return
			}
			if slices.Contains(*dst, name) {
				d.problem(item, at, "%q stands here twice", name)
				return
			}
			if valid != nil {
				d.check(item, at, func() error { return valid(name) })
			}
			*dst = append(*dst, name)
		})
	}
}
