package postrender

import (
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// settings makes the ini files in ConfigMaps and Secrets say what the chosen
// network needs, and no more what only others do. Which files and options
// these are is what differs between our own charts' files for the networks.
// Manifests whose Neutron is on the chosen network already keep what they say.
func (r *Renderer) settings(f *findings) kio.Filter {
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
				wanted, ours := own.settings[name]
				if !ours {
					continue
				}
				changeText(entries.Content[i+1], section == "data" && kind == "Secret", func(text string) string {
					f.noteNetworks(parseINI(text))
					if f.settled {
						return text
					}
					return wanted.apply(text)
				})
			}
		}
		return true, nil
	}))
}

// noteNetworks takes down which networks a file of Neutron's is for.
func (f *findings) noteNetworks(file ini) {
	for _, driver := range strings.Split(file["ml2"]["mechanism_drivers"], ",") {
		if driver = strings.TrimSpace(driver); driver != "" {
			f.networks[driver] = true
		}
	}
	if strings.Contains(file["DEFAULT"]["core_plugin"], calicoNetwork) {
		f.networks[calicoNetwork] = true
	}
}

// calicoNetwork is the network that is a core plugin of its own, too.
const calicoNetwork = "calico"

// settledOn says whether the manifests' Neutron is on a network, and on none of the
// others.
func (f *findings) settledOn(network string, all []string) bool {
	return f.networks[network] && !slices.ContainsFunc(all, func(other string) bool { return other != network && f.networks[other] })
}
