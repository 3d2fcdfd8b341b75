package cli

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/helm-ccp/helm-ccp/pkg/chart"
)

func newVersion(streams Streams) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version of ccp and of what it is built with",
		Example: `  ccp version`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			fmt.Fprintf(streams.Out, "ccp %s\n", chart.Version)
			info, ok := debug.ReadBuildInfo()
			if !ok {
				return nil
			}
			fmt.Fprintf(streams.Out, "%s\n", info.GoVersion)
			for _, dependency := range info.Deps {
				switch dependency.Path {
				case "helm.sh/helm/v3", "k8s.io/client-go", "sigs.k8s.io/kustomize/kyaml":
					fmt.Fprintf(streams.Out, "%s %s\n", dependency.Path, dependency.Version)
				}
			}
			return nil
		},
	}
}
