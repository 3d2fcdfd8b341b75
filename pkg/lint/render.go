package lint

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"

	"helm.sh/helm/v3/pkg/chart/loader"
	"sigs.k8s.io/yaml"

	"github.com/helm-ccp/helm-ccp/pkg/catalog"
	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
	"github.com/helm-ccp/helm-ccp/pkg/render"
)

// What the charts are rendered with, to see whether they follow it.
const (
	probeRole     = "lint"
	probeReplicas = 3
	probeRegistry = "registry.lint.invalid"
	probeTag      = "lint"
	probeSecret   = "ccp-credentials"
)

// rendering is what a chart renders with one network and one release.
type rendering struct {
	network string
	release catalog.Release
	// enabled says whether the values place the chart's services.
	enabled bool
	objects []*object
}

// with says with what, for a message.
func (r *rendering) with() string {
	return fmt.Sprintf("network %s and OpenStack %s", r.network, r.release.Name)
}

// object is one object that a chart renders.
type object struct {
	file   string // of the chart, such as templates/deployment.yaml
	gvk    schema.GroupVersionKind
	meta   metav1.ObjectMeta
	typed  runtime.Object // nil when Kubernetes does not know the kind
	faults []string       // what Kubernetes would not read
}

// title is how findings call the object; a checksum in a Job's name, which
// changes with the values, is left out.
func (o *object) title() string {
	return o.gvk.Kind + "/" + jobChecksum.ReplaceAllString(o.meta.Name, "")
}

var jobChecksum = regexp.MustCompile(`-[0-9a-f]{8}$`)

// pod returns the template of the pods that the object makes, or nil.
func (o *object) pod() *corev1.PodTemplateSpec {
	switch typed := o.typed.(type) {
	case *appsv1.Deployment:
		return &typed.Spec.Template
	case *appsv1.StatefulSet:
		return &typed.Spec.Template
	case *appsv1.DaemonSet:
		return &typed.Spec.Template
	case *batchv1.Job:
		return &typed.Spec.Template
	case *batchv1.CronJob:
		return &typed.Spec.JobTemplate.Spec.Template
	case *corev1.Pod:
		return &corev1.PodTemplateSpec{ObjectMeta: typed.ObjectMeta, Spec: typed.Spec}
	}
	return nil
}

// isWorkload says whether the object is of a kind that runs a service.
func (o *object) isWorkload() bool {
	kinds := []catalog.Workload{catalog.DaemonSet, catalog.Deployment, catalog.StatefulSet}
	return slices.Contains(kinds, catalog.Workload(o.gvk.Kind))
}

// each calls fn for every object of every rendering.
func (s *subject) each(fn func(*rendering, *object)) {
	for _, r := range s.renderings {
		for _, o := range r.objects {
			fn(r, o)
		}
	}
}

// render renders the chart as Helm does it alone, for each network, at each
// release where a service comes or goes; and once with no service placed. A
// chart that does not render is a finding.
func (s *subject) render(builtIn *catalog.Catalog) {
	s.check = "render"
	for _, network := range builtIn.Backends {
		for _, release := range s.releases(builtIn) {
			s.renderOne(&rendering{network: network, release: release, enabled: true})
		}
		s.renderOne(&rendering{network: network, release: builtIn.Releases[len(builtIn.Releases)-1]})
	}
}

