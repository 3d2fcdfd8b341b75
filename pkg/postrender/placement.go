package postrender

import (
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/filters/patchstrategicmerge"
	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/helm-ccp/helm-ccp/pkg/catalog"
	"github.com/helm-ccp/helm-ccp/pkg/topology"
)

// What stands on nodes: the labels of roles and of overrides, which are ours,
// a node's name, and facts about a machine, which don't choose a role.
const (
	roleLabel     = "role.ccp.openstack.org/"
	overrideLabel = "config.ccp.openstack.org/"
	hostnameLabel = "kubernetes.io/hostname"
)

var machineFacts = map[string]bool{
	"kubernetes.io/arch": true, "kubernetes.io/os": true,
	"beta.kubernetes.io/arch": true, "beta.kubernetes.io/os": true,
}

// placement ties the pods of each service to the nodes of its roles. What a
// chart says itself about nodes goes, but for facts about the machine, and for
// what several workloads of one service part its nodes by.
func (r *Renderer) placement(f *findings) kio.Filter {
	return kio.FilterFunc(each(func(object *yaml.Node) (bool, error) {
		spec := podSpec(object)
		if spec == nil || r.extension.ignored(identify(object)) {
			return true, nil
		}
		found := r.recognizer.recognize(object)
		roles, nodes := r.places(object, found)
		if len(roles) == 0 {
			return true, nil
		}
		keep := func(string) bool { return false }
		if service := found[0].service; service != "" {
			kin := text(object, "kind") + "/" + service
			f.choices[kin] = append(f.choices[kin], choices(spec))
			keep = func(choice string) bool { return f.splits[kin][choice] }
		}
		return true, r.place(object, spec, roles, nodes, keep, f)
	}))
}

// places returns the roles and nodes that an object's pods go to: those of its
// service, and those of its chart's services for what runs once in a while.
func (r *Renderer) places(object *yaml.Node, found []match) (roles, nodes []string) {
	if len(found) != 1 {
		return nil, nil
	}
	if s := r.deployment.Topology.Services[found[0].service]; s != nil {
		return s.Roles, s.Nodes
	}
	if found[0].service != "" || !helperKinds[text(object, "kind")] {
		return nil, nil
	}
	anywhere, everywhere := map[string]bool{}, map[string]bool{}
	hosts := map[string]bool{}
	for _, s := range r.deployment.Topology.Services {
		if s.Chart != found[0].chart {
			continue
		}
		for _, role := range s.Roles {
			everywhere[role] = true
			if s.Workload != catalog.DaemonSet {
				anywhere[role] = true
			}
		}
		if s.Workload != catalog.DaemonSet {
			for _, node := range s.Nodes {
				hosts[node] = true
			}
		}
	}
	if len(anywhere) == 0 {
		anywhere = everywhere
	}
	return slices.Sorted(maps.Keys(anywhere)), slices.Sorted(maps.Keys(hosts))
}

