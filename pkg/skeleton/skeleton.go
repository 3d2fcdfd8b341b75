// Package skeleton writes the beginning of a chart: one service that renders,
// lints and can be placed at once, in the way of the built-in charts.
package skeleton

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"text/template"

	helmchart "helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"sigs.k8s.io/yaml"

	"github.com/helm-ccp/helm-ccp/pkg/catalog"
)

// Options say what the service is.
type Options struct {
	// Service is its name, and the chart's.
	Service  string
	Workload catalog.Workload
	// Port is what it listens on.
	Port int
	// Network and Follows are as in a services.yaml; empty: left out.
	Network, Follows []string
}

// The files are templates within <% and %>: {{ and }} are Helm's.
//
//go:embed all:files
var files embed.FS

const library = "common"

// Files returns the files of the new chart, names relative to its folder. They
// hold a copy of the library from the built-in charts, so that Helm needs no
// other chart. An error says what is wrong with opts.
func Files(charts fs.FS, opts Options) ([]*loader.BufferedFile, error) {
	cat, err := catalog.Load(charts)
	if err != nil {
		return nil, err
	}
	values, err := fs.ReadFile(charts, library+"/global.yaml")
	if err != nil {
		return nil, err
	}
	globals, err := readGlobals(charts)
	if err != nil {
		return nil, err
	}
	if err := check(cat, globals, opts); err != nil {
		return nil, err
	}
	fill := map[string]any{
		"Service": opts.Service, "Workload": string(opts.Workload), "Port": opts.Port,
		"Network": opts.Network, "Follows": opts.Follows,
		"Global": string(values), "GlobalSchema": string(globals.schema),
		"Release": globals.release, "LibraryVersion": globals.version,
	}
	out, err := fillIn(fill, opts.Workload)
	if err != nil {
		return nil, err
	}
	copied, err := readLibrary(charts)
	return append(out, copied...), err
}

// fillIn executes the templates of the skeleton. Those that come out empty,
// and the workloads of other kinds, are left out.
func fillIn(fill map[string]any, workload catalog.Workload) ([]*loader.BufferedFile, error) {
	var out []*loader.BufferedFile
	err := fs.WalkDir(files, "files", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		name = strings.TrimPrefix(name, "files/")
		if isWorkload(name) && name != "templates/"+strings.ToLower(string(workload))+".yaml" {
			return nil
		}
		parsed, err := template.New(name).Delims("<%", "%>").Funcs(template.FuncMap{
			"join": func(names []string) string { return strings.Join(names, ", ") },
		}).Option("missingkey=error").Parse(string(text))
		if err != nil {
			return err
		}
		var data bytes.Buffer
		if err := parsed.Execute(&data, fill); err != nil {
			return err
		}
		if data.Len() > 0 {
			out = append(out, &loader.BufferedFile{Name: name, Data: data.Bytes()})
		}
		return nil
	})
	return out, err
}

// isWorkload says whether a file of the skeleton is a workload's.
func isWorkload(name string) bool {
	return slices.Contains([]string{"templates/daemonset.yaml", "templates/deployment.yaml", "templates/statefulset.yaml"}, name)
}

// readLibrary returns the files of the library chart, as they stand below
// another chart.
func readLibrary(charts fs.FS) ([]*loader.BufferedFile, error) {
	var out []*loader.BufferedFile
	err := fs.WalkDir(charts, library, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(charts, name)
		out = append(out, &loader.BufferedFile{Name: "charts/" + name, Data: data})
		return err
	})
	return out, err
}

// globals is what a chart repeats of the library to work alone.
type globals struct {
	schema  json.RawMessage // of `global`
	keys    []string        // of `global`
	release string          // the OpenStack release that is the default
	version string          // of the library
}

func readGlobals(charts fs.FS) (*globals, error) {
	read := func(name string, into any) error {
		data, err := fs.ReadFile(charts, library+"/"+name)
		if err == nil {
			err = yaml.Unmarshal(data, into)
		}
		if err != nil {
			return fmt.Errorf("%s/%s: %w", library, name, err)
		}
		return nil
	}
	var metadata helmchart.Metadata
	var values struct {
		Global struct {
			OpenStack struct{ Release string } `json:"openstack"`
		}
	}
	var schema struct {
		Properties struct{ Global json.RawMessage }
	}
	if err := read("Chart.yaml", &metadata); err != nil {
		return nil, err
	}
	if err := read("global.yaml", &values); err != nil {
		return nil, err
	}
	data, err := fs.ReadFile(charts, library+"/values.schema.json")
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &schema); err != nil { // keeps the text as it is written
		return nil, err
	}
	var global struct{ Properties map[string]any }
	if err := json.Unmarshal(schema.Properties.Global, &global); err != nil {
		return nil, err
	}
	g := &globals{schema: schema.Properties.Global, release: values.Global.OpenStack.Release, version: metadata.Version}
	for key := range global.Properties {
		g.keys = append(g.keys, key)
	}
	return g, nil
}

// maxName is the length of a name to which Kubernetes can still append the
// eleven characters of a revision in a label, which holds 63.
const maxName = 52

// serviceName is the form of a Service's name, which begins with a letter.
var serviceName = regexp.MustCompile(`^[a-z]([-a-z0-9]*[a-z0-9])?$`)

// check says what is wrong with opts.
func check(cat *catalog.Catalog, globals *globals, opts Options) error {
	if err := checkName(cat, globals, opts.Service); err != nil {
		return err
	}
	if kinds := []catalog.Workload{catalog.DaemonSet, catalog.Deployment, catalog.StatefulSet}; !slices.Contains(kinds, opts.Workload) {
		return fmt.Errorf("no workload %q: it is a Deployment, a StatefulSet or a DaemonSet", opts.Workload)
	}
	if opts.Port < 1 || opts.Port > 65535 {
		return fmt.Errorf("no port %d: want 1 to 65535", opts.Port)
	}
	for _, network := range opts.Network {
		if !slices.Contains(cat.Backends, network) {
			return fmt.Errorf("no network %q, only %s%s", network, strings.Join(cat.Backends, ", "), catalog.Suggest(network, cat.Backends))
		}
	}
	var services []string
	for name := range cat.Services {
		services = append(services, name)
	}
	for _, name := range opts.Follows {
		if cat.Services[name] == nil {
			return fmt.Errorf("no service %q to follow%s; one of another chart of yours can be written into services.yaml", name, catalog.Suggest(name, services))
		}
	}
	return nil
}

// checkName says why a service, and its chart, can't be called name.
func checkName(cat *catalog.Catalog, globals *globals, name string) error {
	if !serviceName.MatchString(name) || len(name) > maxName {
		return fmt.Errorf("%q can't name Kubernetes objects: want lower-case letters, digits and -, a letter first, at most %d characters", name, maxName)
	}
	var read any
	if err := yaml.Unmarshal([]byte(name), &read); err != nil || read != name {
		return fmt.Errorf("%q means something else in YAML: take another name", name)
	}
	if s := cat.Services[name]; s != nil {
		return fmt.Errorf("the service %q is in the chart %s already: take another name", name, s.Chart)
	}
	taken := cat.Charts[name] != nil || slices.Contains([]string{library, "global", "openstack"}, name) ||
		slices.Contains(globals.keys, name) || len(cat.Providers(name)) > 0
	for _, c := range cat.Charts {
		taken = taken || slices.Contains(c.Claims, name)
	}
	if taken {
		return fmt.Errorf("%q means something else in a ccp.yaml already: take another name", name)
	}
	return nil
}
