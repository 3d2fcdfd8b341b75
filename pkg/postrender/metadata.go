package postrender

import (
	"bytes"
	"fmt"
	"strings"

	"sigs.k8s.io/kustomize/api/filters/labels"
	"sigs.k8s.io/kustomize/api/filters/namespace"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// labels puts the labels of x-post-render on every object and on the pods that
// it makes; selectors stay as they are.
func (r *Renderer) labels() kio.Filter {
	filter := labels.Filter{Labels: r.extension.labels, FsSlice: types.FsSlice{
		{Path: "metadata/labels", CreateIfNotPresent: true},
	}}
	pods := labels.Filter{Labels: r.extension.labels, FsSlice: types.FsSlice{
		{Path: "spec/template/metadata/labels", CreateIfNotPresent: true},
	}}
	return kio.FilterFunc(each(func(object *yaml.Node) (bool, error) {
		if len(r.extension.labels) == 0 || r.extension.ignored(identify(object)) {
			return true, nil
		}
		node := []*yaml.RNode{yaml.NewRNode(object)}
		_, err := filter.Filter(node)
		if spec := lookup(object, "spec", "template"); err == nil && spec != nil && podSpec(object) != nil {
			_, err = pods.Filter(node)
		}
		if err != nil {
			return false, fmt.Errorf("%s: %w", title(object), err)
		}
		return true, nil
	}))
}

// namespace puts objects that name no namespace into the one that the ccp.yaml
// names, and so the service accounts that their role bindings are for. An
// object that says where it lives stays there, and one whose kind has no namespaces
// gets none.
func (r *Renderer) namespace(f *findings) kio.Filter {
	name := written(r.config.Kubernetes, "namespace")
	filter := namespace.Filter{Namespace: name, UnsetOnly: true, SetRoleBindingSubjects: namespace.AllServiceAccountSubjects}
	return kio.FilterFunc(each(func(object *yaml.Node) (bool, error) {
		if name == "" || r.extension.ignored(identify(object)) || f.clusterScoped(object) {
			return true, nil
		}
		if _, err := filter.Filter([]*yaml.RNode{yaml.NewRNode(object)}); err != nil {
			return false, fmt.Errorf("%s: %w", title(object), err)
		}
		return true, nil
	}))
}

// clusterScoped says whether an object of a custom kind is in no namespace: as the
// definition in the stream says, or for Calico's own, as Calico's do; else by the
// names that such kinds commonly have. Kubernetes' own kinds kustomize knows.
func (f *findings) clusterScoped(object *yaml.Node) bool {
	group, _, custom := strings.Cut(text(object, "apiVersion"), "/")
	kind := text(object, "kind")
	if scope, said := f.scopes[group+"/"+kind]; said {
		return scope == "Cluster"
	}
	if _, known := openapi.IsNamespaceScoped(yaml.TypeMeta{APIVersion: text(object, "apiVersion"), Kind: kind}); known || !custom {
		return false
	}
	if strings.HasSuffix(group, "projectcalico.org") {
		return !calicoNamespaced[kind]
	}
	return len(kind) > len("Cluster") && strings.HasPrefix(kind, "Cluster") || strings.HasPrefix(kind, "Global")
}

// calicoNamespaced are the kinds of Calico's that are in a namespace:
// https://docs.tigera.io/calico/latest/reference/resources
var calicoNamespaced = map[string]bool{
	"NetworkPolicy": true, "NetworkSet": true, "StagedNetworkPolicy": true, "StagedKubernetesNetworkPolicy": true, "WorkloadEndpoint": true,
}

// scopes returns what the CustomResourceDefinitions of a stream say, Cluster or
// Namespaced, by GROUP/KIND.
func scopes(stream []byte) map[string]string {
	const definition = "CustomResourceDefinition"
	found := map[string]string{}
	if !bytes.Contains(stream, []byte(definition)) {
		return found
	}
	for _, d := range split(stream) {
		if !bytes.Contains(d.raw, []byte(definition)) {
			continue
		}
		tree, err := d.parse()
		if err != nil || tree == nil {
			continue // the pipeline tells
		}
		for _, object := range objects(tree) {
			if text(object, "kind") == definition {
				found[text(object, "spec", "group")+"/"+text(object, "spec", "names", "kind")] = text(object, "spec", "scope")
			}
		}
	}
	return found
}
