package release

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/storage/driver"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/helm-ccp/helm-ccp/pkg/nodelabels"
	"github.com/helm-ccp/helm-ccp/pkg/topology"
)

// CleanupOptions say what is taken away.
type CleanupOptions struct {
	// OpenStack removes what users made in OpenStack first; nil leaves it.
	OpenStack *OpenStack
	// NoHooks leaves what the hooks did, such as Calico's settings.
	NoHooks bool
	// Timeout is how long each step may take.
	Timeout time.Duration
}

// Cleanup takes everything away that Deploy made, in the order that loses
// nothing: what users made in OpenStack, what the hooks did, the release, the
// passwords, the labels of the nodes, the namespace. What is gone already is
// passed over, so that an interrupted call is repeated.
// At its end it names what stays on the nodes.
func (c *Client) Cleanup(ctx context.Context, opts CleanupOptions) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	left, err := c.cleanup(ctx, opts)
	if err != nil {
		return err
	}
	for _, what := range left {
		c.stepf("stays on the nodes: %s", what)
	}
	return nil
}

// cleanup is Cleanup, and returns what stays on the nodes.
func (c *Client) cleanup(ctx context.Context, opts CleanupOptions) (left []string, err error) {
	if err := c.reachable(ctx); err != nil {
		return nil, err
	}
	namespace, err := c.kube.CoreV1().Namespaces().Get(ctx, c.namespace, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		c.stepf("there is no namespace %s: nothing to do", c.namespace)
		return nil, nil
	} else if err != nil {
		return nil, missingRight(err, "get the namespace %s", c.namespace)
	}
	if namespace.DeletionTimestamp == nil {
		var others []string
		if others, left, err = c.cleanupRelease(ctx, opts); err != nil {
			return nil, err
		}
		if len(others) > 0 {
			c.stepf("the namespace %s and its Secrets stay: it holds the releases %s", c.namespace, strings.Join(others, ", "))
			return left, nil
		}
	}
	for label, value := range managedByCCP {
		if namespace.Labels[label] != value {
			c.stepf("the namespace %s was not made by ccp and stays", c.namespace)
			return left, nil
		}
	}
	if err := c.removeNamespace(ctx); err != nil {
		return nil, err
	}
	return left, c.awaitNamespaceGone(ctx, opts.Timeout)
}

