package release

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	helmrelease "helm.sh/helm/v3/pkg/release"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/resource"

	"github.com/helm-ccp/helm-ccp/pkg/nodelabels"
)

// Change is what a deploy does to one object.
type Change struct {
	// Action is create, change, remove or keep.
	Action string `json:"action"`
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	// Namespace is "" for the release's own, and for objects without one.
	Namespace string `json:"namespace,omitempty"`
}

// DryRun shows the whole deployment to the API server, which checks each object
// and the right to make it, and changes nothing. The error has all refusals.
// Where the namespace does not exist yet, objects are checked as if they were of
// the namespace default.
func (c *Client) DryRun(ctx context.Context, d Deployment) ([]Change, error) {
	if err := c.reachable(ctx); err != nil {
		return nil, err
	}
	namespace := c.namespace
	_, err := c.kube.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		namespace = metav1.NamespaceDefault
		c.stepf("the namespace %s would be made; its objects are checked in the namespace %s", c.namespace, namespace)
	}
	config, err := c.helm(nil)
	if err != nil {
		return nil, err
	}
	var last *helmrelease.Release
	if history, err := config.Releases.Last(c.name); err == nil {
		last = history
	}
	if err := c.check(ctx, d, last, namespace); err != nil {
		return nil, err
	}
	return c.changes(d, last)
}

// check refuses a change of network, and asks the API server whether it would
// take each object.
func (c *Client) check(ctx context.Context, d Deployment, last *helmrelease.Release, namespace string) error {
	fresh, err := c.manifests(d, last)
	if err != nil {
		return err
	}
	if d.Part != nil {
		absent, err := missing(d.Part, fresh.Manifest)
		if err != nil {
			return err
		}
		if len(absent) > 0 {
			return fmt.Errorf("these services need others that do not run yet: add %s", strings.Join(absent, ", "))
		}
	}
	refused, err := switches(d, last, fresh.Manifest)
	if err != nil {
		return err
	}
	if refused != nil && !d.ForceNetworkSwitch {
		return refused
	}
	config, err := c.helm(nil)
	if err != nil {
		return err
	}
	var stream bytes.Buffer
	stream.WriteString(fresh.Manifest)
	for _, hook := range fresh.Hooks {
		stream.WriteString("\n---\n" + hook.Manifest)
	}
	resources, err := config.KubeClient.Build(&stream, true)
	if err != nil {
		return fmt.Errorf("the cluster does not take these manifests: %w", err)
	}
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(8)
	refusals := make([]error, len(resources))
	for i, info := range resources {
		work.Go(func() error {
			refusals[i] = c.tryOut(info, namespace)
			return context.Cause(ctx)
		})
	}
	if err := work.Wait(); err != nil {
		return err
	}
	if err := errors.Join(refusals...); err != nil {
		return fmt.Errorf("the API server would refuse this; nothing was changed:\n%w", err)
	}
	c.stepf("the API server takes all %d objects", len(resources))
	return nil
}

// tryOut applies one object without effect.
func (c *Client) tryOut(info *resource.Info, namespace string) error {
	object, ok := info.Object.(*unstructured.Unstructured)
	if !ok {
		return nil
	}
	object = object.DeepCopy()
	where := info.Namespace
	if where == c.namespace {
		where = namespace
	}
	if info.Namespaced() {
		object.SetNamespace(where)
	}
	data, err := object.MarshalJSON()
	if err != nil {
		return err
	}
	force := true
	helper := resource.NewHelper(info.Client, info.Mapping).DryRun(true).WithFieldManager(nodelabels.Manager)
	_, err = helper.Patch(where, info.Name, types.ApplyPatchType, data, &metav1.PatchOptions{Force: &force})
	if err != nil {
		return fmt.Errorf("  %s/%s: %w", info.Mapping.GroupVersionKind.Kind, info.Name, err)
	}
	return nil
}

// manifests renders what the release would become.
func (c *Client) manifests(d Deployment, last *helmrelease.Release) (*helmrelease.Release, error) {
	fresh, err := c.render(d)
	if err != nil || d.Part == nil {
		return fresh, err
	}
	p := partial{part: d.Part}
	if last != nil {
		p.old = last.Manifest
	}
	out, err := p.Run(bytes.NewBufferString(fresh.Manifest))
	if err != nil {
		return nil, err
	}
	fresh.Manifest = out.String()
	fresh.Hooks = slices.DeleteFunc(fresh.Hooks, func(hook *helmrelease.Hook) bool {
		found, err := objects(hook.Manifest)
		return err == nil && len(found) == 1 && !belongs(d.Part, found[0].Metadata.Labels)
	})
	return fresh, nil
}

// changes compares the manifests with those of the release.
func (c *Client) changes(d Deployment, last *helmrelease.Release) ([]Change, error) {
	release, err := c.manifests(d, last)
	if err != nil {
		return nil, err
	}
	fresh, err := objects(release.Manifest)
	if err != nil {
		return nil, err
	}
	old := map[string]object{}
	if last != nil {
		found, err := objects(last.Manifest)
		if err != nil {
			return nil, err
		}
		for _, o := range found {
			old[o.key()] = o
		}
	}
	changes := []Change{}
	add := func(action string, o object) {
		changes = append(changes, Change{Action: action, Kind: o.Kind, Name: o.Metadata.Name, Namespace: o.Metadata.Namespace})
	}
	for _, o := range fresh {
		was, ok := old[o.key()]
		delete(old, o.key())
		switch {
		case !ok:
			add("create", o)
		case bare(was.text) != bare(o.text):
			add("change", o)
		default:
			add("keep", o)
		}
	}
	for _, o := range old {
		add("remove", o)
	}
	slices.SortStableFunc(changes, func(a, b Change) int {
		return strings.Compare(a.Action+a.Kind+a.Name, b.Action+b.Kind+b.Name)
	})
	return changes, nil
}

// bare is a document without its comments at the beginning and blank ends.
func bare(text string) string {
	for strings.HasPrefix(text, "#") {
		_, text, _ = strings.Cut(text, "\n")
	}
	return strings.TrimSpace(text)
}
