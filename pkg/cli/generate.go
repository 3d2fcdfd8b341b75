package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/helm-ccp/helm-ccp/pkg/chart"
)

func newGenerate(streams Streams) *cobra.Command {
	in := &input{streams: streams}
	var dir string
	var force bool
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Write a chart that plain Helm and Argo CD install",
		Example: `  ccp generate -f ccp.yaml -o openstack
  helm install ccp ./openstack --namespace ccp --create-namespace`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			deployment, err := in.build(cmd.Context())
			if err != nil {
				return err
			}
			defer changing(cmd.Context())()
			if err := deployment.Write(dir, force); errors.Is(err, chart.ErrOccupied) {
				return errWrong{err}
			} else if err != nil {
				return err
			}
			fmt.Fprintf(streams.Err, "wrote the chart to %s\n", dir)
			return nil
		},
	}
	in.addFlags(cmd)
	cmd.Flags().StringVarP(&dir, "output", "o", chart.Name, "folder to write the chart to")
	cmd.Flags().BoolVar(&force, "force", false, "replace the folder even if it holds something else")
	return cmd
}
