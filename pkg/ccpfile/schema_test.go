package ccpfile

import (
	"errors"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func compile(t *testing.T, schema string) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("test.json", document); err != nil {
		t.Fatal(err)
	}
	return compiler.MustCompile("test.json")
}

// A chart's schema, as it were.
const chartSchema = `{
	"type": "object", "additionalProperties": false, "minProperties": 1,
	"properties": {
		"plugin_agent": {"enum": ["calico", "openvswitch"]},
		"port": {"$ref": "#/$defs/port"},
		"ml2": {"allOf": [{"properties": {"vni_ranges": {"type": "array", "items": {"type": "string", "pattern": "^[0-9]+:[0-9]+$"}, "minItems": 1, "maxItems": 2, "uniqueItems": true}}}], "unevaluatedProperties": false},
		"metadata": {"type": "object", "properties": {"secret": {"enum": ["a"]}, "port": {"type": "integer", "exclusiveMinimum": 1024, "exclusiveMaximum": 2000, "multipleOf": 2}}, "required": ["port"]},
		"names": {"type": "object", "propertyNames": {"pattern": "^[a-z]+$"}, "maxProperties": 1},
		"text": {"type": "string", "minLength": 2, "maxLength": 4, "format": "ipv4"},
		"either": {"oneOf": [{"type": "integer"}, {"type": "number"}]},
		"backend": {"anyOf": [
			{"type": "object", "required": ["a", "b"]},
			{"type": "object", "required": ["c"]}
		]},
		"none": false,
		"always": {"const": 5}, "neither": {"not": {"type": "string"}},
		"tls": {"dependentRequired": {"key": ["cert"]}}
	},
	"$defs": {"port": {"anyOf": [
		{"type": "integer", "maximum": 65535},
		{"type": "string", "pattern": "^[0-9]+$"},
		{"type": "object", "additionalProperties": false, "properties": {"cont": {"type": "integer"}, "node": {"type": "integer"}}}
	]}}
}`

func TestSchemaProblems(t *testing.T) {
	t.Parallel()
	schema := compile(t, chartSchema)
	tests := []struct{ text, want string }{
		{"plugin_agnet: calico", `1:2: configs.neutron.plugin_agnet: unknown key "plugin_agnet" (did you mean "plugin_agent"?)`},
		{"zebra: 1", `1:2: configs.neutron.zebra: unknown key "zebra": remove it`},
		{"plugin_agent: calcio", `1:16: configs.neutron.plugin_agent: want "calico" or "openvswitch", got "calcio" (did you mean "calico"?)`},
		{"plugin_agent: [a]", `1:16: configs.neutron.plugin_agent: want "calico" or "openvswitch", got a list`},
		{"port: 5", ""}, {"port: '5'", ""},
		{"port: 70000", `1:8: configs.neutron.port: want 65535 or less, got 70000`},
		{"port: abc", `1:8: configs.neutron.port: want text that matches ^[0-9]+$, got "abc"`},
		{"port: [5]", `1:8: configs.neutron.port: want a whole number, a mapping or a string, got a list`},
		{"port: {cnt: 5, node: x}", `1:9: configs.neutron.port.cnt: unknown key "cnt" (did you mean "cont"?)
f:1:23: configs.neutron.port.node: want a whole number, got a string`},
		{"ml2: {vni_ranges: ['1:2', 5, a]}", `1:28: configs.neutron.ml2.vni_ranges[1]: want a string, got a number: put it in quotes
f:1:31: configs.neutron.ml2.vni_ranges[2]: want text that matches ^[0-9]+:[0-9]+$, got "a"
f:1:20: configs.neutron.ml2.vni_ranges: want 2 items or less, got 3`},
		{"ml2: {vni_ranges: []}", `1:20: configs.neutron.ml2.vni_ranges: want 1 items or more, got 0`},
		{"ml2: {vni_ranges: ['1:1', '1:1']}", `1:20: configs.neutron.ml2.vni_ranges: items 0 and 1 (from 0) are the same: remove one`},
		{"ml2: {vni: 1}", `1:8: configs.neutron.ml2.vni: not possible here: remove it`},
		{"metadata: {secret: hunter2}", `1:2: configs.neutron.metadata: the key "port" is missing: add it
f:1:21: configs.neutron.metadata.secret: want "a", got another one`},
		{"metadata: {port: 1023}", `1:19: configs.neutron.metadata.port: want more than 1024, got 1023
f:1:19: configs.neutron.metadata.port: want a multiple of 2, got 1023`},
		{"metadata: {port: 2000}", `1:19: configs.neutron.metadata.port: want less than 2000, got 2000`},
		{"names: {A: 1}", `1:10: configs.neutron.names: the name "A" is not possible here`},
		{"names: {a: 1, b: 2}", `1:9: configs.neutron.names: want 1 keys or less, got 2`},
		{"text: a", `1:8: configs.neutron.text: want 2 characters or more, got 1`},
		{"text: abcde", `1:8: configs.neutron.text: want 4 characters or less, got 5`},
		{"either: 5", `1:10: configs.neutron.either: fits several of the forms that it can have: it must fit one`},
		{"backend: {}", `1:2: configs.neutron.backend: the key "c" is missing: add it`},
		{"none: 5", `1:2: configs.neutron.none: not possible here: remove it`},
		{"always: 6", `1:10: configs.neutron.always: want 5, got 6`},
		{"neither: a", `1:11: configs.neutron.neither: is one of the values that can't be here`},
		{"tls: {key: k}", `1:7: configs.neutron.tls: with "key" given, want also cert`},
		{"", `1:1: configs.neutron: want 1 keys or more, got 0`},
	}
	for _, test := range tests {
		root := &Node{Kind: Mapping, Pos: Position{"f", 1, 1}}
		if test.text != "" {
			root = parse(t, "{"+test.text+"}")
		}
		var invalid *jsonschema.ValidationError
		if err := schema.Validate(root.Interface()); err == nil || !errors.As(err, &invalid) {
			if test.want != "" {
				t.Errorf("%s: no error", test.text)
			}
			continue
		}
		want := "f:" + test.want
		if got := Problems(SchemaProblems(schema, invalid, root, "configs.neutron")).Error(); !sameLines(got, want) {
			t.Errorf("%s\ngot:  %s\nwant: %s", test.text, got, want)
		}
	}
}

