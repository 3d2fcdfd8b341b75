package lint

import (
	"testing"

	"github.com/helm-ccp/helm-ccp/charts"
	"github.com/helm-ccp/helm-ccp/pkg/catalog"
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
			if at := difference(plain, got); at != nil {
				t.Errorf("%s on %s: %s is not the same with names of digits", folder.Name, network, at.name)
			}
		}
	}
}
