package chart

import "fmt"

// ImageName returns the whole name that the charts give an image, with its tag:
// registry.example.org/ccp/keystone:zed. It is what common.image of the
// templates gives, but for a digest, which the image gets no sooner than it is
// built.
func (d *Deployment) ImageName(image string) string {
	global, _ := d.Values["global"].(map[string]any)
	images, _ := global["images"].(map[string]any)
	specs, _ := images["image_specs"].(map[string]any)
	spec, _ := specs[image].(map[string]any)
	of := func(key string) string {
		if text, _ := spec[key].(string); text != "" {
			return text
		}
		text, _ := images[key].(string)
		return text
	}
	name := fmt.Sprintf("%s/%s:%s", of("namespace"), image, of("tag"))
	if registry := of("registry"); registry != "" {
		name = registry + "/" + name
	}
	return name
}

// ImageRegistry returns the registry of the images, or "".
func (d *Deployment) ImageRegistry() string {
	global, _ := d.Values["global"].(map[string]any)
	images, _ := global["images"].(map[string]any)
	registry, _ := images["registry"].(string)
	return registry
}
