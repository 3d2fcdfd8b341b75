package render

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	helmrelease "helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/releaseutil"
	"sigs.k8s.io/yaml"
)

// Image is an image that containers of a release run.
type Image struct {
	// Name is what the containers ask for: registry.example.org/ccp/keystone:zed.
	Name string `json:"name"`
	// UsedBy lists the workloads that run it, sorted: "Deployment/keystone".
	UsedBy []string `json:"used_by"`
	// Digest is what a registry has it by, for those who ask one.
	Digest string `json:"digest,omitempty"`
	// Services are those whose own pods run it, other than to wait, sorted.
	Services []string `json:"-"`
}

// ShortName returns the image's name without registry, namespace, tag and
// digest.
func (i Image) ShortName() string {
	name, _, _ := strings.Cut(path.Base(i.Name), "@")
	name, _, _ = strings.Cut(name, ":")
	return name
}

// ofServices are the kinds of workload that a service is.
var ofServices = []string{"DaemonSet", "Deployment", "StatefulSet"}

// workload is what has containers: a Pod in its spec, the others in a template.
type workload struct {
	Kind     string
	Metadata struct {
		Name   string
		Labels map[string]string
	}
	Spec struct {
		podSpec
		podTemplate
		JobTemplate struct{ Spec podTemplate }
	}
}

type podTemplate struct {
	Template struct{ Spec podSpec }
}

type podSpec struct {
	InitContainers, Containers []struct{ Image string }
}

// Images returns the images of a release and of its hooks, sorted by name.
func Images(r *helmrelease.Release) ([]Image, error) {
	documents := slices.Collect(maps.Values(releaseutil.SplitManifests(r.Manifest)))
	for _, hook := range r.Hooks {
		documents = append(documents, hook.Manifest)
	}
	users, services := map[string][]string{}, map[string][]string{}
	for _, document := range documents {
		var w workload
		if err := yaml.Unmarshal([]byte(document), &w); err != nil {
			return nil, fmt.Errorf("a manifest can't be read: %w", err)
		}
		if component := w.Metadata.Labels["app.kubernetes.io/component"]; component != "" && slices.Contains(ofServices, w.Kind) {
			for _, container := range w.Spec.Template.Spec.Containers {
				services[container.Image] = append(services[container.Image], component)
			}
		}
		for _, spec := range []podSpec{w.Spec.podSpec, w.Spec.Template.Spec, w.Spec.JobTemplate.Spec.Template.Spec} {
			for _, container := range slices.Concat(spec.InitContainers, spec.Containers) {
				users[container.Image] = append(users[container.Image], w.Kind+"/"+w.Metadata.Name)
			}
		}
	}
	var images []Image
	for _, name := range slices.Sorted(maps.Keys(users)) {
		slices.Sort(users[name])
		slices.Sort(services[name])
		images = append(images, Image{Name: name, UsedBy: slices.Compact(users[name]), Services: slices.Compact(services[name])})
	}
	return images, nil
}
