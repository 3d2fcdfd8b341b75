package chart

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/helm-ccp/helm-ccp/pkg/catalog"
	"github.com/helm-ccp/helm-ccp/pkg/topology"
)

// Part is some services of a deployment, for those who install or change these
// alone.
type Part struct {
	// Services are the wanted ones, Others all the rest of the topology's.
	Services, Others []string
	// Charts are those that hold the services, or accompany them, and the
	// umbrella.
	Charts []string
	// Needs are services among Others that the wanted ones can't do without.
	Needs []string
}

// Part returns what belongs to the named services. All lists in it are sorted.
// The error names every service that the topology does not have.
func (d *Deployment) Part(services []string) (*Part, error) {
	all := slices.Sorted(maps.Keys(d.Topology.Services))
	var unknown []string
	part, charts, needs := &Part{}, map[string]bool{Name: true}, map[string]bool{}
	definitions := map[string]bool{}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(services))) {
		s := d.Topology.Services[name]
		if s == nil {
			unknown = append(unknown, fmt.Sprintf("%q%s", name, catalog.Suggest(name, all)))
			continue
		}
		part.Services = append(part.Services, name)
		charts[s.Chart], definitions[s.Definition] = true, true
		for _, need := range d.catalog.Services[s.Definition].Needs {
			provider := d.Topology.Providers[need]
			if mapped := s.Mapping[need]; mapped != "" {
				provider = mapped
			} else if provider == "" {
				provider = need
			}
			needs[provider] = true
		}
	}
	if len(unknown) > 0 {
		return nil, fmt.Errorf("no role holds the service %s", strings.Join(unknown, " or "))
	}
	for name, c := range d.catalog.Charts {
		if slices.ContainsFunc(c.Accompanies, func(service string) bool { return definitions[service] }) {
			charts[name] = true
		}
	}
	for _, name := range all {
		if !slices.Contains(part.Services, name) {
			part.Others = append(part.Others, name)
			if needs[name] {
				part.Needs = append(part.Needs, name)
			}
		}
	}
	part.Charts = slices.Sorted(maps.Keys(charts))
	return part, nil
}

// RoleGroups are the patterns of the ccp.yaml with the roles that nodes get a
// label for: those that hold a service in the chosen network.
func (d *Deployment) RoleGroups() []topology.Group {
	used := map[string]bool{}
	for _, s := range d.Topology.Services {
		for _, role := range s.Roles {
			used[role] = true
		}
	}
	groups := slices.Clone(d.Topology.Groups)
	for i := range groups {
		groups[i].Roles = slices.DeleteFunc(slices.Clone(groups[i].Roles), func(role string) bool { return !used[role] })
	}
	return groups
}
