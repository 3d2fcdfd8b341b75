package catalog

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// releases reads common/releases.yaml.
func (d *decoder) releases(n *yaml.Node, at string) {
	seen := map[string]bool{}
	d.items(n, at, func(item *yaml.Node, at string) {
		r := Release{Order: len(d.catalog.Releases)}
		name := func(dst *string) field {
			return func(n *yaml.Node, at string) {
				if !d.text(n, at, dst) {
					return
				}
				if seen[*dst] {
					d.problem(n, at, "release %q stands here twice", *dst)
				}
				seen[*dst] = true
			}
		}
		d.fields(item, at, map[string]field{"name": name(&r.Name), "alias": name(&r.Alias)})
		if r.Name == "" {
			d.problem(item, at, "the release has no name")
		}
		d.catalog.Releases = append(d.catalog.Releases, r)
	})
}

// chart reads one services.yaml into c.
func (d *decoder) chart(c *Chart) field {
	return func(n *yaml.Node, at string) {
		d.fields(n, at, map[string]field{
			"claims":        d.chartClaims(c),
			"accompanies":   d.names(&c.Accompanies, d.isService),
			"network":       d.names(&c.Network, nil),
			"also_known_as": d.aliasNames(&c.AlsoKnownAs, "the chart "+c.Name),
			"conflicts": func(n *yaml.Node, at string) {
				d.items(n, at, func(n *yaml.Node, at string) { d.conflict(c, n, at) })
			},
			"services": func(n *yaml.Node, at string) {
				d.entries(n, at, func(key, value *yaml.Node, at string) { d.service(c, key, value, at) })
			},
			"credentials": func(n *yaml.Node, at string) {
				d.fields(n, at, map[string]field{
					"passwords":        d.sources(&c.Passwords, d.samePassword),
					"key_repositories": d.sources(&c.KeyRepositories, nil),
					"certificates":     d.secretNames(&c.Certificates),
					"ssh_keys":         d.secretNames(&c.SSHKeys),
				})
			},
		})
		slices.Sort(c.Services)
	}
}

// chartClaims reads the keys of `configs` that are c's; a key has one owner.
func (d *decoder) chartClaims(c *Chart) field {
	return func(n *yaml.Node, at string) {
		d.names(&c.Claims, nil)(n, at)
		for _, key := range c.Claims {
			if owner := d.claims[key]; owner != "" {
				d.problem(n, at, "%q is claimed by the chart %s already", key, owner)
			}
			if d.catalog.Charts[key] != nil {
				d.problem(n, at, "%q is the name of a chart", key)
			}
			d.claims[key] = c.Name
		}
	}
}

// conflict reads one item of `conflicts`.
func (d *decoder) conflict(c *Chart, n *yaml.Node, at string) {
	var conflict Conflict
	text := func(dst *string) field { return func(n *yaml.Node, at string) { d.text(n, at, dst) } }
	d.fields(n, at, map[string]field{
		"value":    text(&conflict.Value),
		"is":       d.names(&conflict.Is, nil),
		"services": d.names(&conflict.Services, d.isService),
		"because":  text(&conflict.Because),
	})
	if n.Kind == yaml.MappingNode && (conflict.Value == "" || len(conflict.Is) == 0 || len(conflict.Services) == 0 || conflict.Because == "") {
		d.problem(n, at, "a conflict has value, is, services and because")
	}
	c.Conflicts = append(c.Conflicts, conflict)
}

// aliasNames reads what owner is called elsewhere; a name has one owner.
func (d *decoder) aliasNames(dst *[]string, owner string) field {
	return func(n *yaml.Node, at string) {
		d.names(dst, nil)(n, at)
		for _, name := range *dst {
			if _, err := path.Match(name, ""); err != nil || name == "" {
				d.problem(n, at, "%q is no name and no pattern: APPLICATION/COMPONENT or one word, * for any letters", name)
			}
			if first := d.aliases[name]; first != "" {
				d.problem(n, at, "%q is claimed by %s already", name, first)
			}
			d.aliases[name] = owner
		}
	}
}

// service reads one entry of `services`.
func (d *decoder) service(c *Chart, key, value *yaml.Node, at string) {
	s := &Service{Name: key.Value, Chart: c.Name}
	if !dnsLabel.MatchString(s.Name) || len(s.Name) > 63 {
		d.problem(key, at, "%q can't name a Kubernetes object: lower-case letters, digits and -, at most 63", s.Name)
	}
	if first, ok := d.services[s.Name]; ok {
		d.problem(key, at, "service %q is defined at %s already", s.Name, first)
		return
	}
	d.services[s.Name] = d.position(key)
	d.catalog.Services[s.Name] = s
	c.Services = append(c.Services, s.Name)
	d.fields(value, at, map[string]field{
		"workload":       d.workload(&s.Workload),
		"network":        d.names(&s.Network, nil),
		"follows":        d.names(&s.Follows, d.isOther(s.Name, d.isService)),
		"since":          d.release(&s.Since),
		"until":          d.release(&s.Until),
		"needs":          d.names(&s.Needs, d.isOther(s.Name, d.isNeed)),
		"needs_on_node":  d.names(&s.NeedsOnNode, d.isOther(s.Name, d.isOnEveryNode)),
		"leaves_on_node": d.names(&s.LeavesOnNode, nil),
		"nodes_connect":  d.names(&s.NodesConnect, nil),
		"provides":       d.names(&s.Provides, d.isAbstract),
		"also_known_as":  d.aliasNames(&s.AlsoKnownAs, s.Name+" of the chart "+c.Name),
		"instances": func(n *yaml.Node, at string) {
			if n.Decode(&s.Instances) != nil {
				d.problem(n, at, "must be true or false")
			}
		},
	})
	if s.Workload == "" && value.Kind == yaml.MappingNode {
		d.problem(key, at, "workload is missing: DaemonSet, Deployment or StatefulSet")
	}
	d.check(key, at, func() error { return d.consistent(c, s) })
}

