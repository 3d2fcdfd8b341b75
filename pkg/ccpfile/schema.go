package ccpfile

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// schemaJSON is the shape of a ccp.yaml; editors can use it too. What stands
// under configs, secret_configs and nodes.*.configs is the charts' to check.
//
//go:embed ccp.schema.json
var schemaJSON []byte

var fileSchema = sync.OnceValue(func() *jsonschema.Schema {
	const name = "ccp.schema.json"
	compiler := jsonschema.NewCompiler()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemaJSON))
	if err == nil {
		err = compiler.AddResource(name, document)
	}
	if err != nil {
		panic(err) // the schema is a part of this program
	}
	return compiler.MustCompile(name)
})

// checkSchema validates n, at path in its file, and returns the faults.
func checkSchema(schema *jsonschema.Schema, n *Node, path string) Problems {
	err := schema.Validate(n.Interface())
	if err == nil {
		return nil
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return Problems{{Pos: n.place(), Path: path, Message: err.Error()}}
	}
	return SchemaProblems(schema, invalid, n, path)
}

// SchemaProblems puts the errors of a schema validation into words, one
// Problem for each fault. schema is the one that was validated with, err what
// it returned, root the value that was validated, and path the path of root
// in its file ("configs.neutron"), which is put in front of each Problem's
// path. A fault at a place that root does not have (a default, say) is given
// the position of the nearest value around it.
func SchemaProblems(schema *jsonschema.Schema, err *jsonschema.ValidationError, root *Node, path string) []Problem {
	if root == nil {
		root = &Node{Kind: Null}
	}
	d := describer{schema: schema, root: root, path: path}
	for _, fault := range withoutFollowing(faults(err)) {
		d.describe(fault)
	}
	seen := map[Problem]bool{}
	return slices.DeleteFunc(d.problems.sorted(), func(p Problem) bool {
		again := seen[p]
		seen[p] = true
		return again
	})
}

// withoutFollowing leaves out the faults that only say that a value does not
// count as known (unevaluatedProperties) because of another fault in it.
func withoutFollowing(all []*jsonschema.ValidationError) []*jsonschema.ValidationError {
	location := func(tokens []string) string { return strings.Join(tokens, "\x00") }
	faulty := map[string]bool{} // the locations with a fault in them
	for _, fault := range all {
		inside := fault.InstanceLocation
		if _, ok := fault.ErrorKind.(*kind.FalseSchema); ok && len(inside) > 0 {
			inside = inside[:len(inside)-1]
		}
		for i := range len(inside) + 1 {
			faulty[location(inside[:i])] = true
		}
	}
	return slices.DeleteFunc(all, func(fault *jsonschema.ValidationError) bool {
		_, ok := fault.ErrorKind.(*kind.FalseSchema)
		return ok && len(fault.InstanceLocation) > 0 && faulty[location(fault.InstanceLocation)]
	})
}

// faults returns the errors at the leaves of err. Of alternatives (anyOf,
// oneOf) those of the likeliest are taken.
func faults(err *jsonschema.ValidationError) []*jsonschema.ValidationError {
	switch k := err.ErrorKind.(type) {
	case *kind.AnyOf:
		return likeliest(err)
	case *kind.OneOf:
		if k.Subschemas == nil {
			return likeliest(err)
		}
		return []*jsonschema.ValidationError{err}
	case *kind.PropertyNames, *kind.Not, *kind.Contains:
		return []*jsonschema.ValidationError{err}
	}
	if len(err.Causes) == 0 {
		return []*jsonschema.ValidationError{err}
	}
	var all []*jsonschema.ValidationError
	for _, cause := range err.Causes {
		all = append(all, faults(cause)...)
	}
	return all
}

// likeliest returns the faults of the alternative that was probably meant: of
// those that want a value of this type, the one with the fewest faults. When
// all want another type, that is the one fault, and it tells all the types.
func likeliest(err *jsonschema.ValidationError) []*jsonschema.ValidationError {
	var best []*jsonschema.ValidationError
	wanted := &kind.Type{}
	for _, alternative := range err.Causes {
		found := faults(alternative)
		if t, ok := found[0].ErrorKind.(*kind.Type); ok && len(found) == 1 && slices.Equal(found[0].InstanceLocation, err.InstanceLocation) {
			wanted.Got = t.Got
			wanted.Want = append(wanted.Want, t.Want...)
			continue
		}
		if best == nil || count(found) < count(best) {
			best = found
		}
	}
	if best == nil {
		return []*jsonschema.ValidationError{{SchemaURL: err.SchemaURL, InstanceLocation: err.InstanceLocation, ErrorKind: wanted}}
	}
	return best
}

