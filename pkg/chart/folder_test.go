package chart

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"helm.sh/helm/v3/pkg/chart/loader"

	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
	"github.com/helm-ccp/helm-ccp/pkg/topology"
)

func TestReadFolder(t *testing.T) {
	t.Parallel()
	fsys := fstest.MapFS{}
	for name, text := range map[string]string{
		"a/Chart.yaml": "name: web\n", "a/.helmignore": "secret.txt\n", "a/secret.txt": "x", "a/templates/x.yaml": "x",
		"library/Chart.yaml": "name: base\ntype: library\n", "none/values.yaml": "", "bad/Chart.yaml": "name: ../web\n",
	} {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	f, err := ReadFolder(fsys, "a", "shown")
	if err != nil || f.Name != "web" || f.Path != "shown" || f.Library || string(f.File("templates/x.yaml")) != "x" || f.File("secret.txt") != nil {
		t.Errorf("got %+v, %v", f, err)
	}
	if f, err := ReadFolder(fsys, "library", ""); err != nil || !f.Library {
		t.Errorf("the library: %+v, %v", f, err)
	}
	for dir, want := range map[string]string{"none": "no Chart.yaml", "bad": `"../web"`, "nowhere": "nowhere"} {
		if _, err := ReadFolder(fsys, dir, dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error that says %q", dir, err, want)
		}
	}
}

// own is the house with a chart of somebody's own, which has the library and
// another chart below it.
func own(t *testing.T) (fs.FS, *Folder) {
	t.Helper()
	base := house(t)
	f := &Folder{Name: "web", Path: "my/web"}
	for name, text := range map[string]string{
		"Chart.yaml":                  "apiVersion: v2\nname: web\nversion: 7.0.0\ndependencies: [{name: common, version: 0.1.0}, {name: cache, version: 1.0.0, alias: till}]\n",
		"services.yaml":               "services:\n  till: {workload: Deployment, follows: [shelf]}\n",
		"values.yaml":                 "{}\n",
		"values.schema.json":          "{}\n",
		"charts/common/Chart.yaml":    "apiVersion: v2\nname: common\nversion: 0.0.1\n",
		"charts/common-0.0.1.tgz":     "x",
		"charts/cache/Chart.yaml":     "apiVersion: v2\nname: cache\nversion: 1.0.0\n",
		"charts/commons/Chart.yaml":   "apiVersion: v2\nname: commons\nversion: 1.0.0\n",
		"charts/cache/templates/.txt": "",
	} {
		f.Files = append(f.Files, &loader.BufferedFile{Name: name, Data: []byte(text)})
	}
	joined, err := Join(base, []*Folder{f})
	if err != nil {
		t.Fatal(err)
	}
	return joined, f
}

func TestJoin(t *testing.T) {
	t.Parallel()
	joined, _ := own(t)
	for name, want := range map[string]string{
		"web/services.yaml":             "till",    // in place of the base's
		"shelf/services.yaml":           "shelf",   // the base's
		"common/releases.yaml":          "zed",     // the base's
		"web/charts/cache/Chart.yaml":   "cache",   // below it
		"web/charts/common/Chart.yaml":  "",        // the set has one
		"web/charts/common-0.0.1.tgz":   "",        // the same, packed
		"web/charts/commons/Chart.yaml": "commons", // another one
	} {
		data, err := fs.ReadFile(joined, name)
		if (err == nil) != (want != "") || !strings.Contains(string(data), want) {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
	files, err := fs.Glob(joined, "*/services.yaml")
	if err != nil || len(files) != 2 {
		t.Errorf("services.yaml is in %v: %v", files, err)
	}
}

// A generated chart depends on the version that a chart has, and leaves it its
// other dependencies.
func TestOwnChartInTheUmbrella(t *testing.T) {
	t.Parallel()
	joined, _ := own(t)
	file := filepath.Join(t.TempDir(), "ccp.yaml")
	if err := os.WriteFile(file, []byte("roles: {all: [till, shelf]}\nnodes: {node1: {roles: [all]}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := ccpfile.Load([]string{file}, ccpfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d, err := Build(cfg, joined, Options{Options: topology.Options{Network: "calico"}})
	if err != nil {
		t.Fatal(err)
	}
	chrt, err := d.Chart()
	if err != nil {
		t.Fatal(err)
	}
	for _, dependency := range chrt.Metadata.Dependencies {
		if dependency.Name == "web" && dependency.Version != "7.0.0" {
			t.Errorf("the umbrella depends on web %s", dependency.Version)
		}
	}
	for _, sub := range chrt.Dependencies() {
		if sub.Name() == "web" && (len(sub.Metadata.Dependencies) != 1 || sub.Metadata.Dependencies[0].Alias != "till") {
			t.Errorf("web depends on %+v", sub.Metadata.Dependencies)
		}
	}
}

func TestLocate(t *testing.T) {
	t.Parallel()
	_, f := own(t)
	got := Locate(ccpfile.Problems{
		{Pos: ccpfile.Position{File: "web/services.yaml", Line: 2}}, {Pos: ccpfile.Position{File: "web/ccp.yaml"}}, {Pos: ccpfile.Position{File: "shelf/services.yaml"}},
	}, []*Folder{f})
	for i, want := range []string{"my/web/services.yaml:2", "web/ccp.yaml", "shelf/services.yaml"} {
		if got[i].Pos.String() != want {
			t.Errorf("got %s, want %s", got[i].Pos, want)
		}
	}
}

func TestWriteNew(t *testing.T) {
	t.Parallel()
	files := []*loader.BufferedFile{{Name: "a/b", Data: []byte("x")}}
	dir := filepath.Join(t.TempDir(), "deep", "new")
	if err := WriteNew(dir, files); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "a", "b")); string(data) != "x" {
		t.Error(err)
	}
	if err := WriteNew(dir, files); err == nil {
		t.Error("it was written over")
	}
	parent := t.TempDir()
	if err := WriteNew(filepath.Join(parent, "new"), []*loader.BufferedFile{{Name: "a"}, {Name: "a/b"}}); err == nil {
		t.Error("a file in a file was written")
	}
	if entries, _ := os.ReadDir(parent); len(entries) != 0 {
		t.Errorf("something was left: %v", entries)
	}
}
