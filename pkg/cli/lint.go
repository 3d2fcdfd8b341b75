package cli

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/helm-ccp/helm-ccp/charts"
	"github.com/helm-ccp/helm-ccp/pkg/chart"
	"github.com/helm-ccp/helm-ccp/pkg/lint"
)

func newLint(streams Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "lint DIR...",
		Short: "Check charts for what helm lint can't",
		Long: `lint reads the charts in the folders, renders each for both networks and for the
OpenStack releases at which something in it changes, and prints what is wrong, a line
each: where, what, and what to do. It checks

  services.yaml against the templates: a workload for each service, where it says so and
    nowhere else, that goes to the nodes of its roles
  secrets: none in a ConfigMap, in a pod itself, or as a default in values.yaml
  pods: requests, probes, images that follow the ccp.yaml, a reason for what is the host's
  objects: fields that Kubernetes knows, its current APIs, labels, selectors
  values.yaml against values.schema.json, and a comment for each value

The name of the check stands at the end of the line. Charts that refer to each other are
given together. The exit code is 1 when there is something to tell.`,
		Example: `  ccp lint designate-api
  ccp lint designate-api charts/designate-db`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			var folders []*chart.Folder
			for _, dir := range args {
				folder, err := readFolder(filepath.Clean(dir))
				if err != nil {
					return wrongf("%s: %w", dir, err)
				}
				for _, other := range folders {
					if other.Name == folder.Name {
						return wrongf("%s and %s are both the chart %s", other.Path, folder.Path, folder.Name)
					}
				}
				folders = append(folders, folder)
			}
			found, err := lint.Charts(charts.FS, folders)
			if err != nil {
				return err
			}
			for _, problem := range found {
				fmt.Fprintln(streams.Out, problem.Error())
			}
			if len(found) > 0 {
				return fmt.Errorf("%d findings", len(found))
			}
			return nil
		},
	}
}