// count returns how many Problems faults will make.
func count(faults []*jsonschema.ValidationError) int {
	n := 0
	for _, fault := range faults {
		switch k := fault.ErrorKind.(type) {
		case *kind.AdditionalProperties:
			n += len(k.Properties)
		case *kind.Required:
			n += len(k.Missing)
		default:
			n++
		}
	}
	return n
}

// describer collects the Problems of one validation.
type describer struct {
	schema   *jsonschema.Schema
	root     *Node
	path     string
	problems Problems
}

func (d *describer) add(pos Position, path, format string, args ...any) {
	d.problems = append(d.problems, Problem{Pos: pos, Path: path, Message: fmt.Sprintf(format, args...)})
}

func (d *describer) describe(fault *jsonschema.ValidationError) {
	node, around, path := d.at(fault.InstanceLocation)
	switch k := fault.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		known, own := keysAt(d.schema, fault.InstanceLocation)
		for _, key := range k.Properties {
			d.add(keyPosition(node, around, key), JoinPath(path, key), "unknown key %s%s", quote(key), keyHint(key, known, own))
		}
	case *kind.Required:
		for _, key := range k.Missing {
			d.add(around.place(), path, "the key %q is missing: add it", key)
		}
	case *kind.PropertyNames:
		d.add(keyPosition(node, around, k.Property), path, "the name %s is not possible here", quote(k.Property))
	case *kind.FalseSchema:
		d.add(around.place(), path, "not possible here: remove it")
	default:
		d.add(around.Pos, path, "%s", explain(fault.ErrorKind, node, secretPath.MatchString(path)))
	}
}

// at returns the node at location (nil when root has none), the nearest one
// around it, and the path.
func (d *describer) at(location []string) (node, around *Node, path string) {
	node, around, path = d.root, d.root, d.path
	for _, token := range location {
		if index, err := strconv.Atoi(token); err == nil && node != nil && node.Kind == Sequence {
			path = indexPath(path, index)
			if index >= len(node.Items) {
				node = nil
				continue
			}
			node = node.Items[index]
		} else {
			path = JoinPath(path, token)
			node = node.Get(token)
		}
		if node != nil {
			around = node
		}
	}
	return node, around, path
}

func keyPosition(node, around *Node, key string) Position {
	if field := node.Get(key); field != nil {
		return field.place()
	}
	return around.place()
}

// keyHint says what to do about an unknown key.
func keyHint(key string, known []string, own bool) string {
	if nearest := Nearest(key, known); nearest != "" {
		return fmt.Sprintf(" (did you mean %q?)", nearest)
	}
	if own {
		return `: remove it, or begin its name with "x-"`
	}
	return ": remove it"
}

// keysAt returns the keys that schema knows at location, sorted, and whether
// it allows keys that begin with "x-" besides.
func keysAt(schema *jsonschema.Schema, location []string) (keys []string, own bool) {
	schemas := applicable([]*jsonschema.Schema{schema})
	for _, token := range location {
		var below []*jsonschema.Schema
		for _, s := range schemas {
			below = append(below, children(s, token)...)
		}
		schemas = applicable(below)
	}
	for _, s := range schemas {
		for key := range s.Properties {
			keys = append(keys, key)
		}
		for pattern := range s.PatternProperties {
			own = own || pattern.String() == "^x-"
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys), own
}

// applicable returns schemas and all that they refer to for the same value.
func applicable(schemas []*jsonschema.Schema) []*jsonschema.Schema {
	var all []*jsonschema.Schema
	for len(schemas) > 0 {
		s := schemas[0]
		schemas = schemas[1:]
		if s == nil || slices.Contains(all, s) {
			continue
		}
		all = append(all, s)
		schemas = slices.Concat(schemas, s.AllOf, s.AnyOf, s.OneOf, []*jsonschema.Schema{s.Ref, s.If, s.Then, s.Else})
	}
	return all
}

// children returns the schemas that s has for the key or index token.
func children(s *jsonschema.Schema, token string) []*jsonschema.Schema {
	var found []*jsonschema.Schema
	if p, ok := s.Properties[token]; ok {
		found = append(found, p)
	}
	for pattern, p := range s.PatternProperties {
		if pattern.MatchString(token) {
			found = append(found, p)
		}
	}
	if additional, ok := s.AdditionalProperties.(*jsonschema.Schema); ok && len(found) == 0 {
		found = append(found, additional)
	}
	if items, ok := s.Items.(*jsonschema.Schema); ok {
		found = append(found, items)
	}
	return append(found, s.Items2020)
}
