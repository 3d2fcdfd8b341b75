package topology

import (
	"slices"
	"strings"

	"github.com/helm-ccp/helm-ccp/pkg/catalog"
	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
)

// replicas reads `replicas`.
func (r *resolver) replicas() {
	for _, rep := range r.cfg.Replicas {
		in := r.instance(rep.Service)
		if in == nil {
			continue
		}
		at := ccpfile.Ref{Pos: rep.Pos, Path: rep.Path}
		s := r.top.Services[in.name]
		switch {
		case rep.Count < 1:
			r.problem(at, "%d replicas: there must be at least 1; to leave %s out, take it out of the roles", rep.Count, in.name)
		case in.everywhere():
			r.problem(at, "%s is a DaemonSet, which runs once on every node of its roles: leave its replicas out", in.name)
		case s != nil && r.known && rep.Count > len(s.Nodes):
			r.problem(at, "%d replicas of %s need as many nodes, but its roles (%s) have %d: %s",
				rep.Count, in.name, strings.Join(s.Roles, ", "), len(s.Nodes), cmpOr(some(s.Nodes), "none"))
		case s != nil:
			s.Replicas = rep.Count
		case in.listed == nil && r.lacks(in.def) == "":
			r.problem(at, "no role lists %s", in.name)
		}
	}
}

