package topology

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
)

func TestReadInventory(t *testing.T) {
	t.Parallel()
	want := []Node{{"node1", "host1", []string{"192.0.2.1", "2001:db8::1"}}, {"node2.example.com", "node2.example.com", nil}}
	for name, text := range map[string]string{
		"NodeList in JSON": `{"kind": "NodeList", "items": [
  {"metadata": {"name": "node1", "labels": {"kubernetes.io/hostname": "host1"}}, "status": {"addresses": [{"type": "Hostname", "address": "host1"}, {"type": "InternalIP", "address": "192.0.2.1"}, {"type": "InternalIP", "address": "2001:db8::1"}], "a": [1, {}]}},
  {"kind": "Node", "metadata": {"name": "node2.example.com"}}]}`,
		"Nodes in JSON": `{"metadata": {"name": "node1", "labels": {"kubernetes.io/hostname": "host1"}}, "status": {"addresses": [{"type": "Hostname", "address": "host1"}, {"type": "InternalIP", "address": "192.0.2.1"}, {"type": "InternalIP", "address": "2001:db8::1"}], "a": [1, {}]}, "kind": "Node"}
{"kind": "List", "items": [{"kind": "Node", "metadata": {"name": "node2.example.com"}}]}`,
		"List in YAML": `apiVersion: v1
items:
- kind: Node
  metadata: {name: node1, labels: {kubernetes.io/hostname: host1}}
  status: {addresses: [{type: InternalIP, address: 192.0.2.1}, {type: ExternalIP, address: 198.51.100.1}, {type: InternalIP, address: "2001:db8::1"}]}
- kind: Node
  metadata: {name: node2.example.com}
kind: List
`,
		"Nodes in YAML": `# two nodes
---
kind: Node
metadata: {name: node1, labels: {kubernetes.io/hostname: host1}}
status: {addresses: [{type: InternalIP, address: 192.0.2.1}, {type: InternalIP, address: "2001:db8::1"}]}
---
---
kind: NodeList
items: [{metadata: {name: node2.example.com}}]
`,
	} {
		for kind, reader := range map[string]io.Reader{"": strings.NewReader(text), ", byte by byte": iotest.OneByteReader(strings.NewReader(text))} {
			inv, err := ReadInventory(reader, "nodes")
			if err != nil {
				t.Errorf("%s%s: %v", name, kind, err)
				continue
			}
			same(t, name+kind, inv.Nodes, want)
		}
	}
	inv, err := ReadInventory(strings.NewReader("# mine\n\nnode2 # the second\r\n  node1\n"), "nodes")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "names", inv.Nodes, []Node{{"node2", "node2", nil}, {"node1", "node1", nil}})
}

func TestReadInventoryProblems(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, text, want string }{
		{"nothing", "# none\n", "nodes: there are no nodes in it"},
		{"names", "a\n  Node_1\nb\na\n", `nodes:2:3: "Node_1" is not the name of a node: lower-case letters, digits, - and ., at most 253` + "\n" +
			"nodes:4:1: node a stands here again, after line 1"},
		{"twice in JSON", "{\"kind\": \"NodeList\", \"items\": [\n {\"metadata\": {\"name\": \"a\"}},\n {\"metadata\": {\"name\": \"b\"}},\n {\"metadata\": {\"name\": \"a\"}}\n]}",
			"nodes:4: items[2].metadata.name: node a stands here again, after line 2"},
		{"twice in YAML", "kind: Node\nmetadata: {name: a}\n---\nkind: Node\nmetadata: {name: a}\n",
			"nodes:5:18: metadata.name: node a stands here again, after line 2"},
		{"another kind in JSON", "{\"kind\": \"List\", \"items\": [\n{\"kind\": \"Pod\", \"metadata\": {\"name\": \"a\"}}]}",
			"nodes:2: items[0]: kind Pod: it must be a Node, a NodeList or a List of Nodes"},
		{"another kind in YAML", "kind: PodList\nitems: []\n", "nodes:1:1: kind PodList: it must be a Node, a NodeList or a List of Nodes"},
		{"no kind", "{}", "nodes:1: the object has no kind: it must be a Node, a NodeList or a List of Nodes"},
		{"no name", "kind: Node\n", `nodes:1:1: metadata.name: "" is not the name of a node: lower-case letters, digits, - and ., at most 253`},
		{"JSON that is cut", "{\"kind\": \"NodeList\",\n\"items\": [\n{\"metadata\"", "nodes:3: the file ends inside of an object"},
		{"bad JSON", "{\"kind\": \"NodeList\",\n\"items\": [\n{\"metadata\" 1}]}", "nodes:3: this is not JSON: invalid character '1' after object key"},
		{"bad YAML", "kind: [\n", "nodes: line 1: did not find expected node content"},
		{"a YAML text", "kind: Node\nmetadata: x\n", "nodes:1:1: this is not a Node, a NodeList or a List of Nodes"},
		{"a number for a name", "{\"kind\": \"Node\",\n\"metadata\": {\"name\": 1}}", "nodes:2: name: it must not be a number"},
		{"items that are no list", `{"kind": "List", "items": 1}`, "nodes:1: items must be a list, not 1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			inv, err := ReadInventory(strings.NewReader(test.text), "nodes")
			if inv != nil || err == nil || err.Error() != test.want {
				t.Errorf("got\n%v\nwant\n%s", err, test.want)
			}
			if ps := (ccpfile.Problems{}); !errors.As(err, &ps) {
				t.Errorf("%T, want Problems", err)
			}
		})
	}
}

func TestReadInventoryReturnsTheErrorOfTheReader(t *testing.T) {
	t.Parallel()
	broken := errors.New("the disk is gone")
	for _, text := range []string{"", "node1\n", `{"kind": "NodeList", "items": [`, "kind: Node\n"} {
		long := text + strings.Repeat(" \n", 1<<16)
		for _, text := range []string{text, long} {
			_, err := ReadInventory(io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)), "nodes")
			if !errors.Is(err, broken) {
				t.Errorf("%.20q: %v, want %v", text, err, broken)
			}
		}
	}
}

func FuzzReadInventory(f *testing.F) {
	f.Add(`{"kind": "NodeList", "items": [{"metadata": {"name": "a"}}]}`)
	f.Add("kind: List\nitems:\n- {kind: Node, metadata: {name: a}}\n---\n")
	f.Add("node1\nnode2\n")
	f.Fuzz(func(t *testing.T, text string) {
		inv, err := ReadInventory(strings.NewReader(text), "nodes")
		if (inv == nil) == (err == nil) {
			t.Fatalf("an inventory and an error, or neither: %v, %v", inv, err)
		}
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, n := range inv.Nodes {
			if seen[n.Name] || !validNodeName(n.Name) || n.Hostname == "" {
				t.Errorf("node %+v", n)
			}
			seen[n.Name] = true
		}
	})
}
