package release

import (
	"fmt"
	"maps"
	"slices"
	"sort"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	helmrelease "helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/releaseutil"
	"sigs.k8s.io/yaml"
)

// The labels that tell what an object belongs to.
const (
	instanceLabel  = "app.kubernetes.io/instance"
	chartLabel     = "app.kubernetes.io/name"
	componentLabel = "app.kubernetes.io/component"
)

// object is one of a manifest.
type object struct {
	Kind     string
	Metadata struct {
		Name, Namespace     string
		Labels, Annotations map[string]string
	}
	text string
}

func (o object) String() string { return o.Kind + "/" + o.Metadata.Name }

// key tells objects apart.
func (o object) key() string { return o.Kind + "/" + o.Metadata.Namespace + "/" + o.Metadata.Name }

// objects reads the objects of a stream, in its order.
func objects(manifest string) ([]object, error) {
	documents := releaseutil.SplitManifests(manifest)
	names := slices.Collect(maps.Keys(documents))
	sort.Sort(releaseutil.BySplitManifestsOrder(names))
	var out []object
	for _, name := range names {
		o := object{text: documents[name]}
		if err := yaml.Unmarshal([]byte(o.text), &o); err != nil {
			return nil, fmt.Errorf("a manifest can't be read: %w", err)
		}
		if o.Kind != "" {
			out = append(out, o)
		}
	}
	return out, nil
}

// hookObjects reads the hooks of a release that run at an event.
func hookObjects(hooks []*helmrelease.Hook, event helmrelease.HookEvent) []*helmrelease.Hook {
	var out []*helmrelease.Hook
	for _, hook := range hooks {
		if slices.Contains(hook.Events, event) {
			out = append(out, hook)
		}
	}
	return out
}

// backend is the network backend that a chart is installed with.
func backend(chrt *chart.Chart, values map[string]any) string {
	merged, err := chartutil.CoalesceValues(chrt, values)
	if err != nil {
		return ""
	}
	name, _ := merged.PathValue("global.network.backend")
	text, _ := name.(string)
	return text
}
