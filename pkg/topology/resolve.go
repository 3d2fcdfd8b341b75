package topology

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/helm-ccp/helm-ccp/pkg/catalog"
	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
)

// resolver holds what Resolve knows so far.
type resolver struct {
	cfg  *ccpfile.Config
	cat  *catalog.Catalog
	opts Options

	problems, warnings ccpfile.Problems

	release     catalog.Release
	instances   map[string]*instance // by name; each service of the catalog is one too
	roles       map[string]*ccpfile.Role
	broken      map[string]bool        // names in `services` that nothing could be made of
	holds       map[string][]*instance // role -> what it lists
	used        map[string]bool        // roles that some group of nodes has
	patterns    []*pattern             // one for each group
	badPatterns bool                   // one of patterns is nil
	top         *Topology

	// What follows is set when the nodes are known.
	known         bool
	names         []string       // of the nodes, sorted
	combinationOf []*combination // of each of names
	combinations  []*combination // each once, sorted by groups
}

// instance is a service under the name by which roles list it.
type instance struct {
	name     string
	def      *catalog.Service
	declared *ccpfile.Instance // nil without an entry in `services`
	listed   *ccpfile.Ref      // where a role lists it first
	origin   ccpfile.Ref       // why it is placed: listed, or that of what it follows
	roles    map[string]bool   // roles with nodes that it is placed on
}

// placed reports whether the instance is deployed.
func (i *instance) placed() bool { return len(i.roles) > 0 }

// everywhere reports whether it runs on every node of its roles.
func (i *instance) everywhere() bool { return i.def.Workload == catalog.DaemonSet }

func (r *resolver) problem(at ccpfile.Ref, format string, args ...any) {
	r.problems = append(r.problems, ccpfile.Problem{Pos: at.Pos, Path: at.Path, Message: fmt.Sprintf(format, args...)})
}

func (r *resolver) warn(at ccpfile.Ref, format string, args ...any) {
	r.warnings = append(r.warnings, ccpfile.Problem{Pos: at.Pos, Path: at.Path, Message: fmt.Sprintf(format, args...)})
}

