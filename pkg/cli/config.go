package cli

import (
	"github.com/spf13/cobra"

	"github.com/helm-ccp/helm-ccp/pkg/catalog"
	"github.com/helm-ccp/helm-ccp/pkg/chart"
)

func newConfig(streams Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Look at a ccp.yaml",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	in := &input{streams: streams}
	dump := &cobra.Command{
		Use:     "dump",
		Short:   "Print the file with all its documents and includes merged, passwords hidden",
		Example: `  ccp config dump -f ccp.yaml -f site.yaml`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := in.load()
			if err != nil {
				return err
			}
			set, err := in.charts(cfg)
			if err != nil {
				return err
			}
			cat, err := catalog.Load(set.files)
			if err != nil {
				return err
			}
			return cfg.Dump(streams.Out, chart.SecretPaths(cat)...)
		},
	}
	in.addFileFlag(dump.Flags())
	cmd.AddCommand(dump)
	return cmd
}
