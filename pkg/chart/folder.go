package chart

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/ignore"
	"sigs.k8s.io/yaml"

	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
)

// Limits of a chart that is not ours: more is taken for an attack on the
// machine that reads it.
const (
	maxChartFiles = 20_000
	maxChartBytes = 64 << 20
	maxChartDepth = 32
)

// chartName is the form of a chart's name: it is a key of `configs` too.
var chartName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)

// Folder is a chart that stands in a folder of its own, outside the program.
type Folder struct {
	// Name is the chart's, Path the folder's, as faults in it are to name it.
	Name, Path string
	// Library says that the chart is for other charts only.
	Library bool
	Files   []*loader.BufferedFile // names relative to the folder
}

// ReadFolder reads the chart in the folder dir of fsys. shown is the Path.
func ReadFolder(fsys fs.FS, dir, shown string) (*Folder, error) {
	files, err := ReadFiles(fsys, dir)
	if err != nil {
		return nil, err
	}
	f := &Folder{Path: shown, Files: files}
	data := f.File("Chart.yaml")
	if data == nil {
		return nil, errors.New("there is no Chart.yaml: give the folder of a chart, such as ccp create makes")
	}
	var metadata struct{ Name, Type string }
	if err := yaml.Unmarshal(data, &metadata); err != nil {
		return nil, fmt.Errorf("its Chart.yaml: %w", err)
	}
	if !chartName.MatchString(metadata.Name) {
		return nil, fmt.Errorf("its Chart.yaml names it %q: want lower-case letters, digits and -", metadata.Name)
	}
	f.Name, f.Library = metadata.Name, metadata.Type == "library"
	return f, nil
}

// File returns what is in a file of the chart, or nil when there is none.
func (f *Folder) File(name string) []byte {
	for _, file := range f.Files {
		if file.Name == name {
			return file.Data
		}
	}
	return nil
}

// Locate returns the positions of problems that were found in a set of charts
// made by Join, such as NAME/services.yaml:3:5, as ones in the folders.
func Locate(problems ccpfile.Problems, folders []*Folder) ccpfile.Problems {
	out := make(ccpfile.Problems, len(problems))
	for i, problem := range problems {
		for _, f := range folders {
			if problem.Pos.File == f.Name+"/services.yaml" {
				problem.Pos.File = path.Join(f.Path, "services.yaml")
			}
		}
		out[i] = problem
	}
	return out
}

// Join returns the charts of base and of the folders as one file system, of
// the form that Build reads. A folder takes the place of a chart of base with
// the same name. The copy of the library that a folder may hold to work alone
// is left out.
func Join(base fs.FS, folders []*Folder) (fs.FS, error) {
	// An archive is what the standard library makes a file system of that has
	// any names and bytes.
	var archive bytes.Buffer
	writer := zip.NewWriter(&archive)
	add := func(name string, data []byte) error {
		file, err := writer.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err == nil {
			_, err = file.Write(data)
		}
		return err
	}
	replaced := map[string]bool{}
	for _, f := range folders {
		replaced[f.Name] = true
		for _, file := range f.Files {
			if isLibrary(file.Name) {
				continue
			}
			if err := add(path.Join(f.Name, file.Name), file.Data); err != nil {
				return nil, err
			}
		}
	}
	err := fs.WalkDir(base, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			if replaced[name] {
				return fs.SkipDir
			}
			return err
		}
		data, err := fs.ReadFile(base, name)
		if err != nil {
			return err
		}
		return add(name, data)
	})
	if err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return zip.NewReader(bytes.NewReader(archive.Bytes()), int64(archive.Len()))
}

// isLibrary says whether a chart's file is of the library below it, as a
// folder or packed.
func isLibrary(name string) bool {
	return strings.HasPrefix(name, "charts/"+library+"/") || strings.HasPrefix(name, "charts/"+library+"-") && strings.HasSuffix(name, ".tgz")
}

// ReadFiles reads the chart in the folder dir of fsys, without what its
// .helmignore names. Links are followed as far as fsys does.
func ReadFiles(fsys fs.FS, dir string) ([]*loader.BufferedFile, error) {
	reader := &folderReader{root: fsys}
	err := reader.readChart(dir)
	return reader.files, err
}

// folderReader reads a chart's folder.
type folderReader struct {
	root   fs.FS
	ignore *ignore.Rules
	files  []*loader.BufferedFile
	bytes  int64
}

func (r *folderReader) readChart(dir string) error {
	r.ignore = ignore.Empty()
	name := path.Join(dir, ignore.HelmIgnore)
	if info, err := fs.Stat(r.root, name); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s: not a regular file", name) // a pipe would wait for ever
	}
	file, err := r.root.Open(name)
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

func (r *folderReader) read(dir, prefix string, depth int) error {
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

func (r *folderReader) add(file, name string) error {
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
