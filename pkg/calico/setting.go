package calico

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// setting is one value that a release wants, at one place of a store.
type setting struct {
	field
	// want is the value: the text itself in the text dialect, JSON in the
	// other.
	want string
	// off is what revert writes when nothing was there. Empty means that it
	// takes the value away.
	off string
	// ahead are the names in its list that a membership goes before.
	ahead []string
}

// field is the place of one value: a key, and in the resources dialect a path
// inside its object. A path that ends in [NAME] is the membership of NAME in a
// list of strings, or in interfacePrefix, which is one string with commas.
type field struct {
	key, path string
}

// isMember says whether the field is a membership.
func (f field) isMember() bool { return strings.Contains(f.path, "[") }

// isPrefix says whether the field is the membership in Felix' interfacePrefix.
func (f field) isPrefix() bool {
	return strings.HasPrefix(f.path, "[") || strings.HasPrefix(f.path, "spec.interfacePrefix[")
}

// list returns the field's list: it is the same for all its members.
func (f field) list() string {
	list, _, _ := strings.Cut(f.id(), "[")
	return list
}

// byGuide says whether the guide has a command that sets and undoes the field.
func (f field) byGuide() bool {
	return !f.isPrefix() && !strings.HasSuffix(strings.ToLower(f.key+f.path), "endpointreportingenabled")
}

// id returns the field's name in a record: KEY or KEY#PATH.
func (f field) id() string {
	if f.path == "" {
		return f.key
	}
	return f.key + "#" + f.path
}

// parseField is the inverse of id.
func parseField(id string) field {
	key, path, _ := strings.Cut(id, "#")
	return field{key, path}
}

// configDir is where Calico 1 and 2 keep Felix' settings for all nodes.
const configDir = "/calico/v1/config/"

// filtersDir is where they keep export filters for all peers.
const filtersDir = "/calico/bgp/v1/global/custom_filters"

// textFelix returns what OpenStack needs of Felix: the guide's interval, and
// that it takes care of the servers' interfaces and reports on them.
func textFelix(s Settings) []setting {
	return []setting{
		{field: field{key: configDir + "EndpointReportingEnabled"}, want: "true"},
		{field: field{key: configDir + "InterfacePrefix", path: "[" + serverPrefix + "]"}, want: "true"},
		{field: field{key: configDir + "ReportingIntervalSecs"}, want: fmt.Sprint(s.ReportingInterval), off: "0"},
	}
}

// textSettings returns what OpenStack needs of Felix, and the filters as the
// guide's etcdctl commands set them.
func textSettings(s Settings, n *notes) []setting {
	var all []setting
	for _, name := range slices.Sorted(maps.Keys(s.Filters)) {
		for version, text := range map[string]string{"v4": s.Filters[name].IPv4, "v6": s.Filters[name].IPv6} {
			if text != "" {
				key := filtersDir + "/" + version + "/" + name
				all = append(all, setting{field: field{key: key}, want: text})
			}
		}
	}
	slices.SortFunc(all, func(a, b setting) int { return strings.Compare(a.key, b.key) })
	all = append(textFelix(s), all...)
	if len(s.Peers) > 0 {
		n.notice("bgp.peers is not used: with etcd's v2 API a filter is for every BGP session")
	}
	if len(s.IPPools) > 0 {
		n.notice("bgp.ip_pools is not used: with etcd's v2 API the filter exports the routes, in the mesh too")
	}
	return all
}
