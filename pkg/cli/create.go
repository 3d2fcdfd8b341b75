package cli

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/helm-ccp/helm-ccp/charts"
	"github.com/helm-ccp/helm-ccp/pkg/catalog"
	"github.com/helm-ccp/helm-ccp/pkg/chart"
	"github.com/helm-ccp/helm-ccp/pkg/skeleton"
)

func newCreate(streams Streams) *cobra.Command {
	var opts skeleton.Options
	var workload, dir string
	cmd := &cobra.Command{
		Use:   "create SERVICE",
		Short: "Write the beginning of a chart for a service of your own",
		Long: `create writes a chart with one service that renders, lints and can be placed at once.
Name its folder in the ccp.yaml, and list the service in a role:

  charts: [designate-api]
  roles:
    controller: [designate-api]

The chart has a copy of the library chart common, so that helm lint, helm template and
helm install take it alone too.`,
		Example: `  ccp create designate-api --port 9001
  ccp create designate-agent --workload DaemonSet --network calico --follows nova-compute
  ccp create designate-db --workload StatefulSet -o charts/designate-db`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Service, opts.Workload = args[0], catalog.Workload(workload)
			files, err := skeleton.Files(charts.FS, opts)
			if err != nil {
				return errWrong{err}
			}
			dir := cmp.Or(dir, opts.Service)
			defer changing(cmd.Context())()
			if err := chart.WriteNew(dir, files); errors.Is(err, chart.ErrNotEmpty) {
				return wrongf("%w; give another folder with --output", err)
			} else if err != nil {
				return err
			}
			fmt.Fprintf(streams.Err, "wrote the chart to %s; a ccp.yaml takes it with charts: [%s]\n", dir, dir)
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&dir, "output", "o", "", "folder to write the chart to (default: ./SERVICE)")
	flags.StringVar(&workload, "workload", string(catalog.Deployment), "Deployment, StatefulSet or DaemonSet")
	flags.IntVar(&opts.Port, "port", 8080, "port that the service listens on")
	flags.StringSliceVar(&opts.Network, "network", nil, "networks that have the service, calico or openvswitch (default: all)")
	flags.StringSliceVar(&opts.Follows, "follows", nil, "services on whose roles it goes when no role lists it")
	return cmd
}
