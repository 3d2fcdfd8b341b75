package ccpfile

import "strconv"

// decode reads the fields of a Config from root. What does not fit the schema
// is passed over.
func decode(root *Node) *Config {
	c := &Config{
		Root:          root,
		Configs:       root.Get("configs").present(),
		SecretConfigs: root.Get("secret_configs").present(),
		Kubernetes:    root.Get("kubernetes").present(),
		Registry:      root.Get("registry").present(),
		Images:        root.Get("images").present(),
		OpenStack:     root.Get("openstack").present(),
		Sources:       root.Get("sources").present(),
		Placement:     root.Get("placement").text(),
		Release:       root.Get("openstack", "release").text(),
		Nodes:         decodeNodes(root.Get("nodes")),
		Roles:         decodeRoles(root.Get("roles")),
		Services:      decodeServices(root.Get("services")),
		Replicas:      decodeReplicas(root.Get("replicas")),
		Charts:        refs(root.Get("charts"), "charts"),
		Notices:       notices(root),
	}
	if c.Placement == "" {
		c.Placement = "label"
	}
	if c.Release == "" {
		c.Release = root.Get("configs", "openstack", "release").text()
	}
	return c
}

// text returns the scalar as a string, a number (release: 2024.1) as it is
// written; "" when there is none.
func (n *Node) text() string {
	if n == nil {
		return ""
	}
	switch v := n.Scalar.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return ""
	}
}

// entries calls yield with each key of the mapping n, in order.
func (n *Node) entries(parent string, yield func(key, path string, value *Node)) {
	if n == nil {
		return
	}
	for _, key := range n.Keys {
		yield(key, JoinPath(parent, key), n.Fields[key])
	}
}

func decodeNodes(n *Node) []NodeGroup {
	var groups []NodeGroup
	n.entries("nodes", func(pattern, path string, value *Node) {
		groups = append(groups, NodeGroup{
			Pattern: pattern, Pos: value.KeyPos, Path: path,
			Roles:   refs(value.Get("roles"), JoinPath(path, "roles")),
			Configs: value.Get("configs").present(),
		})
	})
	return groups
}

func decodeRoles(n *Node) []Role {
	var roles []Role
	n.entries("roles", func(name, path string, value *Node) {
		roles = append(roles, Role{Name: name, Pos: value.KeyPos, Path: path, Services: refs(value, path)})
	})
	return roles
}

func decodeServices(n *Node) []Instance {
	var instances []Instance
	n.entries("services", func(name, path string, value *Node) {
		instance := Instance{Name: name, Pos: value.KeyPos, Path: path, ServiceDef: ref(value.Get("service_def"), JoinPath(path, "service_def"))}
		value.Get("mapping").entries(JoinPath(path, "mapping"), func(need, path string, value *Node) {
			instance.Mapping = append(instance.Mapping, MappingEntry{Need: need, Pos: value.KeyPos, Path: path, Service: ref(value, path)})
		})
		instances = append(instances, instance)
	})
	return instances
}

func decodeReplicas(n *Node) []Replica {
	var replicas []Replica
	n.entries("replicas", func(service, path string, value *Node) {
		var count int64
		switch n := value.Scalar.(type) {
		case int64:
			count = n
		case float64: // 3.0 is a whole number too
			count = int64(n)
		}
		if count < 1 {
			return // a fault of the shape
		}
		replicas = append(replicas, Replica{Service: Ref{Name: service, Pos: value.KeyPos, Path: path}, Count: int(count), Pos: value.Pos, Path: path})
	})
	return replicas
}

func ref(n *Node, path string) Ref {
	if n == nil {
		return Ref{Path: path}
	}
	return Ref{Name: n.text(), Pos: n.Pos, Path: path}
}

// refs returns the names in a list, each once.
func refs(n *Node, path string) []Ref {
	if n == nil {
		return nil
	}
	var names []Ref
	seen := map[string]bool{}
	for i, item := range n.Items {
		r := ref(item, indexPath(path, i))
		if !seen[r.Name] && r.Name != "" {
			names = append(names, r)
		}
		seen[r.Name] = true
	}
	return names
}
