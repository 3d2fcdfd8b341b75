package postrender

import (
	"reflect"
	"slices"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"

	"github.com/helm-ccp/helm-ccp/pkg/render"
)

// What our charts say about the networks is what they say when all of them are
// rendered as a whole.
func TestOwnIsWhatTheWholeChartSays(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"calico", "openvswitch"} {
		r := forNetwork(t, "", "", network)
		got, err := r.own.rendered()
		if err != nil {
			t.Fatal(err)
		}
		manifests := map[string][]ownDocument{}
		for _, backend := range r.catalog.Backends {
			chrt, err := r.deployment.Chart()
			if err != nil {
				t.Fatal(err)
			}
			values := map[string]any{"global": map[string]any{"network": map[string]any{"backend": backend}}}
			text, err := render.Manifests(chrt, values, render.Options{ReleaseName: "ccp", Namespace: "ccp"})
			if err != nil {
				t.Fatal(err)
			}
			if manifests[backend], err = ownDocuments(text); err != nil {
				t.Fatal(err)
			}
		}
		want := &rendered{settings: map[string]settings{}, gone: map[string]bool{}}
		for _, backend := range r.catalog.Backends {
			if backend != network {
				want.compare(configFiles(manifests[network]), configFiles(manifests[backend]))
			}
		}
		if !reflect.DeepEqual(got.gone, want.gone) {
			t.Errorf("%s: gone are %v, want %v", network, got.gone, want.gone)
		}
		if len(want.settings) == 0 || !reflect.DeepEqual(got.settings, want.settings) {
			t.Errorf("%s: settings are %v, want %v", network, got.settings, want.settings)
		}
		var texts, wants []string
		for _, d := range got.objects {
			texts = append(texts, string(d.raw))
		}
		for _, d := range manifests[network] {
			if r.own.accompanies(d.chart) {
				wants = append(wants, string(d.raw))
			}
		}
		if !slices.Equal(texts, wants) {
			t.Errorf("%s: the objects that may be added are\n%q\nwant\n%q", network, texts, wants)
		}
	}
}

// A template that includes what makes a ConfigMap may make one, at any depth.
func TestConfigMaps(t *testing.T) {
	t.Parallel()
	makes := configMaps([]*loader.BufferedFile{{Name: "templates/_a.tpl", Data: []byte(
		"{{ define \"x.outer\" }}{{ include \"x.inner\" . }}{{ end }}\n{{- define `x.inner` -}}\n# user-defined\nkind: ConfigMap\n{{- end }}\n{{ define \"x.other\" }}kind: Secret{{ end }}\n")}})
	for template, want := range map[string]bool{
		"kind: ConfigMap": true, "kind: Secret": false,
		`{{ include "x.outer" . }}`: true, `{{ include "x.inner" . }}`: true, `{{ include "x.other" . }}`: false,
	} {
		if got := makes([]byte(template)); got != want {
			t.Errorf("%s: %v, want %v", template, got, want)
		}
	}
}
