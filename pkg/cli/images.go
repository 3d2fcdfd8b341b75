package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
	"github.com/helm-ccp/helm-ccp/pkg/chart"
	"github.com/helm-ccp/helm-ccp/pkg/images"
	"github.com/helm-ccp/helm-ccp/pkg/render"
)

func newImages(streams Streams) *cobra.Command {
	in := &input{streams: streams}
	var format string
	var digests bool
	cmd := &cobra.Command{
		Use:   "images",
		Short: "List the images that the deployment runs, its hooks' too",
		Long: `List the images that the deployment runs, its hooks' too.

With --digests the registry is asked which ones it has under these names. As YAML
that is a piece of a ccp.yaml, with which exactly those are deployed, whatever is
pushed later:

  ccp images --digests -o yaml > images.yaml
  ccp deploy -f ccp.yaml -f images.yaml`,
		Example: `  ccp images -f ccp.yaml
  ccp images -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("--output", format, "text", "json", "yaml"); err != nil {
				return err
			}
			if format == "yaml" && !digests {
				return wrongf("--output yaml is the digests as a piece of a ccp.yaml: it needs --digests")
			}
			deployment, err := in.build(cmd.Context())
			if err != nil {
				return err
			}
			list, err := imagesOf(deployment)
			if err != nil {
				return err
			}
			if digests {
				if err := in.askDigests(cmd.Context(), deployment, list); err != nil {
					return err
				}
			}
			switch format {
			case "json":
				return printJSON(streams.Out, list)
			case "yaml":
				return printDigests(streams, list)
			}
			for _, image := range list {
				if digests {
					fmt.Fprintf(streams.Out, "%s@%s\n", deployment.ImageName(image.ShortName()), image.Digest)
				} else {
					fmt.Fprintln(streams.Out, image.Name)
				}
			}
			return nil
		},
	}
	in.addFlags(cmd)
	cmd.Flags().StringVarP(&format, "output", "o", "text", "text, one image a line, json, with the workloads that run it, or yaml, the digests as a piece of a ccp.yaml")
	cmd.Flags().BoolVar(&digests, "digests", false, "ask the registry for the digests")
	return cmd
}

// imagesOf returns the images that a deployment runs.
func imagesOf(deployment *chart.Deployment) ([]render.Image, error) {
	chrt, err := deployment.Chart()
	if err != nil {
		return nil, err
	}
	release, err := render.Release(chrt, nil, render.Options{ReleaseName: "ccp", Namespace: deployment.Namespace})
	if err != nil {
		return nil, errWrong{err}
	}
	return render.Images(release)
}

// askDigests asks the registry for the digests of images.
func (in *input) askDigests(ctx context.Context, deployment *chart.Deployment, list []render.Image) error {
	if deployment.ImageRegistry() == "" {
		return wrongf("--digests: the ccp.yaml names no registry to ask: put registry: {address: HOST} into it")
	}
	registry := images.Registry{
		Host: deployment.ImageRegistry(), Username: text(in.loaded.Registry.Get("username")), Password: text(in.loaded.Registry.Get("password")),
		Insecure: flag(in.loaded.Registry.Get("insecure")),
	}
	for i := range list {
		var err error
		if list[i].Digest, err = registry.Digest(ctx, deployment.ImageName(list[i].ShortName())); err != nil {
			return err
		}
	}
	return nil
}

// printDigests prints the digests as a ccp.yaml has them.
func printDigests(streams Streams, list []render.Image) error {
	specs := map[string]any{}
	for _, image := range list {
		specs[image.ShortName()] = map[string]any{"digest": image.Digest}
	}
	data, err := yaml.Marshal(map[string]any{"images": map[string]any{"image_specs": specs}})
	if err != nil {
		return err
	}
	_, err = streams.Out.Write(data)
	return err
}

// text returns a value of the ccp.yaml as text, "" when it is not there.
func text(n *ccpfile.Node) string {
	if n == nil || n.Kind != ccpfile.Scalar {
		return ""
	}
	return fmt.Sprint(n.Scalar)
}

// flag returns a value of the ccp.yaml that is yes or no; it is no when it is
// not there.
func flag(n *ccpfile.Node) bool {
	value, _ := n.Interface().(bool)
	return value
}
