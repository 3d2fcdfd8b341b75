package ccpfile

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// parseDocuments returns the documents of YAML text. Those before a fault are
// returned with it.
func parseDocuments(file string, data []byte) ([]*yaml.Node, *Problem) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var documents []*yaml.Node
	for {
		document := &yaml.Node{}
		err := decoder.Decode(document)
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil {
			return documents, syntaxProblem(file, data, err)
		}
		documents = append(documents, document)
	}
}

// syntaxHints says what to do about faults of YAML syntax, by a part of the
// parser's message, the first that fits.
var syntaxHints = []struct{ message, hint string }{
	{"exceeded max depth", tooDeep},
	{"mapping values are not allowed", `a ":" is not possible here: check the indentation of this line, or quote the value`},
	{"did not find expected key", "this fits neither the mapping nor the list above it: check its indentation and quotes"},
	{"did not find expected '-' indicator", "this fits neither the list nor the mapping above it: check its indentation"},
	{"did not find expected ',' or ']'", `a list that began with "[" goes on: write "," or "]" before this`},
	{"did not find expected ',' or '}'", `a mapping that began with "{" goes on: write "," or "}" before this`},
	{"could not find expected ':'", `a key without ":" above this: write "key: value", or indent the text`},
	{"found unexpected end of stream", "the file ends within quotes: close them"},
	{"found unexpected document indicator", "the document ends within quotes: close them"},
	{"cannot start any token", "a value can't begin with this character: put it in quotes"},
	// The name is not told: it may be a password that begins with "*".
	{"unknown anchor", `an alias (*name) of something that has no anchor (&name): put text that begins with "*" in quotes`},
	{"control characters are not allowed", "a control character: remove it"},
	{"block sequence entries are not allowed", `a list item ("- ...") is not possible here: begin a new line`},
	{"unknown escape character", `a backslash means something within double quotes: use single quotes, or write \\`},
	{"did not find expected <document start>", `something after the end of the document: begin a new one with "---", or check the indentation`},
}

// badIndentHints are the parser's messages that are about a whole line.
var badIndentHints = []string{"did not find expected key", "did not find expected '-' indicator"}

// syntaxProblem turns an error of the YAML parser, which names a line at best
// and often another one, into a Problem at the place where the parser stopped.
func syntaxProblem(file string, data []byte, err error) *Problem {
	at := stopped(data)
	pos := positionAt(file, data, at)
	if column := tabIndent(data, at); column > 0 {
		pos.Column = column
		return &Problem{Pos: pos, Message: "a tab in the indentation: use spaces"}
	}
	for _, message := range badIndentHints {
		if strings.Contains(err.Error(), message) {
			pos.Column = firstColumn(data, at)
		}
	}
	for _, h := range syntaxHints {
		if strings.Contains(err.Error(), h.message) {
			return &Problem{Pos: pos, Message: h.hint}
		}
	}
	return &Problem{Pos: pos, Message: "not valid YAML: check the indentation and the quotes around here"}
}

// stopped parses data, which is faulty, once more, and returns the offset of
// the last character that the parser looked at. It looks ahead no further than
// it must, so when it is given one byte at a time that is where the fault is.
func stopped(data []byte) int {
	reader := &byteReader{data: data}
	decoder := yaml.NewDecoder(reader)
	for {
		if err := decoder.Decode(new(yaml.Node)); err != nil {
			break
		}
	}
	at := min(reader.next, len(data)) - 1
	for at > 0 && isSpace(data[at]) && isSpace(data[at-1]) {
		at-- // the end of a line or file, not the blank lines after it
	}
	return max(at, 0)
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' }

type byteReader struct {
	data []byte
	next int
}

func (r *byteReader) Read(p []byte) (int, error) {
	if r.next >= len(r.data) {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	p[0] = r.data[r.next]
	r.next++
	return 1, nil
}

// lineAt returns the line that offset is in, and what follows.
func lineAt(data []byte, offset int) []byte {
	return data[bytes.LastIndexByte(data[:offset], '\n')+1:]
}

// tabIndent returns the column of the tab in the indentation of the line that
// offset is in, or 0 when there is none.
func tabIndent(data []byte, offset int) int {
	line := lineAt(data, offset)
	if at := len(line) - len(bytes.TrimLeft(line, " ")); at < len(line) && line[at] == '\t' {
		return at + 1
	}
	return 0
}

// firstColumn returns the column of the first character after the indentation
// of the line that offset is in.
func firstColumn(data []byte, offset int) int {
	line := lineAt(data, offset)
	return len(line) - len(bytes.TrimLeft(line, " ")) + 1
}
