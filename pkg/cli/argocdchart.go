package cli

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"sigs.k8s.io/yaml"

	"github.com/helm-ccp/helm-ccp/pkg/chart"
	"github.com/helm-ccp/helm-ccp/pkg/render"
)

// foreign renders the application's own chart, with the CRDs that it brings.
func (a *argoApp) foreign(opts render.Options) (string, error) {
	root, err := os.OpenRoot(a.root)
	if err != nil {
		return "", err
	}
	defer root.Close() // nothing was written to it
	dir, err := a.inside(a.chart)
	if err != nil {
		return "", err
	}
	files, err := chart.ReadFiles(root.FS(), dir)
	if err != nil {
		return "", fmt.Errorf("chart %s: %w", a.chart, err)
	}
	chrt, err := loader.LoadFiles(files)
	if err != nil {
		return "", fmt.Errorf("chart %s: %w", a.chart, err)
	}
	values := map[string]any{}
	for _, name := range a.values {
		file, err := a.inside(name)
		if err != nil {
			return "", err
		}
		if err := regular(root.FS(), file); err != nil {
			return "", err
		}
		data, err := fs.ReadFile(root.FS(), file)
		if err != nil {
			return "", err
		}
		var more map[string]any
		if err := yaml.Unmarshal(data, &more); err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		values = chartutil.CoalesceTables(more, values)
	}
	manifests, err := render.Manifests(chrt, values, opts)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for _, crd := range chrt.CRDObjects() {
		fmt.Fprintf(&out, "---\n# Source: %s\n%s\n", crd.Filename, crd.File.Data)
	}
	return out.String() + manifests, nil
}

// inside returns name, which is relative to the application's folder,
// relative to the root of the repository.
// regular returns an error for what is no file with an end, as a pipe is.
func regular(files fs.FS, name string) error {
	info, err := fs.Stat(files, name)
	if err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		err = fmt.Errorf("%s: not a regular file", name)
	}
	return err
}

func (a *argoApp) inside(name string) (string, error) { return insideRoot(a.root, name) }

// insideRoot returns the path of a file relative to the folder root that it
// has to lie in. Symbolic links are for os.Root to refuse.
func insideRoot(root, name string) (string, error) {
	file, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	relative, err := filepath.Rel(root, file)
	if err != nil || !filepath.IsLocal(relative) {
		return "", fmt.Errorf("%s is outside of the repository", name)
	}
	return filepath.ToSlash(relative), nil
}
