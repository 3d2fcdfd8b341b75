package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/helm-ccp/helm-ccp/pkg/render"
)

func newImages(streams Streams) *cobra.Command {
	in := &input{streams: streams}
	var format string
	cmd := &cobra.Command{
		Use:   "images",
		Short: "List the images that the deployment runs, its hooks' too",
		Example: `  ccp images -f ccp.yaml
  ccp images -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "text" && format != "json" {
				return wrongf("--output: want text or json, got %q", format)
			}
			deployment, err := in.build(cmd.Context())
			if err != nil {
				return err
			}
			chrt, err := deployment.Chart()
			if err != nil {
				return err
			}
			release, err := render.Release(chrt, nil, render.Options{ReleaseName: "ccp", Namespace: deployment.Namespace})
			if err != nil {
				return errWrong{err}
			}
			images, err := render.Images(release)
			if err != nil {
				return err
			}
			if format == "json" {
				return printJSON(streams.Out, images)
			}
			for _, image := range images {
				fmt.Fprintln(streams.Out, image.Name)
			}
			return nil
		},
	}
	in.addFlags(cmd)
	cmd.Flags().StringVarP(&format, "output", "o", "text", "text, one image a line, or json, with the workloads that run it")
	return cmd
}
