package hook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/helm-ccp/helm-ccp/pkg/topology"
)

// The labels that are ours, and who applies them.
const (
	rolePrefix     = "role.ccp.openstack.org/"
	overridesLabel = "config.ccp.openstack.org/overrides"
	labelManager   = "ccp"
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
			l := &labeller{env, kube.Resource(nodeResource), matcher, dryRun}
			return l.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringVar(&config, "config", "", "YAML `file` with the nodes' patterns and roles")
	f.StringVar(&match, "node-match", string(topology.Whole), "whole or prefix: how much of a node's name a pattern matches")
	f.BoolVar(&dryRun, "dry-run", false, "change nothing, print what would change")
	return cmd
}

// labeller brings the labels of nodes in line with the patterns.
type labeller struct {
	env     *environment
	nodes   dynamic.ResourceInterface
	matcher *topology.Matcher
	dryRun  bool
}

// run goes through all nodes. One that fails does not keep the others from
// their labels.
func (l *labeller) run(ctx context.Context) error {
	var errs []error
	total, changed := 0, 0
	for more := ""; ; {
		page, err := l.nodes.List(ctx, metav1.ListOptions{Limit: 500, Continue: more})
		if err != nil {
			return fmt.Errorf("listing nodes: %w", err)
		}
		for i := range page.Items {
			total++
			did, err := l.label(ctx, &page.Items[i])
			if err != nil {
				errs = append(errs, fmt.Errorf("node %s: %w", page.Items[i].GetName(), err))
			}
			if did {
				changed++
			}
		}
		if more = page.GetContinue(); more == "" {
			break
		}
	}
	l.env.log.Info("done", "nodes", total, "changed", changed, "dryRun", l.dryRun)
	return errors.Join(errs...)
}

// label changes one node, if its labels are not as they shall be.
func (l *labeller) label(ctx context.Context, node *unstructured.Unstructured) (bool, error) {
	roles, overrides, err := l.matcher.Labels(node.GetName())
	if err != nil {
		return false, err
	}
	wanted := map[string]string{}
	for _, role := range roles {
		wanted[rolePrefix+role] = "true"
	}
	if overrides != "" {
		wanted[overridesLabel] = overrides
	}
	found := ourLabels(node)
	if maps.Equal(found, wanted) {
		return false, nil
	}
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		if found[key] != wanted[key] {
			fmt.Fprintf(l.env.stdout, "%s +%s=%s\n", node.GetName(), key, wanted[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(found)) {
		if _, ok := wanted[key]; !ok {
			fmt.Fprintf(l.env.stdout, "%s -%s\n", node.GetName(), key)
		}
	}
	if l.dryRun {
		return true, nil
	}
	return true, l.apply(ctx, node.GetName(), wanted)
}

// apply applies the labels as ours. What was ours and is not wanted any more
// goes with it; a label of our kind that somebody else set is taken away after.
func (l *labeller) apply(ctx context.Context, name string, wanted map[string]string) error {
	ours := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Node"}}
	ours.SetName(name)
	ours.SetLabels(wanted)
	node, err := l.nodes.Apply(ctx, name, ours,
		metav1.ApplyOptions{FieldManager: labelManager, Force: true})
	if err != nil {
		return err
	}
	stale := map[string]any{}
	for key := range ourLabels(node) {
		if _, ok := wanted[key]; !ok {
			stale[key] = nil
		}
	}
	if len(stale) == 0 {
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": stale}})
	if err != nil {
		return err
	}
	_, err = l.nodes.Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: labelManager})
	return err
}

// ourLabels returns the labels of a node that are of our kinds.
func ourLabels(node *unstructured.Unstructured) map[string]string {
	ours := map[string]string{}
	for key, value := range node.GetLabels() {
		if strings.HasPrefix(key, rolePrefix) || key == overridesLabel {
			ours[key] = value
		}
	}
	return ours
}
