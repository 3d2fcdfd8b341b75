package chart

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
)

// ErrOccupied is what Write returns for a folder that holds something else
// than a chart written by it.
var ErrOccupied = errors.New("holds something that ccp did not generate")

// Write puts the chart into the folder dir, as a whole or not at all. A folder
// that is not empty is replaced when the chart in it was generated, or with
// force; else the error is ErrOccupied.
func (d *Deployment) Write(dir string, force bool) error {
	files, err := d.Files()
	if err != nil {
		return err
	}
	return replace(dir, force, files)
}

// ErrNotEmpty is what WriteNew returns for a folder that holds something.
var ErrNotEmpty = errors.New("is not empty")

// WriteNew puts files into the folder dir, as a whole or not at all. The
// folder must not be there, or be empty; else the error is ErrNotEmpty.
func WriteNew(dir string, files []*loader.BufferedFile) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case len(entries) > 0:
		return fmt.Errorf("%s %w", dir, ErrNotEmpty)
	}
	return replace(dir, false, files)
}

// replace writes files to a folder beside dir, and then gives it the name dir.
func replace(dir string, force bool, files []*loader.BufferedFile) (err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return err
	}
	there, err := occupied(dir)
	if err != nil {
		return err
	}
	if there == occupiedByOther && !force {
		return fmt.Errorf("%s %w; give another folder, or --force", dir, ErrOccupied)
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(parent, "."+filepath.Base(dir)+"-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	fresh, old := filepath.Join(work, "new"), filepath.Join(work, "old")
	for _, file := range files {
		name := filepath.Join(fresh, filepath.FromSlash(file.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, file.Data, 0o644); err != nil {
			return err
		}
	}
	if there != free {
		if err := os.Rename(dir, old); err != nil {
			return err
		}
	}
	if err := os.Rename(fresh, dir); err != nil {
		if there != free {
			err = errors.Join(err, os.Rename(old, dir))
		}
		return err
	}
	return nil
}

// occupancy is what stands at the place where a chart is to be written.
type occupancy int

const (
	free occupancy = iota
	occupiedByChart
	occupiedByOther
)

func occupied(dir string) (occupancy, error) {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return free, nil
	case err != nil:
		return free, err
	case len(entries) == 0:
		return occupiedByChart, nil
	}
	metadata, err := chartutil.LoadChartfile(filepath.Join(dir, "Chart.yaml"))
	if err == nil && metadata.Annotations[generatedBy] != "" {
		return occupiedByChart, nil
	}
	return occupiedByOther, nil
}
