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
	helmchart "helm.sh/helm/v3/pkg/chart"
	helmrelease "helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage/driver"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/helm-ccp/helm-ccp/pkg/chart"
	"github.com/helm-ccp/helm-ccp/pkg/nodelabels"
	"github.com/helm-ccp/helm-ccp/pkg/topology"
)

// Deployment is what is to run.
type Deployment struct {
	Chart *helmchart.Chart
	// Secrets are those that a ccp.yaml gives.
	Secrets []*corev1.Secret
	// Roles labels the nodes; nil leaves them alone, as the placement by
	// hostname does.
	Roles *topology.Matcher
	// Part is what alone is installed or changed; nil is everything.
	Part *chart.Part
	// ForceNetworkSwitch lets the network backend of a running release change.
	ForceNetworkSwitch bool
	// Timeout is how long the services have to become ready.
	Timeout time.Duration
}

// values are those of the release over the chart's: the nodes are labelled
// before the chart is installed, so its hook need not.
func (d Deployment) values() map[string]any {
	return map[string]any{"label_nodes": map[string]any{"enabled": false}}
}

// managedByCCP is on a namespace that Deploy made, and that Cleanup removes.
var managedByCCP = map[string]string{"app.kubernetes.io/managed-by": "ccp"}

// Deploy installs the deployment, or changes the running one to it, and returns
// when all of it is ready. After an interruption it is called again. A change
// that fails is rolled back; a first installation that fails stays for a look
// at it, and the next call continues from there.
func (c *Client) Deploy(ctx context.Context, d Deployment) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := c.reachable(ctx); err != nil {
		return err
	}
	made, err := c.ensureNamespace(ctx, d.Timeout)
	if err != nil {
		return err
	}
	unlock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	w, err := c.newWaiter(ctx, d.Part)
	if err != nil {
		return err
	}
	config, err := c.helm(w)
	if err != nil {
		return err
	}
	last, err := c.last(config)
	if err != nil {
		return err
	}
	if err := c.check(ctx, d, last, c.namespace); err != nil {
		if made {
			err = errors.Join(err, c.removeNamespace(ctx))
		}
		return err
	}
	if err := c.labelNodes(ctx, d.Roles); err != nil {
		return err
	}
	if err := c.giveSecrets(ctx, d.Secrets); err != nil {
		return err
	}
	if err := c.leaveNetwork(w, config, d, last); err != nil {
		return err
	}
	if last == nil {
		return c.install(w, config, d)
	}
	if err := c.restartStuck(ctx, w); err != nil {
		return err
	}
	return c.upgrade(w, config, d, last)
}

// newWaiter begins to follow the release.
func (c *Client) newWaiter(ctx context.Context, part *chart.Part) (*waiter, error) {
	watcher, err := c.watch(ctx)
	if err != nil {
		return nil, err
	}
	w := &waiter{ctx: ctx, watcher: watcher, report: c.report.Waiting, client: c}
	if part != nil {
		w.concerns = func(labels map[string]string) bool { return belongs(part, labels) }
	}
	return w, nil
}

// ensureNamespace makes the namespace if it is missing, after one of that name
// that is being removed has gone, and says whether it made it.
func (c *Client) ensureNamespace(ctx context.Context, timeout time.Duration) (made bool, err error) {
	namespaces := c.kube.CoreV1().Namespaces()
	said := false
	deadline := time.Now().Add(timeout)
	for {
		found, err := namespaces.Get(ctx, c.namespace, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			object := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: c.namespace, Labels: maps.Clone(managedByCCP)}}
			// Compute nodes and network agents work on their hosts.
			object.Labels["pod-security.kubernetes.io/enforce"] = "privileged"
			_, err := namespaces.Create(ctx, object, metav1.CreateOptions{FieldManager: nodelabels.Manager})
			if err == nil {
				c.stepf("made the namespace %s", c.namespace)
				return true, nil
			}
			if !apierrors.IsAlreadyExists(err) {
				return false, missingRight(err, "make the namespace %s, or have it made", c.namespace)
			}
			continue
		case apierrors.IsForbidden(err):
			return false, nil // it may be there all the same; what follows will tell
		case err != nil:
			return false, fmt.Errorf("the namespace %s: %w", c.namespace, err)
		case found.DeletionTimestamp == nil:
			return false, nil
		}
		if !said {
			c.stepf("waiting until the namespace %s, which is being removed, has gone", c.namespace)
			said = true
		}
		if time.Now().After(deadline) {
			return false, fmt.Errorf("the namespace %s is still being removed after %s: %s", c.namespace, timeout, stuck(found))
		}
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-time.After(tickEvery):
		}
	}
}

