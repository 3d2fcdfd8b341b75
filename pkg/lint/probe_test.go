package lint

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"sigs.k8s.io/yaml"

	"github.com/helm-ccp/helm-ccp/pkg/catalog"
	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
)

// word is a text that stays what it is wherever a template writes it. All texts
// of a value begin alike, so that what is sorted by them keeps its order.
func word(_ string, n int) string { return number("", n) + "z" }

func number(_ string, n int) string { return fmt.Sprintf("0x5eed%04x", n) }

var (
	// continued is a line of a value in an ini file that goes on.
	continued = regexp.MustCompile(`\n[ \t]+`)
	// numberText is a text of number, as a whole word.
	numberText = regexp.MustCompile(`0x5eed[0-9a-f]{4}\b`)
	// checksum is what changes with any value.
	checksum = regexp.MustCompile(`-[0-9a-f]{8}\b|\b[0-9a-f]{64}\b`)
)

// back makes the word of a number.
func back(text string) string { return numberText.ReplaceAllString(text, "${0}z") }

// source is what a template renders.
type source struct {
	name      string
	documents []any
	broken    bool // it is not YAML
}

// difference returns what is not as in plain, but for numbers in the places of
// their words; nil when nothing is.
func difference(plain, got []*source) *source {
	same := func(text string) string { return text }
	for i, want := range plain {
		if got[i].broken || len(got[i].documents) != len(want.documents) {
			return got[i]
		}
		for j, document := range want.documents {
			if !reflect.DeepEqual(texts(document, same), texts(got[i].documents[j], back)) {
				return got[i]
			}
		}
	}
	return nil
}

// texts returns value with fn done to all keys and texts, and no checksums.
func texts(value any, fn func(string) string) any {
	switch value := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(value))
		for key, below := range value {
			out[fn(key)] = texts(below, fn)
		}
		return out
	case []any:
		out := make([]any, len(value))
		for i, below := range value {
			out[i] = texts(below, fn)
		}
		return out
	case string:
		return continued.ReplaceAllString(checksum.ReplaceAllString(fn(value), "-"), "\n    ")
	}
	return value
}

// probe renders a chart with a text for each of its values that are texts.
type probe struct {
	*subject
	rendering *rendering
	// switched says that booleans are true, and choices are not the defaults.
	switched bool
	leaves   map[string]int // path of a value -> its number
	schema   map[string]any
	defaults map[string]any
}

func (s *subject) probe(r *rendering, switched bool) *probe {
	p := &probe{subject: s, rendering: r, switched: switched, leaves: map[string]int{}}
	// What does not decode is a finding of files already.
	_ = yaml.Unmarshal(s.folder.File("values.yaml"), &p.defaults)
	_ = yaml.Unmarshal(s.folder.File("values.schema.json"), &p.schema)
	return p
}

// render renders the chart with text giving the text of each value by its path
// and number.
func (p *probe) render(text func(path string, n int) string) ([]*source, error) {
	leaf := func(path string) string {
		if _, known := p.leaves[path]; !known {
			p.leaves[path] = len(p.leaves)
		}
		return text(path, p.leaves[path])
	}
	return p.renderValues(p.values(leaf), chartutil.ReleaseOptions{
		Name: leaf("Release.Name"), Namespace: leaf("Release.Namespace"), Revision: 1, IsInstall: true,
	})
}

// renderValues renders the chart without a look at its schema.
func (p *probe) renderValues(values map[string]any, opts chartutil.ReleaseOptions) ([]*source, error) {
	chrt, err := loader.LoadFiles(p.folder.Files)
	if err != nil {
		return nil, err
	}
	if err := chartutil.ProcessDependencies(chrt, values); err != nil {
		return nil, err
	}
	all, err := chartutil.ToRenderValuesWithSchemaValidation(chrt, values, opts, nil, true)
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(chrt, all)
	if err != nil {
		return nil, err
	}
	var out []*source
	for _, name := range slices.Sorted(maps.Keys(files)) {
		_, file, _ := strings.Cut(name, "/")
		if !strings.HasSuffix(file, ".yaml") {
			continue
		}
		from := &source{name: file}
		for _, document := range regexp.MustCompile(`(?m)^---\s*$`).Split(files[name], -1) {
			var object any
			if err := yaml.UnmarshalStrict([]byte(document), &object); err != nil {
				from.broken = true
			} else if object != nil {
				from.documents = append(from.documents, object)
			}
		}
		out = append(out, from)
	}
	return out, nil
}

