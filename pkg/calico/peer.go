package calico

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// peerSettings returns the membership of every filter in every peer that s
// names, or else in every one: global, of a node, or of the nodes of a selector,
// as the filter of the guide is for every session.
func peerSettings(ctx context.Context, store Store, s Settings, n *notes) ([]setting, Problems, error) {
	entries, err := store.List(ctx, "bgppeers")
	if err != nil {
		return nil, nil, err
	}
	rejecting := &rejecters{ctx: ctx, store: store, known: map[string]Entry{}}
	var all []setting
	var names, without []string
	for _, e := range entries {
		name := strings.TrimPrefix(e.Key, "bgppeers/")
		names = append(names, name)
		if len(s.Peers) > 0 && !slices.Contains(s.Peers, name) {
			without = append(without, name)
			continue
		}
		var peer struct{ Spec struct{ Filters []string } }
		if err := json.Unmarshal(e.Value, &peer); err != nil {
			return nil, nil, fmt.Errorf("%s is not a BGPPeer: %w", e.Key, err)
		}
		for _, filter := range slices.Sorted(maps.Keys(s.Filters)) {
			own := resourceName(filter)
			ahead, err := rejecting.among(peer.Spec.Filters, s.Filters[filter])
			if err != nil {
				return nil, nil, err
			}
			at := slices.Index(peer.Spec.Filters, own)
			if i := slices.IndexFunc(peer.Spec.Filters, func(name string) bool { return slices.Contains(ahead, name) }); at > i && i >= 0 {
				n.warn("%s has %s before %s, which rejects every route to a server first: put %s before it", e.Key, peer.Spec.Filters[i], own, own)
			}
			all = append(all, setting{field: field{e.Key, "spec.filters[" + own + "]"}, want: "true", ahead: ahead})
		}
	}
	var problems Problems
	for i, name := range s.Peers {
		if !slices.Contains(names, name) {
			problems = append(problems, Problem{[]string{"bgp", "peers", fmt.Sprint(i)},
				fmt.Sprintf("there is no BGPPeer %q; there are: %s", name, strings.Join(names, ", "))})
		}
	}
	if len(without) > 0 && len(s.Filters) > 0 {
		n.notice("bgp.peers leaves out %s: no route to a server is exported there", strings.Join(without, ", "))
	}
	return all, problems, nil
}

// rejecters finds filters that reject every route to a server. Calico runs the
// filters of a peer in their order, and the first rule that matches a route
// decides. So a filter of ours goes before such a one, or it would never be
// asked. It goes after all others, so that somebody's rule about a network goes
// on to decide.
type rejecters struct {
	ctx   context.Context
	store Store
	known map[string]Entry
}

// among returns those of the filters with the names.
func (r *rejecters) among(names []string, own Filter) ([]string, error) {
	var found []string
	for _, name := range names {
		key := "bgpfilters/" + name
		if _, ok := r.known[key]; !ok {
			e, err := r.store.Get(r.ctx, key)
			if err != nil {
				return nil, err
			}
			r.known[key] = e
		}
		if r.known[key].Value == nil {
			continue // Calico passes it over too
		}
		var filter struct {
			Spec struct{ ExportV4, ExportV6 []rejectRule }
		}
		if err := json.Unmarshal(r.known[key].Value, &filter); err != nil {
			return nil, fmt.Errorf("%s is not a BGPFilter: %w", key, err)
		}
		if own.IPv4 != "" && slices.ContainsFunc(filter.Spec.ExportV4, rejectRule.rejectsServers) ||
			own.IPv6 != "" && slices.ContainsFunc(filter.Spec.ExportV6, rejectRule.rejectsServers) {
			found = append(found, name)
		}
	}
	return found, nil
}

// rejectRule is what matters of a rule of a BGPFilter.
type rejectRule struct {
	Action, CIDR, MatchOperator, Interface, Source string
	PrefixLength                                   *struct{}
}

// rejectsServers says whether the rule rejects routes to servers of whatever
// network: one that is about a network alone does not.
func (r rejectRule) rejectsServers() bool {
	name, _, _ := strings.Cut(r.Interface, "*")
	network := false
	if cidr, err := netip.ParsePrefix(r.CIDR); err == nil {
		network = cidr.Bits() > 0 && r.MatchOperator != "NotIn" && r.MatchOperator != "NotEqual"
	}
	return r.Action == "Reject" && r.Source == "" && r.PrefixLength == nil && !network && strings.HasPrefix(serverPrefix, name)
}