// stuck says why a namespace does not go.
func stuck(namespace *corev1.Namespace) string {
	var why []string
	for _, condition := range namespace.Status.Conditions {
		if condition.Status == corev1.ConditionTrue {
			why = append(why, condition.Message)
		}
	}
	return strings.Join(why, " ")
}

// missingRight tells a refusal apart from other errors.
func missingRight(err error, what string, args ...any) error {
	if apierrors.IsForbidden(err) {
		return fmt.Errorf("you need the right to %s: %w", fmt.Sprintf(what, args...), err)
	}
	return fmt.Errorf("can't %s: %w", fmt.Sprintf(what, args...), err)
}

// last returns the newest revision of the release, nil when there is none. One
// that a deploy left behind as it was killed is marked as failed.
func (c *Client) last(config *action.Configuration) (*helmrelease.Release, error) {
	found, err := config.Releases.Last(c.name)
	if errors.Is(err, driver.ErrReleaseNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("reading the release %s: %w", c.name, err)
	}
	switch {
	case found.Info.Status.IsPending(): // we hold the lock, so nobody works on it
		c.stepf("revision %d was cut short (%s): going on from there", found.Version, found.Info.Status)
		found.SetStatus(helmrelease.StatusFailed, "cut short")
		return found, config.Releases.Update(found)
	case found.Info.Status == helmrelease.StatusUninstalling || found.Info.Status == helmrelease.StatusUninstalled:
		return nil, fmt.Errorf("the release %s is %s: finish that with ccp cleanup first", c.name, found.Info.Status)
	}
	return found, nil
}

// labelNodes gives the nodes the labels of their roles.
func (c *Client) labelNodes(ctx context.Context, roles *topology.Matcher) error {
	if roles == nil {
		return nil
	}
	labeller := &nodelabels.Labeller{
		Nodes: c.dynamic.Resource(nodelabels.Resource), Matcher: roles, Report: func(nodelabels.Change) {},
	}
	total, changed, err := labeller.Run(ctx)
	if apierrors.IsForbidden(err) {
		return fmt.Errorf("you may not label the nodes: %w\nHave somebody who has the rights list and patch on nodes run ccp label-nodes, or place by --placement hostname, which needs no labels", err)
	} else if err != nil {
		return err
	}
	c.stepf("labelled %d of %d nodes, the others had their labels", changed, total)
	return nil
}

// giveSecrets puts the passwords that the ccp.yaml gives into the cluster. What
// services use already does not change under them.
func (c *Client) giveSecrets(ctx context.Context, given []*corev1.Secret) error {
	secrets := c.kube.CoreV1().Secrets(c.namespace)
	for _, secret := range given {
		found, err := secrets.Get(ctx, secret.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			if _, err = secrets.Create(ctx, secret, metav1.CreateOptions{FieldManager: nodelabels.Manager}); err != nil {
				return missingRight(err, "create the Secret %s in %s", secret.Name, c.namespace)
			}
			c.stepf("made the Secret %s from the ccp.yaml", secret.Name)
			continue
		} else if err != nil {
			return missingRight(err, "get the Secret %s in %s", secret.Name, c.namespace)
		}
		changed, err := addKeys(found, secret)
		if err != nil {
			return err
		}
		if !changed {
			continue
		}
		if _, err := secrets.Update(ctx, found, metav1.UpdateOptions{FieldManager: nodelabels.Manager}); err != nil {
			return missingRight(err, "update the Secret %s in %s", secret.Name, c.namespace)
		}
		c.stepf("updated the Secret %s from the ccp.yaml", secret.Name)
	}
	return nil
}

