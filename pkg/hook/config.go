package hook

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/helm-ccp/helm-ccp/pkg/calico"
)

// calicoConfig is the file of `ccp-hook calico`, the ConfigMap of the chart.
type calicoConfig struct {
	Store string `yaml:"store"`
	Etcd  struct {
		Endpoints []string `yaml:"endpoints"`
		// Service says that the endpoint is the chart's own Service.
		Service  bool   `yaml:"service"`
		CAFile   string `yaml:"ca_file"`
		CertFile string `yaml:"cert_file"`
		KeyFile  string `yaml:"key_file"`
		Username string `yaml:"username"`
	} `yaml:"etcd"`
	Felix struct {
		ReportingInterval *int `yaml:"reporting_interval"`
	} `yaml:"felix"`
	BGP struct {
		Filters map[string]struct {
			IPv4 string `yaml:"ipv4"`
			IPv6 string `yaml:"ipv6"`
		} `yaml:"filters"`
		Peers   []string `yaml:"peers"`
		IPPools []string `yaml:"ip_pools"`
	} `yaml:"bgp"`
	Region string `yaml:"region"`
}

// settings returns what the file says, with the guide's values for what it
// leaves out.
func (c *calicoConfig) settings() calico.Settings {
	s := calico.Default()
	if c.Felix.ReportingInterval != nil {
		s.ReportingInterval = *c.Felix.ReportingInterval
	}
	if c.BGP.Filters != nil {
		s.Filters = map[string]calico.Filter{}
		for name, f := range c.BGP.Filters {
			s.Filters[name] = calico.Filter{IPv4: f.IPv4, IPv6: f.IPv6}
		}
	}
	s.Peers, s.IPPools, s.Region = c.BGP.Peers, c.BGP.IPPools, c.Region
	return s
}

// file is a YAML file with the places of its values.
type file struct {
	name string
	root *yaml.Node
}

// readFile reads a YAML file into v, a pointer to a struct with yaml tags.
// Unknown keys and values of the wrong kind are errors with their place, all
// at once.
func readFile(name string, v any) (*file, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, inputError{err}
	}
	f := &file{name: name, root: &yaml.Node{}}
	if err := yaml.Unmarshal(data, f.root); err != nil {
		return nil, inputError{fmt.Errorf("%s: %s", name, strings.TrimPrefix(err.Error(), "yaml: "))}
	}
	if len(f.root.Content) == 0 {
		return f, nil
	}
	var errs []error
	f.check(f.root.Content[0], reflect.TypeOf(v), nil, &errs)
	if len(errs) == 0 {
		if err := f.root.Decode(v); err != nil {
			errs = append(errs, fmt.Errorf("%s: %s", name, strings.TrimPrefix(err.Error(), "yaml: ")))
		}
	}
	if len(errs) > 0 {
		return nil, inputError{errors.Join(errs...)}
	}
	return f, nil
}

// check compares a value with the type that it is for.
func (f *file) check(n *yaml.Node, t reflect.Type, path []string, errs *[]error) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if n.Tag == "!!null" {
		return
	}
	wrong := func(what string) { *errs = append(*errs, f.at(path, "expected "+what)) }
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		if n.Kind != yaml.MappingNode {
			wrong("keys with values")
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			f.checkKey(n.Content[i], n.Content[i+1], t, path, errs)
		}
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			wrong("a list")
			return
		}
		for i, item := range n.Content {
			f.check(item, t.Elem(), append(slices.Clone(path), fmt.Sprint(i)), errs)
		}
	case reflect.Int:
		if n.Tag != "!!int" {
			wrong("a whole number")
		}
	case reflect.Bool:
		if n.Tag != "!!bool" {
			wrong("true or false")
		}
	default:
		if n.Kind != yaml.ScalarNode {
			wrong("a text")
		}
	}
}

// checkKey compares one key and its value with the struct or map they are in.
func (f *file) checkKey(key, value *yaml.Node, t reflect.Type, path []string, errs *[]error) {
	path = append(slices.Clone(path), key.Value)
	if t.Kind() == reflect.Map {
		f.check(value, t.Elem(), path, errs)
		return
	}
	var known []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		if name == key.Value {
			f.check(value, t.Field(i).Type, path, errs)
			return
		}
		known = append(known, name)
	}
	*errs = append(*errs, fmt.Errorf("%s:%d:%d: %s: unknown key; known are %s",
		f.name, key.Line, key.Column, strings.Join(path, "."), strings.Join(known, ", ")))
}

// at returns an error with the place of the path, or of the nearest part of it
// that is there.
func (f *file) at(path []string, message string) error {
	line, column := 1, 1
	if f.root != nil && len(f.root.Content) > 0 {
		n := f.root.Content[0]
		for _, name := range path {
			if n = child(n, name); n == nil {
				break
			}
			line, column = n.Line, n.Column
		}
	}
	return fmt.Errorf("%s:%d:%d: %s: %s", f.name, line, column, strings.Join(path, "."), message)
}

// child returns a value of a mapping or an item of a list, or nil.
func child(n *yaml.Node, name string) *yaml.Node {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	for i, item := range n.Content {
		if n.Kind == yaml.SequenceNode && fmt.Sprint(i) == name {
			return item
		}
	}
	return nil
}

// locate gives the problems of a file's settings their places.
func (f *file) locate(err error) error {
	var problems calico.Problems
	if f == nil || !errors.As(err, &problems) {
		return err
	}
	var errs []error
	for _, p := range problems {
		errs = append(errs, f.at(p.Path, p.Message))
	}
	return inputError{errors.Join(errs...)}
}
