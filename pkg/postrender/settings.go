package postrender

import (
	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// settings makes the ini files in ConfigMaps and Secrets say what the chosen
// network needs, and no more what only others do. Which files and options
// these are is what differs between our own charts' files for the networks.
func (r *Renderer) settings() kio.Filter {
	return kio.FilterFunc(each(func(object *yaml.Node) (bool, error) {
		kind := text(object, "kind")
		if kind != "ConfigMap" && kind != "Secret" || r.extension.ignored(identify(object)) {
			return true, nil
		}
		own, err := r.own.rendered()
		if err != nil {
			return false, err
		}
		for _, section := range []string{"data", "stringData"} {
			entries := find(object, section)
			if entries == nil || entries.Kind != yaml.MappingNode {
				continue
			}
			for i := 0; i+1 < len(entries.Content); i += 2 {
				name := entries.Content[i].Value
				if wanted, ours := own.settings[name]; ours {
					changeText(entries.Content[i+1], section == "data" && kind == "Secret", wanted.apply)
				}
			}
		}
		return true, nil
	}))
}
