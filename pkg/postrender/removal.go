package postrender

import (
	"encoding/base64"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// permanent are the kinds of objects that are never removed: others may live
// in them.
var permanent = map[string]bool{"CustomResourceDefinition": true, "Namespace": true}

// removal takes out what is the other network's: its objects, its entries in
// ConfigMaps and Secrets, and what pods say of those.
func (r *Renderer) removal(f *findings) kio.Filter {
	return kio.FilterFunc(each(func(object *yaml.Node) (bool, error) {
		found := r.recognizer.recognize(object)
		if len(found) > 0 && !found[0].loose && r.recognizer.foreign(found[0]) && !permanent[text(object, "kind")] && !r.extension.ignored(identify(object)) {
			f.note(object, "removed: the network %s does not use %s", r.deployment.Topology.Network, orChart(found[0]))
			return false, nil
		}
		switch text(object, "kind") {
		case "ConfigMap", "Secret":
			return true, r.removeEntries(object, f)
		}
		if spec := podSpec(object); spec != nil {
			return true, r.removeMounts(spec)
		}
		return true, nil
	}))
}

func orChart(m match) string {
	if m.service != "" {
		return m.service
	}
	return "the chart " + m.chart
}

// removeEntries removes the other network's files from a ConfigMap or Secret,
// and the arguments that name them from the scripts.
func (r *Renderer) removeEntries(object *yaml.Node, f *findings) error {
	gone, err := r.own.goneFiles()
	if err != nil {
		return err
	}
	for _, section := range []string{"data", "stringData", "binaryData"} {
		entries := find(object, section)
		if entries == nil || entries.Kind != yaml.MappingNode {
			continue
		}
		for i := len(entries.Content) - 2; i >= 0; i -= 2 {
			name, value := entries.Content[i].Value, entries.Content[i+1]
			if gone[name] || r.otherScript(name) {
				f.note(object, "%s removed: the network %s does not use it", name, r.deployment.Topology.Network)
				entries.Content = slices.Delete(entries.Content, i, i+2)
				continue
			}
			if encoded := section == "data" && text(object, "kind") == "Secret"; section != "binaryData" {
				changeText(value, encoded, func(content string) string { return withoutFiles(content, gone) })
			}
		}
	}
	return nil
}

// changeText changes the text of an entry, which a Secret holds in base64.
func changeText(value *yaml.Node, encoded bool, change func(string) string) {
	if value.Kind != yaml.ScalarNode {
		return
	}
	content := value.Value
	if encoded {
		decoded, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(content), ""))
		if err != nil {
			return
		}
		content = string(decoded)
	}
	changed := change(content)
	switch {
	case changed == content:
	case encoded:
		value.Value = base64.StdEncoding.EncodeToString([]byte(changed))
	default:
		value.Value = changed
	}
}

// otherScript reports whether a file is named after a service of another
// network: neutron-openvswitch-agent-init.sh.
func (r *Renderer) otherScript(file string) bool {
	stem := strings.ReplaceAll(file, "_", "-")
	return slices.ContainsFunc(r.own.otherNames, func(name string) bool {
		rest, found := strings.CutPrefix(stem, name)
		return found && rest != "" && (rest[0] == '.' || rest[0] == '-')
	})
}

// removeMounts removes what a pod says of files that are gone: mounts of a
// single file, items of a volume, and arguments.
func (r *Renderer) removeMounts(spec *yaml.Node) error {
	gone, err := r.own.goneFiles()
	if err != nil {
		return err
	}
	removed := func(name string) bool { return name != "" && (gone[name] || r.otherScript(name)) }
	for _, container := range containers(spec) {
		dropItems(container, "volumeMounts", func(mount *yaml.Node) bool { return removed(text(mount, "subPath")) })
		for _, key := range []string{"command", "args"} {
			arguments := find(container, key)
			if arguments == nil || arguments.Kind != yaml.SequenceNode {
				continue
			}
			arguments.Content = withoutArguments(arguments.Content, gone)
		}
	}
	volumes := find(spec, "volumes")
	if volumes == nil || volumes.Kind != yaml.SequenceNode {
		return nil
	}
	for _, volume := range volumes.Content {
		for _, source := range []*yaml.Node{find(volume, "configMap"), find(volume, "secret")} {
			dropItems(source, "items", func(item *yaml.Node) bool { return removed(text(item, "key")) })
		}
	}
	return nil
}

// dropItems drops from the list at key the items that are gone.
func dropItems(n *yaml.Node, key string, gone func(*yaml.Node) bool) {
	if list := find(n, key); list != nil && list.Kind == yaml.SequenceNode {
		list.Content = slices.DeleteFunc(slices.Clone(list.Content), gone)
	}
}
