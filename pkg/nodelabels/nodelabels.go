// Package nodelabels labels the nodes of a cluster with their roles, for
// ccp-hook inside the cluster and for ccp outside.
package nodelabels

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/helm-ccp/helm-ccp/pkg/topology"
)

// Manager is the field manager that owns the labels.
const Manager = "ccp"

// Resource is what Labeller.Nodes is a client of.
var Resource = schema.GroupVersionResource{Version: "v1", Resource: "nodes"}

// atOnce is how many nodes are changed at the same time.
const atOnce = 8

// Labeller brings the labels of nodes in line with the roles that a Matcher
// gives them. Labels of other kinds are left alone.
type Labeller struct {
	Nodes   dynamic.ResourceInterface
	Matcher *topology.Matcher
	// DryRun reports what would change, and changes nothing.
	DryRun bool
	// Report is told of each node that changes, one after the other.
	Report func(Change)
}

// Change is what changes on one node.
type Change struct {
	Node string
	// Lines are "+label=value" and "-label", sorted.
	Lines []string
}

// Run goes through all nodes and returns how many there are and how many
// changed. A node that fails does not keep the others from their labels, unless
// the right to change nodes is missing.
func (l *Labeller) Run(ctx context.Context) (total, changed int, err error) {
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(atOnce)
	var mu sync.Mutex
	var errs []error
	for more := ""; ; {
		page, err := l.Nodes.List(ctx, metav1.ListOptions{Limit: 500, Continue: more})
		if err != nil {
			errs = append(errs, fmt.Errorf("listing nodes: %w", err))
			break
		}
		total += len(page.Items)
		for i := range page.Items {
			node := &page.Items[i]
			work.Go(func() error {
				lines, err := l.label(ctx, node)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					err = fmt.Errorf("node %s: %w", node.GetName(), err)
					if apierrors.IsForbidden(err) {
						return err
					}
					errs = append(errs, err)
				} else if len(lines) > 0 {
					changed++
					l.Report(Change{node.GetName(), lines})
				}
				return nil
			})
		}
		if more = page.GetContinue(); more == "" {
			break
		}
	}
	if err := work.Wait(); err != nil {
		return total, changed, err
	}
	return total, changed, errors.Join(errs...)
}

// label changes one node, if its labels are not as they shall be, and returns
// what that changes.
func (l *Labeller) label(ctx context.Context, node *unstructured.Unstructured) ([]string, error) {
	roles, overrides, err := l.Matcher.Labels(node.GetName())
	if err != nil {
		return nil, err
	}
	wanted := map[string]string{}
	for _, role := range roles {
		wanted[topology.RoleLabelPrefix+role] = "true"
	}
	if overrides != "" {
		wanted[topology.OverridesLabel] = overrides
	}
	found := ours(node)
	if maps.Equal(found, wanted) {
		return nil, nil
	}
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		if found[key] != wanted[key] {
			lines = append(lines, fmt.Sprintf("+%s=%s", key, wanted[key]))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(found)) {
		if _, ok := wanted[key]; !ok {
			lines = append(lines, "-"+key)
		}
	}
	if l.DryRun {
		return lines, nil
	}
	return lines, l.apply(ctx, node.GetName(), wanted)
}

// apply applies the labels as ours. What was ours and is not wanted any more
// goes with it; a label of our kind that somebody else set is taken away after.
func (l *Labeller) apply(ctx context.Context, name string, wanted map[string]string) error {
	object := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Node"}}
	object.SetName(name)
	object.SetLabels(wanted)
	node, err := l.Nodes.Apply(ctx, name, object, metav1.ApplyOptions{FieldManager: Manager, Force: true})
	if err != nil {
		return err
	}
	stale := map[string]any{}
	for key := range ours(node) {
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
	_, err = l.Nodes.Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: Manager})
	return err
}

// ours returns the labels of a node that are of our kinds.
func ours(node *unstructured.Unstructured) map[string]string {
	labels := map[string]string{}
	for key, value := range node.GetLabels() {
		if strings.HasPrefix(key, topology.RoleLabelPrefix) || key == topology.OverridesLabel {
			labels[key] = value
		}
	}
	return labels
}
