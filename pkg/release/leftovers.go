package release

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	helmrelease "helm.sh/helm/v3/pkg/release"
	"sigs.k8s.io/yaml"
)

// leftovers tells what a release leaves on the nodes when it goes, by the
// services.yaml of its charts: "/var/lib/neutron (of neutron-dhcp-agent)".
func leftovers(r *helmrelease.Release) ([]string, error) {
	if r.Chart == nil {
		return nil, nil
	}
	there, err := objects(r.Manifest)
	if err != nil {
		return nil, err
	}
	of := map[string][]string{} // what is left -> the services that leave it
	for _, c := range append(slices.Clone(r.Chart.Dependencies()), r.Chart) {
		for service, what := range leavesOnNode(c) {
			if !slices.ContainsFunc(there, func(o object) bool { return runs(o, c.Name(), service) }) {
				continue
			}
			for _, item := range what {
				of[item] = append(of[item], service)
			}
		}
	}
	var out []string
	for _, what := range slices.Sorted(maps.Keys(of)) {
		slices.Sort(of[what])
		out = append(out, fmt.Sprintf("%s (of %s)", what, strings.Join(of[what], ", ")))
	}
	return out, nil
}

// leavesOnNode reads what the services of a chart leave. The chart may be of
// another version of ccp, so that what else stands there does not matter.
func leavesOnNode(c *chart.Chart) map[string][]string {
	out := map[string][]string{}
	for _, file := range c.Files {
		var facts struct {
			Services map[string]struct {
				LeavesOnNode []string `json:"leaves_on_node"`
			}
		}
		if file.Name != "services.yaml" || yaml.Unmarshal(file.Data, &facts) != nil {
			continue
		}
		for name, service := range facts.Services {
			out[name] = service.LeavesOnNode
		}
	}
	return out
}

// runs says whether an object is a workload of a chart's service, be it one for
// some of the nodes only, which has a name of its own.
func runs(o object, chart, service string) bool {
	component := o.Metadata.Labels[componentLabel]
	return o.Kind == "DaemonSet" && o.Metadata.Labels[chartLabel] == chart &&
		(component == service || strings.HasPrefix(component, service+"-"))
}
