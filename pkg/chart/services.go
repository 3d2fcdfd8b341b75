package chart

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/helm-ccp/helm-ccp/pkg/catalog"
	"github.com/helm-ccp/helm-ccp/pkg/topology"
)

// placeOverrides turns the overrides of the node groups into values, by set.
func (b *builder) placeOverrides() map[string]values {
	out := map[string]values{}
	for _, group := range b.cfg.Nodes {
		if group.Configs != nil {
			b.placer.place(group.Configs, group.Path+".configs") // for its faults, where they were written
		}
	}
	problems, notices := b.placer.problems, b.placer.notices
	for _, t := range b.topologies {
		for _, set := range t.OverrideSets {
			if _, done := out[set.Set]; !done {
				out[set.Set] = b.placer.place(set.Overrides, "configs")
			}
		}
	}
	b.placer.problems, b.placer.notices = problems, notices // said above already
	return out
}

// services returns the `services` of a chart's values: one entry for each that
// has a place in the topology of some backend, and for each that has none one
// that switches it off.
func (b *builder) services(chart string, overrides map[string]values) map[string]any {
	out := map[string]any{}
	for _, name := range b.catalog.Charts[chart].Services {
		out[name] = map[string]any{"enabled": false}
	}
	for _, backend := range slices.Sorted(maps.Keys(b.topologies)) {
		for name, service := range b.topologies[backend].Services {
			if service.Chart != chart {
				continue
			}
			if entry, there := out[name].(map[string]any); !there || entry["enabled"] == false || backend == b.Topology.Network {
				out[name] = b.service(name, service, b.topologies[backend], overrides)
			}
		}
	}
	return out
}

func (b *builder) service(name string, s *topology.Service, t *topology.Topology, overrides map[string]values) map[string]any {
	entry := map[string]any{"enabled": true, "roles": s.Roles}
	if s.Definition != name {
		entry["definition"] = s.Definition
	}
	if s.Workload != catalog.DaemonSet {
		entry["replicas"] = s.Replicas
	}
	if len(s.Mapping) > 0 {
		entry["mapping"] = stringValues(s.Mapping)
	}
	nodes := s.Nodes
	if s.Workload == catalog.DaemonSet {
		variants := b.variants(s, t, overrides)
		for _, v := range variants {
			own := v["nodes"].([]string)
			nodes = slices.DeleteFunc(slices.Clone(nodes), func(node string) bool { return slices.Contains(own, node) })
			if delete(v, "nodes"); t.Placement == topology.PlacementHostname {
				v["nodes"] = hostnames(t, own)
			}
		}
		if len(variants) > 0 {
			entry["variants"] = variants
		}
	}
	if t.Placement == topology.PlacementHostname {
		entry["nodes"] = hostnames(t, nodes)
		if len(nodes) == 0 {
			entry["roles"] = []string{} // every node has overrides of its own
		}
	}
	return entry
}

// variants are the workloads that a DaemonSet's service has besides its usual
// one: one for each distinct set of overrides that concerns its chart.
func (b *builder) variants(s *topology.Service, t *topology.Topology, overrides map[string]values) []map[string]any {
	var variants []map[string]any
	byValues := map[string]map[string]any{}
	for _, set := range t.OverrideSets {
		own := map[string]any{}
		maps.Copy(own, overrides[set.Set][s.Chart])
		if global := overrides[set.Set][library]; len(global) > 0 {
			own["global"] = global
		}
		nodes := intersect(set.Nodes, s.Nodes)
		if len(own) == 0 || len(set.Nodes) > 0 && len(nodes) == 0 {
			continue
		}
		key := canonical(own)
		if v := byValues[key]; v != nil {
			v["sets"] = append(v["sets"].([]string), set.Set)
			v["nodes"] = append(v["nodes"].([]string), nodes...)
			slices.Sort(v["nodes"].([]string))
			continue
		}
		v := map[string]any{"name": set.Set, "sets": []string{set.Set}, "nodes": nodes, "overrides": own}
		byValues[key] = v
		variants = append(variants, v)
	}
	return variants
}

// hostnames are the values of the label kubernetes.io/hostname of nodes.
func hostnames(t *topology.Topology, nodes []string) []string {
	out := make([]string, len(nodes))
	for i, node := range nodes {
		out[i] = t.Hostname(node)
	}
	return out
}

// intersect returns what is in both; b is sorted.
func intersect(a, b []string) []string {
	out := []string{}
	for _, s := range a {
		if _, found := slices.BinarySearch(b, s); found {
			out = append(out, s)
		}
	}
	return out
}

// canonical returns the same text for equal values.
func canonical(v any) string {
	var out bytes.Buffer
	if err := json.NewEncoder(&out).Encode(v); err != nil {
		panic(err) // values came from YAML: they marshal
	}
	return out.String()
}

// labelNodes are the values of the hook that labels the nodes: the patterns of
// the ccp.yaml, as they were written.
func (b *builder) labelNodes() map[string]any {
	return map[string]any{"enabled": true, "match": string(b.Topology.NodeMatch), "nodes": b.Topology.Groups}
}
