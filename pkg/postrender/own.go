package postrender

import (
	"bytes"
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	helmchart "helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/helm-ccp/helm-ccp/pkg/catalog"
	"github.com/helm-ccp/helm-ccp/pkg/chart"
	"github.com/helm-ccp/helm-ccp/pkg/render"
)

// own is what our own charts say about the networks: rendered once for each
// network, what differs between the two is what a switch has to change.
type own struct {
	deployment *chart.Deployment
	catalog    *catalog.Catalog
	namespace  string
	otherNames []string // of the services of other networks
	rendered   func() (*rendered, error)
}

// rendered is what our charts make for the chosen network, and how it differs
// from what they make for the others.
type rendered struct {
	objects  []document          // for the chosen network, of the charts that are for it alone
	settings map[string]settings // by the name of the file
	gone     map[string]bool     // files that only other networks have
}

func newOwn(deployment *chart.Deployment, cat *catalog.Catalog, namespace string) *own {
	o := &own{deployment: deployment, catalog: cat, namespace: namespace}
	o.rendered = sync.OnceValues(o.render)
	for _, name := range slices.Sorted(maps.Keys(cat.Services)) {
		service := cat.Services[name]
		if len(service.Network) == 0 || slices.Contains(service.Network, deployment.Topology.Network) {
			continue
		}
		o.otherNames = append(o.otherNames, name)
		for _, alias := range service.AlsoKnownAs {
			if !strings.ContainsAny(alias, "/*?[") {
				o.otherNames = append(o.otherNames, alias)
			}
		}
	}
	return o
}

// goneFiles are the configuration files that only other networks have.
func (o *own) goneFiles() (map[string]bool, error) {
	r, err := o.rendered()
	if err != nil {
		return nil, err
	}
	return r.gone, nil
}

// render renders the charts for all networks at once.
func (o *own) render() (*rendered, error) {
	files, err := o.deployment.Files()
	if err != nil {
		return nil, err
	}
	files = o.concerned(files)
	chosen := o.deployment.Topology.Network
	networks := append([]string{chosen}, slices.DeleteFunc(slices.Clone(o.catalog.Backends), func(n string) bool { return n == chosen })...)
	manifests := make([][]ownDocument, len(networks))
	errs := make([]error, len(networks))
	var wg sync.WaitGroup
	for i, network := range networks {
		wg.Go(func() { manifests[i], errs[i] = o.manifests(files, network) })
	}
	wg.Wait()
	if err := cmp.Or(errs...); err != nil {
		return nil, err
	}
	out := &rendered{settings: map[string]settings{}, gone: map[string]bool{}}
	ours := configFiles(manifests[0])
	for _, theirs := range manifests[1:] {
		out.compare(ours, configFiles(theirs))
	}
	for _, d := range manifests[0] {
		if o.accompanies(d.chart) {
			out.objects = append(out.objects, d.document)
		}
	}
	return out, nil
}

// accompanies reports whether a chart is for the chosen network and
// accompanies services: then its objects may have to be added to a stream.
func (o *own) accompanies(chart string) bool {
	c := o.catalog.Charts[chart]
	return c != nil && slices.Contains(c.Network, o.deployment.Topology.Network) && len(c.Accompanies) > 0
}

// ownDocument is one of our objects, parsed, and the chart that made it.
type ownDocument struct {
	document
	object *yaml.Node
	chart  string
}

// manifests renders what the network makes a difference to, of the files of
// the deployment's chart.
func (o *own) manifests(files []*loader.BufferedFile, network string) ([]ownDocument, error) {
	chrt, err := o.chart(files, network == o.deployment.Topology.Network)
	if err != nil {
		return nil, err
	}
	values := map[string]any{"global": map[string]any{"network": map[string]any{"backend": network}}}
	text, err := render.Manifests(chrt, values, render.Options{ReleaseName: "ccp", Namespace: o.namespace})
	if err != nil {
		return nil, err
	}
	return ownDocuments(text)
}

// ownDocuments parses what our charts make.
func ownDocuments(text string) ([]ownDocument, error) {
	var out []ownDocument
	for _, d := range split([]byte(text)) {
		tree, err := d.parse()
		if err != nil {
			return nil, err
		}
		if tree == nil {
			continue
		}
		for _, object := range objects(tree) {
			out = append(out, ownDocument{d, object, label(object, "app.kubernetes.io/name")})
		}
	}
	return out, nil
}

// networkValue is the value that decides about the network, as templates
// write it.
const networkValue = ".network.backend"

