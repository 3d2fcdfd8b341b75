package postrender

import (
	"bytes"
	"maps"
	"slices"

	"sigs.k8s.io/kustomize/kyaml/kio"
)

// sliceOf is the label that ties an EndpointSlice to its Service.
const sliceOf = "kubernetes.io/service-name"

// add appends what the network needs and the stream lacks, from our own
// charts: the objects of those charts that accompany a service of the stream.
func (r *Renderer) add(result *Result, f *findings, filters func(*findings) []kio.Filter) error {
	r.noteAbsent(result, f)
	missing, err := r.missing(f)
	if err != nil || len(missing) == 0 {
		return err
	}
	added, found, err := r.run(slices.Concat(missing...), "ccp's own charts", filters)
	if err != nil {
		return err
	}
	if last := len(result.chunks) - 1; last >= 0 && !bytes.HasSuffix(result.chunks[last], []byte("\n")) {
		result.chunks = append(result.chunks, []byte("\n"))
	}
	result.chunks = append(result.chunks, added.chunks...)
	for _, k := range slices.SortedFunc(maps.Keys(found.objects), func(a, b key) int { return bytes.Compare([]byte(a.kind+a.name), []byte(b.kind+b.name)) }) {
		result.Notes = append(result.Notes, "added: "+k.kind+" "+k.name+": the network "+r.deployment.Topology.Network+" needs it")
	}
	return nil
}

// noteAbsent names the services of the chosen network that the manifests of
// their chart lack.
func (r *Renderer) noteAbsent(result *Result, f *findings) {
	for _, name := range slices.Sorted(maps.Keys(r.deployment.Topology.Services)) {
		service := r.deployment.Topology.Services[name]
		if len(r.catalog.Services[service.Definition].Network) > 0 && f.charts[service.Chart] && len(f.services[name]) == 0 && !f.beside[name] {
			result.Notes = append(result.Notes, "missing: "+name+": the network "+r.deployment.Topology.Network+" needs it, and the manifests have none")
		}
	}
}

// missing are our own objects that the stream lacks.
func (r *Renderer) missing(f *findings) ([][]byte, error) {
	if !r.accompanied(f) {
		return nil, nil
	}
	own, err := r.own.rendered()
	if err != nil {
		return nil, err
	}
	var out [][]byte
	for _, d := range own.objects {
		tree, err := d.parse()
		if err != nil {
			return nil, err
		}
		object := tree.Content[0]
		if f.objects[keyOf(object)] || f.objects[key{"Service", text(object, "metadata", "labels", sliceOf)}] {
			continue
		}
		out = append(out, d.raw)
	}
	return out, nil
}

// accompanied reports whether the stream has a service that a chart of the
// network accompanies.
func (r *Renderer) accompanied(f *findings) bool {
	for _, c := range r.catalog.Charts {
		if !slices.Contains(c.Network, r.deployment.Topology.Network) {
			continue
		}
		for _, service := range c.Accompanies {
			if len(f.services[service]) > 0 {
				return true
			}
		}
	}
	return false
}
