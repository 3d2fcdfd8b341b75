package topology

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
)

// Node is one node of the cluster.
type Node struct {
	// Name is the name of the Kubernetes Node. Hostname is its label
	// kubernetes.io/hostname, which scheduling goes by; the name when empty.
	Name, Hostname string
	// Addresses are its internal IP addresses, none when they are not known.
	Addresses []string
}

// Inventory is the nodes of a cluster, in any order, each once.
type Inventory struct{ Nodes []Node }

const hostnameLabel = "kubernetes.io/hostname"

// ReadInventory reads nodes from r, which messages call name. The content is
// either one node name a line, with # comments, or Kubernetes objects, in YAML
// or JSON, as `kubectl get nodes -o json` prints them: any number of documents,
// each a Node, a NodeList or a List of Nodes. JSON is read as a stream, so
// that the objects of a large cluster need no memory. Content that is at fault
// gives an error of type ccpfile.Problems.
func ReadInventory(r io.Reader, name string) (*Inventory, error) {
	in := &inventoryReader{file: name, lines: map[string]int{}, inv: &Inventory{}}
	buffered := bufio.NewReaderSize(r, 1<<16)
	head, err := buffered.Peek(1 << 16)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(bytes.TrimLeftFunc(head, unicode.IsSpace), []byte("{")):
		err = in.json(buffered)
	case looksLikeYAML(head):
		err = in.yaml(buffered)
	default:
		err = in.names(buffered)
	}
	if err != nil {
		return nil, err
	}
	if len(in.inv.Nodes) == 0 && len(in.problems) == 0 {
		in.problem(0, 0, "", "there are no nodes in it")
	}
	if err := in.problems.Err(); err != nil {
		return nil, err
	}
	return in.inv, nil
}

// inventoryReader collects nodes and what is wrong with them.
type inventoryReader struct {
	file     string
	inv      *Inventory
	lines    map[string]int // node -> line where it stands
	problems ccpfile.Problems
}

func (in *inventoryReader) problem(line, column int, path, format string, args ...any) {
	in.problems = append(in.problems, ccpfile.Problem{
		Pos:     ccpfile.Position{File: in.file, Line: line, Column: column},
		Path:    path,
		Message: fmt.Sprintf(format, args...),
	})
}

func (in *inventoryReader) add(name, hostname string, addresses []nodeAddress, path string, line, column int) {
	first, twice := in.lines[name]
	switch {
	case !validNodeName(name):
		in.problem(line, column, path, "%q is not the name of a node: lower-case letters, digits, - and ., at most 253", name)
	case twice:
		in.problem(line, column, path, "node %s stands here again, after line %d", name, first)
	default:
		if hostname == "" {
			hostname = name
		}
		in.lines[name] = line
		node := Node{Name: name, Hostname: hostname}
		for _, a := range addresses {
			if a.Type == "InternalIP" {
				node.Addresses = append(node.Addresses, a.Address)
			}
		}
		in.inv.Nodes = append(in.inv.Nodes, node)
	}
}

// looksLikeYAML tells objects from a list of names: the first line that says
// something has a colon or begins a document, which no node name does.
func looksLikeYAML(head []byte) bool {
	for line := range bytes.Lines(head) {
		text := withoutComment(string(line))
		if text != "" {
			return strings.Contains(text, ":") || strings.HasPrefix(text, "---") || strings.HasPrefix(text, "%")
		}
	}
	return false
}

func withoutComment(line string) string {
	text, _, _ := strings.Cut(line, "#")
	return strings.TrimSpace(text)
}

// names reads one name a line.
func (in *inventoryReader) names(r io.Reader) error {
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		if name := withoutComment(lines.Text()); name != "" {
			in.add(name, "", nil, "", n, 1+strings.Index(lines.Text(), name))
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		in.problem(0, 0, "", "it has a line that is too long for a node name")
		return nil
	}
	return lines.Err()
}

// yamlObject is as much of a Node, or of a list of them, as counts.
type yamlObject struct {
	Kind     string
	Metadata struct {
		Name   yaml.Node
		Labels map[string]string
	}
	Status struct{ Addresses []nodeAddress }
	Items  []yaml.Node
}

// nodeAddress is an address of a Node.
type nodeAddress struct{ Type, Address string }

// yaml reads a stream of documents.
func (in *inventoryReader) yaml(r io.Reader) error {
	source := &readError{r: r}
	documents := yaml.NewDecoder(source)
	for {
		var document yaml.Node
		err := documents.Decode(&document)
		switch {
		case source.err != nil:
			return source.err
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			in.problem(0, 0, "", "%s", strings.TrimPrefix(err.Error(), "yaml: "))
			return nil
		}
		if len(document.Content) > 0 && document.Content[0].Tag != "!!null" {
			in.yamlObject(document.Content[0], "", true)
		}
	}
}

// yamlObject reads one object; lists may only stand at the top.
func (in *inventoryReader) yamlObject(n *yaml.Node, path string, top bool) {
	var o yamlObject
	if err := n.Decode(&o); err != nil {
		in.problem(n.Line, n.Column, path, "this is not a Node, a NodeList or a List of Nodes")
		return
	}
	if top && (o.Kind == "NodeList" || o.Kind == "List") {
		for i := range o.Items {
			in.yamlObject(&o.Items[i], fmt.Sprintf("items[%d]", i), false)
		}
		return
	}
	if in.isNode(o.Kind, path, n.Line, n.Column) {
		at := &o.Metadata.Name
		if at.Line == 0 {
			at = n
		}
		in.add(o.Metadata.Name.Value, o.Metadata.Labels[hostnameLabel], o.Status.Addresses, ccpfile.JoinPath(path, "metadata", "name"), at.Line, at.Column)
	}
}

// isNode reports objects of another kind. The items of a NodeList need none.
func (in *inventoryReader) isNode(kind, path string, line, column int) bool {
	if kind == "Node" || kind == "" && path != "" {
		return true
	}
	if kind == "" {
		in.problem(line, column, path, "the object has no kind: it must be a Node, a NodeList or a List of Nodes")
	} else {
		in.problem(line, column, path, "kind %s: it must be a Node, a NodeList or a List of Nodes", kind)
	}
	return false
}

// readError remembers the error of a reader, which parsers put into words of
// their own.
type readError struct {
	r   io.Reader
	err error
}

func (e *readError) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		e.err = err
	}
	return n, err
}
