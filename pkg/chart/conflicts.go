package chart

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/helm-ccp/helm-ccp/pkg/catalog"
	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
)

// checkConflicts finds values that rule out services which are placed.
func (b *builder) checkConflicts() {
	if b.Topology == nil { // that is reported
		return
	}
	for _, name := range slices.Sorted(maps.Keys(b.catalog.Charts)) {
		c := b.catalog.Charts[name]
		if len(c.Network) > 0 && !slices.Contains(c.Network, b.Topology.Network) {
			continue
		}
		for _, conflict := range c.Conflicts {
			b.checkConflict(name, conflict)
		}
	}
}

func (b *builder) checkConflict(chart string, c catalog.Conflict) {
	path := strings.Split(c.Value, ".")
	whole := values{chart: overlay(b.sources[chart].defaults, b.values[chart])}
	value := fmt.Sprint(whole.get(chart, path...))
	if !slices.Contains(c.Is, value) {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(b.Topology.Services)) {
		s := b.Topology.Services[name]
		if !slices.Contains(c.Services, s.Definition) {
			continue
		}
		problem := ccpfile.Problem{
			Path:    ccpfile.JoinPath("configs", append([]string{chart}, path...)...),
			Message: fmt.Sprintf("%s does not go with %s (role %s): %s", value, name, strings.Join(s.Roles, ", "), c.Because),
		}
		if node := b.cfg.Configs.Get(append([]string{chart}, path...)...); node != nil {
			problem.Pos = node.Pos
		}
		b.problems = append(b.problems, problem)
	}
}
