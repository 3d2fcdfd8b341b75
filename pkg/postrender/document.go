package postrender

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"unicode/utf8"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
)

// document is one document of a stream: its bytes, from the line that begins
// it ("---", where there is one) to the next document's.
type document struct {
	number int // as people count them, from 1; 0 for what stands before the first
	line   int // of its first line, from 1
	raw    []byte
}

// split cuts a stream into documents that, put together, are the stream. A
// line that begins with "---" begins a document wherever it stands: YAML
// allows it nowhere else, not even in a block of text.
func split(stream []byte) []document {
	var documents []document
	start, startLine, line := 0, 1, 1
	cut := func(end int) {
		if end > start {
			documents = append(documents, document{line: startLine, raw: stream[start:end]})
		}
		start, startLine = end, line
	}
	for at := 0; at < len(stream); {
		next := len(stream)
		if i := bytes.IndexByte(stream[at:], '\n'); i >= 0 {
			next = at + i + 1
		}
		text := stream[at:next]
		if isMarker(text, "---") && !onlyDirectives(stream[start:at]) {
			cut(at)
		}
		line++
		at = next
		if isMarker(text, "...") {
			cut(at)
		}
	}
	cut(len(stream))
	number(documents)
	return documents
}

func number(documents []document) {
	count := 0
	for i := range documents {
		if isMarker(documents[i].raw, "---") || !onlyComments(documents[i].raw) {
			count++
			documents[i].number = count
		}
	}
}

// isMarker reports whether text begins with a marker of its own line.
func isMarker(text []byte, marker string) bool {
	rest, found := bytes.CutPrefix(text, []byte(marker))
	return found && (len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0)
}

// onlyComments reports whether text holds nothing but blank lines and comments.
func onlyComments(text []byte) bool {
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return false
		}
	}
	return true
}

// onlyDirectives reports whether text is the head of a document whose "---" is
// still to come: %YAML, say, and comments.
func onlyDirectives(text []byte) bool {
	directives := false
	for line := range bytes.Lines(text) {
		switch line = bytes.TrimRight(line, "\r\n"); {
		case len(line) > 0 && line[0] == '%':
			directives = true
		case !onlyComments(line):
			return false
		}
	}
	return directives
}

// parse returns the document's tree, or nil when it is empty.
func (d *document) parse() (*yaml.Node, error) {
	if onlyComments(d.raw) {
		return nil, nil
	}
	if !utf8.Valid(d.raw) {
		return nil, errors.New("not UTF-8: manifests are UTF-8 text")
	}
	decoder := yaml.NewDecoder(bytes.NewReader(d.raw))
	tree := &yaml.Node{}
	if err := decoder.Decode(tree); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if err := decoder.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		if err == nil {
			err = errors.New(`a second document begins here: write "---" before it`)
		}
		return nil, err
	}
	return tree, nil
}

var yamlError = regexp.MustCompile(`(?s)^yaml: (?:line (\d+): )?(.*)$`)

// problem says what is wrong with the document, at the line of the stream.
func (d *document) problem(stream string, err error) ccpfile.Problem {
	line, message := 1, err.Error()
	if match := yamlError.FindStringSubmatch(message); match != nil {
		message = match[2]
		if n, err := strconv.Atoi(match[1]); err == nil {
			line = n
		}
	}
	return ccpfile.Problem{
		Pos:     ccpfile.Position{File: stream, Line: d.line + line - 1},
		Path:    fmt.Sprintf("document %d", d.number),
		Message: message,
	}
}
