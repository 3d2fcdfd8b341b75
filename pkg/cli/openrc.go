package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/helm-ccp/helm-ccp/pkg/release"
)

func newOpenrc(streams Streams) *cobra.Command {
	t := &target{input: &input{streams: streams}}
	var output string
	cmd := &cobra.Command{
		Annotations: usesCluster,
		Use:         "openrc",
		Short:       "Write the file that an OpenStack client's environment is sourced from",
		Long: `Write openrc-NAMESPACE, which only its owner can read, with the environment of the
deployment's administrator. The password is read from the cluster.`,
		Example: `  ccp openrc
  source openrc-ccp`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := t.findNamespace(); err != nil {
				return err
			}
			client, err := t.client(release.Reporter{})
			if err != nil {
				return err
			}
			if output == "" {
				output = openrcFile(t.namespace)
			}
			return writeOpenrc(cmd.Context(), client, output, streams)
		},
	}
	t.addClusterFlags(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "", "file to write, - for standard output (default openrc-NAMESPACE)")
	return cmd
}

func openrcFile(namespace string) string { return "openrc-" + namespace }

// writeOpenrc writes the file as a whole or not at all, for its owner alone.
func writeOpenrc(ctx context.Context, client *release.Client, name string, streams Streams) error {
	env, err := client.Openrc(ctx)
	if err != nil {
		return err
	}
	if name == "-" {
		_, err := io.WriteString(streams.Out, release.Shell(env))
		return err
	}
	defer changing(ctx)()
	file, err := os.CreateTemp(filepath.Dir(name), ".openrc-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // has its name by then, if all went well
	if _, err := file.WriteString(release.Shell(env)); err != nil {
		file.Close()
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), name); err != nil {
		return err
	}
	fmt.Fprintf(streams.Err, "wrote %s: source it to use OpenStack as its administrator\n", name)
	return nil
}
