package chart

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"helm.sh/helm/v3/pkg/chart/loader"
	"sigs.k8s.io/yaml"
)

// library is the chart that all others share; its schema describes `global`.
const library = "common"

// source is one chart as it stands in the charts' folder.
type source struct {
	name     string
	files    []*loader.BufferedFile // names relative to the chart's folder
	defaults map[string]any         // values.yaml; of the library global.yaml
	schema   schema                 // values.schema.json
}

// schema is a JSON schema twice: compiled when it is needed, to validate with,
// and as it is written, to look up the x-ccp-* annotations of a key.
type schema struct {
	compiled func() (*jsonschema.Schema, error)
	document map[string]any // the whole file, for its definitions
	node     map[string]any // the part that describes the value
}

// readSources reads every chart of fsys.
func readSources(fsys fs.FS) (map[string]*source, error) {
	sources := map[string]*source{}
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		s, err := readSource(fsys, entry.Name())
		if err != nil {
			return nil, fmt.Errorf("chart %s: %w", entry.Name(), err)
		}
		sources[s.name] = s
	}
	if sources[library] == nil {
		return nil, fmt.Errorf("there is no chart %s", library)
	}
	return sources, nil
}

func readSource(fsys fs.FS, name string) (*source, error) {
	s := &source{name: name}
	err := fs.WalkDir(fsys, name, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := fs.ReadFile(fsys, file)
		if err != nil {
			return err
		}
		s.files = append(s.files, &loader.BufferedFile{Name: strings.TrimPrefix(file, name+"/"), Data: data})
		return nil
	})
	if err != nil {
		return nil, err
	}
	values, pointer := "values.yaml", ""
	if name == library {
		values, pointer = "global.yaml", "/properties/global"
	}
	if err := yaml.Unmarshal(s.file(values), &s.defaults); err != nil {
		return nil, fmt.Errorf("%s: %w", values, err)
	}
	s.schema, err = readSchema(s.file("values.schema.json"), pointer)
	return s, err
}

func (s *source) file(name string) []byte {
	for _, f := range s.files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

// compile compiles the part of a schema file that pointer leads to.
func compile(data []byte, pointer string) (*jsonschema.Schema, error) {
	const location = "values.schema.json"
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(location, document); err != nil {
		return nil, err
	}
	return compiler.Compile(location + "#" + pointer)
}

// readSchema reads the part of a schema file that pointer leads to.
func readSchema(data []byte, pointer string) (schema, error) {
	s := schema{compiled: sync.OnceValues(func() (*jsonschema.Schema, error) { return compile(data, pointer) })}
	if err := json.Unmarshal(data, &s.document); err != nil {
		return schema{}, fmt.Errorf("values.schema.json: %w", err)
	}
	s.node = s.document
	if pointer != "" {
		s.node = s.lookup(pointer)
	}
	return s, nil
}

// lookup returns what a JSON pointer leads to within the file, or nil.
func (s schema) lookup(pointer string) map[string]any {
	node := s.document
	for _, key := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		node, _ = node[key].(map[string]any)
	}
	return node
}

// property returns the schema of a mapping's key, with a local $ref followed,
// or nil when the schema does not name the key.
func (s schema) property(key string) *schema {
	properties, _ := s.node["properties"].(map[string]any)
	node, _ := properties[key].(map[string]any)
	if node == nil {
		node, _ = s.node["additionalProperties"].(map[string]any)
	}
	if node == nil {
		return nil
	}
	if ref, ok := node["$ref"].(string); ok {
		target := maps.Clone(s.lookup(strings.TrimPrefix(ref, "#")))
		maps.Copy(target, node) // annotations beside the $ref
		delete(target, "$ref")
		node = target
	}
	return &schema{document: s.document, node: node}
}

// annotation returns the value of an x-ccp-* key, or "".
func (s *schema) annotation(name string) string {
	if s == nil {
		return ""
	}
	text, _ := s.node["x-ccp-"+name].(string)
	return text
}

// keys returns the keys that the schema names, sorted.
func (s schema) keys() []string {
	properties, _ := s.node["properties"].(map[string]any)
	return slices.Sorted(maps.Keys(properties))
}
