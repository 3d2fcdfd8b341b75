package postrender

import (
	"bytes"
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

func (o *own) render() (*rendered, error) {
	chosen := o.deployment.Topology.Network
	objects, err := o.manifests(chosen)
	if err != nil {
		return nil, err
	}
	out := &rendered{settings: map[string]settings{}, gone: map[string]bool{}}
	ours := configFiles(objects)
	for _, other := range o.catalog.Backends {
		if other == chosen {
			continue
		}
		manifests, err := o.manifests(other)
		if err != nil {
			return nil, err
		}
		out.compare(ours, configFiles(manifests))
	}
	for _, d := range objects {
		if c := o.catalog.Charts[d.chart]; c != nil && slices.Contains(c.Network, chosen) && len(c.Accompanies) > 0 {
			out.objects = append(out.objects, d.document)
		}
	}
	return out, nil
}

// ownDocument is one of our objects, parsed, and the chart that made it.
type ownDocument struct {
	document
	object *yaml.Node
	chart  string
}

// manifests renders the charts that the network makes a difference to.
func (o *own) manifests(network string) ([]ownDocument, error) {
	chrt, err := o.chart()
	if err != nil {
		return nil, err
	}
	values := map[string]any{"global": map[string]any{"network": map[string]any{"backend": network}}}
	text, err := render.Manifests(chrt, values, render.Options{ReleaseName: "ccp", Namespace: o.namespace})
	if err != nil {
		return nil, err
	}
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

// chart is the deployment's chart with those of its charts that ask for the
// network, or that only one network has.
func (o *own) chart() (*helmchart.Chart, error) {
	files, err := o.deployment.Files()
	if err != nil {
		return nil, err
	}
	wanted := map[string]bool{}
	for _, file := range files {
		name, inside := subchart(file.Name)
		if c := o.catalog.Charts[name]; !inside || c == nil || len(c.Network) > 0 || bytes.Contains(file.Data, []byte(networkValue)) {
			wanted[name] = true
		}
	}
	files = slices.DeleteFunc(files, func(file *loader.BufferedFile) bool {
		name, inside := subchart(file.Name)
		return inside && !wanted[name]
	})
	chrt, err := loader.LoadFiles(files)
	if err != nil {
		return nil, err
	}
	chrt.Metadata.Dependencies = slices.DeleteFunc(chrt.Metadata.Dependencies, func(d *helmchart.Dependency) bool { return !wanted[d.Name] })
	return chrt, nil
}

// subchart returns the chart that a file of the umbrella is of.
func subchart(file string) (string, bool) {
	rest, inside := strings.CutPrefix(file, "charts/")
	name, _, _ := strings.Cut(rest, "/")
	return name, inside
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
	if s := r.settings[file]; s != nil {
		s.add(more)
		return
	}
	s := settings{}
	s.add(more)
	r.settings[file] = s
}
