// Package chart turns a ccp.yaml into Helm values and a self-contained chart:
// one umbrella with the charts of the services that the topology can use, with
// the placements for both network backends, so that the switch between them
// works in plain Helm too.
package chart

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	helmchart "helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"

	"github.com/helm-ccp/helm-ccp/pkg/catalog"
	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
	"github.com/helm-ccp/helm-ccp/pkg/topology"
)

// Options say how a ccp.yaml is read beyond what it says itself. Network,
// Release and Placement win over the file when they are not empty.
type Options struct {
	topology.Options
}

// Deployment is what a ccp.yaml means: who runs where, with which values.
type Deployment struct {
	// Topology is the one of the network backend that was chosen.
	Topology *topology.Topology
	// Values are the umbrella chart's: global, label_nodes, and those of each
	// subchart under its name. They hold no secret.
	Values map[string]any
	// Namespace is where the ccp.yaml wants the release.
	Namespace string
	// Notices are known keys that are not used, old names, and the topology's
	// warnings, in the order of the file.
	Notices []ccpfile.Problem

	catalog  *catalog.Catalog
	charts   []string // the subcharts, sorted
	sources  map[string]*source
	secrets  map[string]map[string]string
	registry *registry
}

// Build works out the deployment that cfg describes from the charts in fsys.
// The error is ccpfile.Problems, with all that is wrong, when cfg is at fault.
func Build(cfg *ccpfile.Config, fsys fs.FS, opts Options) (*Deployment, error) {
	cat, err := catalog.Load(fsys)
	if err != nil {
		return nil, err
	}
	sources, err := readSources(fsys)
	if err != nil {
		return nil, err
	}
	b := &builder{
		cfg: cfg, opts: opts, placer: newPlacer(sources, cat),
		Deployment: Deployment{catalog: cat, sources: sources, Namespace: Namespace(cfg)},
	}
	if err := b.build(); err != nil {
		return nil, err
	}
	return &b.Deployment, nil
}

// builder holds what the steps of Build hand to each other.
type builder struct {
	Deployment
	cfg    *ccpfile.Config
	opts   Options
	placer *placer

	values     values
	global     map[string]any
	written    map[string]origin             // where the file gives a value of global
	topologies map[string]*topology.Topology // by backend
	problems   ccpfile.Problems
}

func (b *builder) build() error {
	b.placeConfigs()
	b.setGlobal()
	b.checkPairs()
	b.resolve()
	b.checkConflicts()
	b.setNodeNetworks()
	b.checkOverrides()
	b.problems = append(b.problems, b.placer.problems...)
	if err := b.problems.Err(); err != nil {
		return err
	}
	b.chooseCharts()
	b.Values = map[string]any{"global": b.global, "label_nodes": b.labelNodes()}
	for _, name := range b.charts {
		if name == library {
			continue
		}
		chartValues := overlay(b.values[name], nil)
		if services := b.services(name); len(services) > 0 {
			chartValues["services"] = services
		}
		if len(chartValues) > 0 {
			b.Values[name] = chartValues
		}
	}
	b.Notices = b.notices()
	return nil
}

// placeConfigs takes the secrets out of the file and turns the rest of
// `configs` and `secret_configs` into values.
func (b *builder) placeConfigs() {
	secret, _ := b.defaultGlobal()["credentials"].(map[string]any)["secret"].(string)
	configs, secretConfigs, secrets, problems := takeSecrets(b.cfg, b.catalog, secret)
	b.secrets = secrets
	b.problems = append(b.problems, problems...)
	b.values = b.placer.place(secretConfigs, "secret_configs")
	b.written = b.placer.written
	b.values.merge(b.placer.place(configs, "configs"))
	maps.Copy(b.written, b.placer.written)
}

func (b *builder) defaultGlobal() map[string]any {
	global, _ := b.sources[library].defaults["global"].(map[string]any)
	return global
}

// setGlobal works out the values that all charts share.
func (b *builder) setGlobal() {
	v := values{library: overlay(b.defaultGlobal(), b.values[library])}
	set := func(from *ccpfile.Node, key string, to ...string) {
		if node := from.Get(key); node != nil && node.Kind != ccpfile.Null {
			v.set(library, to, withoutNulls(node.Interface()))
		}
	}
	set(b.cfg.Kubernetes, "cluster_domain", "cluster_domain")
	set(b.cfg.Kubernetes, "image_pull_policy", "images", "pull_policy")
	set(b.cfg.Registry, "address", "images", "registry")
	set(b.cfg.Images, "namespace", "images", "namespace")
	set(b.cfg.Images, "tag", "images", "tag")
	set(b.cfg.Images, "image_specs", "images", "image_specs")
	set(b.cfg.OpenStack, "release", "openstack", "release")
	text := func(n *ccpfile.Node) string {
		if n == nil || n.Kind != ccpfile.Scalar {
			return ""
		}
		return fmt.Sprint(n.Scalar)
	}
	if username := text(b.cfg.Registry.Get("username")); username != "" {
		b.registry = &registry{text(b.cfg.Registry.Get("address")), username, text(b.cfg.Registry.Get("password"))}
		v.set(library, []string{"images", "pull_secret"}, pullSecret)
	}
	override := func(value string, to ...string) {
		if value != "" {
			v.set(library, to, value)
		}
	}
	override(b.opts.Network, "network", "backend")
	override(b.opts.Release, "openstack", "release")
	override(cmp.Or(b.opts.Placement, b.cfg.Placement), "placement")
	b.global = v[library]
	b.values[library] = v[library]
}