// releases are the first and the last of all, and those on both sides of a
// bound of one of the chart's services.
func (s *subject) releases(cat *catalog.Catalog) []catalog.Release {
	last := len(cat.Releases) - 1
	wanted := map[int]bool{0: true, last: true}
	if s.facts != nil {
		for _, name := range s.facts.Services {
			if since, err := cat.Release(s.services[name].Since); err == nil {
				wanted[since.Order], wanted[max(since.Order-1, 0)] = true, true
			}
			if until, err := cat.Release(s.services[name].Until); err == nil {
				wanted[until.Order], wanted[min(until.Order+1, last)] = true, true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(cat.Releases), func(r catalog.Release) bool { return !wanted[r.Order] })
}

func (s *subject) renderOne(r *rendering) {
	chrt, err := loader.LoadFiles(s.folder.Files)
	if err != nil {
		s.report(s.at("Chart.yaml", 0, 0), "", "%v", err)
		return
	}
	manifests, err := render.Manifests(chrt, s.valuesFor(r), render.Options{ReleaseName: "lint", Namespace: "lint"})
	if err != nil {
		pos, message := s.renderError(err)
		s.report(pos, "", "%s", message)
		return
	}
	for _, document := range regexp.MustCompile(`(?m)^---$`).Split(manifests, -1) {
		if o := s.object(document); o != nil {
			r.objects = append(r.objects, o)
		}
	}
	s.renderings = append(s.renderings, r)
}

// valuesFor are the values that the chart is rendered with.
func (s *subject) valuesFor(r *rendering) map[string]any {
	services := map[string]any{}
	if s.facts != nil {
		for _, name := range s.facts.Services {
			entry := map[string]any{"enabled": r.enabled, "roles": []any{probeRole}}
			if s.services[name].Workload != catalog.DaemonSet {
				entry["replicas"] = probeReplicas
			}
			services[name] = entry
		}
	}
	values := map[string]any{"global": map[string]any{
		"network":     map[string]any{"backend": r.network},
		"openstack":   map[string]any{"release": r.release.Name},
		"images":      map[string]any{"registry": probeRegistry, "tag": probeTag},
		"credentials": map[string]any{"secret": probeSecret},
	}}
	if len(services) > 0 {
		values["services"] = services
	}
	return values
}

var templatePlace = regexp.MustCompile(`[\w.-]+/((?:templates|charts)/[^\s:()]+):(\d+)(?::(\d+))?`)

// renderError finds in an error of Helm's where it is.
func (s *subject) renderError(err error) (ccpfile.Position, string) {
	message := strings.Join(strings.Fields(err.Error()), " ")
	place := templatePlace.FindStringSubmatch(message)
	if place == nil {
		return s.at("", 0, 0), message
	}
	line, _ := strconv.Atoi(place[2])
	column, _ := strconv.Atoi(place[3])
	return s.at(place[1], line, column), message
}

var sourceLine = regexp.MustCompile(`(?m)^# Source: [^/\n]+/(.+)$`)

// decoder reads objects, and tells of fields that Kubernetes does not know.
var decoder = serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()

// object reads a document that Helm printed; nil when there is nothing in it.
func (s *subject) object(document string) *object {
	source := sourceLine.FindStringSubmatch(document)
	var head struct {
		metav1.TypeMeta
		Metadata metav1.ObjectMeta
	}
	if err := yaml.Unmarshal([]byte(document), &head); source == nil || err != nil || head.Kind == "" {
		return nil // Helm has told of what is no object
	}
	o := &object{file: source[1], gvk: schema.FromAPIVersionAndKind(head.APIVersion, head.Kind), meta: head.Metadata}
	typed, _, err := decoder.Decode([]byte(document), nil, nil)
	switch {
	case err == nil:
		o.typed = typed
	case runtime.IsNotRegisteredError(err):
		if scheme.Scheme.IsGroupRegistered(o.gvk.Group) {
			o.faults = append(o.faults, fmt.Sprintf("Kubernetes has no %s in %s", o.gvk.Kind, head.APIVersion))
		}
	default:
		if strict, is := runtime.AsStrictDecodingError(err); is {
			for _, fault := range strict.Errors() {
				o.faults = append(o.faults, fault.Error())
			}
		} else {
			o.faults = append(o.faults, errors.Unwrap(err).Error())
		}
		if typed, _, err := scheme.Codecs.UniversalDeserializer().Decode([]byte(document), nil, nil); err == nil {
			o.typed = typed
		}
	}
	if o.typed != nil {
		if accessor, err := meta.Accessor(o.typed); err == nil {
			o.meta.Name, o.meta.Labels = accessor.GetName(), accessor.GetLabels()
		}
	}
	return o
}

// place is where the template of an object says one of words, the first that
// it says; else where it says the object's kind.
func (s *subject) place(o *object, words ...string) ccpfile.Position {
	for _, word := range append(words, "kind: "+o.gvk.Kind) {
		if pos, found := s.search(o, word); found {
			return pos
		}
	}
	return s.at(o.file, 1, 1)
}

// search looks for a word in the template of an object, and in the helpers
// that it includes.
func (s *subject) search(o *object, word string) (ccpfile.Position, bool) {
	if pos := s.find(o.file, word); pos.Line > 0 {
		return pos, true
	}
	for _, file := range s.folder.Files {
		if ok, _ := path.Match("templates/*.tpl", file.Name); ok && s.includes(o.file, file.Data) {
			if pos := s.find(file.Name, word); pos.Line > 0 {
				return pos, true
			}
		}
	}
	return s.at(o.file, 1, 1), false
}

var define = regexp.MustCompile(`\{\{-? *define ("[^"]+")`)

// includes says whether a template names one of those that helpers define.
func (s *subject) includes(name string, helpers []byte) bool {
	for _, found := range define.FindAllSubmatch(helpers, -1) {
		if bytes.Contains(s.folder.File(name), found[1]) {
			return true
		}
	}
	return false
}

// find is the position of a word's first use in a file, its line 0 when it is
// not in it. A word may not go on with what a name may go on with.
func (s *subject) find(name, word string) ccpfile.Position {
	used := regexp.MustCompile(regexp.QuoteMeta(word) + `([^\w.-]|$)`)
	for i, line := range strings.Split(string(s.folder.File(name)), "\n") {
		if at := used.FindStringIndex(line); at != nil {
			return s.at(name, i+1, at[0]+1)
		}
	}
	return s.at(name, 0, 0)
}
