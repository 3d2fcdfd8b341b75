package postrender

import (
	"fmt"

	"sigs.k8s.io/kustomize/api/filters/replicacount"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// replicas gives Deployments and StatefulSets the number that `replicas` of
// the ccp.yaml has for their service. One that it does not list keeps its own.
func (r *Renderer) replicas() kio.Filter {
	counts := map[string]int{}
	for _, replica := range r.config.Replicas {
		counts[replica.Service.Name] = replica.Count
	}
	return kio.FilterFunc(each(func(object *yaml.Node) (bool, error) {
		kind := text(object, "kind")
		if kind != "Deployment" && kind != "StatefulSet" || podSpec(object) == nil || r.extension.ignored(identify(object)) {
			return true, nil
		}
		found := r.recognizer.recognize(object)
		if len(found) != 1 || r.deployment.Topology.Services[found[0].service] == nil {
			return true, nil
		}
		count, listed := counts[found[0].service]
		if !listed {
			return true, nil
		}
		filter := replicacount.Filter{
			Replica:   types.Replica{Name: found[0].service, Count: int64(count)},
			FieldSpec: types.FieldSpec{Path: "spec/replicas", CreateIfNotPresent: true},
		}
		if _, err := filter.Filter([]*yaml.RNode{yaml.NewRNode(object)}); err != nil {
			return false, fmt.Errorf("%s: %w", title(object), err)
		}
		return true, nil
	}))
}
