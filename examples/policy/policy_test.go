// Package policy_test holds the example against Calico's own definition of its
// resources.
package policy_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"k8s.io/apimachinery/pkg/util/yaml"
	sigsyaml "sigs.k8s.io/yaml"
)

// spec is Calico's schema of a GlobalNetworkPolicy's spec, made strict: the API
// server drops a key that it does not know, and the test refuses it.
func spec(t *testing.T) *jsonschema.Schema {
	t.Helper()
	file, err := os.Open("../../bin/calico.yaml")
	if err != nil {
		t.Fatalf("%v: make bin/calico.yaml has it", err)
	}
	defer file.Close()
	documents := yaml.NewYAMLOrJSONDecoder(file, 1<<16)
	for {
		var crd struct {
			Metadata struct{ Name string }
			Spec     struct {
				Versions []struct {
					Schema struct {
						OpenAPIV3Schema struct{ Properties map[string]any }
					}
				}
			}
		}
		if err := documents.Decode(&crd); err == io.EOF {
			t.Fatal("bin/calico.yaml does not define GlobalNetworkPolicy")
		} else if err != nil {
			t.Fatal(err)
		}
		if crd.Metadata.Name != "globalnetworkpolicies.crd.projectcalico.org" {
			continue
		}
		schema := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
		strict(schema)
		compiler := jsonschema.NewCompiler()
		if err := compiler.AddResource("spec.json", schema); err != nil {
			t.Fatal(err)
		}
		return compiler.MustCompile("spec.json")
	}
}

// strict lets no object of a schema have more than its properties.
func strict(schema any) {
	switch s := schema.(type) {
	case map[string]any:
		if s["properties"] != nil {
			s["additionalProperties"] = false
		}
		for _, below := range s {
			strict(below)
		}
	case []any:
		for _, below := range s {
			strict(below)
		}
	}
}

// value reads YAML into what the schema takes.
func value(t *testing.T, text string) any {
	t.Helper()
	data, err := sigsyaml.YAMLToJSONStrict([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestPolicyIsOneOfCalico(t *testing.T) {
	t.Parallel()
	schema := spec(t)
	policy := value(t, read(t, "policy.yaml")).(map[string]any)
	if policy["apiVersion"] != "projectcalico.org/v3" || policy["kind"] != "GlobalNetworkPolicy" {
		t.Errorf("%s %s", policy["apiVersion"], policy["kind"])
	}
	if err := schema.Validate(policy["spec"]); err != nil {
		t.Error(err)
	}
	misspelt := strings.Replace(read(t, "policy.yaml"), "destination:", "destinations:", 1)
	if schema.Validate(value(t, misspelt).(map[string]any)["spec"]) == nil {
		t.Error("a misspelt key is not refused, so the check checks nothing")
	}
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(read(t, "README.md"), -1) {
		rules := map[string]any{"egress": value(t, block[1])}
		if err := schema.Validate(rules); err != nil {
			t.Errorf("README.md: %v", err)
		}
	}
}

// It is for those whom it lets in, in both directions, and denies the rest before
// any other policy is asked.
func TestPolicyIsClosed(t *testing.T) {
	t.Parallel()
	type entity struct{ Selector string }
	type rule struct {
		Action              string
		Source, Destination *entity
	}
	var policy struct {
		Spec struct {
			Order           float64
			Selector        string
			Types           []string
			Ingress, Egress []rule
		}
	}
	data, err := json.Marshal(value(t, read(t, "policy.yaml")))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &policy); err != nil {
		t.Fatal(err)
	}
	s := policy.Spec
	if s.Order >= 1000 || !reflect.DeepEqual(s.Types, []string{"Ingress", "Egress"}) {
		t.Errorf("order %v, types %v", s.Order, s.Types)
	}
	members, deny := &entity{s.Selector}, rule{Action: "Deny"}
	if want := []rule{{Action: "Allow", Source: members}, deny}; !reflect.DeepEqual(s.Ingress, want) {
		t.Errorf("ingress %+v", s.Ingress)
	}
	if want := []rule{{Action: "Allow", Destination: members}, deny}; !reflect.DeepEqual(s.Egress, want) {
		t.Errorf("egress %+v", s.Egress)
	}
}