// choices are what a pod asks of its node, each as a text: the expressions of its
// required node affinity and its node selectors, without facts about the machine
// and what is ours.
func choices(spec *yaml.Node) []string {
	var all []string
	for _, e := range nodeTerms(spec, "matchExpressions") {
		if name := text(e, "key"); !machineFacts[name] && !strings.HasPrefix(name, roleLabel) && !strings.HasPrefix(name, overrideLabel) {
			all = append(all, choice(e))
		}
	}
	if selector := find(spec, "nodeSelector"); selector != nil && selector.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(selector.Content); i += 2 {
			if name := selector.Content[i].Value; !machineFacts[name] {
				all = append(all, name+"="+selector.Content[i+1].Value)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// nodeTerms are the expressions of a pod's required node affinity in one part of
// its terms, matchExpressions or matchFields.
func nodeTerms(spec *yaml.Node, part string) []*yaml.Node {
	terms := lookup(spec, "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")
	if terms == nil || terms.Kind != yaml.SequenceNode {
		return nil
	}
	var all []*yaml.Node
	for _, term := range terms.Content {
		if list := find(term, part); list != nil && list.Kind == yaml.SequenceNode {
			all = append(all, list.Content...)
		}
	}
	return all
}

// choice is an expression as a text: "disk In ssd, nvme".
func choice(e *yaml.Node) string {
	words := text(e, "key") + " " + text(e, "operator")
	if values := strs(find(e, "values")); len(values) > 0 {
		slices.Sort(values)
		words += " " + strings.Join(values, ", ")
	}
	return words
}

// shares returns, by kind and service, what some workloads of a service ask of
// their nodes and others do not: by that they part the nodes. Empty when no
// service has several workloads that differ so.
func (f *findings) shares() map[string]map[string]bool {
	splits := map[string]map[string]bool{}
	for kin, workloads := range f.choices {
		count := map[string]int{}
		for _, all := range workloads {
			for _, choice := range all {
				count[choice]++
			}
		}
		for choice, n := range count {
			if n == len(workloads) {
				continue
			}
			if splits[kin] == nil {
				splits[kin] = map[string]bool{}
			}
			splits[kin][choice] = true
		}
	}
	return splits
}

// place writes the terms of the roles into a pod's affinity. keep says which of a
// chart's own choices stay.
func (r *Renderer) place(object, spec *yaml.Node, roles, nodes []string, keep func(choice string) bool, f *findings) error {
	required := lookup(spec, "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")
	within := func(values []string) bool { return false }
	var wanted []*yaml.Node
	if r.deployment.Topology.Placement == topology.PlacementHostname {
		if len(nodes) == 0 {
			return nil
		}
		hosts := make([]string, len(nodes))
		for i, node := range nodes {
			hosts[i] = r.deployment.Topology.Hostname(node)
		}
		within = func(values []string) bool {
			return len(values) > 0 && !slices.ContainsFunc(values, func(v string) bool { return !slices.Contains(hosts, v) })
		}
		wanted = []*yaml.Node{expression(hostnameLabel, hosts...)}
	} else {
		for _, role := range roles {
			wanted = append(wanted, expression(roleLabel+role, "true"))
		}
	}
	gone := slices.DeleteFunc(nodeTerms(spec, "matchExpressions"), func(e *yaml.Node) bool {
		return stays(e, within, keep) || strings.HasPrefix(text(e, "key"), roleLabel)
	})
	for _, e := range append(gone, nodeTerms(spec, "matchFields")...) {
		f.note(object, "node affinity %s removed: its roles decide", choice(e))
	}
	if name := find(spec, "nodeName"); name != nil && name.Value != "" {
		f.note(object, "node name %s removed: its roles decide", name.Value)
		set(spec, "nodeName", nil)
	}
	if terms := combine(wanted, required, within, keep); terms != nil {
		if affinity := find(spec, "affinity"); affinity == nil || affinity.Kind != yaml.MappingNode {
			set(spec, "affinity", mapping())
		}
		required := mapping("requiredDuringSchedulingIgnoredDuringExecution", mapping("nodeSelectorTerms", terms))
		if err := merge(find(spec, "affinity"), "nodeAffinity", required); err != nil {
			return err
		}
	}
	if patch := r.selectors(object, spec, keep, f); patch != nil {
		return merge(spec, "nodeSelector", patch)
	}
	return nil
}

// merge patches the value of one key of n, and nothing else: kustomize's merge
// drops what is empty wherever it looks.
func merge(n *yaml.Node, name string, patch *yaml.Node) error {
	part := mapping()
	if value := find(n, name); value != nil {
		put(part, name, value)
	}
	_, err := patchstrategicmerge.Filter{Patch: yaml.NewRNode(mapping(name, patch))}.Filter([]*yaml.RNode{yaml.NewRNode(part)})
	if err != nil {
		return err
	}
	set(n, name, find(part, name))
	return nil
}

// set gives a mapping's key a value, or takes it out when that is nil.
func set(m *yaml.Node, name string, value *yaml.Node) {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value != name {
			continue
		}
		if value == nil {
			m.Content = slices.Delete(m.Content, i, i+2)
		} else {
			m.Content[i+1] = value
		}
		return
	}
	if value != nil {
		put(m, name, value)
	}
}

// stays says whether an expression of a chart's own stays: a fact about the
// machine, an override of ours, names that are within the role's, what is to be
// kept.
func stays(e *yaml.Node, within func([]string) bool, keep func(choice string) bool) bool {
	name := text(e, "key")
	return machineFacts[name] || strings.HasPrefix(name, overrideLabel) || narrows(e, within) || keep(choice(e))
}

// narrows says whether an expression names nodes that are all within the role's.
func narrows(e *yaml.Node, within func([]string) bool) bool {
	return text(e, "key") == hostnameLabel && text(e, "operator") == "In" && within(strs(find(e, "values")))
}

// combine returns the terms wanted, each narrowed by what stays of the chart's
// own; nil when the terms are that already.
func combine(wanted []*yaml.Node, required *yaml.Node, within func([]string) bool, keep func(choice string) bool) *yaml.Node {
	narrowed := machineTerms(required, within, keep)
	terms := &yaml.Node{Kind: yaml.SequenceNode, Tag: yaml.NodeTagSeq}
	for _, w := range wanted {
		for _, more := range narrowed {
			expressions := append([]*yaml.Node{w}, more...)
			if slices.ContainsFunc(more, func(e *yaml.Node) bool { return narrows(e, within) }) {
				expressions = more
			}
			list := &yaml.Node{Kind: yaml.SequenceNode, Tag: yaml.NodeTagSeq, Content: expressions}
			terms.Content = append(terms.Content, mapping("matchExpressions", list))
		}
	}
	if required != nil && same(required, terms) {
		return nil
	}
	return terms
}

// machineTerms are the distinct terms that are left of a chart's own when all
// that does not stay is taken away; one that is empty stands for any machine.
func machineTerms(required *yaml.Node, within func([]string) bool, keep func(choice string) bool) [][]*yaml.Node {
	var left [][]*yaml.Node
	if required != nil && required.Kind == yaml.SequenceNode {
		for _, term := range required.Content {
			var facts []*yaml.Node
			if expressions := find(term, "matchExpressions"); expressions != nil {
				for _, e := range expressions.Content {
					if stays(e, within, keep) {
						facts = append(facts, e)
					}
				}
			}
			if len(facts) == 0 {
				return [][]*yaml.Node{nil}
			}
			if !slices.ContainsFunc(left, func(other []*yaml.Node) bool { return slices.EqualFunc(other, facts, same) }) {
				left = append(left, facts)
			}
		}
	}
	if len(left) == 0 {
		return [][]*yaml.Node{nil}
	}
	return left
}

// selectors returns the patch that takes a chart's own choice of nodes out of
// nodeSelector, nil when there is none.
func (r *Renderer) selectors(object, spec *yaml.Node, keep func(choice string) bool, f *findings) *yaml.Node {
	selector := find(spec, "nodeSelector")
	if selector == nil || selector.Kind != yaml.MappingNode || len(selector.Content) == 0 {
		return nil
	}
	patch := &yaml.Node{Kind: yaml.MappingNode, Tag: yaml.NodeTagMap}
	var gone []string
	for i := 0; i+1 < len(selector.Content); i += 2 {
		if name := selector.Content[i].Value; !machineFacts[name] && !keep(name+"="+selector.Content[i+1].Value) {
			gone = append(gone, name+"="+selector.Content[i+1].Value)
			put(patch, name, null())
		}
	}
	if len(gone) == 0 {
		return nil
	}
	f.note(object, "node selector %s removed: its roles decide", strings.Join(gone, ", "))
	if 2*len(gone) == len(selector.Content) {
		return null()
	}
	return patch
}

func expression(name string, values ...string) *yaml.Node {
	list := &yaml.Node{Kind: yaml.SequenceNode, Tag: yaml.NodeTagSeq, Style: yaml.FlowStyle}
	for _, value := range values {
		item := scalar(value)
		if value == "true" {
			item.Style = yaml.DoubleQuotedStyle
		}
		list.Content = append(list.Content, item)
	}
	e := mapping("key", scalar(name), "operator", scalar("In"), "values", list)
	e.Style = yaml.FlowStyle
	return e
}

// mapping makes a mapping of names and values in turn.
func mapping(pairs ...any) *yaml.Node {
	m := &yaml.Node{Kind: yaml.MappingNode, Tag: yaml.NodeTagMap}
	for i := 0; i+1 < len(pairs); i += 2 {
		put(m, pairs[i].(string), pairs[i+1].(*yaml.Node))
	}
	return m
}

func put(m *yaml.Node, name string, value *yaml.Node) {
	m.Content = append(m.Content, scalar(name), value)
}

func null() *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: yaml.NodeTagNull, Value: "null"}
}

// strs returns the strings of a list.
func strs(list *yaml.Node) []string {
	if list == nil {
		return nil
	}
	out := make([]string, len(list.Content))
	for i, item := range list.Content {
		out[i] = item.Value
	}
	return out
}
