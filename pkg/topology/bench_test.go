package topology

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// fleets are kinds of large deployments: 200 patterns, and the name of node i.
var fleets = []struct {
	name    string
	pattern func(i int) string
	node    func(i int) string
}{
	{"racks", func(i int) string { return fmt.Sprintf("rack%d-node.*", i) },
		func(i int) string { return fmt.Sprintf("rack%d-node%d", i%200, i/200) }},
	{"ranges", func(i int) string { return fmt.Sprintf("node(%d|%d[0-9]|%d[0-9]{2,3})$", i, i, i+200) },
		func(i int) string { return fmt.Sprintf("node%d", i) }},
	// All patterns begin alike, and each must be kept in mind to the end.
	{"alike", func(i int) string { return fmt.Sprintf("node-[0-9a-f]*%02x[0-9]*(-gpu)?", i) },
		func(i int) string { return fmt.Sprintf("node-%08x", uint32(i)*2654435761) }},
	// Only a backtracking engine reads some of these.
	{"lookaheads", func(i int) string {
		if i < 10 {
			return fmt.Sprintf("(?!rack%d-node1$)rack%d-node.*", i, i)
		}
		return fmt.Sprintf("rack%d-node.*", i)
	}, func(i int) string { return fmt.Sprintf("rack%d-node%d", i%200, i/200) }},
}

func BenchmarkResolve(b *testing.B) {
	for _, fleet := range fleets {
		text := strings.Builder{}
		text.WriteString("nodes:\n")
		for i := range 200 {
			fmt.Fprintf(&text, "  '%s': {roles: [r%d], configs: {nova: {rack: %d}}}\n", fleet.pattern(i), i%4, i%3)
		}
		text.WriteString("roles:\n  r0: [nova-compute, nova-libvirt, rabbitmq]\n  r1: [nova-compute, nova-libvirt]\n" +
			"  r2: [nova-compute, nova-libvirt, neutron-metadata-agent]\n  r3: [nova-compute, nova-libvirt]\n")
		cfg := read(b, text.String())
		for _, size := range []int{1_000, 10_000, 100_000} {
			o := options()
			o.Inventory = &Inventory{}
			for i := range size {
				o.Inventory.Nodes = append(o.Inventory.Nodes, Node{Name: fleet.node(i)})
			}
			b.Run(fmt.Sprintf("%s/%d", fleet.name, size), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := Resolve(cfg, charts(), o); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(size)*float64(b.N)/b.Elapsed().Seconds(), "nodes/s")
			})
		}
	}
}

func BenchmarkReadInventory(b *testing.B) {
	const size = 100_000
	var list, names bytes.Buffer
	list.WriteString(`{"apiVersion": "v1", "kind": "NodeList", "items": [`)
	for i := range size {
		if i > 0 {
			list.WriteString(",\n")
		}
		fmt.Fprintf(&list, `  {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node%d", "labels": {"kubernetes.io/hostname": "node%d", "kubernetes.io/os": "linux"}},
   "spec": {"podCIDR": "10.0.0.0/24"}, "status": {"capacity": {"cpu": "64", "memory": "512Gi"}, "images": [{"names": ["%s"], "sizeBytes": 1000}]}}`,
			i, i, strings.Repeat("x", 500))
		fmt.Fprintf(&names, "node%d\n", i)
	}
	list.WriteString("]}\n")
	for name, text := range map[string][]byte{"NodeList": list.Bytes(), "names": names.Bytes()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if inv, err := ReadInventory(bytes.NewReader(text), name); err != nil || len(inv.Nodes) != size {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(size)*float64(b.N)/b.Elapsed().Seconds(), "nodes/s")
		})
	}
}
