package postrender

import (
	"bytes"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
	"github.com/helm-ccp/helm-ccp/pkg/chart"
)

// inventory changes nothing: it takes down what is there, and what has no
// place.
func (r *Renderer) inventory(f *findings) kio.Filter {
	return kio.FilterFunc(each(func(object *yaml.Node) (bool, error) {
		f.objects[keyOf(object)] = true
		kind := text(object, "kind")
		if !workloadKinds[kind] && !helperKinds[kind] || r.extension.ignored(identify(object)) {
			return true, nil
		}
		found := r.recognizer.recognize(object)
		switch {
		case len(found) > 1:
			f.problem(object, "%s of the chart %s and %s of the chart %s both claim it: say under %s.services what it is",
				found[0].service, found[0].chart, found[1].service, found[1].chart, extensionKey)
		case len(found) == 0 && label(object, "app.kubernetes.io/name") == chart.Name && label(object, "app.kubernetes.io/part-of") == partOf:
			// a hook of the generated chart itself
		case len(found) == 0:
			r.unplaced(f, object, "no service has these labels or this name")
		case found[0].service == "":
			f.charts[found[0].chart] = true
			if workloadKinds[kind] {
				r.unplaced(f, object, "the chart "+found[0].chart+" has no such service")
			}
		default:
			f.charts[found[0].chart] = true
			if r.deployment.Topology.Services[found[0].service] == nil {
				r.unplaced(f, object, "the ccp.yaml has no place for "+found[0].service)
				break
			}
			if workloadKinds[kind] {
				f.services[found[0].service] = append(f.services[found[0].service], source{f.name(object), f.chartOf(object)})
				for _, container := range containers(podSpec(object)) {
					if beside := r.recognizer.service(text(container, "name")); beside != nil && beside.chart == found[0].chart {
						f.beside[beside.service] = true
					}
				}
			}
		}
		return true, nil
	}))
}

// unplaced takes down that a workload is passed on as it is.
func (r *Renderer) unplaced(f *findings, object *yaml.Node, why string) {
	if r.opts.Strict {
		f.problem(object, "%s: list its service in a role, or say under %s what it is or that it is to be ignored", why, extensionKey)
		return
	}
	f.note(object, "left where it is: %s", why)
}

var chartVersion = regexp.MustCompile(`-v?\d+(\.\d+)*.*$`)

// sourceComment begins the line in which `helm template` says which file of a
// chart a document is from.
const sourceComment = "# Source: "

// chartOf returns the name of the chart that made an object, where its labels,
// Helm's annotation or the comment above it say so, or "".
func (f *findings) chartOf(object *yaml.Node) string {
	for _, name := range []string{"helm.sh/chart", "chart"} {
		if value := label(object, name); value != "" {
			return chartVersion.ReplaceAllString(value, "")
		}
	}
	if chart := chartOfFile(text(object, "metadata", "annotations", "postrenderer.helm.sh/postrender-filename")); chart != "" {
		return chart
	}
	for line := range bytes.Lines(f.documents[object].raw) {
		line = bytes.TrimSpace(line)
		if file, found := bytes.CutPrefix(line, []byte(sourceComment)); found {
			return chartOfFile(string(file))
		}
		if len(line) > 0 && line[0] != '#' && !isMarker(line, "---") {
			break
		}
	}
	return ""
}

// chartOfFile returns the chart that a template is of: the last one of
// openstack/charts/mariadb/templates/statefulset.yaml.
func chartOfFile(template string) string {
	chart, _, found := strings.Cut(template, "/templates/")
	if !found {
		return ""
	}
	return path.Base(chart)
}

// check returns what is wrong with a stream as a whole.
func (r *Renderer) check(f *findings) error {
	problems := f.problems
	for _, service := range slices.Sorted(maps.Keys(f.services)) {
		sources := f.services[service]
		for _, s := range sources[1:] {
			if first := sources[0]; s.chart != "" && first.chart != "" && s.chart != first.chart {
				problems = append(problems, ccpfile.Problem{Path: s.title, Message: "the chart " + s.chart + " claims the service " + service +
					", which " + first.title + " of the chart " + first.chart + " is already: say under " + extensionKey + " what it is or that it is to be ignored"})
			}
		}
	}
	return problems.Err()
}
