package chart

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
)

// pair is what x-ccp-pair says of a value in a schema's condition: with which
// value beside it that can't be, and why.
type pair struct{ with, because string }

// pairOf returns the pair that a fault of validation is about.
func (s schema) pairOf(fault *jsonschema.ValidationError) (pair, bool) {
	_, pointer, _ := strings.Cut(fault.SchemaURL, "#")
	annotation, ok := s.lookup(pointer)["x-ccp-pair"].(map[string]any)
	if !ok {
		return pair{}, false
	}
	with, _ := annotation["with"].(string)
	because, _ := annotation["because"].(string)
	return pair{with, because}, true
}

// withoutPairs returns the faults of err that are about one value alone, or nil
// when there are none.
func (s schema) withoutPairs(err *jsonschema.ValidationError) *jsonschema.ValidationError {
	if _, is := s.pairOf(err); is && len(err.Causes) == 0 {
		return nil
	}
	out := *err
	out.Causes = nil
	for _, cause := range err.Causes {
		if cause = s.withoutPairs(cause); cause != nil {
			out.Causes = append(out.Causes, cause)
		}
	}
	if len(err.Causes) > 0 && len(out.Causes) == 0 {
		return nil
	}
	return &out
}

// checkPairs finds values of global that are well each for itself and can't
// work together, wherever in the file the two were written.
func (b *builder) checkPairs() {
	s := b.sources[library].schema
	compiled, err := s.compiled()
	if err != nil {
		b.problems = append(b.problems, ccpfile.Problem{Path: "charts/" + library + "/values.schema.json", Message: err.Error()})
		return
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(compiled.Validate(b.global), &invalid) {
		return
	}
	var check func(*jsonschema.ValidationError)
	check = func(fault *jsonschema.ValidationError) {
		for _, cause := range fault.Causes {
			check(cause)
		}
		if p, is := s.pairOf(fault); is {
			b.pairProblem(fault.InstanceLocation, p)
		}
	}
	check(invalid)
}

// pairProblem names both values of a pair with their places, or the one that is
// written and what the other is without a word.
func (b *builder) pairProblem(location []string, p pair) {
	other := append(slices.Clone(location[:len(location)-1]), p.with)
	problem := func(at origin, rest string) {
		b.problems = append(b.problems, ccpfile.Problem{Pos: at.node.Pos, Path: at.path, Message: p.because + "; " + rest})
	}
	one, oneWritten := b.written[strings.Join(location, ".")]
	two, twoWritten := b.written[strings.Join(other, ".")]
	switch {
	case oneWritten && twoWritten:
		problem(one, fmt.Sprintf("%s is %v at %v", two.path, two.node.Interface(), two.node.Pos))
	case oneWritten:
		problem(one, fmt.Sprintf("nothing gives %s, which is %q then", p.with, b.globalText(other...)))
	case twoWritten:
		problem(two, fmt.Sprintf("nothing gives %s, which is %q then", location[len(location)-1], b.globalText(location...)))
	default:
		b.problems = append(b.problems, ccpfile.Problem{Path: "global." + strings.Join(location, "."), Message: p.because})
	}
}
