// Package render turns a chart into manifests with Helm's own engine: what it
// prints is what `helm template` prints.
package render

import (
	"fmt"
	"strings"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	helmrelease "helm.sh/helm/v3/pkg/release"
)

// Options name the release that the manifests are rendered for, and its cluster.
type Options struct {
	ReleaseName string
	Namespace   string
	// KubeVersion is the version of the cluster, "v1.36.3", and APIVersions
	// what it has, "apps/v1" and "apps/v1/Deployment"; when they are empty,
	// those that Helm was built for.
	KubeVersion string
	APIVersions []string
}

// Release renders chrt with values (which may be nil) over its own, checks them
// against the charts' schemas, and returns the release that Helm would install.
func Release(chrt *chart.Chart, values map[string]any, opts Options) (*helmrelease.Release, error) {
	install := action.NewInstall(&action.Configuration{Log: func(string, ...any) {}})
	install.ClientOnly = true
	install.DryRun = true
	install.Replace = true // there is no cluster to look for a release of that name in
	install.ReleaseName = opts.ReleaseName
	install.Namespace = opts.Namespace
	install.APIVersions = opts.APIVersions
	if opts.KubeVersion != "" {
		version, err := chartutil.ParseKubeVersion(opts.KubeVersion)
		if err != nil {
			return nil, fmt.Errorf("the version of Kubernetes %q: %w", opts.KubeVersion, err)
		}
		install.KubeVersion = version
	}
	return install.Run(chrt, values)
}

// Manifests renders as Release does and returns the objects in the order in
// which Helm installs them, followed by the hooks.
func Manifests(chrt *chart.Chart, values map[string]any, opts Options) (string, error) {
	release, err := Release(chrt, values, opts)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	fmt.Fprintln(&out, strings.TrimSpace(release.Manifest))
	for _, hook := range release.Hooks {
		fmt.Fprintf(&out, "---\n# Source: %s\n%s\n", hook.Path, hook.Manifest)
	}
	return out.String(), nil
}
