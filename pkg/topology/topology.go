// Package topology decides who runs where. From a ccp.yaml, the catalog of
// services, a network backend, an OpenStack release and, when there is one, an
// inventory of the cluster's nodes, Resolve makes a Topology: the services
// that are deployed, the roles and nodes they are placed on, how many replicas
// they have, which of them back database, rpc and the like, and what was left
// out and why.
//
// The package also answers for a single node which labels it must have
// (Matcher), for the program inside the cluster that sets them; so it depends
// on no more than ccpfile and catalog.
package topology

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/helm-ccp/helm-ccp/pkg/catalog"
	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
)

// The ways to tie a service to its nodes, Options.Placement.
const (
	// PlacementLabel places by the labels that roles have on nodes.
	PlacementLabel = "label"
	// PlacementHostname writes the names of the nodes out.
	PlacementHostname = "hostname"
)

// Options is what Resolve is told besides the ccp.yaml.
type Options struct {
	// Network is a backend and Release a release (or its alias) of the catalog.
	Network, Release string
	// Placement is PlacementLabel (also when empty) or PlacementHostname.
	Placement string
	// NodeMatch is Whole when empty.
	NodeMatch Match
	// Inventory is nil when the nodes are not known.
	Inventory *Inventory
}

// Topology is a resolved deployment. Slices in it are shared and must not be
// changed.
type Topology struct {
	Network   string
	Release   string // the name, never an alias
	Placement string
	NodeMatch Match
	// Nodes maps each node to its services, sorted. Nodes without a role are
	// there with an empty list. Without an inventory it is empty, except that
	// PlacementHostname takes the names that the patterns spell out.
	Nodes map[string][]string
	// Services are those that are deployed, by the name of the instance.
	Services map[string]*Service
	// Dropped lists the services that a role lists and that are not deployed.
	Dropped []Dropped
	// Warnings are sorted by position.
	Warnings []ccpfile.Problem
	// Providers maps an abstract name to the instance that backs it.
	Providers map[string]string
	// OverrideSets are the combinations of groups with `configs` that nodes
	// are, or may be, matched by. A node is in one of them at most.
	OverrideSets []OverrideSet
	// Groups is what NewMatcher needs to label nodes as Resolve saw them.
	Groups []Group

	hostnames map[string]string // of nodes whose hostname is not their name
}

// Service is one deployed instance of a service.
type Service struct {
	// Name is the instance's, Definition that of the service in the catalog.
	Name, Definition, Chart string
	Workload                catalog.Workload
	Replicas                int      // 0 for a DaemonSet
	Roles                   []string // sorted, never empty
	Nodes                   []string // sorted, empty when the nodes are not known
	// Mapping says which instance it takes for a need of its own, where the
	// ccp.yaml says so; Topology.Providers holds for the rest.
	Mapping map[string]string
}

// Dropped is a service that is not deployed although a role lists it.
type Dropped struct {
	Service string `json:"service" yaml:"service"`
	Reason  string `json:"reason" yaml:"reason"`
}

// Hostname is the value of the label kubernetes.io/hostname of a node.
func (t *Topology) Hostname(node string) string {
	if h, ok := t.hostnames[node]; ok {
		return h
	}
	return node
}

// view is a Topology as JSON and YAML show it.
type view struct {
	Network  string                 `json:"network" yaml:"network"`
	Release  string                 `json:"release" yaml:"release"`
	Nodes    map[string][]string    `json:"nodes" yaml:"nodes"`
	Services map[string]serviceView `json:"services" yaml:"services"`
	Dropped  []Dropped              `json:"dropped" yaml:"dropped"`
}

type serviceView struct {
	Definition string           `json:"definition,omitempty" yaml:"definition,omitempty"`
	Chart      string           `json:"chart" yaml:"chart"`
	Workload   catalog.Workload `json:"workload" yaml:"workload"`
	Replicas   int              `json:"replicas,omitempty" yaml:"replicas,omitempty"`
	Roles      []string         `json:"roles" yaml:"roles"`
	Nodes      []string         `json:"nodes" yaml:"nodes"`
}

func (t *Topology) view() view {
	v := view{t.Network, t.Release, t.Nodes, map[string]serviceView{}, t.Dropped}
	for name, s := range t.Services {
		sv := serviceView{"", s.Chart, s.Workload, s.Replicas, s.Roles, s.Nodes}
		if s.Definition != name {
			sv.Definition = s.Definition
		}
		v.Services[name] = sv
	}
	return v
}

// MarshalJSON writes network, release, nodes, services and dropped. Keys and
// lists are sorted, and a list without items is [].
func (t *Topology) MarshalJSON() ([]byte, error) { return json.Marshal(t.view()) }

// MarshalYAML gives what MarshalJSON writes.
func (t *Topology) MarshalYAML() (any, error) { return t.view(), nil }

// Resolve places the services. Mistakes in the ccp.yaml, or in the options,
// give an error of type ccpfile.Problems with all of them; those of the
// options have no position.
func Resolve(cfg *ccpfile.Config, cat *catalog.Catalog, opts Options) (*Topology, error) {
	r := &resolver{
		cfg: cfg, cat: cat, opts: opts,
		instances: map[string]*instance{}, broken: map[string]bool{},
		roles: map[string]*ccpfile.Role{}, holds: map[string][]*instance{}, used: map[string]bool{},
	}
	r.settings()
	decided := len(r.problems) == 0
	r.declare()
	r.list()
	r.group()
	if !decided { // what a backend or a release has can't be said
		return nil, r.problems.Err()
	}
	r.drop()
	r.follow()
	r.nodes()
	r.place()
	r.replicas()
	r.mappings()
	r.needs()
	r.needsOnNode()
	r.overrides()
	if err := r.problems.Err(); err != nil {
		return nil, err
	}
	slices.SortFunc(r.top.Dropped, func(a, b Dropped) int { return strings.Compare(a.Service, b.Service) })
	if sorted, ok := r.warnings.Err().(ccpfile.Problems); ok {
		r.top.Warnings = sorted
	}
	return r.top, nil
}

// settings checks the options and begins the Topology.
func (r *resolver) settings() {
	o := &r.opts
	if o.Placement == "" {
		o.Placement = PlacementLabel
	}
	if o.NodeMatch == "" {
		o.NodeMatch = Whole
	}
	release, err := r.cat.Release(o.Release)
	if err != nil {
		r.problem(ccpfile.Ref{}, "%v", err)
	}
	r.release = release
	r.oneOf("network backend", o.Network, r.cat.Backends)
	r.oneOf("placement", o.Placement, []string{PlacementHostname, PlacementLabel})
	r.oneOf("way to match nodes", string(o.NodeMatch), []string{string(Prefix), string(Whole)})
	r.top = &Topology{
		Network: o.Network, Release: release.Name, Placement: o.Placement, NodeMatch: o.NodeMatch,
		Nodes: map[string][]string{}, Services: map[string]*Service{}, Dropped: []Dropped{}, Providers: map[string]string{},
		Groups: groupsOf(r.cfg.Nodes), hostnames: map[string]string{},
	}
}

func (r *resolver) oneOf(what, name string, names []string) {
	if !slices.Contains(names, name) && len(names) > 0 {
		r.problem(ccpfile.Ref{}, "no %s %q, only %s%s", what, name, some(names), catalog.Suggest(name, names))
	}
}

// some lists the first of many names and counts the rest.
func some(names []string) string {
	const most = 5
	text := ""
	for i, name := range names {
		if i == most {
			return fmt.Sprintf("%s and %d more", text, len(names)-most)
		}
		if i > 0 {
			text += ", "
		}
		text += name
	}
	return text
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
