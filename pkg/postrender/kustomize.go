package postrender

import (
	"path/filepath"
	"slices"
	"strconv"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
)

// manifestsFile is the name under which a kustomization sees the manifests.
const manifestsFile = "ccp-post-render.yaml"

// objectID marks the objects on their way through kustomize.
const objectID = "config.ccp.openstack.org/post-render-object"

// kustomize runs the user's kustomization over the manifests, in memory: they
// are one more of its resources.
func (r *Renderer) kustomize(stream []byte, name string) (*Result, error) {
	whole := func(f *findings) []kio.Filter {
		return []kio.Filter{kio.FilterFunc(func(nodes []*yaml.RNode) ([]*yaml.RNode, error) { return r.kustomization(nodes, f) })}
	}
	out := process(split(stream), name, whole)
	if out.err != nil {
		return nil, out.err
	}
	return &Result{chunks: out.chunks, Notes: out.findings.notes}, out.problems.Err()
}

// kustomization is a filter that is the user's kustomization. What it deletes is
// named.
func (r *Renderer) kustomization(nodes []*yaml.RNode, f *findings) ([]*yaml.RNode, error) {
	out := make([]*yaml.RNode, len(nodes))
	var marked []*yaml.RNode
	// Of two objects of one name a hook is led around the kustomization, or the second.
	first := map[key]int{}
	isHook := func(i int) bool { return text(nodes[i].YNode(), "metadata", "annotations", "helm.sh/hook") != "" }
	for i, node := range nodes {
		id := keyOf(node.YNode())
		if before, there := first[id]; !there || isHook(before) && !isHook(i) {
			first[id] = i
		}
	}
	for i, node := range nodes {
		object := node.YNode()
		if why := unfit(object, first[keyOf(object)] != i); why != "" {
			f.note(object, "led around the kustomization: %s", why)
			out[i] = node
			continue
		}
		mark := node.Copy()
		if err := mark.PipeE(yaml.SetAnnotation(objectID, strconv.Itoa(i))); err != nil {
			return nil, err
		}
		marked = append(marked, mark)
	}
	manifests, err := kio.StringAll(marked)
	if err != nil {
		return nil, err
	}
	files, err := overlay(r.opts.Kustomization, []byte(manifests))
	if err != nil {
		return nil, err
	}
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, r.opts.Kustomization)
	if err != nil {
		return nil, kustomizationProblem(r.opts.Kustomization, err.Error())
	}
	var fresh []*yaml.RNode
	for _, resource := range resources.Resources() {
		node := &resource.RNode
		i, err := strconv.Atoi(node.GetAnnotations()[objectID])
		if err != nil || i < 0 || i >= len(nodes) || out[i] != nil {
			fresh = append(fresh, node)
			continue
		}
		if err := node.PipeE(yaml.ClearAnnotation(objectID)); err != nil {
			return nil, err
		}
		if lookup(nodes[i].YNode(), "metadata", "annotations") == nil {
			if err := yaml.ClearEmptyAnnotations(node); err != nil {
				return nil, err
			}
		}
		*nodes[i].YNode() = *node.YNode()
		out[i] = nodes[i]
	}
	for i, node := range out {
		if node == nil {
			f.note(nodes[i].YNode(), "deleted by the kustomization")
		}
	}
	return append(slices.DeleteFunc(out, func(n *yaml.RNode) bool { return n == nil }), fresh...), nil
}

// unfit says why kustomize can't take an object, or "".
func unfit(object *yaml.Node, again bool) string {
	switch {
	case text(object, "kind") == "" || text(object, "apiVersion") == "":
		return "it has no kind or no apiVersion"
	case text(object, "metadata", "name") == "":
		return "it has no name"
	case again:
		return "there is another one of its kind and name"
	}
	return ""
}

// kustomizationProblem is a fault of what the user wrote.
func kustomizationProblem(where, message string) error {
	return ccpfile.Problems{{Pos: ccpfile.Position{File: where}, Message: "kustomization: " + message}}
}

// overlay is the disk with the manifests beside the kustomization, and in its
// list of resources: as the one file in it that does not exist, which is how
// kustomizations for a post-renderer name them (all.yaml, in Helm's
// documentation), or as one more.
func overlay(dir string, manifests []byte) (filesys.FileSystem, error) {
	disk := filesys.MakeFsOnDisk()
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		file := filepath.Join(dir, name)
		if !disk.Exists(file) {
			continue
		}
		data, err := disk.ReadFile(file)
		if err != nil {
			return nil, err
		}
		kustomization, err := yaml.Parse(string(data))
		if err != nil {
			return nil, kustomizationProblem(file, err.Error())
		}
		list, err := kustomization.Pipe(yaml.LookupCreate(yaml.SequenceNode, "resources"))
		if err != nil {
			return nil, kustomizationProblem(file, err.Error())
		}
		if yaml.IsYNodeTaggedNull(list.YNode()) {
			*list.YNode() = yaml.Node{Kind: yaml.SequenceNode, Tag: yaml.NodeTagSeq}
		}
		stream := absent(disk, dir, strs(list.YNode()))
		if stream == "" {
			stream = manifestsFile
			list.YNode().Content = append(list.YNode().Content, scalar(stream))
		}
		text, err := kustomization.String()
		if err != nil {
			return nil, err
		}
		return newOverlay(disk, dir, map[string][]byte{name: []byte(text), stream: manifests})
	}
	return nil, kustomizationProblem(dir, "there is no kustomization.yaml in it")
}

// absent returns the only one of the resources that is the name of a YAML file
// beside the kustomization and does not exist, or "".
func absent(disk filesys.FileSystem, dir string, resources []string) string {
	var names []string
	for _, name := range resources {
		extension := filepath.Ext(name)
		if filepath.Base(name) == name && (extension == ".yaml" || extension == ".yml") && !disk.Exists(filepath.Join(dir, name)) {
			names = append(names, name)
		}
	}
	if len(names) != 1 {
		return ""
	}
	return names[0]
}