// concerned returns the files of the deployment's chart, and of those of its
// charts that ask for the network, or that only one network has. The schemas
// are left out: chart.Build held the values against them.
func (o *own) concerned(files []*loader.BufferedFile) []*loader.BufferedFile {
	wanted := map[string]bool{}
	for _, file := range files {
		name, inside := subchart(file.Name)
		if c := o.catalog.Charts[name]; !inside || c == nil || len(c.Network) > 0 || bytes.Contains(file.Data, []byte(networkValue)) {
			wanted[name] = true
		}
	}
	return slices.DeleteFunc(files, func(file *loader.BufferedFile) bool {
		name, inside := subchart(file.Name)
		return inside && !wanted[name] || path.Base(file.Name) == "values.schema.json"
	})
}

// chart loads the templates that make a ConfigMap, and for the chosen network
// all of the charts whose objects may be added.
func (o *own) chart(files []*loader.BufferedFile, chosen bool) (*helmchart.Chart, error) {
	makes, there := configMaps(files), map[string]bool{}
	files = slices.DeleteFunc(slices.Clone(files), func(file *loader.BufferedFile) bool {
		name, _ := subchart(file.Name)
		there[name] = true
		return isTemplate(file.Name) && !makes(file.Data) && !(chosen && o.accompanies(name))
	})
	chrt, err := loader.LoadFiles(files)
	if err != nil {
		return nil, err
	}
	chrt.Metadata.Dependencies = slices.DeleteFunc(chrt.Metadata.Dependencies, func(d *helmchart.Dependency) bool { return !there[d.Name] })
	return chrt, nil
}

// subchart returns the chart that a file of the umbrella is of.
func subchart(file string) (string, bool) {
	rest, inside := strings.CutPrefix(file, "charts/")
	name, _, _ := strings.Cut(rest, "/")
	return name, inside
}

// isTemplate reports whether a file of a chart makes objects, and not only
// what other templates include.
func isTemplate(file string) bool {
	return slices.Contains(strings.Split(path.Dir(file), "/"), "templates") && path.Base(file)[0] != '_'
}

// configMaps returns what reports whether a template may make a ConfigMap: it
// says so itself, or names a template that does.
func configMaps(files []*loader.BufferedFile) func(template []byte) bool {
	words := [][]byte{[]byte("ConfigMap")}
	makes := func(template []byte) bool {
		return slices.ContainsFunc(words, func(word []byte) bool { return bytes.Contains(template, word) })
	}
	named := map[string][]byte{}
	for _, file := range files {
		name := ""
		for _, part := range bytes.Split(file.Data, []byte("define"))[1:] {
			part = bytes.TrimLeft(part, " \t\r\n")
			if quoted := bytes.TrimLeft(part, "\"`"); len(quoted) < len(part) {
				name = string(quoted[:max(bytes.IndexAny(quoted, "\"`"), 0)])
			}
			named[name] = append(named[name], part...)
		}
	}
	delete(named, "")
	for more := true; more; {
		more = false
		for name, template := range named {
			if makes(template) {
				words, more = append(words, []byte(name)), true
				delete(named, name)
			}
		}
	}
	return makes
}

// ownFile names an ini file of a ConfigMap.
type ownFile struct{ chart, object, name string }

// configFiles returns the ini files in ConfigMaps.
func configFiles(objects []ownDocument) map[ownFile]ini {
	files := map[ownFile]ini{}
	for _, o := range objects {
		data := lookup(o.object, "data")
		if text(o.object, "kind") != "ConfigMap" || data == nil {
			continue
		}
		for i := 0; i+1 < len(data.Content); i += 2 {
			name := data.Content[i].Value
			if extension := path.Ext(name); extension == ".conf" || extension == ".ini" {
				files[ownFile{o.chart, text(o.object, "metadata", "name"), name}] = parseINI(data.Content[i+1].Value)
			}
		}
	}
	return files
}

// compare adds what makes theirs ours. What stood in a file that is gone must
// not stand in another file of its chart either.
func (r *rendered) compare(ours, theirs map[ownFile]ini) {
	names, all := map[string]bool{}, ini{}
	for file, content := range ours {
		names[file.name] = true
		all.add(content)
	}
	for file, was := range theirs {
		if is, both := ours[file]; both {
			r.change(file.name, difference(was, is))
			continue
		}
		if names[file.name] {
			continue
		}
		r.gone[file.name] = true
		stray := strays(was, all)
		for other := range ours {
			if other.chart == file.chart {
				r.change(other.name, stray)
			}
		}
	}
}

func (r *rendered) change(file string, more settings) {
	if len(more) == 0 {
		return
	}
	if s := r.settings[file]; s != nil {
		s.add(more)
		return
	}
	s := settings{}
	s.add(more)
	r.settings[file] = s
}
