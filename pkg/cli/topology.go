package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/helm-ccp/helm-ccp/pkg/topology"
)

func newTopology(streams Streams) *cobra.Command {
	in := &input{streams: streams}
	var format string
	cmd := &cobra.Command{
		Use:   "topology",
		Short: "Show which service runs where",
		Example: `  ccp topology -f ccp.yaml
  ccp topology -f ccp.yaml --nodes nodes.txt -o json
  kubectl get nodes -o yaml | ccp topology -f ccp.yaml --nodes -`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			write, known := map[string]func(io.Writer, *topology.Topology) error{
				"table": writeTopologyTable, "json": writeTopologyJSON, "yaml": writeTopologyYAML,
			}[format]
			if !known {
				return wrongf("--output: want table, json or yaml, got %q", format)
			}
			deployment, err := in.build(cmd.Context())
			if err != nil {
				return err
			}
			return write(streams.Out, deployment.Topology)
		},
	}
	in.addFlags(cmd)
	cmd.Flags().StringVarP(&format, "output", "o", "table", "table, json or yaml")
	return cmd
}

func writeTopologyJSON(w io.Writer, t *topology.Topology) error { return printJSON(w, t) }

func writeTopologyYAML(w io.Writer, t *topology.Topology) error {
	data, err := yaml.Marshal(t)
	if err == nil {
		_, err = w.Write(data)
	}
	return err
}

// nodesShown is how many names of nodes a line of the table holds.
const nodesShown = 6

func writeTopologyTable(w io.Writer, t *topology.Topology) error {
	fmt.Fprintf(w, "OpenStack %s, network %s\n\n", t.Release, t.Network)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SERVICE\tWORKLOAD\tREPLICAS\tROLES\tNODES")
	for _, name := range slices.Sorted(maps.Keys(t.Services)) {
		service := t.Services[name]
		replicas := "on each"
		if service.Workload != "DaemonSet" {
			replicas = fmt.Sprint(service.Replicas)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", name, service.Workload, replicas, strings.Join(service.Roles, ","), someOf(service.Nodes))
	}
	return table.Flush()
}

// someOf names the first few of many nodes.
func someOf(nodes []string) string {
	switch {
	case len(nodes) == 0:
		return "(by label)"
	case len(nodes) > nodesShown:
		return fmt.Sprintf("%s and %d more", strings.Join(nodes[:nodesShown], ","), len(nodes)-nodesShown)
	default:
		return strings.Join(nodes, ",")
	}
}
