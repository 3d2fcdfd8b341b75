package postrender

import (
	"fmt"

	"sigs.k8s.io/kustomize/api/filters/labels"
	"sigs.k8s.io/kustomize/api/filters/namespace"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/kio"
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
// object that says where it lives stays there.
func (r *Renderer) namespace() kio.Filter {
	name := written(r.config.Kubernetes, "namespace")
	filter := namespace.Filter{Namespace: name, UnsetOnly: true, SetRoleBindingSubjects: namespace.AllServiceAccountSubjects}
	return kio.FilterFunc(each(func(object *yaml.Node) (bool, error) {
		if name == "" || r.extension.ignored(identify(object)) {
			return true, nil
		}
		if _, err := filter.Filter([]*yaml.RNode{yaml.NewRNode(object)}); err != nil {
			return false, fmt.Errorf("%s: %w", title(object), err)
		}
		return true, nil
	}))
}