// withoutNulls returns a value without what is null in it, which is as if it
// were not written.
func withoutNulls(value any) any {
	fields, ok := value.(map[string]any)
	if !ok {
		return value
	}
	out := make(map[string]any, len(fields))
	for key, field := range fields {
		if field != nil {
			out[key] = withoutNulls(field)
		}
	}
	return out
}

// globalText returns a value of global as text.
func (b *builder) globalText(path ...string) string {
	text, _ := b.values.get(library, path...).(string)
	return text
}

// resolve places the services, once for each backend. What is wrong with the
// placement for the backend that was not chosen takes nothing away from the
// chosen one, but the switch to it.
func (b *builder) resolve() {
	opts := b.opts.Options
	opts.Network = b.globalText("network", "backend")
	opts.Release = b.release()
	opts.Placement = b.globalText("placement")
	chosen, err := topology.Resolve(b.cfg, b.catalog, opts)
	if err != nil {
		b.problems = append(b.problems, asProblems(err)...)
		return
	}
	b.Topology = chosen
	b.topologies = map[string]*topology.Topology{chosen.Network: chosen}
	for _, backend := range b.catalog.Backends {
		if backend == chosen.Network {
			continue
		}
		opts.Network = backend
		other, err := topology.Resolve(b.cfg, b.catalog, opts)
		if err != nil {
			b.Notices = append(b.Notices, ccpfile.Problem{Message: fmt.Sprintf("the chart has no placements for the network %s: %v", backend, err)})
			continue
		}
		b.topologies[backend] = other
	}
	b.global["providers"] = overlay(b.defaultGlobal()["providers"].(map[string]any), stringValues(chosen.Providers))
}

// release returns the OpenStack release that is wanted. An unknown one is a
// problem, named where it was written; the default then stands in, so that
// the rest of the file is checked too.
func (b *builder) release() string {
	wanted := b.globalText("openstack", "release")
	release, err := b.catalog.Release(wanted)
	if err == nil {
		b.values.set(library, []string{"openstack", "release"}, release.Name)
		return release.Name
	}
	problem := ccpfile.Problem{Path: "--openstack-release", Message: err.Error()}
	for path, node := range map[string]*ccpfile.Node{
		"openstack.release":         b.cfg.OpenStack.Get("release"),
		"configs.openstack.release": b.cfg.Configs.Get("openstack", "release"),
	} {
		if node != nil && node.Scalar == wanted && b.opts.Release == "" {
			problem.Pos, problem.Path = node.Pos, path
		}
	}
	b.problems = append(b.problems, problem)
	fallback, _ := b.defaultGlobal()["openstack"].(map[string]any)["release"].(string)
	return fallback
}

func asProblems(err error) ccpfile.Problems {
	if problems, ok := err.(ccpfile.Problems); ok {
		return problems
	}
	return ccpfile.Problems{{Message: err.Error()}}
}

func stringValues(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for key, value := range m {
		out[key] = value
	}
	return out
}

// chooseCharts keeps the charts that have a service placed for any backend, or
// that accompany one.
func (b *builder) chooseCharts() {
	used := map[string]bool{library: true}
	placed := map[string]bool{}
	for _, t := range b.topologies {
		for _, service := range t.Services {
			used[service.Chart] = true
			placed[service.Definition] = true
		}
	}
	for name, c := range b.catalog.Charts {
		if slices.ContainsFunc(c.Accompanies, func(service string) bool { return placed[service] }) {
			used[name] = true
		}
	}
	b.charts = slices.Sorted(maps.Keys(used))
	for name := range b.values {
		if !used[name] {
			b.Notices = append(b.Notices, ccpfile.Problem{Path: "configs." + name, Message: "not used: no role lists a service of this chart"})
		}
	}
}

// notices puts together what is worth telling, once each.
func (b *builder) notices() []ccpfile.Problem {
	all := slices.Concat(b.cfg.Notices, b.placer.notices, b.Topology.Warnings, b.Notices)
	slices.SortStableFunc(all, func(a, b ccpfile.Problem) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column))
	})
	return slices.Compact(all)
}

// Namespace returns where a ccp.yaml wants the release, "ccp" when it does not say.
func Namespace(cfg *ccpfile.Config) string {
	if n := cfg.Kubernetes.Get("namespace"); n != nil && n.Kind == ccpfile.Scalar {
		return fmt.Sprint(n.Scalar)
	}
	return "ccp"
}

// Chart returns the umbrella as Helm's SDK holds it.
func (d *Deployment) Chart() (*helmchart.Chart, error) {
	files, err := d.Files()
	if err != nil {
		return nil, err
	}
	return loader.LoadFiles(files)
}