func cmpOr(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// deployed lists the instances that are deployed, sorted by name.
func (r *resolver) deployed() []*instance {
	var all []*instance
	for _, name := range sortedKeys(r.instances) {
		if in := r.instances[name]; in.placed() {
			all = append(all, in)
		}
	}
	return all
}

// backs reports whether an instance is what a need asks for, be it a service
// or an abstract name.
func (i *instance) backs(need string) bool {
	return i.def.Name == need || slices.Contains(i.def.Provides, need)
}

// mapping is the entry of i for a need, nil when there is none.
func (i *instance) mapping(need string) *ccpfile.MappingEntry {
	if i.declared == nil {
		return nil
	}
	for k := range i.declared.Mapping {
		if m := &i.declared.Mapping[k]; m.Need == need {
			return m
		}
	}
	return nil
}

// mappings checks the `mapping` of each instance and puts it in the Topology.
func (r *resolver) mappings() {
	for _, d := range r.cfg.Services {
		in := r.instances[d.Name]
		if in == nil || in.declared == nil {
			continue
		}
		for _, m := range d.Mapping {
			if r.mapped(in, m) && in.placed() {
				s := r.top.Services[in.name]
				if s.Mapping == nil {
					s.Mapping = map[string]string{}
				}
				s.Mapping[m.Need] = m.Service.Name
			}
		}
	}
}

// mapped reports whether the entry of in's mapping is sound.
func (r *resolver) mapped(in *instance, m ccpfile.MappingEntry) bool {
	if !slices.Contains(in.def.Needs, m.Need) {
		r.problem(ccpfile.Ref{Pos: m.Pos, Path: m.Path}, "%s has no need %q%s", in.def.Name, m.Need, catalog.Suggest(m.Need, in.def.Needs))
		return false
	}
	var able []string // the instances that could be named
	for _, other := range r.deployed() {
		if other.backs(m.Need) {
			able = append(able, other.name)
		}
	}
	target := r.instances[m.Service.Name]
	switch {
	case r.broken[m.Service.Name]:
		return false
	case target == nil:
		r.problem(m.Service, "no service %q%s", m.Service.Name, catalog.Suggest(m.Service.Name, sortedKeys(r.instances)))
	case !target.backs(m.Need):
		r.problem(m.Service, "%s does not provide %s; %s", target.name, m.Need, doThat(able))
	case in.placed() && !target.placed():
		r.problem(m.Service, "%s is not deployed, since no role with nodes lists it; %s", target.name, doThat(able))
	default:
		return true
	}
	return false
}

func doThat(able []string) string {
	if len(able) == 0 {
		return "nothing that is deployed does"
	}
	return oneOrMore(able, "does", "do")
}

// needs finds what backs each need, and warns of needs that nothing backs.
func (r *resolver) needs() {
	abstract := map[string]bool{}
	for _, def := range r.cat.Services {
		for _, name := range def.Provides {
			abstract[name] = true
		}
	}
	needers := map[string][]*instance{} // without a mapping for the need
	for _, in := range r.deployed() {
		for _, need := range in.def.Needs {
			if in.mapping(need) == nil {
				needers[need] = append(needers[need], in)
			}
		}
	}
	for _, need := range sortedKeys(abstract) {
		r.provider(need, needers[need])
	}
	for _, need := range sortedKeys(needers) {
		def := r.cat.Services[need]
		if def == nil || r.lacks(def) != "" || slices.ContainsFunc(r.deployed(), func(in *instance) bool { return in.backs(need) }) {
			continue
		}
		r.warn(needers[need][0].origin, "%s %s, which no role with nodes lists", needed(needers[need]), need)
	}
}

// provider chooses the instance that backs an abstract name.
func (r *resolver) provider(abstract string, needers []*instance) {
	var able []string
	for _, in := range r.deployed() {
		if !in.backs(abstract) {
			continue
		}
		able = append(able, in.name)
		if in.name == abstract {
			able = []string{abstract}
			break
		}
	}
	switch {
	case len(able) == 1:
		r.top.Providers[abstract] = able[0]
	case len(needers) == 0:
	case len(able) == 0:
		r.warn(needers[0].origin, "%s %s, which nothing provides: list %s in a role",
			needed(needers), abstract, strings.Join(r.cat.Providers(abstract), " or "))
	default:
		r.problem(needers[0].origin, "%s %s, which %s provide: say which one in `services`, either %s: {service_def: …} or as the mapping of each that needs it",
			needed(needers), abstract, strings.Join(able, " and "), abstract)
	}
}

// needed names those that need something, with the verb.
func needed(needers []*instance) string {
	names := make([]string, len(needers))
	for i, in := range needers {
		names[i] = in.name
	}
	if len(names) > 1 {
		return some(names) + " need"
	}
	return names[0] + " needs"
}

// needsOnNode checks that what a service needs on each of its nodes is there.
func (r *resolver) needsOnNode() {
	for _, in := range r.deployed() {
		for _, need := range in.def.NeedsOnNode {
			if r.lacks(r.cat.Services[need]) != "" {
				continue
			}
			var there []*Service
			for _, other := range r.deployed() {
				if other.def.Name == need {
					there = append(there, r.top.Services[other.name])
				}
			}
			r.onNode(in, need, there)
		}
	}
}

// onNode checks one need on each node, which there are the instances of.
func (r *resolver) onNode(in *instance, need string, there []*Service) {
	s := r.top.Services[in.name]
	// Both lists are sorted.
	without := func(names []string, have func(*Service) []string) []string {
		return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
			return slices.ContainsFunc(there, func(other *Service) bool {
				_, found := slices.BinarySearch(have(other), name)
				return found
			})
		})
	}
	switch {
	case len(there) == 0:
		r.problem(in.origin, "%s needs %s on each of its nodes, and no role with nodes lists it: list it beside %s", in.name, need, in.name)
	case r.known:
		if missing := without(s.Nodes, func(o *Service) []string { return o.Nodes }); len(missing) > 0 {
			r.problem(in.origin, "%s needs %s on each of its nodes, and it is not on %s", in.name, need, some(missing))
		}
	default:
		if missing := without(s.Roles, func(o *Service) []string { return o.Roles }); len(missing) > 0 {
			r.warn(in.origin, "%s needs %s on each of its nodes, and the role %s does not list it; give an inventory with --nodes or --kube to check the nodes",
				in.name, need, strings.Join(missing, ", "))
		}
	}
}