// values are the chart's values, with a leaf for each text.
func (p *probe) values(leaf func(path string) string) map[string]any {
	values := p.fill("", p.schema, p.defaults, leaf).(map[string]any)
	fixed := p.valuesFor(p.rendering)["global"].(map[string]any)
	if global, is := values["global"].(map[string]any); is {
		global["network"].(map[string]any)["backend"] = p.rendering.network
		global["openstack"] = mergeOver(global["openstack"], fixed["openstack"])
	}
	services, _ := values["services"].(map[string]any)
	if p.facts == nil {
		return values
	}
	for _, name := range p.facts.Services {
		service, is := services[name].(map[string]any)
		if !is {
			continue
		}
		service["enabled"] = true
		if p.services[name].Instances {
			instance := maps.Clone(service)
			instance["definition"] = name
			services[leaf("services."+name+" (an instance)")] = instance
		}
		if p.services[name].Workload == catalog.DaemonSet {
			service["variants"] = []any{map[string]any{
				"name": leaf("services." + name + ".variants.name"), "sets": []any{leaf("services." + name + ".variants.sets")},
				"nodes": []any{leaf("services." + name + ".variants.nodes")}, "overrides": map[string]any{},
			}}
		}
	}
	return values
}

func mergeOver(under, over any) map[string]any {
	out := maps.Clone(under.(map[string]any))
	maps.Copy(out, over.(map[string]any))
	return out
}

// fill returns a value of that schema: fallback, with a leaf in the place of
// each text, one item in each empty list and one more entry in each mapping
// that takes any.
func (p *probe) fill(path string, schema map[string]any, fallback any, leaf func(path string) string) any {
	if reference, is := schema["$ref"].(string); is {
		target := any(p.schema)
		for _, key := range strings.Split(strings.TrimPrefix(reference, "#/"), "/") {
			parent, _ := target.(map[string]any)
			target = parent[key]
		}
		resolved, _ := target.(map[string]any)
		return p.fill(path, resolved, fallback, leaf)
	}
	if choices, is := schema["enum"].([]any); is {
		for _, choice := range choices {
			if p.switched && choice != fallback {
				return choice
			}
		}
		return fallback
	}
	if schema["const"] != nil {
		return fallback
	}
	switch {
	case isMap(fallback) || fallback == nil && takes(schema, "object"):
		defaults, _ := fallback.(map[string]any)
		properties, _ := schema["properties"].(map[string]any)
		additional, _ := schema["additionalProperties"].(map[string]any)
		out := map[string]any{}
		for key := range properties {
			property, _ := properties[key].(map[string]any)
			if below, there := defaults[key]; there || optional(property) {
				if value := p.fill(ccpfile.JoinPath(path, key), property, below, leaf); value != nil || there {
					out[key] = value
				}
			}
		}
		for key, below := range defaults {
			if _, known := out[key]; !known && properties[key] == nil {
				out[key] = p.fill(ccpfile.JoinPath(path, key), additional, below, leaf)
			}
		}
		if any := schema["additionalProperties"]; additional != nil || any == nil && properties == nil && schema != nil && len(defaults) == 0 {
			out[leaf(path+" (a key)")] = p.fill(path+".*", additional, nil, leaf)
		}
		return out
	case isList(fallback) || fallback == nil && takes(schema, "array"):
		items, _ := schema["items"].(map[string]any)
		list, _ := fallback.([]any)
		if len(list) == 0 {
			list = []any{nil}
		}
		out := make([]any, len(list))
		for i, item := range list {
			out[i] = p.fill(fmt.Sprintf("%s[%d]", path, i), items, item, leaf)
		}
		return out
	case takes(schema, "integer"):
		if least, is := schema["minimum"]; is && fallback == nil && p.switched {
			return least
		}
	case isText(fallback) || fallback == nil && (takes(schema, "string") || len(schema) == 0):
		return leaf(path)
	case fallback != nil && reflect.TypeOf(fallback).Kind() == reflect.Bool && p.switched:
		return true
	}
	return fallback
}

// optional says whether a property is one that values.yaml may leave out, and
// no key that goes elsewhere.
func optional(property map[string]any) bool {
	for key := range property {
		if strings.HasPrefix(key, "x-ccp-") {
			return false
		}
	}
	return takes(property, "string") || takes(property, "array")
}

func isMap(value any) bool  { _, is := value.(map[string]any); return is }
func isList(value any) bool { _, is := value.([]any); return is }
func isText(value any) bool { _, is := value.(string); return is }

// takes says whether a schema names a type.
func takes(schema map[string]any, name string) bool {
	if list, is := schema["type"].([]any); is {
		return slices.Contains(list, any(name))
	}
	return schema["type"] == name
}
