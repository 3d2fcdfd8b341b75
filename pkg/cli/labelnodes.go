package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/helm-ccp/helm-ccp/pkg/nodelabels"
	"github.com/helm-ccp/helm-ccp/pkg/release"
	"github.com/helm-ccp/helm-ccp/pkg/topology"
)

func newLabelNodes(streams Streams) *cobra.Command {
	t := &target{input: &input{streams: streams}}
	var dryRun bool
	cmd := &cobra.Command{
		Annotations: usesCluster,
		Use:         "label-nodes",
		Short:       "Label the cluster's nodes with their roles",
		Long: `Label the cluster's nodes with the roles that the ccp.yaml gives them, and take
labels of roles away where they hold no more. ccp deploy does it too, and so does the
chart's hook; this is for those who may change nodes on behalf of those who may not.`,
		Example: `  ccp label-nodes --dry-run
  ccp label-nodes`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t.input.cluster = true
			deployment, err := t.input.build(cmd.Context())
			if err != nil {
				return err
			}
			matcher, err := topology.NewMatcher(deployment.RoleGroups(), deployment.Topology.NodeMatch)
			if err != nil {
				return err
			}
			client, err := t.client(release.Reporter{})
			if err != nil {
				return err
			}
			labeller := &nodelabels.Labeller{
				Nodes: client.Dynamic().Resource(nodelabels.Resource), Matcher: matcher, DryRun: dryRun,
				Report: func(change nodelabels.Change) {
					for _, line := range change.Lines {
						fmt.Fprintln(streams.Out, change.Node, line)
					}
				},
			}
			defer changing(cmd.Context())()
			total, changed, err := labeller.Run(cmd.Context())
			verb := "changed"
			if dryRun {
				verb = "would change"
			}
			fmt.Fprintf(streams.Err, "%s %d of %d nodes\n", verb, changed, total)
			return err
		},
	}
	t.input.addFlags(cmd)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "change nothing, print what would change")
	return cmd
}