// consistent finishes a service with what its chart says, and checks what no
// single key can.
func (d *decoder) consistent(c *Chart, s *Service) error {
	if len(s.Network) == 0 {
		s.Network = c.Network
	}
	for _, backend := range s.Network {
		if len(c.Network) > 0 && !slices.Contains(c.Network, backend) {
			return fmt.Errorf("network %s is not one of the chart's (%s)", backend, strings.Join(c.Network, ", "))
		}
	}
	since, errSince := d.catalog.Release(s.Since)
	until, errUntil := d.catalog.Release(s.Until)
	if errSince == nil && errUntil == nil && until.Order < since.Order {
		return fmt.Errorf("until (%s) is before since (%s)", until.Name, since.Name)
	}
	return nil
}

func (d *decoder) workload(dst *Workload) field {
	return func(n *yaml.Node, at string) {
		var w string
		if !d.text(n, at, &w) {
			return
		}
		*dst = Workload(w)
		if kinds := []string{string(DaemonSet), string(Deployment), string(StatefulSet)}; !slices.Contains(kinds, w) {
			d.problem(n, at, "no workload %q, only %s%s", w, strings.Join(kinds, ", "), Suggest(w, kinds))
		}
	}
}

// release reads a release's name or alias; dst gets its name.
func (d *decoder) release(dst *string) field {
	return func(n *yaml.Node, at string) {
		var name string
		if !d.text(n, at, &name) {
			return
		}
		r, err := d.catalog.Release(name)
		if err != nil {
			d.problem(n, at, "%v", err)
		}
		*dst = r.Name
	}
}

// sources reads a mapping from the key of a Secret, or the name of one, to the
// path in a ccp.yaml that may give its value.
func (d *decoder) sources(dst *map[string]string, also func(key *yaml.Node, at, source string)) field {
	return func(n *yaml.Node, at string) {
		*dst = map[string]string{}
		d.entries(n, at, func(key, value *yaml.Node, at string) {
			var source string
			if !d.text(value, at, &source) {
				return
			}
			if !dnsLabel.MatchString(key.Value) {
				d.problem(key, at, "%q can't name a key: lower-case letters, digits and -", key.Value)
			}
			if source != "" && !strings.HasPrefix(source, "configs.") && !strings.HasPrefix(source, "secret_configs.") {
				d.problem(value, at, "%q is not a path in a ccp.yaml below configs or secret_configs", source)
			}
			if also != nil {
				also(key, at, source)
			}
			(*dst)[key.Value] = source
		})
	}
}

// secretNames reads the names of Secrets.
func (d *decoder) secretNames(dst *[]string) field {
	return d.names(dst, func(name string) error {
		if !dnsLabel.MatchString(name) {
			return fmt.Errorf("%q can't name a Secret: lower-case letters, digits and -", name)
		}
		return nil
	})
}

// samePassword reports a key of the credentials Secret for which two charts
// name different places in a ccp.yaml.
func (d *decoder) samePassword(key *yaml.Node, at, source string) {
	if first, ok := d.passwords[key.Value]; ok && first != source {
		d.problem(key, at, "another chart takes %s from %q, not from %q", key.Value, first, source)
	}
	d.passwords[key.Value] = source
}

func (d *decoder) isService(name string) error {
	if d.catalog.Services[name] == nil {
		return fmt.Errorf("no service %q%s", name, Suggest(name, slices.Sorted(maps.Keys(d.catalog.Services))))
	}
	return nil
}

func (d *decoder) isOnEveryNode(name string) error {
	if err := d.isService(name); err != nil {
		return err
	}
	if w := d.catalog.Services[name].Workload; w != DaemonSet {
		return fmt.Errorf("%s is a %s: only a DaemonSet is on each node of its roles", name, w)
	}
	return nil
}

func (d *decoder) isNeed(name string) error {
	if len(d.catalog.Providers(name)) > 0 {
		return nil
	}
	names := slices.Collect(maps.Keys(d.catalog.Services))
	for _, s := range d.catalog.Services {
		names = append(names, s.Provides...)
	}
	if d.catalog.Services[name] == nil {
		return fmt.Errorf("no service and no abstract name %q%s", name, Suggest(name, names))
	}
	return nil
}

func (d *decoder) isAbstract(name string) error {
	if d.catalog.Services[name] != nil {
		return fmt.Errorf("%q is the name of a service, so it can't be an abstract name too", name)
	}
	if !dnsLabel.MatchString(name) {
		return fmt.Errorf("%q can't name a Kubernetes object: lower-case letters, digits and -", name)
	}
	return nil
}

func (d *decoder) isOther(self string, valid func(string) error) func(string) error {
	return func(name string) error {
		if name == self {
			return errors.New("a service can't name itself here")
		}
		return valid(name)
	}
}

// finish runs the checks that need the whole catalog, and sums it up.
func (d *decoder) finish() {
	for _, check := range d.later {
		check()
	}
	backends := map[string]bool{}
	for _, c := range d.catalog.Charts {
		for _, b := range c.Network {
			backends[b] = true
		}
	}
	for _, s := range d.catalog.Services {
		for _, b := range s.Network {
			backends[b] = true
		}
	}
	d.catalog.Backends = slices.Sorted(maps.Keys(backends))
}
