package chart

import (
	"maps"
	"slices"

	"github.com/helm-ccp/helm-ccp/pkg/catalog"
	"github.com/helm-ccp/helm-ccp/pkg/topology"
)

// checkOverrides finds the faults of the node groups' configs, where they were
// written.
func (b *builder) checkOverrides() {
	for _, group := range b.cfg.Nodes {
		b.placer.place(group.Configs, group.Path+".configs")
	}
}

// services returns the `services` of a chart's values: one entry for each that
// has a place in the topology of some backend, and for each that has none one
// that switches it off.
func (b *builder) services(chart string) map[string]any {
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
				out[name] = b.service(name, service, b.topologies[backend])
			}
		}
	}
	return out
}

func (b *builder) service(name string, s *topology.Service, t *topology.Topology) map[string]any {
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
		variants := b.variants(s, t)
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
func (b *builder) variants(s *topology.Service, t *topology.Topology) []map[string]any {
	var keys []string
	for key, owner := range b.placer.owners {
		if owner == s.Chart || owner == library {
			keys = append(keys, key)
		}
	}
	quiet := &placer{sources: b.placer.sources, owners: b.placer.owners} // checkOverrides said it already
	var out []map[string]any
	for _, v := range t.Variants(s, keys) {
		placed := quiet.place(v.Overrides, "configs")
		overrides := overlay(placed[s.Chart], nil)
		if global := placed[library]; len(global) > 0 {
			overrides["global"] = global
		}
		if len(overrides) > 0 {
			out = append(out, map[string]any{"name": v.Sets[0], "sets": v.Sets, "nodes": v.Nodes, "overrides": overrides})
		}
	}
	return out
}

// hostnames are the values of the label kubernetes.io/hostname of nodes.
func hostnames(t *topology.Topology, nodes []string) []string {
	out := make([]string, len(nodes))
	for i, node := range nodes {
		out[i] = t.Hostname(node)
	}
	return out
}

// labelNodes are the values of the hook that labels the nodes: the patterns of
// the ccp.yaml, as they were written.
func (b *builder) labelNodes() map[string]any {
	idle := map[string]any{}
	for backend, t := range b.topologies {
		if roles := b.idleRoles(t); len(roles) > 0 {
			idle[backend] = roles
		}
	}
	return map[string]any{"enabled": true, "match": string(b.Topology.NodeMatch), "nodes": b.Topology.Groups, "idle_roles": idle}
}

// idleRoles are the roles that hold no service in a topology; nodes need no
// label for them.
func (b *builder) idleRoles(t *topology.Topology) []string {
	used := map[string]bool{}
	for _, s := range t.Services {
		for _, role := range s.Roles {
			used[role] = true
		}
	}
	var idle []string
	for _, role := range b.cfg.Roles {
		if !used[role.Name] {
			idle = append(idle, role.Name)
		}
	}
	slices.Sort(idle)
	return idle
}
