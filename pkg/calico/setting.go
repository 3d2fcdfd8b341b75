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
}

// field is the place of one value: a key, and in the resources dialect a path
// inside its object. A path that ends in [NAME] is the membership of NAME in a
// list of strings.
type field struct {
	key, path string
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

// textSettings returns what the guide's etcdctl commands set.
func textSettings(s Settings) ([]setting, []string) {
	all := []setting{{
		field: field{key: "/calico/v1/config/ReportingIntervalSecs"},
		want:  fmt.Sprint(s.ReportingInterval),
		off:   "0",
	}}
	for _, name := range slices.Sorted(maps.Keys(s.Filters)) {
		for version, text := range map[string]string{"v4": s.Filters[name].IPv4, "v6": s.Filters[name].IPv6} {
			if text != "" {
				key := "/calico/bgp/v1/global/custom_filters/" + version + "/" + name
				all = append(all, setting{field: field{key: key}, want: text})
			}
		}
	}
	slices.SortFunc(all[1:], func(a, b setting) int { return strings.Compare(a.key, b.key) })
	var notices []string
	if len(s.Peers) > 0 {
		notices = append(notices, "bgp.peers is not used: with etcd's v2 API a filter is for every BGP session")
	}
	if len(s.IPPools) > 0 {
		notices = append(notices, "bgp.ip_pools is not used: with etcd's v2 API the filter exports the routes, in the mesh too")
	}
	return all, notices
}
