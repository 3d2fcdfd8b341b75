package chart

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
)

// maxNodeNetworks is how many nodes a policy lists one by one. Each of them is
// in every policy that knows the nodes.
const maxNodeNetworks = 100

// setNodeNetworks fills global.network.node_networks with the addresses of the
// nodes that have services, unless the file gives it. When it can't, and a
// service needs it, it says who may connect then, and what to do.
func (b *builder) setNodeNetworks() {
	if _, given := b.written["network.node_networks"]; given || b.Topology == nil {
		return
	}
	var open []string
	for name, s := range b.Topology.Services {
		if slices.Contains(b.catalog.Services[s.Definition].NodesConnect, b.Topology.Network) {
			open = append(open, name)
		}
	}
	if len(open) == 0 {
		return
	}
	slices.Sort(open)
	networks, why := b.nodeNetworks()
	if why == "" {
		b.values.set(library, []string{"network", "node_networks"}, networks)
		return
	}
	b.Notices = append(b.Notices, ccpfile.Problem{Path: "configs.network.node_networks", Message: fmt.Sprintf(
		"%s, so anybody in the cluster may connect to what pods on the nodes' own network use of %s: give the networks of the nodes' addresses, such as [192.0.2.0/24]",
		why, strings.Join(open, ", "))})
}

// nodeNetworks returns the addresses of the nodes that have services with any
// backend, each as a network of its own, sorted; or why they are not known.
func (b *builder) nodeNetworks() (networks []any, why string) {
	if b.opts.Inventory == nil {
		return nil, "the nodes are not known (--kube asks the cluster)"
	}
	used := map[string]bool{}
	for _, t := range b.topologies {
		for node, services := range t.Nodes {
			used[node] = used[node] || len(services) > 0
		}
	}
	addresses := map[netip.Prefix]bool{}
	count := 0
	for _, node := range b.opts.Inventory.Nodes {
		if !used[node.Name] {
			continue
		}
		if count++; count > maxNodeNetworks {
			return nil, fmt.Sprintf("there are more than %d nodes with services", maxNodeNetworks)
		}
		before := len(addresses)
		for _, text := range node.Addresses {
			if a, err := netip.ParseAddr(text); err == nil {
				addresses[netip.PrefixFrom(a, a.BitLen())] = true
			}
		}
		if len(addresses) == before {
			return nil, fmt.Sprintf("the address of %s is not known (kubectl get nodes -o yaml has them)", node.Name)
		}
	}
	for _, prefix := range slices.SortedFunc(maps.Keys(addresses), func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) }) {
		networks = append(networks, prefix.String())
	}
	return networks, ""
}
