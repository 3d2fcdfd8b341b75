package postrender

import (
	"bytes"
	"errors"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// errUnwritable is a document whose new text does not say what it should; no
// such document is known.
var errUnwritable = errors.New("the changed document can't be written as YAML")

// rewrite returns the text of a document whose tree was changed: the old text
// but for the lines of what changed, or, where that can't be, a new one. What
// it returns was read back and compared.
func rewrite(raw []byte, was, is *yaml.Node) ([]byte, error) {
	body := raw
	for line := range bytes.Lines(raw) {
		if isMarker(line, "...") {
			body = raw[:len(raw)-len(line)]
		}
	}
	s := newSplicer(body)
	if s.value(was.Content[0], is.Content[0], len(body)) {
		if text, ok := s.apply(); ok {
			text = append(text, raw[len(body):]...)
			if says(text, is) {
				return text, nil
			}
		}
	}
	var text []byte
	if isMarker(raw, "---") {
		text = []byte("---\n")
	}
	encoded, err := yaml.MarshalWithOptions(is, &s.style)
	if err != nil {
		return nil, err
	}
	if text = append(text, encoded...); !says(text, is) {
		return nil, errUnwritable
	}
	return text, nil
}

// says reports whether text is a document that holds what tree does.
func says(text []byte, tree *yaml.Node) bool {
	read, err := (&document{raw: text}).parse()
	return err == nil && read != nil && same(read, tree)
}
