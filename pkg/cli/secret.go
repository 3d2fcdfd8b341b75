package cli

import (
	"cmp"
	"fmt"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

func newSecret(streams Streams) *cobra.Command {
	in := &input{streams: streams}
	var namespace string
	cmd := &cobra.Command{
		Use:   "secret",
		Short: "Print the Secrets with the passwords that a ccp.yaml gives",
		Long: `Print the Secrets with the passwords that a ccp.yaml gives, for those who install
by other means than ccp deploy. Passwords that it does not give are added to them
in the cluster. Don't put the output into Git.`,
		Example: `  ccp secret -f ccp.yaml | kubectl apply -f -`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			deployment, err := in.build(cmd.Context())
			if err != nil {
				return err
			}
			for _, secret := range deployment.Secrets(cmp.Or(namespace, deployment.Namespace)) {
				data, err := yaml.Marshal(secret)
				if err != nil {
					return err
				}
				if _, err := fmt.Fprintf(streams.Out, "---\n%s", data); err != nil {
					return err
				}
			}
			return nil
		},
	}
	in.addFlags(cmd)
	cmd.Flags().StringVarP(&namespace, "namespace", "n", helmNamespace(), "namespace of the release (default: kubernetes.namespace of the file)")
	return cmd
}
