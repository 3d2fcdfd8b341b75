package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/helm-ccp/helm-ccp/pkg/render"
)

func newValidate(streams Streams) *cobra.Command {
	in := &input{streams: streams}
	cmd := &cobra.Command{
		Use:   "validate",
		Short: "Check a ccp.yaml: the file, the placement, and that every chart renders",
		Example: `  ccp validate -f ccp.yaml
  kubectl get nodes -o yaml | ccp validate -f ccp.yaml --nodes -`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			deployment, err := in.build(cmd.Context())
			if err != nil {
				return err
			}
			chrt, err := deployment.Chart()
			if err != nil {
				return err
			}
			if _, err := render.Manifests(chrt, nil, render.Options{ReleaseName: "ccp", Namespace: deployment.Namespace}); err != nil {
				return errWrong{err}
			}
			fmt.Fprintf(streams.Out, "valid: %d services, OpenStack %s on %s\n",
				len(deployment.Topology.Services), deployment.Topology.Release, deployment.Topology.Network)
			return nil
		},
	}
	in.addFlags(cmd)
	return cmd
}
