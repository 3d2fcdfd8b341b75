package calico

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// Settings is what a deployment wants of Calico.
type Settings struct {
	// ReportingInterval is how often Felix reports its status, in seconds.
	ReportingInterval int
	// Filters are the BGP export filters by name.
	Filters map[string]Filter
	// Peers are the names of the BGPPeers that get the filters. Empty means all
	// of them. The etcd v2 store has one global place for filters and takes no
	// notice of Peers.
	Peers []string
	// IPPools are the networks of the tenants in CIDR form. Each gets an
	// IPPool where Calico's nodes peer in a full mesh, which takes no filters.
	IPPools []string
	// Region selects the keys that Felix writes for OpenStack with a region:
	// a region's name, or NoRegion. Empty means that there are none to remove.
	Region string
}

// Filter is one export filter as BIRD 1.6 statements, which are placed inside
// a filter function. An empty text means no filter for that IP version.
type Filter struct {
	IPv4, IPv6 string
}

// NoRegion is the region of the Felix status keys of an OpenStack that has no
// region configured.
const NoRegion = "no-region"

// TapFilter is the filter that exports the routes of virtual machines, byte
// for byte as the guide's here-document writes it.
const TapFilter = "  if ( ifname ~ \"tap*\" ) then {\n    accept;\n  }\n"

// Default returns what the guide sets by hand: a report a minute, and the
// filter tap_iface for IPv4.
func Default() Settings {
	return Settings{
		ReportingInterval: 60,
		Filters:           map[string]Filter{"tap_iface": {IPv4: TapFilter}},
	}
}

// Problem is one thing that is wrong with a Settings.
type Problem struct {
	// Path is where it is, in the form of the configuration file, for example
	// ["bgp", "ip_pools", "1"].
	Path []string
	// Message says what is wrong and what to do.
	Message string
}

// Error returns the path and the message.
func (p Problem) Error() string {
	return strings.Join(p.Path, ".") + ": " + p.Message
}

// Problems are all the things that are wrong with a Settings.
type Problems []Problem

// Error returns one line a problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// nameRE is what a filter may be called: the name ends up in a key of etcd and
// in the name of a BIRD function.
var nameRE = regexp.MustCompile(`^[A-Za-z]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?$`)

// Validate returns the Problems of s, or nil. What only one kind of store can
// tell, such as a filter that has no BGPFilter form, is checked by Apply.
func (s Settings) Validate() error {
	var ps Problems
	add := func(message string, path ...string) {
		ps = append(ps, Problem{Path: path, Message: message})
	}
	if s.ReportingInterval < 0 {
		add(fmt.Sprintf("%d is negative; give seconds, 0 turns reporting off", s.ReportingInterval),
			"felix", "reporting_interval")
	}
	resources := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(s.Filters)) {
		if !nameRE.MatchString(name) {
			add("a filter's name is letters, digits, '_' and '-', begins with a letter and has at most 63 characters",
				"bgp", "filters", name)
			continue
		}
		if other, taken := resources[resourceName(name)]; taken {
			add(fmt.Sprintf("is the BGPFilter %s, as %s is; rename one", resourceName(name), other),
				"bgp", "filters", name)
		}
		resources[resourceName(name)] = name
		if f := s.Filters[name]; strings.TrimSpace(f.IPv4) == "" && strings.TrimSpace(f.IPv6) == "" {
			add("has no text; give ipv4 or ipv6", "bgp", "filters", name)
		}
	}
	for _, p := range s.poolProblems() {
		add(p.Message, p.Path...)
	}
	if strings.ContainsAny(s.Region, "/ \t\n") {
		add(fmt.Sprintf("%q is no region's name", s.Region), "region")
	}
	if len(ps) == 0 {
		return nil
	}
	return ps
}

// poolProblems returns what is wrong with the pools, each by itself and one
// with another.
func (s Settings) poolProblems() Problems {
	var ps Problems
	seen := map[netip.Prefix]int{}
	for i, text := range s.IPPools {
		path := []string{"bgp", "ip_pools", fmt.Sprint(i)}
		cidr, err := netip.ParsePrefix(text)
		if err != nil {
			ps = append(ps, Problem{path, fmt.Sprintf("%q is not a CIDR such as 10.65.0.0/24", text)})
			continue
		}
		if cidr != cidr.Masked() {
			ps = append(ps, Problem{path, fmt.Sprintf("%s has bits of a host; write %s", text, cidr.Masked())})
			continue
		}
		for other, j := range seen {
			if other.Overlaps(cidr) {
				ps = append(ps, Problem{path, fmt.Sprintf("%s overlaps bgp.ip_pools.%d, %s; Calico's pools may not", cidr, j, other)})
			}
		}
		seen[cidr] = i
	}
	slices.SortStableFunc(ps, func(a, b Problem) int { return cmp.Compare(a.Path[2], b.Path[2]) })
	return ps
}

// resourceName turns a filter's name into one that a Kubernetes-style resource
// may have: tap_iface becomes tap-iface.
func resourceName(name string) string {
	return strings.ToLower(strings.ReplaceAll(name, "_", "-"))
}
