package release

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/kube"
	helmrelease "helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/releaseutil"
	"sigs.k8s.io/yaml"

	"github.com/helm-ccp/helm-ccp/pkg/render"
	"github.com/helm-ccp/helm-ccp/pkg/topology"
)

// NetworkSwitchError refuses to change the network backend of a running release.
type NetworkSwitchError struct {
	// From and To are the backends.
	From, To string
	// Removes lists the objects that the change would remove: "DaemonSet/neutron-l3-agent".
	Removes []string
}

func (e *NetworkSwitchError) Error() string {
	return fmt.Sprintf("the release runs on the network %s, and this would change it to %s: running servers would lose their network, and these objects would be removed:\n  %s\nTo do it all the same, give --force-network-switch",
		e.From, e.To, strings.Join(e.Removes, "\n  "))
}

// switches says what a change of the network backend would remove; nil when the
// backend stays.
func switches(d Deployment, last *helmrelease.Release, manifest string) (*NetworkSwitchError, error) {
	if last == nil {
		return nil, nil
	}
	e := &NetworkSwitchError{From: backend(last.Chart, last.Config), To: backend(d.Chart, d.values())}
	if e.From == e.To || e.From == "" || e.To == "" {
		return nil, nil
	}
	old, err := objects(last.Manifest)
	if err != nil {
		return nil, err
	}
	fresh, err := objects(manifest)
	if err != nil {
		return nil, err
	}
	stays := map[string]bool{}
	for _, o := range fresh {
		stays[o.key()] = true
	}
	for _, o := range old {
		if !stays[o.key()] && o.Kind != "Job" { // a Job's name changes with its configuration
			e.Removes = append(e.Removes, o.String())
		}
	}
	slices.Sort(e.Removes)
	return e, nil
}

// leaveNetwork undoes what the old network's hooks did, when the network changes
// and the new manifests have these hooks no more: Helm runs them on an uninstall
// only.
func (c *Client) leaveNetwork(w *waiter, config *action.Configuration, d Deployment, last *helmrelease.Release) error {
	if last == nil || backend(last.Chart, last.Config) == backend(d.Chart, d.values()) {
		return nil
	}
	fresh, err := c.render(d)
	if err != nil {
		return err
	}
	stays := map[string]bool{}
	for _, hook := range hookObjects(fresh.Hooks, helmrelease.HookPreDelete) {
		stays[hook.Kind+hook.Name] = true
	}
	var leaving []*helmrelease.Hook
	for _, hook := range hookObjects(last.Hooks, helmrelease.HookPreDelete) {
		if !stays[hook.Kind+hook.Name] {
			leaving = append(leaving, hook)
		}
	}
	slices.SortStableFunc(leaving, func(a, b *helmrelease.Hook) int {
		return cmp.Or(cmp.Compare(a.Weight, b.Weight), cmp.Compare(installOrder(a.Kind), installOrder(b.Kind)))
	})
	var made kube.ResourceList
	for _, hook := range leaving {
		if hook.Kind == "Job" {
			c.stepf("running %s of revision %d, as the network changes", hook.Name, last.Version)
		}
		resources, err := config.KubeClient.Build(bytes.NewBufferString(hook.Manifest), false)
		if err != nil {
			return err
		}
		if err := errorsOf(config.KubeClient.Delete(resources)); err != nil {
			return err
		}
		if err := w.WaitForDelete(resources, d.Timeout); err != nil {
			return err
		}
		if _, err := config.KubeClient.Create(resources); err != nil {
			return err
		}
		if err := w.WatchUntilReady(resources, d.Timeout); err != nil {
			return fmt.Errorf("%s: %w", hook.Name, err)
		}
		made = append(made, resources...)
	}
	// A Job's service account goes after the Job, as with Helm.
	slices.Reverse(made)
	return errorsOf(config.KubeClient.Delete(made))
}

// installOrder is the place of a kind in the order in which Helm makes objects.
func installOrder(kind string) int {
	return slices.Index(releaseutil.InstallOrder, kind)
}

// render renders the deployment for the cluster as it is.
func (c *Client) render(d Deployment) (*helmrelease.Release, error) {
	discovery, err := c.flags.ToDiscoveryClient()
	if err != nil {
		return nil, err
	}
	version, err := discovery.ServerVersion()
	if err != nil {
		return nil, err
	}
	versions, err := action.GetVersionSet(discovery)
	if err != nil {
		return nil, err
	}
	return render.Release(d.Chart, d.values(), render.Options{
		ReleaseName: c.name, Namespace: c.namespace, KubeVersion: version.GitVersion, APIVersions: versions,
	})
}

// errorsOf joins what Helm returns as a list.
func errorsOf(_ *kube.Result, errs []error) error { return errors.Join(errs...) }

// rolesOf returns how a revision labels the nodes; nil when it doesn't.
func rolesOf(r *helmrelease.Release) (*topology.Matcher, error) {
	merged, err := chartutil.CoalesceValues(r.Chart, r.Config)
	if err != nil {
		return nil, err
	}
	data, err := merged.YAML()
	if err != nil {
		return nil, err
	}
	var values struct {
		Global struct {
			Placement string
			Network   struct{ Backend string }
		}
		LabelNodes struct {
			Nodes     []topology.Group
			Match     topology.Match
			IdleRoles map[string][]string `json:"idle_roles"`
		} `json:"label_nodes"`
	}
	if err := yaml.Unmarshal([]byte(data), &values); err != nil {
		return nil, err
	}
	if values.Global.Placement != topology.PlacementLabel || len(values.LabelNodes.Nodes) == 0 {
		return nil, nil
	}
	idle := values.LabelNodes.IdleRoles[values.Global.Network.Backend]
	for i := range values.LabelNodes.Nodes {
		group := &values.LabelNodes.Nodes[i]
		group.Roles = slices.DeleteFunc(group.Roles, func(role string) bool { return slices.Contains(idle, role) })
	}
	return topology.NewMatcher(values.LabelNodes.Nodes, values.LabelNodes.Match)
}
