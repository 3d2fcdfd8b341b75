package calico

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// warnNodes warns of settings of single nodes that overrule those for all.
func warnNodes(ctx context.Context, store Store, s Settings, n *notes) error {
	entries, err := store.List(ctx, "felixconfigurations")
	if err != nil {
		return err
	}
	overruled := map[string][]string{} // the nodes, by what they overrule
	for _, e := range entries {
		node, ok := strings.CutPrefix(e.Key, "felixconfigurations/node.")
		if !ok {
			continue
		}
		var felix struct {
			Spec struct {
				InterfacePrefix          string
				ReportingInterval        *string
				EndpointReportingEnabled *bool
			}
		}
		if err := json.Unmarshal(e.Value, &felix); err != nil {
			return fmt.Errorf("%s is not a FelixConfiguration: %w", e.Key, err)
		}
		var what []string
		if spec := felix.Spec; spec.ReportingInterval != nil {
			wanted := time.Duration(s.ReportingInterval) * time.Second
			if own, err := time.ParseDuration(*spec.ReportingInterval); err != nil || own != wanted {
				what = append(what, fmt.Sprintf("reportingInterval %s instead of %s", *spec.ReportingInterval, wanted))
			}
		}
		if state := prefixState(felix.Spec.InterfacePrefix, serverPrefix); state == prefixOut {
			what = append(what, fmt.Sprintf("interfacePrefix %s without %s", felix.Spec.InterfacePrefix, serverPrefix))
		}
		if on := felix.Spec.EndpointReportingEnabled; on != nil && !*on {
			what = append(what, "endpointReportingEnabled false")
		}
		if len(what) > 0 {
			text := strings.Join(what, ", ")
			overruled[text] = append(overruled[text], node)
		}
	}
	for _, what := range slices.Sorted(maps.Keys(overruled)) {
		nodes := overruled[what]
		shown := nodes[:min(len(nodes), 10)]
		names := "node." + strings.Join(shown, ", node.")
		if more := len(nodes) - len(shown); more > 0 {
			names += fmt.Sprintf(" and %d more", more)
		}
		n.warn("the Felix settings of %s overrule those of default: %s; take them out there, or the servers of these nodes are not reachable, or Neutron takes the nodes for dead", names, what)
	}
	return nil
}
