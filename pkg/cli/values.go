package cli

import "github.com/spf13/cobra"

func newValues(streams Streams) *cobra.Command {
	in := &input{streams: streams}
	cmd := &cobra.Command{
		Use:     "values",
		Short:   "Print the Helm values that a ccp.yaml means",
		Example: `  ccp values -f ccp.yaml > values.yaml`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			deployment, err := in.build(cmd.Context())
			if err != nil {
				return err
			}
			data, err := deployment.ValuesYAML()
			if err != nil {
				return err
			}
			_, err = streams.Out.Write(data)
			return err
		},
	}
	in.addFlags(cmd)
	return cmd
}