// sameLines compares without the order of lines, which is that of positions.
func sameLines(got, want string) bool {
	wanted := map[string]bool{}
	for line := range strings.Lines(want + "\n") {
		wanted[line] = true
	}
	n := 0
	for line := range strings.Lines(got + "\n") {
		n++
		if !wanted[line] {
			return false
		}
	}
	return n == len(wanted)
}

// parse returns the value of one document in the file "f".
func parse(t *testing.T, text string) *Node {
	t.Helper()
	documents, problem := parseDocuments("f", []byte(text))
	if problem != nil {
		t.Fatal(problem)
	}
	c := newConverter("f", new(int))
	node, _ := c.value(documents[0].Content[0], 0)
	if err := c.problems.Err(); err != nil {
		t.Fatal(err)
	}
	return node
}

// A fault in a default has the position of what is around it.
func TestSchemaProblemsBesideTheTree(t *testing.T) {
	t.Parallel()
	schema := compile(t, `{"properties": {"a": {"properties": {"b": {"items": {"type": "string"}}}}}}`)
	var invalid *jsonschema.ValidationError
	if !errors.As(schema.Validate(map[string]any{"a": map[string]any{"b": []any{"x", 5}}}), &invalid) {
		t.Fatal("valid")
	}
	const want = "f:1:5: configs.a.b[1]: want a string, got a number: put it in quotes"
	if got := Problems(SchemaProblems(schema, invalid, parse(t, "{a: {b: [x]}}"), "configs")).Error(); got != strings.Replace(want, "1:5", "1:9", 1) {
		t.Errorf("got %s", got)
	}
	if got := Problems(SchemaProblems(schema, invalid, nil, "configs")).Error(); got != "configs.a.b.1: want a string, got a number: put it in quotes" {
		t.Errorf("got %s", got)
	}
}

// The keys of facts that stand in the guide for users must all be known.
func TestSchemaKnowsAllKeys(t *testing.T) {
	t.Parallel()
	for _, key := range strings.Fields(`debug verbose_level log_file default_log_levels kubernetes registry images builder sources
		repositories versions url configs secret_configs files services nodes roles replicas network_topology action ccp_node
		ccp_pod openstack placement`) {
		if _, ok := fileSchema().Properties[key]; !ok {
			t.Errorf("%s is not in the schema", key)
		}
	}
}
