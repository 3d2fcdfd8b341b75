package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/helm-ccp/helm-ccp/charts"
	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
	"github.com/helm-ccp/helm-ccp/pkg/chart"
)

// chartSet is the built-in charts and those that a ccp.yaml adds.
type chartSet struct {
	files   fs.FS
	folders []*chart.Folder
}

// charts reads the charts that the ccp.yaml names and joins them to the
// built-in ones. Folders that can't be used are Problems.
func (in *input) charts(cfg *ccpfile.Config) (*chartSet, error) {
	if len(cfg.Charts) == 0 {
		return &chartSet{files: charts.FS}, nil
	}
	var problems ccpfile.Problems
	set := &chartSet{}
	owners := map[string]string{}
	for _, ref := range cfg.Charts {
		dir := folderOf(ref)
		folder, err := in.readFolder(dir)
		if err == nil {
			err = usable(folder, owners[folder.Name])
		}
		if err != nil {
			problems = append(problems, ccpfile.Problem{Pos: ref.Pos, Path: ref.Path, Message: fmt.Sprintf("%s: %v", dir, err)})
			continue
		}
		owners[folder.Name] = folder.Path
		set.folders = append(set.folders, folder)
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	var err error
	set.files, err = chart.Join(charts.FS, set.folders)
	return set, err
}

// usable says why a chart can't be added to the others; owner is the folder of
// one that has its name already.
func usable(folder *chart.Folder, owner string) error {
	if _, err := fs.Stat(charts.FS, folder.Name); err == nil {
		return fmt.Errorf("ccp has a chart %q already: give this one another name in its Chart.yaml", folder.Name)
	}
	if owner != "" {
		return fmt.Errorf("%s is a chart %q too: give one of them another name in its Chart.yaml", owner, folder.Name)
	}
	for _, file := range []string{"services.yaml", "values.yaml", "values.schema.json"} {
		if folder.File(file) == nil {
			return fmt.Errorf("there is no %s: ccp create makes a chart with all that it needs", file)
		}
	}
	return nil
}

// folderOf returns the folder that a ccp.yaml names.
func folderOf(ref ccpfile.Ref) string {
	if filepath.IsAbs(ref.Name) {
		return ref.Name
	}
	return filepath.Join(filepath.Dir(ref.Pos.File), ref.Name)
}

// readFolder reads the chart in the folder dir, which has to lie inside the
// root folder when there is one.
func (in *input) readFolder(dir string) (*chart.Folder, error) {
	if in.root == "" {
		return readFolder(dir)
	}
	relative, err := insideRoot(in.root, dir)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(in.root)
	if err != nil {
		return nil, err
	}
	defer root.Close() // nothing was written to it
	return chart.ReadFolder(root.FS(), relative, dir)
}

// readFolder reads the chart in the folder dir.
func readFolder(dir string) (*chart.Folder, error) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("there is no such folder")
	case err != nil:
		return nil, err
	case !info.IsDir():
		return nil, errors.New("not a folder: give the folder of a chart")
	}
	return chart.ReadFolder(os.DirFS(dir), ".", dir)
}

// build works out the deployment that cfg means with the charts of the set.
func (set *chartSet) build(cfg *ccpfile.Config, opts chart.Options) (*chart.Deployment, error) {
	deployment, err := chart.Build(cfg, set.files, opts)
	var problems ccpfile.Problems
	if errors.As(err, &problems) {
		return nil, chart.Locate(problems, set.folders)
	}
	return deployment, err
}
