package calico

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// The places of the resources dialect.
const (
	felixKey   = "felixconfigurations/default"
	bgpKey     = "bgpconfigurations/default"
	clusterKey = "clusterinformations/default"
)

// kinds are the kinds of the resources that may be created, by plural.
var kinds = map[string]string{
	"felixconfigurations": "FelixConfiguration",
	"bgpfilters":          "BGPFilter",
	"bgppeers":            "BGPPeer",
	"ippools":             "IPPool",
}

// pool is the spec of an IPPool that exports the routes of its network and
// gives no address to a pod. The order of the fields is the one in which
// Calico's own client writes them.
type pool struct {
	CIDR           string   `json:"cidr"`
	VXLANMode      string   `json:"vxlanMode"`
	IPIPMode       string   `json:"ipipMode"`
	Disabled       bool     `json:"disabled"`
	BlockSize      int      `json:"blockSize"`
	NodeSelector   string   `json:"nodeSelector"`
	AllowedUses    []string `json:"allowedUses"`
	AssignmentMode string   `json:"assignmentMode"`
}

// resourceFelix returns what OpenStack needs of Felix.
func resourceFelix(s Settings) []setting {
	interval := time.Duration(s.ReportingInterval) * time.Second
	return []setting{
		{field: field{felixKey, "spec.endpointReportingEnabled"}, want: "true"},
		{field: field{felixKey, "spec.interfacePrefix[" + serverPrefix + "]"}, want: prefixIn},
		{field: field{felixKey, "spec.reportingInterval"}, want: jsonString(interval.String())},
	}
}

// resourceSettings returns the values that s wants in a store of resources,
// and notes what has no effect there. What cannot be done comes back as
// Problems.
func resourceSettings(ctx context.Context, store Store, s Settings, n *notes) ([]setting, error) {
	var problems Problems
	all := resourceFelix(s)
	for _, name := range slices.Sorted(maps.Keys(s.Filters)) {
		settings, ps := filterSettings(name, s.Filters[name])
		all, problems = append(all, settings...), append(problems, ps...)
	}
	peers, ps, err := peerSettings(ctx, store, s, n)
	if err != nil {
		return nil, err
	}
	all, problems = append(all, peers...), append(problems, ps...)
	mesh, err := meshEnabled(ctx, store)
	if err != nil {
		return nil, err
	}
	if mesh {
		pools, ps, err := poolSettings(ctx, store, s.IPPools, n)
		if err != nil {
			return nil, err
		}
		all, problems = append(all, pools...), append(problems, ps...)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	noteExport(s, mesh, len(peers) > 0, n)
	return all, nil
}

// noteExport says over which sessions no route to a server goes, and what has no
// effect.
func noteExport(s Settings, mesh, peers bool, n *notes) {
	switch {
	case mesh && len(s.IPPools) == 0 && len(s.Filters) > 0:
		n.warn("Calico's nodes peer in a full mesh, which takes no filters: between them no route to a server is exported; list the tenants' networks under bgp.ip_pools (in a ccp.yaml below configs.calico) and deploy again")
	case mesh && !peers && len(s.Filters) > 0:
		n.notice("no BGPPeer takes the filters; the mesh exports the networks of bgp.ip_pools")
	case !mesh && !peers && len(s.Filters) > 0:
		n.warn("there is no BGPPeer, and the node-to-node mesh is off: no route to a server is exported; make a BGPPeer and deploy again")
	}
	if !mesh && len(s.IPPools) > 0 {
		n.notice("bgp.ip_pools is not used: the node-to-node mesh is off, the filters export the routes")
	}
}

// filterSettings returns the BGPFilter of one filter.
func filterSettings(name string, f Filter) ([]setting, Problems) {
	var all []setting
	var problems Problems
	for _, v := range []struct {
		option, member, text string
		ipv6                 bool
	}{{"ipv4", "exportV4", f.IPv4, false}, {"ipv6", "exportV6", f.IPv6, true}} {
		if v.text == "" {
			continue
		}
		rs, err := rules(v.text, v.ipv6)
		if err != nil {
			problems = append(problems, Problem{[]string{"bgp", "filters", name, v.option},
				fmt.Sprintf("has no BGPFilter form: %v", err)})
			continue
		}
		all = append(all, setting{
			field: field{"bgpfilters/" + resourceName(name), "spec." + v.member},
			want:  string(mustJSON(rs)),
		})
	}
	return all, problems
}

// meshEnabled says whether Calico's nodes peer with each other, which they do
// unless somebody turned it off.
func meshEnabled(ctx context.Context, store Store) (bool, error) {
	e, err := store.Get(ctx, bgpKey)
	if err != nil || e.Value == nil {
		return true, err
	}
	var bgp struct {
		Spec struct{ NodeToNodeMeshEnabled *bool }
	}
	if err := json.Unmarshal(e.Value, &bgp); err != nil {
		return false, fmt.Errorf("%s is not a BGPConfiguration: %w", bgpKey, err)
	}
	return bgp.Spec.NodeToNodeMeshEnabled == nil || *bgp.Spec.NodeToNodeMeshEnabled, nil
}

// poolSettings returns one IPPool for each network that no other pool holds.
func poolSettings(ctx context.Context, store Store, cidrs []string, n *notes) ([]setting, Problems, error) {
	if len(cidrs) == 0 {
		return nil, nil, nil
	}
	entries, err := store.List(ctx, "ippools")
	if err != nil {
		return nil, nil, err
	}
	var all []setting
	var problems Problems
	for i, text := range cidrs {
		cidr, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, nil, err
		}
		key := "ippools/" + poolName(cidr)
		holder, problem, err := holdingPool(entries, key, cidr)
		switch {
		case err != nil:
			return nil, nil, err
		case problem != "":
			problems = append(problems, Problem{[]string{"bgp", "ip_pools", fmt.Sprint(i)}, problem})
		case holder != "":
			n.notice("%s needs no pool of its own: %s exports its routes", cidr, holder)
		default:
			all = append(all, setting{field: field{key, "spec"}, want: string(mustJSON(newPool(cidr)))})
		}
	}
	return all, problems, nil
}

