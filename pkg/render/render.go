// Package render turns a chart into manifests with Helm's own engine: what it
// prints is what `helm template` prints.
package render

import (
	"fmt"
	"strings"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart"
)

// Options name the release that the manifests are rendered for.
type Options struct {
	ReleaseName string
	Namespace   string
}

// Manifests renders chrt with values (which may be nil) over its own, checks
// them against the charts' schemas, and returns the objects in the order in
// which Helm installs them, followed by the hooks.
func Manifests(chrt *chart.Chart, values map[string]any, opts Options) (string, error) {
	install := action.NewInstall(&action.Configuration{Log: func(string, ...any) {}})
	install.ClientOnly = true
	install.DryRun = true
	install.Replace = true // there is no cluster to look for a release of that name in
	install.ReleaseName = opts.ReleaseName
	install.Namespace = opts.Namespace
	release, err := install.Run(chrt, values)
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
