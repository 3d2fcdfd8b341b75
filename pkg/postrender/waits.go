package postrender

import (
	"encoding/json"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// waits takes the other network's services out of what init containers wait
// for: charts of openstack-helm hand kubernetes-entrypoint a JSON list of
// pods, by their labels, in an environment variable. Waiting for pods that
// were removed would have no end.
func (r *Renderer) waits() kio.Filter {
	return kio.FilterFunc(each(func(object *yaml.Node) (bool, error) {
		spec := podSpec(object)
		if spec == nil || r.extension.ignored(identify(object)) {
			return true, nil
		}
		for _, container := range containers(spec) {
			env := find(container, "env")
			if env == nil || env.Kind != yaml.SequenceNode {
				continue
			}
			for _, variable := range env.Content {
				if value := find(variable, "value"); value != nil && strings.HasPrefix(strings.TrimSpace(value.Value), "[{") {
					value.Value = r.withoutOthers(value.Value)
				}
			}
		}
		return true, nil
	}))
}

// withoutOthers drops from a JSON list of pods those of other networks.
func (r *Renderer) withoutOthers(value string) string {
	var raw []json.RawMessage
	if json.Unmarshal([]byte(value), &raw) != nil {
		return value
	}
	count := len(raw)
	raw = slices.DeleteFunc(raw, func(item json.RawMessage) bool {
		var pod struct{ Labels map[string]string }
		if json.Unmarshal(item, &pod) != nil || len(pod.Labels) == 0 {
			return false
		}
		labels := mapping()
		for name, value := range pod.Labels {
			put(labels, name, scalar(value))
		}
		found := r.recognizer.recognize(mapping("metadata", mapping("labels", labels)))
		return len(found) > 0 && !found[0].loose && r.recognizer.foreign(found[0])
	})
	if len(raw) == count {
		return value
	}
	out, err := json.Marshal(raw)
	if err != nil {
		return value
	}
	return string(out)
}