// cleanupRelease takes away what is in the namespace, and returns the other
// releases there, since what they may use stays, and what stays on the nodes.
func (c *Client) cleanupRelease(ctx context.Context, opts CleanupOptions) (others, left []string, err error) {
	unlock, err := c.lock(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer unlock()
	w, err := c.newWaiter(ctx, nil)
	if err != nil {
		return nil, nil, err
	}
	config, err := c.helm(w)
	if err != nil {
		return nil, nil, err
	}
	last, err := config.Releases.Last(c.name)
	switch {
	case errors.Is(err, driver.ErrReleaseNotFound):
		c.stepf("there is no release %s", c.name)
	case err != nil:
		return nil, nil, fmt.Errorf("reading the release %s: %w", c.name, err)
	default:
		if opts.OpenStack != nil {
			if err := c.cleanupOpenStack(ctx, opts); err != nil {
				return nil, nil, err
			}
		}
		if left, err = leftovers(last); err != nil {
			return nil, nil, err
		}
		if err := c.uninstall(w, config, opts); err != nil {
			return nil, nil, err
		}
	}
	if others, err = otherNames(config, c.name); err != nil || len(others) > 0 {
		return others, left, err
	}
	if err := c.removeSecrets(ctx); err != nil {
		return nil, nil, err
	}
	return nil, left, c.removeLabels(ctx)
}

// otherNames returns the names of the other releases that Helm keeps in the
// namespace, of whatever chart.
func otherNames(config *action.Configuration, name string) ([]string, error) {
	releases, err := config.Releases.ListReleases()
	if err != nil {
		return nil, fmt.Errorf("listing the releases in the namespace: %w", err)
	}
	names := map[string]bool{}
	for _, found := range releases {
		if found.Name != name {
			names[found.Name] = true
		}
	}
	return slices.Sorted(maps.Keys(names)), nil
}

func (c *Client) uninstall(w *waiter, config *action.Configuration, opts CleanupOptions) error {
	c.stepf("uninstalling the release %s", c.name)
	uninstall := action.NewUninstall(config)
	uninstall.Wait, uninstall.Timeout, uninstall.DisableHooks = true, opts.Timeout, opts.NoHooks
	uninstall.DeletionPropagation = "foreground"
	if _, err := uninstall.Run(c.name); err != nil {
		return fmt.Errorf("%w\nCorrect that and run cleanup again; --no-hooks leaves Calico's settings as they are", w.cause(err))
	}
	return nil
}

// removeSecrets removes the passwords, which the hook made and Helm knows
// nothing of.
func (c *Client) removeSecrets(ctx context.Context) error {
	removed := 0
	for _, manager := range []string{"ccp", "ccp-hook"} {
		selector := labels.Set{"app.kubernetes.io/part-of": "openstack", "app.kubernetes.io/managed-by": manager}.String()
		secrets, err := c.kube.CoreV1().Secrets(c.namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
		if err != nil {
			return missingRight(err, "list and delete Secrets in the namespace %s", c.namespace)
		}
		for _, secret := range secrets.Items {
			err := c.kube.CoreV1().Secrets(c.namespace).Delete(ctx, secret.Name, metav1.DeleteOptions{})
			if err != nil && !apierrors.IsNotFound(err) {
				return missingRight(err, "delete the Secret %s in the namespace %s", secret.Name, c.namespace)
			}
			removed++
		}
	}
	if removed > 0 {
		c.stepf("removed %d Secrets with passwords and keys", removed)
	}
	return nil
}

// removeLabels takes the roles off the nodes, unless another release of ours
// needs them or there is no telling.
func (c *Client) removeLabels(ctx context.Context) error {
	others, err := c.otherReleases(ctx)
	if err != nil || len(others) > 0 {
		why := "they may be another deployment's: " + strings.Join(others, ", ")
		if err != nil {
			why = "whether another deployment needs them can't be seen: " + err.Error()
		}
		c.stepf("the nodes keep the labels of their roles; %s", why)
		return nil
	}
	none, err := topology.NewMatcher(nil, topology.Whole)
	if err != nil {
		return err
	}
	labeller := &nodelabels.Labeller{Nodes: c.dynamic.Resource(nodelabels.Resource), Matcher: none, Report: func(nodelabels.Change) {}}
	_, changed, err := labeller.Run(ctx)
	if apierrors.IsForbidden(err) {
		c.stepf("the nodes keep the labels of their roles, since you may not change nodes: %v", err)
		return nil
	} else if err != nil {
		return err
	}
	if changed > 0 {
		c.stepf("took the labels off %d nodes", changed)
	}
	return nil
}

// otherReleases returns the other releases in the cluster that have pods for
// OpenStack: "NAMESPACE/NAME".
func (c *Client) otherReleases(ctx context.Context) ([]string, error) {
	selector := labels.Set{"app.kubernetes.io/part-of": "openstack"}.String()
	found, err := c.kube.CoreV1().ServiceAccounts("").List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, err
	}
	others := map[string]bool{}
	for _, account := range found.Items {
		release := account.Labels[instanceLabel]
		if account.Namespace != c.namespace || release != c.name {
			others[account.Namespace+"/"+release] = true
		}
	}
	return slices.Sorted(maps.Keys(others)), nil
}

func (c *Client) removeNamespace(ctx context.Context) error {
	err := c.kube.CoreV1().Namespaces().Delete(ctx, c.namespace, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return missingRight(err, "delete the namespace %s", c.namespace)
	}
	c.stepf("removing the namespace %s", c.namespace)
	return nil
}

func (c *Client) awaitNamespaceGone(ctx context.Context, timeout time.Duration) error {
	deadline := time.Now().Add(timeout)
	for {
		namespace, err := c.kube.CoreV1().Namespaces().Get(ctx, c.namespace, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			c.stepf("the namespace %s has gone", c.namespace)
			return nil
		}
		if err == nil && time.Now().After(deadline) {
			return fmt.Errorf("the namespace %s is still being removed after %s: %s", c.namespace, timeout, stuck(namespace))
		}
		if err != nil && time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(tickEvery):
		}
	}
}
