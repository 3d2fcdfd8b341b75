package hook

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/helm-ccp/helm-ccp/pkg/nodelabels"
	"github.com/helm-ccp/helm-ccp/pkg/topology"
)

// labelConfig is the file of `ccp-hook label-nodes`.
type labelConfig struct {
	Nodes []topology.Group `yaml:"nodes"`
}

func newLabelNodes(env *environment) *cobra.Command {
	var config, match string
	var dryRun bool
	cmd := &cobra.Command{
		Use: "label-nodes", Short: "Label each node with its roles", Args: noArgs,
		Example: "  ccp-hook label-nodes --config /etc/ccp/nodes.yaml --dry-run",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := required(cmd.Flags(), "config"); err != nil {
				return err
			}
			var cfg labelConfig
			if _, err := readFile(config, &cfg); err != nil {
				return err
			}
			matcher, err := topology.NewMatcher(cfg.Nodes, topology.Match(match))
			if err != nil {
				return inputError{fmt.Errorf("%s: %w", config, err)}
			}
			kube, err := env.kube()
			if err != nil {
				return err
			}
			labeller := &nodelabels.Labeller{
				Nodes: kube.Resource(nodelabels.Resource), Matcher: matcher, DryRun: dryRun,
				Report: func(change nodelabels.Change) {
					for _, line := range change.Lines {
						fmt.Fprintln(env.stdout, change.Node, line)
					}
				},
			}
			total, changed, err := labeller.Run(cmd.Context())
			env.log.Info("labelled nodes", "nodes", total, "changed", changed, "dryRun", dryRun)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&config, "config", "", "YAML `file` with the nodes' patterns and roles")
	f.StringVar(&match, "node-match", string(topology.Whole), "whole or prefix: how much of a node's name a pattern matches")
	f.BoolVar(&dryRun, "dry-run", false, "change nothing, print what would change")
	return cmd
}
