package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/ignore"
	"sigs.k8s.io/yaml"

	"github.com/helm-ccp/helm-ccp/pkg/render"
)

// Limits of a chart that an application brings: more is taken for an attack
// on the machine that renders it.
const (
	maxChartFiles = 20_000
	maxChartBytes = 64 << 20
	maxChartDepth = 32
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
	reader := &chartReader{root: root.FS()}
	if err := reader.readChart(dir); err != nil {
		return "", fmt.Errorf("chart %s: %w", a.chart, err)
	}
	chrt, err := loader.LoadFiles(reader.files)
	if err != nil {
		return "", fmt.Errorf("chart %s: %w", a.chart, err)
	}
	values := map[string]any{}
	for _, name := range a.values {
		file, err := a.inside(name)
		if err != nil {
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

// chartReader reads a chart's folder through a file system that no link leads
// out of.
type chartReader struct {
	root   fs.FS
	ignore *ignore.Rules
	files  []*loader.BufferedFile
	bytes  int64
}

func (r *chartReader) readChart(dir string) error {
	r.ignore = ignore.Empty()
	file, err := r.root.Open(path.Join(dir, ignore.HelmIgnore))
	if err == nil {
		defer file.Close()
		r.ignore, err = ignore.Parse(file)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	r.ignore.AddDefaults()
	return r.read(dir, "", 0)
}

func (r *chartReader) read(dir, prefix string, depth int) error {
	if depth > maxChartDepth {
		return fmt.Errorf("%s: folders are nested deeper than %d, or links lead in a circle", dir, maxChartDepth)
	}
	entries, err := fs.ReadDir(r.root, dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		file, name := path.Join(dir, entry.Name()), path.Join(prefix, entry.Name())
		info, err := fs.Stat(r.root, file) // of what a link leads to
		if err != nil {
			return err
		}
		switch {
		case r.ignore.Ignore(name, info):
		case info.IsDir():
			err = r.read(file, name, depth+1)
		case info.Mode().IsRegular():
			err = r.add(file, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *chartReader) add(file, name string) error {
	opened, err := r.root.Open(file)
	if err != nil {
		return err
	}
	defer opened.Close()
	data, err := io.ReadAll(io.LimitReader(opened, maxChartBytes-r.bytes+1))
	if err != nil {
		return err
	}
	if r.bytes += int64(len(data)); r.bytes > maxChartBytes || len(r.files) == maxChartFiles {
		return fmt.Errorf("more than %d files or %d MiB", maxChartFiles, maxChartBytes>>20)
	}
	r.files = append(r.files, &loader.BufferedFile{Name: name, Data: data})
	return nil
}
