package release

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/helm-ccp/helm-ccp/pkg/chart"
)

// missing returns the services that a part needs and that a release, given by
// its manifest, does not have.
func missing(p *chart.Part, manifest string) ([]string, error) {
	there, err := objects(manifest)
	if err != nil {
		return nil, err
	}
	var absent []string
	for _, service := range p.Needs {
		if !slices.ContainsFunc(there, func(o object) bool { return o.Metadata.Labels[componentLabel] == service }) {
			absent = append(absent, service)
		}
	}
	return absent, nil
}

// belongs says whether an object with these labels is one of the part.
func belongs(p *chart.Part, labels map[string]string) bool {
	component := labels[componentLabel]
	if slices.Contains(p.Others, component) {
		return false
	}
	return slices.Contains(p.Services, component) || slices.Contains(p.Charts, labels[chartLabel])
}

// partial makes of the manifests of a whole deployment those that change only a
// part of the release: the rest stays as it is in the old manifests.
type partial struct {
	part *chart.Part
	old  string
}

// Run is what Helm calls with the manifests.
func (p partial) Run(rendered *bytes.Buffer) (*bytes.Buffer, error) {
	fresh, err := objects(rendered.String())
	if err != nil {
		return nil, err
	}
	kept, err := objects(p.old)
	if err != nil {
		return nil, err
	}
	out := &bytes.Buffer{}
	for _, o := range fresh {
		if belongs(p.part, o.Metadata.Labels) {
			fmt.Fprintf(out, "---\n%s\n", o.text)
		}
	}
	for _, o := range kept {
		if !belongs(p.part, o.Metadata.Labels) {
			fmt.Fprintf(out, "---\n%s\n", o.text)
		}
	}
	return out, nil
}
