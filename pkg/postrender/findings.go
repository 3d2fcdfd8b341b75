package postrender

import (
	"fmt"
	"maps"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
)

// findings are what the filters learned about a stream, for those who have to
// see all of it.
type findings struct {
	documents map[*yaml.Node]document // of the objects
	notes     []string
	problems  ccpfile.Problems
	objects   map[key]bool          // that are there after the removal
	services  map[string][]source   // workloads by service
	beside    map[string]bool       // services that are containers in workloads of their charts
	charts    map[string]bool       // of the catalog
	choices   map[string][][]string // what workloads ask of their nodes, by kind and service
	// splits are those of them that are kept, where that is known already.
	splits   map[string]map[string]bool
	networks map[string]bool // that the files name
	// settled says that these are those of the chosen network already.
	settled bool
	// scopes are those of custom kinds, see scopes.
	scopes map[string]string
}

// source is where a workload comes from.
type source struct {
	title, chart string
}

func newFindings(documents map[*yaml.Node]document) *findings {
	return &findings{
		documents: documents, objects: map[key]bool{}, services: map[string][]source{},
		networks: map[string]bool{}, beside: map[string]bool{}, charts: map[string]bool{}, choices: map[string][][]string{},
	}
}

func (f *findings) merge(other *findings) {
	f.notes = append(f.notes, other.notes...)
	f.problems = append(f.problems, other.problems...)
	maps.Copy(f.objects, other.objects)
	maps.Copy(f.networks, other.networks)
	maps.Copy(f.beside, other.beside)
	maps.Copy(f.charts, other.charts)
	for kin, workloads := range other.choices {
		f.choices[kin] = append(f.choices[kin], workloads...)
	}
	for service, sources := range other.services {
		f.services[service] = append(f.services[service], sources...)
	}
}

// name names an object for people: "document 3 (Deployment nova-api)".
func (f *findings) name(object *yaml.Node) string {
	if number := f.documents[object].number; number > 0 {
		return fmt.Sprintf("document %d (%s)", number, title(object))
	}
	return title(object)
}

func (f *findings) note(object *yaml.Node, format string, args ...any) {
	f.notes = append(f.notes, f.name(object)+": "+fmt.Sprintf(format, args...))
}

func (f *findings) problem(object *yaml.Node, format string, args ...any) {
	f.problems = append(f.problems, ccpfile.Problem{Path: f.name(object), Message: fmt.Sprintf(format, args...)})
}
