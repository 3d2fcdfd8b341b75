package topology

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write the golden files")

func TestTopologyAsJSONAndYAML(t *testing.T) {
	t.Parallel()
	top := resolve(t, `
nodes: {node1: {roles: [a]}, node2: {roles: [b]}, node3: {roles: []}}
roles: {a: [database, glance-registry], b: [neutron-metadata-agent, nova-api, database]}
services: {database: {service_def: galera}}
replicas: {database: 2}
`, options("node1", "node2", "node3"))
	text, err := json.MarshalIndent(top, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/topology.json"
	if *update {
		if err := os.WriteFile(golden, append(text, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(append(text, '\n'), want) {
		t.Errorf("got\n%s", text)
	}
	asYAML, err := yaml.Marshal(top)
	if err != nil {
		t.Fatal(err)
	}
	var fromYAML, fromJSON any
	if err := yaml.Unmarshal(asYAML, &fromYAML); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &fromJSON); err != nil {
		t.Fatal(err)
	}
	same(t, "YAML", fromYAML, fromJSON)
}

func TestAnEmptyTopologyHasEmptyListsNotNull(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(resolve(t, "{}", options()))
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"network":"openvswitch","release":"zed","nodes":{},"services":{},"dropped":[]}`; string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}