// addKeys adds what a Secret lacks. A password that differs is an error, since
// databases and users were made with the old one; the credentials of a registry
// may change.
func addKeys(found, given *corev1.Secret) (changed bool, err error) {
	if found.Data == nil {
		found.Data = map[string][]byte{}
	}
	var differ []string
	for _, key := range slices.Sorted(maps.Keys(given.StringData)) {
		value := given.StringData[key]
		old, ok := found.Data[key]
		switch {
		case ok && string(old) == value:
		case ok && len(old) > 0 && given.Type == corev1.SecretTypeOpaque:
			differ = append(differ, key)
		default:
			found.Data[key], changed = []byte(value), true
		}
	}
	if len(differ) > 0 {
		return false, fmt.Errorf("the Secret %s in %s holds another %s than the ccp.yaml: a deploy changes no password that services run with; take it out of the ccp.yaml, or change it in the service and in the Secret first",
			found.Name, found.Namespace, strings.Join(differ, ", "))
	}
	return changed, nil
}

// install makes the first revision.
func (c *Client) install(w *waiter, config *action.Configuration, d Deployment) error {
	c.stepf("installing the release %s in the namespace %s", c.name, c.namespace)
	install := action.NewInstall(config)
	install.ReleaseName, install.Namespace = c.name, c.namespace
	install.Wait, install.WaitForJobs, install.Timeout = true, true, d.Timeout
	if d.Part != nil {
		install.PostRenderer = partial{part: d.Part}
	}
	if _, err := install.Run(d.Chart, d.values()); err != nil {
		return w.cause(err)
	}
	c.stepf("everything is ready")
	return nil
}

// upgrade makes a new revision, and goes back to the last one that worked when
// it fails.
func (c *Client) upgrade(w *waiter, config *action.Configuration, d Deployment, last *helmrelease.Release) error {
	c.stepf("upgrading the release %s from revision %d", c.name, last.Version)
	upgrade := action.NewUpgrade(config)
	upgrade.Namespace, upgrade.MaxHistory = c.namespace, 10
	upgrade.Wait, upgrade.WaitForJobs, upgrade.Timeout = true, true, d.Timeout
	if d.Part != nil {
		upgrade.PostRenderer = partial{part: d.Part, old: last.Manifest}
	}
	_, err := upgrade.Run(c.name, d.Chart, d.values())
	if err == nil {
		c.stepf("everything is ready")
		return nil
	}
	err = w.cause(err)
	if w.ctx.Err() != nil {
		return err
	}
	return c.rollback(w, config, d, err)
}

// rollback goes back to the last revision that worked, if there is one.
func (c *Client) rollback(w *waiter, config *action.Configuration, d Deployment, why error) error {
	good, err := config.Releases.Deployed(c.name)
	if err != nil {
		return fmt.Errorf("%w\nNo revision of the release worked before, so it stays as it is; correct the cause and deploy again", why)
	}
	c.stepf("the upgrade failed; rolling back to revision %d", good.Version)
	w.err, w.concerns = nil, nil
	roles, err := rolesOf(good)
	if err == nil && d.Part == nil {
		err = c.labelNodes(w.ctx, roles)
	}
	if err != nil {
		why = fmt.Errorf("%w\nand the labels of the nodes could not be put back: %w", why, err)
	}
	rollback := action.NewRollback(config)
	rollback.Version, rollback.MaxHistory = good.Version, 10
	rollback.Wait, rollback.WaitForJobs, rollback.Timeout = true, true, d.Timeout
	if err := rollback.Run(c.name); err != nil {
		return fmt.Errorf("%w\nand the rollback to revision %d failed too: %w", why, good.Version, w.cause(err))
	}
	return fmt.Errorf("%w\nRolled back to what revision %d was", why, good.Version)
}

// cause is what a wait ended with, or else what Helm says.
func (w *waiter) cause(err error) error {
	if w.err != nil {
		return w.err
	}
	if w.ctx.Err() != nil {
		return context.Cause(w.ctx)
	}
	return err
}
