package postrender

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/helm-ccp/helm-ccp/pkg/catalog"
	"github.com/helm-ccp/helm-ccp/pkg/topology"
)

// recognizer says which service of the catalog an object belongs to, or at
// least which chart: by what x-post-render says, by labels, then by name.
type recognizer struct {
	catalog   *catalog.Catalog
	topology  *topology.Topology
	names     map[string]string // of services and their instances -> the definition
	extension extension
	known     []alias // what the charts say
}

// alias is a pattern for what a service, or a chart as a whole, is called:
// APPLICATION/COMPONENT for labels, one word for a name.
type alias struct{ pattern, service, chart string }

// match is what an object was recognized as. Service is the name of an
// instance where there is one, and empty when only the chart is known. A loose
// match says no more than that the labels name something like one of our
// charts: good enough to place a Job, but nothing is removed for it.
type match struct {
	service, definition, chart string
	loose                      bool
}

func newRecognizer(cat *catalog.Catalog, top *topology.Topology, ext extension) *recognizer {
	r := &recognizer{catalog: cat, topology: top, extension: ext, names: map[string]string{}}
	for name := range cat.Services {
		r.names[name] = name
	}
	for name, service := range top.Services {
		r.names[name] = service.Definition
	}
	for _, name := range slices.Sorted(maps.Keys(cat.Services)) {
		for _, pattern := range cat.Services[name].AlsoKnownAs {
			r.known = append(r.known, alias{pattern, name, cat.Services[name].Chart})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(cat.Charts)) {
		for _, pattern := range cat.Charts[name].AlsoKnownAs {
			r.known = append(r.known, alias{pattern, "", name})
		}
	}
	// The longer pattern says more: it goes first. A service goes before a chart.
	slices.SortStableFunc(r.known, func(a, b alias) int {
		return cmp.Or(cmp.Compare(boolInt(a.service == ""), boolInt(b.service == "")), cmp.Compare(literal(b.pattern), literal(a.pattern)))
	})
	return r
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// literal is how much of a pattern is not a wildcard.
func literal(pattern string) int {
	return len(pattern) - strings.Count(pattern, "*") - strings.Count(pattern, "?")
}

// identity is what an object calls itself.
type identity struct {
	pairs []string // APPLICATION/COMPONENT, from labels
	names []string // its own, and that without the release's
}

func identify(object *yaml.Node) identity {
	var id identity
	for _, keys := range [][2]string{{"app.kubernetes.io/name", "app.kubernetes.io/component"}, {"application", "component"}} {
		if application := label(object, keys[0]); application != "" {
			id.pairs = append(id.pairs, application+"/"+label(object, keys[1]))
		}
	}
	name := text(object, "metadata", "name")
	id.names = []string{name}
	for _, release := range []string{
		label(object, "app.kubernetes.io/instance"), label(object, "release_group"), label(object, "release"),
		text(object, "metadata", "annotations", "meta.helm.sh/release-name"),
	} {
		if rest, found := strings.CutPrefix(name, release+"-"); found && release != "" && rest != "" {
			id.names = append(id.names, rest)
		}
	}
	return id
}

// recognize returns what an object is. More than one match are services that
// claim it with the same right.
func (r *recognizer) recognize(object *yaml.Node) []match {
	id := identify(object)
	if found := r.byAlias(r.extension.aliases, append(slices.Clone(id.pairs), id.names...)); len(found) > 0 {
		return found
	}
	own := label(object, "app.kubernetes.io/part-of") == partOf
	for _, pair := range id.pairs {
		application, component, _ := strings.Cut(pair, "/")
		if found := r.byLabels(application, component, own); len(found) > 0 {
			return found
		}
	}
	for _, name := range id.names {
		if found := r.service(name); found != nil {
			return []match{*found}
		}
	}
	if found := r.byAlias(r.known, append(id.pairs, id.names...)); len(found) > 0 {
		return found
	}
	for _, pair := range id.pairs {
		application, _, _ := strings.Cut(pair, "/")
		if r.catalog.Charts[application] != nil {
			return []match{{chart: application, loose: !own}}
		}
	}
	return nil
}

// partOf is the label app.kubernetes.io/part-of of what our own charts make.
const partOf = "openstack"

// byLabels finds the service with a label for the application and one for the
// component, which may be empty.
func (r *recognizer) byLabels(application, component string, own bool) []match {
	if found := r.byAlias(r.known, []string{application + "/" + component}); len(found) > 0 && found[0].service != "" {
		return found
	}
	for _, name := range []string{component, application + "-" + component, application} {
		found := r.service(name)
		if found == nil || name == application && component != "" && component != application {
			continue
		}
		if name != component || found.chart == application || found.service == application {
			return []match{*found}
		}
	}
	if own { // its component is the workload's name, which begins with the service's
		longest := ""
		for name, definition := range r.names {
			if strings.HasPrefix(component, name+"-") && len(name) > len(longest) && r.catalog.Services[definition].Chart == application {
				longest = name
			}
		}
		if found := r.service(longest); found != nil {
			return []match{*found}
		}
	}
	return nil
}

// byAlias finds what goes by one of names among the patterns, the most exact
// of them.
func (r *recognizer) byAlias(aliases []alias, names []string) []match {
	var found []match
	exact := -1
	for _, a := range aliases {
		if !slices.ContainsFunc(names, func(name string) bool { return matches(a.pattern, name) }) {
			continue
		}
		if size := literal(a.pattern); exact < 0 || size == exact {
			exact = size
			m := match{chart: a.chart}
			if a.service != "" {
				m = *r.service(a.service)
			}
			if !slices.Contains(found, m) && (len(found) == 0 || m.service != "") {
				found = append(found, m)
			}
		}
	}
	return found
}

func matches(pattern, name string) bool {
	matched, err := path.Match(pattern, name)
	return err == nil && matched
}

// service returns the match for a name of a service or an instance. A service
// of which there is one instance under another name is that instance.
func (r *recognizer) service(name string) *match {
	definition, known := r.names[name]
	if !known {
		return nil
	}
	m := &match{service: name, definition: definition, chart: r.catalog.Services[definition].Chart}
	if r.topology.Services[name] == nil {
		var instances []string
		for instance, service := range r.topology.Services {
			if service.Definition == name {
				instances = append(instances, instance)
			}
		}
		if len(instances) == 1 {
			m.service = instances[0]
		}
	}
	return m
}

// foreign reports whether what was matched is for other networks only.
func (r *recognizer) foreign(m match) bool {
	if m.definition != "" {
		return r.elsewhere(r.catalog.Services[m.definition].Network)
	}
	c := r.catalog.Charts[m.chart]
	if r.elsewhere(c.Network) {
		return true
	}
	return len(c.Services) > 0 && !slices.ContainsFunc(c.Services, func(name string) bool { return !r.elsewhere(r.catalog.Services[name].Network) })
}

func (r *recognizer) elsewhere(networks []string) bool {
	return len(networks) > 0 && !slices.Contains(networks, r.topology.Network)
}
