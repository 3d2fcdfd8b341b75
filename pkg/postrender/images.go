package postrender

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"strings"

	"sigs.k8s.io/kustomize/api/filters/imagetag"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
)

// imageFields are where a pod has its images.
var imageFields = types.FsSlice{{Path: "containers[]/image"}, {Path: "initContainers[]/image"}}

// images makes images come from where the ccp.yaml says. The registry is for
// all of them; namespace and tag are for those that are named after one of our
// charts (nova, keystone) or in image_specs, for these are what they are about.
func (r *Renderer) images() kio.Filter {
	address := written(r.config.Registry, "address")
	pullSecret := ""
	if written(r.config.Registry, "username") != "" {
		pullSecret = r.globalText("images", "pull_secret")
	}
	return kio.FilterFunc(each(func(object *yaml.Node) (bool, error) {
		spec := podSpec(object)
		if spec == nil || r.extension.ignored(identify(object)) {
			return true, nil
		}
		for _, container := range containers(spec) {
			was := text(container, "image")
			name, rename := r.image(was, address)
			if was == "" || !rename {
				continue
			}
			filter := imagetag.Filter{ImageTag: name, FsSlice: imageFields}
			if _, err := filter.Filter([]*yaml.RNode{yaml.NewRNode(spec)}); err != nil {
				return false, fmt.Errorf("%s: %w", title(object), err)
			}
		}
		if pullSecret != "" {
			addPullSecret(spec, address, pullSecret)
		}
		return true, nil
	}))
}

// image says what becomes of an image.
func (r *Renderer) image(reference, address string) (types.Image, bool) {
	name, _, _ := strings.Cut(reference, "@")
	if colon := strings.LastIndex(name, ":"); colon > strings.LastIndex(name, "/") {
		name = name[:colon]
	}
	registry, repository := splitRegistry(name, address)
	base := path.Base(repository)
	spec := r.config.Images.Get("image_specs", base)
	image := types.Image{Name: regexp.QuoteMeta(name)}
	if address != "" {
		registry = address
	}
	if r.catalog.Charts[base] != nil || spec != nil {
		if namespace := cmp.Or(written(spec, "namespace"), written(r.config.Images, "namespace")); namespace != "" {
			repository = namespace + "/" + base
		}
		if image.Digest = written(spec, "digest"); image.Digest == "" {
			image.NewTag = cmp.Or(written(spec, "tag"), written(r.config.Images, "tag"))
		}
	}
	if image.NewName = repository; registry != "" {
		image.NewName = registry + "/" + repository
	}
	return image, image.NewName != name || image.NewTag != "" || image.Digest != ""
}

// splitRegistry takes an image's name apart; the registry is empty where the
// name has none. address is known to be one.
func splitRegistry(name, address string) (registry, repository string) {
	if rest, found := strings.CutPrefix(name, address+"/"); found && address != "" {
		return address, rest
	}
	first, rest, found := strings.Cut(name, "/")
	if found && (strings.ContainsAny(first, ".:") || first == "localhost") {
		return first, rest
	}
	return "", name
}

// addPullSecret names the Secret in a pod that pulls from the registry.
func addPullSecret(spec *yaml.Node, address, secret string) {
	pulls := false
	for _, container := range containers(spec) {
		pulls = pulls || address == "" || strings.HasPrefix(text(container, "image"), address+"/")
	}
	list := find(spec, "imagePullSecrets")
	if list == nil || list.Kind != yaml.SequenceNode {
		list = &yaml.Node{Kind: yaml.SequenceNode, Tag: yaml.NodeTagSeq}
	}
	for _, item := range list.Content {
		pulls = pulls && text(item, "name") != secret
	}
	if !pulls {
		return
	}
	list.Content = append(list.Content, mapping("name", scalar(secret)))
	if find(spec, "imagePullSecrets") == nil {
		put(spec, "imagePullSecrets", list)
	}
}

// written returns a value that the ccp.yaml gives as text, or "".
func written(n *ccpfile.Node, path ...string) string {
	if n = n.Get(path...); n == nil || n.Kind != ccpfile.Scalar {
		return ""
	}
	return fmt.Sprint(n.Scalar)
}

// globalText returns a text of the deployment's global values, or "".
func (r *Renderer) globalText(path ...string) string {
	value := r.deployment.Values["global"]
	for _, name := range path {
		below, _ := value.(map[string]any)
		value = below[name]
	}
	text, _ := value.(string)
	return text
}
