package lint

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"helm.sh/helm/v3/pkg/chart/loader"

	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
)

// checkValuesServices holds the services of values.yaml against services.yaml.
func checkValuesServices(s *subject) {
	if s.facts == nil || s.values == nil {
		return
	}
	key, services := field(s.values, "services")
	for _, name := range s.facts.Services {
		if at, _ := field(services, name); at == nil {
			s.report(s.node("values.yaml", key), "services", "services.yaml has a service %q: add it, with enabled: true and roles: []", name)
		}
	}
	for at := range fields(services) {
		if !slices.Contains(s.facts.Services, at.Value) {
			s.report(s.node("values.yaml", at), ccpfile.JoinPath("services", at.Value), "services.yaml has no such service: add it there, or remove it here")
		}
	}
}

// checkValuesSchema finds values that the schema does not name, and properties
// of the schema that values.yaml does not offer.
func checkValuesSchema(s *subject) {
	if s.values != nil && s.schema != nil {
		s.compare(s.values, s.schema, "", false)
	}
}

// compare holds a mapping of values.yaml against its schema. shared says that
// the schema is one of several values, which need not have all of it.
func (s *subject) compare(values, schema *yaml.Node, path string, shared bool) {
	_, properties := field(schema, "properties")
	if properties == nil {
		return // any keys
	}
	for key, value := range fields(values) {
		here := ccpfile.JoinPath(path, key.Value)
		at, property := field(properties, key.Value)
		if at == nil {
			if _, additional := field(schema, "additionalProperties"); additional == nil || additional.Kind != yaml.MappingNode {
				s.report(s.node("values.yaml", key), here, "values.schema.json does not name it: describe it there")
			}
			continue
		}
		property, reference := s.dereference(property)
		if value.Kind == yaml.MappingNode && here != "global" {
			s.compare(value, property, here, reference)
		}
	}
	_, required := field(schema, "required")
	for key, property := range fields(properties) {
		if at, _ := field(values, key.Value); at != nil || path == "" && s.passedOver(key.Value) || s.annotated(property) {
			continue
		}
		if shared && !contains(required, key.Value) {
			continue
		}
		s.report(s.node("values.schema.json", key), ccpfile.JoinPath(path, key.Value), "values.yaml does not have it: add it there with its default and a comment")
	}
}

// dereference follows a reference within the schema, and says whether there
// was one.
func (s *subject) dereference(schema *yaml.Node) (*yaml.Node, bool) {
	_, reference := field(schema, "$ref")
	if reference == nil {
		return schema, false
	}
	target := s.schema
	for _, key := range strings.Split(strings.TrimPrefix(reference.Value, "#/"), "/") {
		_, target = field(target, key)
	}
	return target, true
}

// passedOver says whether a key of the schema stands for another chart's
// values.
func (s *subject) passedOver(key string) bool {
	return key == "global" || slices.ContainsFunc(s.folder.Files, func(f *loader.BufferedFile) bool {
		return strings.HasPrefix(f.Name, "charts/"+key+"/")
	})
}

// annotated says whether a property is there for old files only, or goes
// elsewhere, and so all that is in it.
func (s *subject) annotated(property *yaml.Node) bool {
	for key := range fields(property) {
		if strings.HasPrefix(key.Value, "x-ccp-") {
			return true
		}
	}
	property, _ = s.dereference(property)
	_, properties := field(property, "properties")
	for _, below := range fields(properties) {
		if !s.annotated(below) {
			return false
		}
	}
	return properties != nil
}

// contains says whether a list, which may be nil, has an item of that text.
func contains(list *yaml.Node, text string) bool {
	return list != nil && slices.ContainsFunc(list.Content, func(n *yaml.Node) bool { return n.Value == text })
}

// checkValuesComments finds values that say nowhere what they do: a comment
// that begins with "# --" stands above each, or above what it is a part of.
func checkValuesComments(s *subject) {
	if s.values == nil {
		return
	}
	lines := strings.Split(string(s.folder.File("values.yaml")), "\n")
	for key, value := range fields(s.values) {
		for _, at := range bare(lines, key, value, key.Value) {
			s.report(s.node("values.yaml", at.key), at.path, `nothing says what it does: write a comment above that begins with "# --"`)
		}
	}
}

type bareValue struct {
	key  *yaml.Node
	path string
}

// bare are the values at and below key without a comment; key alone when all
// of it is.
func bare(lines []string, key, value *yaml.Node, path string) []bareValue {
	if commented(lines, key.Line) {
		return nil
	}
	self := []bareValue{{key, path}}
	if value.Kind != yaml.MappingNode || len(value.Content) == 0 || value.Line == key.Line {
		return self
	}
	var out []bareValue
	whole := true
	for childKey, child := range fields(value) {
		childPath := ccpfile.JoinPath(path, childKey.Value)
		below := bare(lines, childKey, child, childPath)
		whole = whole && len(below) == 1 && below[0].path == childPath
		out = append(out, below...)
	}
	if whole {
		return self
	}
	return out
}

// commented says whether a comment for helm-docs stands above a line.
func commented(lines []string, line int) bool {
	for i := line - 2; i >= 0; i-- {
		text := strings.TrimSpace(lines[i])
		if !strings.HasPrefix(text, "#") {
			return false
		}
		if strings.HasPrefix(text, "# -- ") || strings.HasPrefix(text, "# @ignored") {
			return true
		}
	}
	return false
}
