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
					f.noteNetworks(parseINI(text), wanted, r.catalog.Backends)
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

// noteNetworks takes down which networks a file is for: those that it names in an
// option by which the networks differ, as ML2's mechanism drivers are.
func (f *findings) noteNetworks(file ini, differ settings, networks []string) {
	for section, options := range file {
		for option, value := range options {
			if _, decides := differ[section][option]; !decides {
				continue
			}
			for _, word := range strings.Split(value, ",") {
				if word = strings.TrimSpace(word); slices.Contains(networks, word) {
					f.networks[word] = true
				}
			}
		}
	}
}

// settledOn says whether the manifests' files are for a network, and for none of
// the others.
func (f *findings) settledOn(network string) bool { return f.networks[network] && len(f.networks) == 1 }
