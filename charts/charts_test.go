package charts_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	helmchart "helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	"sigs.k8s.io/yaml"

	"github.com/helm-ccp/helm-ccp/charts"
	"github.com/helm-ccp/helm-ccp/pkg/catalog"
	"github.com/helm-ccp/helm-ccp/pkg/render"
)

// folders are the charts, the library not among them.
func folders(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*/Chart.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, file := range files {
		if dir := filepath.Dir(file); dir != "common" {
			out = append(out, dir)
		}
	}
	if len(out) == 0 {
		t.Fatal("there are no charts")
	}
	return out
}

func load(t *testing.T, dir string) *helmchart.Chart {
	t.Helper()
	c, err := loader.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLint(t *testing.T) {
	t.Parallel()
	for _, dir := range append(folders(t), "common") {
		for _, message := range lint.All(dir, map[string]any{}, "default", true).Messages {
			if message.Severity > support.InfoSev {
				t.Errorf("%s: %v", dir, message)
			}
		}
	}
}

// A chart works alone: with nothing but its own values, for each network.
func TestAlone(t *testing.T) {
	t.Parallel()
	cat, err := catalog.Load(charts.FS)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range folders(t) {
		for _, network := range cat.Backends {
			values := map[string]any{"global": map[string]any{"network": map[string]any{"backend": network}}}
			if _, err := render.Manifests(load(t, dir), values, render.Options{ReleaseName: "alone", Namespace: "default"}); err != nil {
				t.Errorf("%s on %s: %v", dir, network, err)
			}
		}
	}
}

// Whatever single value is missing, the message is about that value.
func TestMissingValue(t *testing.T) {
	t.Parallel()
	for _, dir := range folders(t) {
		t.Run(dir, func(t *testing.T) {
			t.Parallel()
			var defaults map[string]any
			data, err := os.ReadFile(filepath.Join(dir, "values.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			if err := yaml.Unmarshal(data, &defaults); err != nil {
				t.Fatal(err)
			}
			for _, path := range leaves(defaults, nil) {
				values := map[string]any{}
				m := values
				for _, key := range path[:len(path)-1] {
					next := map[string]any{}
					m[key] = next
					m = next
				}
				m[path[len(path)-1]] = nil
				_, err := render.Manifests(load(t, dir), values, render.Options{ReleaseName: "missing", Namespace: "default"})
				if err != nil && (strings.Contains(err.Error(), "nil pointer") || strings.Contains(err.Error(), "executing")) {
					t.Errorf("without %s: %v", strings.Join(path, "."), err)
				}
			}
		})
	}
}

// leaves are the paths of all values, those of mappings too.
func leaves(m map[string]any, at []string) [][]string {
	var out [][]string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		path := append(slices.Clone(at), key)
		out = append(out, path)
		if below, is := m[key].(map[string]any); is {
			out = append(out, leaves(below, path)...)
		}
	}
	return out
}

// The global block is one, though each chart carries it to work alone.
func TestGlobalIsTheSameEverywhere(t *testing.T) {
	t.Parallel()
	want, err := charts.FS.ReadFile("common/global.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range folders(t) {
		got, err := charts.FS.ReadFile(dir + "/values.yaml")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(got), string(want)) {
			t.Errorf("%s/values.yaml does not begin with common/global.yaml", dir)
		}
	}
}

// So is its description: Helm checks a chart's values against the chart's own
// schema, and tells what is missing before a template stumbles over it.
func TestGlobalSchemaIsTheSameEverywhere(t *testing.T) {
	t.Parallel()
	global := func(dir string) any {
		data, err := charts.FS.ReadFile(dir + "/values.schema.json")
		if err != nil {
			t.Fatal(err)
		}
		var schema struct{ Properties map[string]any }
		if err := yaml.Unmarshal(data, &schema); err != nil {
			t.Fatal(err)
		}
		return schema.Properties["global"]
	}
	for _, dir := range folders(t) {
		if !reflect.DeepEqual(global(dir), global("common")) {
			t.Errorf("%s/values.schema.json describes global otherwise than common/values.schema.json", dir)
		}
	}
}

// The templates know the same releases as the catalog, in the same order.
func TestReleases(t *testing.T) {
	t.Parallel()
	cat, err := catalog.Load(charts.FS)
	if err != nil {
		t.Fatal(err)
	}
	probe := load(t, "keystone")
	for i, release := range cat.Releases {
		probe.Templates = append(probe.Templates, &helmchart.File{Name: fmt.Sprintf("templates/release-%02d.yaml", i), Data: fmt.Appendf(nil,
			"kind: Probe\nrelease: %s\nindex: {{ include \"common.releaseIndex\" (list . %q) }}\nalias: {{ include \"common.releaseIndex\" (list . %q) }}\n",
			release.Name, release.Name, or(release.Alias, release.Name))})
	}
	manifests, err := render.Manifests(probe, nil, render.Options{ReleaseName: "probe", Namespace: "default"})
	if err != nil {
		t.Fatal(err)
	}
	for i, release := range cat.Releases {
		want := fmt.Sprintf("release: %s\nindex: %d\nalias: %d\n", release.Name, i, i)
		if !strings.Contains(manifests+"\n", want) {
			t.Errorf("the templates don't have %s at %d", release.Name, i)
		}
	}
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// What services.yaml says a chart has, values.yaml offers, and the other way
// round; each key of values.yaml is described in the schema.
func TestServicesAndValuesAgree(t *testing.T) {
	t.Parallel()
	cat, err := catalog.Load(charts.FS)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range folders(t) {
		c := load(t, dir)
		services, _ := c.Values["services"].(map[string]any)
		if got, want := slices.Sorted(maps.Keys(services)), cat.Charts[dir].Services; !reflect.DeepEqual(got, append([]string(nil), want...)) && len(got)+len(want) > 0 {
			t.Errorf("%s: values.yaml has the services %v, services.yaml %v", dir, got, want)
		}
	}
}

// helm-unittest is content with a chart that has no tests.
func TestEveryChartHasTests(t *testing.T) {
	t.Parallel()
	for _, dir := range folders(t) {
		if files, err := filepath.Glob(dir + "/tests/*_test.yaml"); err != nil || len(files) == 0 {
			t.Errorf("%s/tests has no *_test.yaml (%v)", dir, err)
		}
	}
}
