// Package lint finds faults of charts that Helm's own lint can't: what
// services.yaml says against what the templates render, secrets where anybody
// can read them, pods without requests or probes, values in scripts. It renders a chart for each
// network and for the OpenStack releases at which something in it changes.
//
// Each check has a name, which stands at the end of its findings.
package lint

import (
	"fmt"
	"io/fs"
	"path"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/helm-ccp/helm-ccp/pkg/catalog"
	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
	"github.com/helm-ccp/helm-ccp/pkg/chart"
)

// check is one rule.
type check struct {
	name string
	run  func(*subject)
}

// checks are the rules, in the order in which they run.
var checks = []check{
	{"workloads", checkWorkloads},
	{"placement", checkPlacement},
	{"credentials", checkCredentials},
	{"fields", checkFields},
	{"apis", checkAPIs},
	{"labels", checkLabels},
	{"selectors", checkSelectors},
	{"requests", checkRequests},
	{"probes", checkProbes},
	{"images", checkImages},
	{"host", checkHost},
	{"host", checkHostOfValues},
	{"leftovers", checkLeftovers},
	{"scripts", checkScripts},
	{"configmap-secrets", checkConfigMaps},
	{"env-secrets", checkEnvironment},
	{"values-secrets", checkValuesSecrets},
	{"values-services", checkValuesServices},
	{"values-schema", checkValuesSchema},
	{"values-comments", checkValuesComments},
}

// Charts checks the charts in folders and returns what is wrong with them,
// sorted by position; nil when nothing is. base are the built-in charts, which
// theirs may refer to. Library charts are passed over.
func Charts(base fs.FS, folders []*chart.Folder) (ccpfile.Problems, error) {
	builtIn, err := catalog.Load(base)
	if err != nil {
		return nil, err
	}
	joined, err := chart.Join(base, folders)
	if err != nil {
		return nil, err
	}
	var found ccpfile.Problems
	cat, err := catalog.Load(joined)
	if problems, wrong := err.(ccpfile.Problems); wrong {
		for _, problem := range chart.Locate(problems, folders) {
			problem.Message += " (services)"
			found = append(found, problem)
		}
	} else if err != nil {
		return nil, err
	}
	for _, folder := range folders {
		if folder.Library {
			continue
		}
		s := &subject{folder: folder, seen: map[ccpfile.Problem]bool{}}
		if cat != nil {
			s.catalog, s.facts, s.services = cat, cat.Charts[folder.Name], cat.Services
		}
		s.read()
		s.render(builtIn)
		for _, check := range checks {
			s.check = check.name
			check.run(s)
		}
		found = append(found, s.found...)
	}
	if err := found.Err(); err != nil {
		return err.(ccpfile.Problems), nil
	}
	return nil, nil
}

// subject is the chart that is being checked.
type subject struct {
	folder *chart.Folder
	// catalog is that of all charts, nil when one of their services.yaml is
	// faulty. facts are what services.yaml says of the chart, nil when it is faulty or
	// there is none; services are those of all charts.
	catalog  *catalog.Catalog
	facts    *catalog.Chart
	services map[string]*catalog.Service
	// The documents of these files, nil when there are none.
	servicesYAML, values, schema *yaml.Node
	renderings                   []*rendering

	check string // that runs
	found ccpfile.Problems
	seen  map[ccpfile.Problem]bool
}

// read reads the chart's own files.
func (s *subject) read() {
	s.check = "files"
	for name, to := range map[string]**yaml.Node{
		"services.yaml": &s.servicesYAML, "values.yaml": &s.values, "values.schema.json": &s.schema,
	} {
		data := s.folder.File(name)
		if data == nil {
			s.report(s.at(name, 0, 0), "", "is missing: ccp create makes a chart with all that it needs")
			continue
		}
		var document yaml.Node
		if err := yaml.Unmarshal(data, &document); err != nil {
			s.report(s.at(name, 0, 0), "", "%v", err)
		} else if len(document.Content) > 0 && document.Content[0].Kind == yaml.MappingNode {
			*to = document.Content[0]
		}
	}
}

// at is a position in a file of the chart.
func (s *subject) at(name string, line, column int) ccpfile.Position {
	return ccpfile.Position{File: path.Join(s.folder.Path, name), Line: line, Column: column}
}

// node is the position of n in a file of the chart; n may be nil.
func (s *subject) node(name string, n *yaml.Node) ccpfile.Position {
	if n == nil {
		return s.at(name, 0, 0)
	}
	return s.at(name, n.Line, n.Column)
}

// report notes a finding, once.
func (s *subject) report(pos ccpfile.Position, path, format string, args ...any) {
	problem := ccpfile.Problem{Pos: pos, Path: path, Message: fmt.Sprintf(format, args...) + " (" + s.check + ")"}
	if !s.seen[problem] {
		s.seen[problem] = true
		s.found = append(s.found, problem)
	}
}

// serviceKey is the key of a service in services.yaml.
func (s *subject) serviceKey(name string) *yaml.Node {
	_, services := field(s.servicesYAML, "services")
	key, _ := field(services, name)
	return key
}

// field returns the key called name of a mapping, and its value; nil when it
// has none. The mapping may be nil.
func field(mapping *yaml.Node, name string) (key, value *yaml.Node) {
	for key, value := range fields(mapping) {
		if key.Value == name {
			return key, value
		}
	}
	return nil, nil
}

// fields are the keys and values of a mapping, which may be nil, in order.
func fields(mapping *yaml.Node) func(yield func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		if mapping == nil || mapping.Kind != yaml.MappingNode {
			return
		}
		for pair := range slices.Chunk(mapping.Content, 2) {
			if !yield(pair[0], pair[1]) {
				return
			}
		}
	}
}
