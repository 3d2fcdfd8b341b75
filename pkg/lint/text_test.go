package lint

import (
	"testing"

	"github.com/helm-ccp/helm-ccp/charts"
	"github.com/helm-ccp/helm-ccp/pkg/catalog"
	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
	"github.com/helm-ccp/helm-ccp/pkg/chart"
	"github.com/helm-ccp/helm-ccp/pkg/skeleton"
)

// A release, a namespace and a service may have names that are numbers for YAML.
func TestNamesOfDigits(t *testing.T) {
	t.Parallel()
	cat, err := catalog.Load(charts.FS)
	if err != nil {
		t.Fatal(err)
	}
	digits := func(path string, n int) string {
		switch path {
		case "Release.Name", "Release.Namespace":
			return number(path, n)
		}
		return word(path, n)
	}
	for _, folder := range builtIn(t) {
		if folder.Library {
			continue
		}
		for _, network := range cat.Backends {
			s := &subject{folder: folder, catalog: cat, facts: cat.Charts[folder.Name], services: cat.Services}
			p := s.probe(&rendering{network: network, release: cat.Releases[len(cat.Releases)-1], enabled: true}, false)
			plain, err := p.render(word)
			if err != nil {
				t.Fatalf("%s on %s: %v", folder.Name, network, err)
			}
			got, err := p.render(digits)
			if err != nil {
				t.Fatalf("%s on %s: %v", folder.Name, network, err)
			}
			if at := difference(plain, got, unlike[0].back); at != nil {
				t.Errorf("%s on %s: %s is not the same with names of digits", folder.Name, network, at.name)
			}
		}
	}
}

// A value that is not quoted is found, whichever of its texts shows it.
func TestText(t *testing.T) {
	t.Parallel()
	cat, err := catalog.Load(charts.FS)
	if err != nil {
		t.Fatal(err)
	}
	for title, test := range map[string]struct {
		argument string
		found    bool
	}{
		"plain":                   {`{{ .Release.Name }}`, true},
		"in the middle of a text": {`http://{{ $.Values.global.cluster_domain }}/`, true},
		"with quotes around":      {`"{{ $.Values.global.cluster_domain }}"`, true},
		"single quotes":           {`{{ $.Values.global.cluster_domain | squote }}`, true},
		"quoted":                  {`{{ $.Values.global.cluster_domain | quote }}`, false},
		"JSON":                    {`{{ $.Values.global.cluster_domain | toJson }}`, false},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			folder := good(t, skeleton.Options{Workload: catalog.Deployment})
			extra := "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: web, args: [" + test.argument + "]}]}\n"
			edit(t, folder, "templates/extra.yaml", "", extra)
			joined, err := chart.Join(charts.FS, []*chart.Folder{folder})
			if err != nil {
				t.Fatal(err)
			}
			all, err := catalog.Load(joined)
			if err != nil {
				t.Fatal(err)
			}
			s := &subject{folder: folder, catalog: all, facts: all.Charts["web"], services: all.Services, seen: map[ccpfile.Problem]bool{}}
			s.renderings = []*rendering{{network: cat.Backends[0], release: cat.Releases[0], enabled: true}}
			checkText(s)
			if found := len(s.found) > 0; found != test.found {
				t.Errorf("found %v", s.found)
			}
		})
	}
}
