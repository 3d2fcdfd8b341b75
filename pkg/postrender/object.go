package postrender

import (
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// objects returns the Kubernetes objects of a document's tree: itself, or the
// items of a List, at any depth. What is not an object (a bare list, text, an
// object without a kind) is none.
func objects(tree *yaml.Node) []*yaml.Node {
	if tree.Kind == yaml.DocumentNode && len(tree.Content) > 0 {
		tree = tree.Content[0]
	}
	if items := listItems(tree); items != nil {
		var all []*yaml.Node
		for _, item := range items.Content {
			all = append(all, objects(item)...)
		}
		return all
	}
	metadata := find(tree, "metadata")
	if text(tree, "kind") == "" || text(tree, "apiVersion") == "" || metadata != nil && metadata.Kind != yaml.MappingNode {
		return nil
	}
	return []*yaml.Node{tree}
}

// listItems returns the items of a List (or DeploymentList and the like), nil
// when n is none.
func listItems(n *yaml.Node) *yaml.Node {
	items := find(n, "items")
	if items == nil || items.Kind != yaml.SequenceNode || !strings.HasSuffix(text(n, "kind"), "List") || find(n, "spec") != nil {
		return nil
	}
	return items
}

// prune takes from a tree the objects that are not in kept. It reports whether
// any is left.
func prune(tree *yaml.Node, kept map[*yaml.Node]bool) bool {
	if tree.Kind == yaml.DocumentNode && len(tree.Content) > 0 {
		tree = tree.Content[0]
	}
	items := listItems(tree)
	if items == nil {
		return kept[tree]
	}
	left := items.Content[:0:0]
	for _, item := range items.Content {
		if len(objects(item)) == 0 || prune(item, kept) {
			left = append(left, item)
		}
	}
	items.Content = left
	return len(left) > 0
}

// The kinds that run pods of a service, and those that run something once in
// a while beside it.
var (
	workloadKinds = map[string]bool{"DaemonSet": true, "Deployment": true, "StatefulSet": true, "ReplicaSet": true, "ReplicationController": true}
	helperKinds   = map[string]bool{"CronJob": true, "Job": true, "Pod": true}
)

// podSpec returns the pod spec of an object that runs pods, or nil.
func podSpec(object *yaml.Node) *yaml.Node {
	var spec *yaml.Node
	switch kind := text(object, "kind"); {
	case kind == "Pod":
		spec = lookup(object, "spec")
	case kind == "CronJob":
		spec = lookup(object, "spec", "jobTemplate", "spec", "template", "spec")
	case kind == "Job" || workloadKinds[kind]:
		spec = lookup(object, "spec", "template", "spec")
	}
	if spec == nil || spec.Kind != yaml.MappingNode {
		return nil
	}
	return spec
}

// containers returns the containers of a pod, init containers first.
func containers(spec *yaml.Node) []*yaml.Node {
	var all []*yaml.Node
	for _, key := range []string{"initContainers", "containers"} {
		if list := find(spec, key); list != nil && list.Kind == yaml.SequenceNode {
			all = append(all, list.Content...)
		}
	}
	return all
}

// label returns a label of an object, or else of its pods.
func label(object *yaml.Node, name string) string {
	if value := text(object, "metadata", "labels", name); value != "" {
		return value
	}
	if value := text(object, "spec", "template", "metadata", "labels", name); value != "" {
		return value
	}
	return text(object, "spec", "jobTemplate", "spec", "template", "metadata", "labels", name)
}

// title names an object: "Deployment nova-api".
func title(object *yaml.Node) string {
	return strings.TrimSpace(text(object, "kind") + " " + text(object, "metadata", "name"))
}

// key tells an object from others.
type key struct{ kind, name string }

func keyOf(object *yaml.Node) key {
	return key{text(object, "kind"), text(object, "metadata", "name")}
}

// scalar returns a new string.
func scalar(value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: yaml.NodeTagString, Value: value}
}

// each makes a filter of nodes to nodes from a function of one object; objects
// for which it returns false are left out.
func each(fn func(object *yaml.Node) (keep bool, err error)) func([]*yaml.RNode) ([]*yaml.RNode, error) {
	return func(nodes []*yaml.RNode) ([]*yaml.RNode, error) {
		out := nodes[:0:0]
		for _, node := range nodes {
			keep, err := fn(node.YNode())
			if err != nil {
				return nil, err
			}
			if keep {
				out = append(out, node)
			}
		}
		return out, nil
	}
}