// instanceName is the form of a name that Kubernetes objects get theirs from,
// roleName that of the name part of a label.
var (
	instanceName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	roleName     = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`)
)

// declare makes the instances: each service of the catalog under its own name,
// and what `services` adds.
func (r *resolver) declare() {
	for name, def := range r.cat.Services {
		r.instances[name] = &instance{name: name, def: def, roles: map[string]bool{}}
	}
	for i := range r.cfg.Services {
		d := &r.cfg.Services[i]
		ref := d.ServiceDef
		if ref.Name == "" {
			ref = ccpfile.Ref{Name: d.Name, Pos: d.Pos, Path: d.Path}
		}
		def := r.definition(ref)
		if def == nil {
			r.broken[d.Name] = true
			continue
		}
		if def.Name == d.Name {
			r.instances[d.Name].declared = d
			continue
		}
		at := ccpfile.Ref{Pos: d.Pos, Path: d.Path}
		providers := r.cat.Providers(d.Name)
		switch {
		case r.cat.Services[d.Name] != nil:
			r.problem(at, "%s is a service itself, so it can't be an instance of %s; choose another name", d.Name, def.Name)
			continue
		case len(providers) > 0 && !slices.Contains(providers, def.Name):
			r.problem(at, "%s does not provide %s; %s", def.Name, d.Name, oneOrMore(providers, "does", "do"))
		case len(providers) == 0 && !def.Instances:
			r.problem(at, "%s can't run in several instances, so it keeps its name; call this %q", def.Name, def.Name)
		case !instanceName.MatchString(d.Name):
			r.problem(at, "%q can't name a Kubernetes object: lower-case letters, digits and -, at most 63", d.Name)
		}
		r.instances[d.Name] = &instance{name: d.Name, def: def, declared: d, roles: map[string]bool{}}
	}
}

// definition finds a service of the catalog. When there is none it reports so,
// and takes the nearest, so that one misspelt name is one problem.
func (r *resolver) definition(ref ccpfile.Ref) *catalog.Service {
	if def := r.cat.Services[ref.Name]; def != nil {
		return def
	}
	names := sortedKeys(r.cat.Services)
	r.problem(ref, "no service %q%s", ref.Name, catalog.Suggest(ref.Name, names))
	return r.cat.Services[ccpfile.Nearest(ref.Name, names)]
}

// instance finds what a role or `replicas` names, in the same manner. It is
// nil when there is nothing near.
func (r *resolver) instance(ref ccpfile.Ref) *instance {
	if i := r.instances[ref.Name]; i != nil || r.broken[ref.Name] {
		return i
	}
	if providers := r.cat.Providers(ref.Name); len(providers) > 0 {
		r.problem(ref, "%s is an abstract name: list %s here, or say what backs it with `services: {%s: {service_def: %s}}`",
			ref.Name, strings.Join(providers, " or "), ref.Name, providers[0])
		return r.instances[providers[0]]
	}
	names := sortedKeys(r.instances)
	r.problem(ref, "no service %q%s", ref.Name, catalog.Suggest(ref.Name, names))
	return r.instances[ccpfile.Nearest(ref.Name, names)]
}

// list reads `roles`.
func (r *resolver) list() {
	for i := range r.cfg.Roles {
		role := &r.cfg.Roles[i]
		r.roles[role.Name] = role
		if !roleName.MatchString(role.Name) {
			r.problem(ccpfile.Ref{Pos: role.Pos, Path: role.Path},
				"%q can't name a node label: letters, digits, -, _ and ., at most 63", role.Name)
		}
		for j := range role.Services {
			in := r.instance(role.Services[j])
			if in == nil {
				continue
			}
			if in.listed == nil {
				in.listed = &role.Services[j]
			}
			r.holds[role.Name] = append(r.holds[role.Name], in)
		}
	}
	for _, d := range r.cfg.Services {
		if in := r.instances[d.Name]; in != nil && in.name != in.def.Name && in.listed == nil {
			r.warn(ccpfile.Ref{Pos: d.Pos, Path: d.Path}, "no role lists %s, so it is not deployed", d.Name)
		}
	}
}

// group reads `nodes`: patterns, and which roles are used.
func (r *resolver) group() {
	names := sortedKeys(r.roles)
	for i := range r.cfg.Nodes {
		g := &r.cfg.Nodes[i]
		p, err := compilePattern(g.Pattern)
		if err != nil {
			r.problem(groupRef(g), "%v", err)
			r.badPatterns = true
		}
		r.patterns = append(r.patterns, p)
		for _, ref := range g.Roles {
			name := ref.Name
			if r.roles[name] == nil {
				r.problem(ref, "no role %q%s", name, catalog.Suggest(name, names))
				name = ccpfile.Nearest(name, names)
			}
			r.used[name] = true
		}
	}
	for _, role := range r.cfg.Roles {
		if !r.used[role.Name] {
			r.warn(ccpfile.Ref{Pos: role.Pos, Path: role.Path}, "no node has the role %s, so it places nothing", role.Name)
			continue
		}
		for _, in := range r.holds[role.Name] {
			in.roles[role.Name] = true
			in.origin = *in.listed
		}
	}
}

func groupRef(g *ccpfile.NodeGroup) ccpfile.Ref { return ccpfile.Ref{Pos: g.Pos, Path: g.Path} }

// lacks is why the backend or the release does not have a service, "" when
// they do.
func (r *resolver) lacks(def *catalog.Service) string {
	switch {
	case len(def.Network) > 0 && !slices.Contains(def.Network, r.opts.Network):
		return fmt.Sprintf("network backend %s does not use it (%s only)", r.opts.Network, strings.Join(def.Network, ", "))
	case r.cat.Has(def, r.release):
		return ""
	}
	if since, err := r.cat.Release(def.Since); err == nil && r.release.Order < since.Order {
		return fmt.Sprintf("%s does not have it yet (first in %s)", r.release.Name, def.Since)
	}
	return fmt.Sprintf("%s no longer has it (last in %s)", r.release.Name, def.Until)
}

// drop takes away what the backend or the release does not have.
func (r *resolver) drop() {
	for _, in := range r.instances {
		reason := r.lacks(in.def)
		if reason == "" {
			continue
		}
		clear(in.roles)
		if in.listed != nil {
			r.top.Dropped = append(r.top.Dropped, Dropped{in.name, reason})
		}
	}
}

// follow places the services that no role lists where those that they follow
// are, until nothing changes.
func (r *resolver) follow() {
	listed := map[string]bool{}
	byDefinition := map[string][]*instance{}
	for _, name := range sortedKeys(r.instances) {
		in := r.instances[name]
		byDefinition[in.def.Name] = append(byDefinition[in.def.Name], in)
		if in.listed != nil {
			listed[in.def.Name] = true
		}
	}
	for changed := true; changed; {
		changed = false
		for _, name := range sortedKeys(r.cat.Services) {
			follower := r.instances[name]
			if listed[name] || r.lacks(follower.def) != "" {
				continue
			}
			for _, leader := range follower.def.Follows {
				for _, in := range byDefinition[leader] {
					changed = follower.join(in) || changed
				}
			}
		}
	}
}

// join places i on the roles of leader too, and reports whether that is new.
func (i *instance) join(leader *instance) bool {
	before := len(i.roles)
	for role := range leader.roles {
		if !i.placed() {
			i.origin = leader.origin
		}
		i.roles[role] = true
	}
	return len(i.roles) > before
}

// oneOrMore joins names with a verb that fits their number.
func oneOrMore(names []string, one, more string) string {
	if len(names) == 1 {
		return names[0] + " " + one
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1] + " " + more
}