// holdingPool looks for a pool other than key that holds cidr and exports its
// routes. A pool that is in the way is a problem.
func holdingPool(entries []Entry, key string, cidr netip.Prefix) (holder, problem string, err error) {
	for _, e := range entries {
		var p struct {
			Spec struct {
				CIDR             string
				DisableBGPExport bool
			}
		}
		if err := json.Unmarshal(e.Value, &p); err != nil {
			return "", "", fmt.Errorf("%s is not an IPPool: %w", e.Key, err)
		}
		other, err := netip.ParsePrefix(p.Spec.CIDR)
		if e.Key == key || err != nil || !other.Overlaps(cidr) {
			continue
		}
		switch {
		case other.Bits() > cidr.Bits():
			return "", fmt.Sprintf("%s overlaps %s (%s), and Calico's pools may not; list the parts that it leaves", cidr, e.Key, other), nil
		case p.Spec.DisableBGPExport:
			return "", fmt.Sprintf("%s is inside %s (%s), which has disableBGPExport; turn that off there", cidr, e.Key, other), nil
		}
		return e.Key, "", nil
	}
	return "", "", nil
}

func poolName(cidr netip.Prefix) string {
	return "ccp-" + strings.NewReplacer(".", "-", "/", "-", ":", "-").Replace(cidr.String())
}

func newPool(cidr netip.Prefix) pool {
	blockSize := 26
	if cidr.Addr().Is6() {
		blockSize = 122
	}
	return pool{
		CIDR: cidr.String(), VXLANMode: "Never", IPIPMode: "Never", Disabled: true,
		BlockSize: max(blockSize, cidr.Bits()), NodeSelector: "all()",
		AllowedUses: []string{"Workload", "Tunnel"}, AssignmentMode: "Automatic",
	}
}

// newResource returns an object that has nothing but its name.
func newResource(key string, now time.Time) *document {
	plural, name, _ := strings.Cut(key, "/")
	return &document{members: []member{
		{"kind", mustJSON(kinds[plural])},
		{"apiVersion", mustJSON("projectcalico.org/v3")},
		{"metadata", mustJSON(struct {
			Name              string `json:"name"`
			UID               string `json:"uid"`
			CreationTimestamp string `json:"creationTimestamp"`
		}{name, newUID(), now.UTC().Format(time.RFC3339)})},
		{"spec", json.RawMessage("{}")},
	}}
}

// newUID returns a random UUID, version 4.
func newUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func jsonString(s string) string { return string(mustJSON(s)) }
