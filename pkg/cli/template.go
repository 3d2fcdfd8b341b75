package cli

import (
	"cmp"
	"io"

	"github.com/spf13/cobra"

	"github.com/helm-ccp/helm-ccp/pkg/render"
)

func newTemplate(streams Streams) *cobra.Command {
	in := &input{streams: streams}
	var namespace string
	cmd := &cobra.Command{
		Use:   "template [NAME]",
		Short: "Print the manifests, as helm template does for the generated chart",
		Example: `  ccp template -f ccp.yaml
  ccp template -f ccp.yaml --network openvswitch`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			deployment, err := in.build(cmd.Context())
			if err != nil {
				return err
			}
			chrt, err := deployment.Chart()
			if err != nil {
				return err
			}
			opts := render.Options{ReleaseName: "ccp", Namespace: cmp.Or(namespace, deployment.Namespace)}
			if len(args) > 0 {
				opts.ReleaseName = args[0]
			}
			manifests, err := render.Manifests(chrt, nil, opts)
			if err != nil {
				return errWrong{err}
			}
			_, err = io.WriteString(streams.Out, manifests)
			return err
		},
	}
	in.addFlags(cmd)
	cmd.Flags().StringVarP(&namespace, "namespace", "n", helmNamespace(), "namespace of the release (default: kubernetes.namespace of the file)")
	return cmd
}
