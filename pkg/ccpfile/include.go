package ccpfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"go.yaml.in/yaml/v3"
)

// loader reads files with what they include, and merges their documents in
// the order in which they stand.
type loader struct {
	stdin    io.Reader
	rootDir  string   // Options.Root, absolute
	root     *os.Root // nil without Options.Root
	files    []string
	chain    []openFile // that are being read: each includes the next
	bytes    int
	parsed   int // values at most that the parser made of the bytes
	values   int // values, aliases expanded
	merger   merger
	merged   *Node
	problems Problems
	stopped  bool // a limit was exceeded
}

type openFile struct {
	name string
	info fs.FileInfo // nil for stdin
}

func newLoader(opts Options) (*loader, error) {
	l := &loader{stdin: opts.Stdin, merged: &Node{Kind: Mapping}}
	if l.stdin == nil {
		l.stdin = os.Stdin
	}
	if opts.Root == "" {
		return l, nil
	}
	var err error
	if l.rootDir, err = filepath.Abs(opts.Root); err != nil {
		return nil, err
	}
	if l.root, err = os.OpenRoot(l.rootDir); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *loader) close() {
	if l.root != nil {
		l.root.Close() // nothing was written to it
	}
}

func (l *loader) stop(pos Position, message string) {
	l.problems = append(l.problems, Problem{Pos: pos, Message: message})
	l.stopped = true
}

// checkShape adds the faults that the schema finds, but for places where a
// fault is known already.
func (l *loader) checkShape() {
	known := map[Position]bool{}
	for _, p := range l.problems {
		known[p.Pos] = true
	}
	for _, p := range checkSchema(fileSchema(), l.merged, "") {
		if !known[p.Pos] {
			l.problems = append(l.problems, p)
		}
	}
}

// report returns the problems, sorted, as an error; of very many the first.
func (l *loader) report() error {
	problems := l.problems.sorted()
	if more := len(problems) - maxProblems; more > 0 {
		problems = append(problems[:maxProblems], Problem{Message: fmt.Sprintf("and %d problems more", more)})
	}
	return problems
}

// loadNamed reads a file that the caller of Load named. It returns an error
// when the file can't be read; faults of what is in it go to l.problems.
func (l *loader) loadNamed(name string) error {
	if l.stopped {
		return nil
	}
	if name == "-" {
		if err := l.loadFrom("stdin", l.stdin, nil, Position{}); err != nil {
			return fmt.Errorf("stdin: %w", err)
		}
		return nil
	}
	file, info, err := l.open(name, l.root == nil)
	if err != nil {
		return err
	}
	defer file.Close()
	return l.loadFrom(name, file, info, Position{})
}

// include reads a file that an !include at pos names.
func (l *loader) include(name string, pos Position) {
	if l.stopped {
		return
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(pos.File), name)
	}
	file, info, err := l.open(name, false)
	if err != nil {
		l.problems = append(l.problems, cantInclude(name, pos, err))
		return
	}
	defer file.Close()
	if loop := l.loop(name, info); loop != "" {
		l.problems = append(l.problems, Problem{Pos: pos, Message: "files that include each other: " + loop + ": remove one of the includes"})
		return
	}
	if err := l.loadFrom(name, file, info, pos); err != nil {
		l.problems = append(l.problems, cantInclude(name, pos, err))
	}
}

func cantInclude(name string, pos Position, err error) Problem {
	if errors.Is(err, fs.ErrNotExist) {
		return Problem{Pos: pos, Message: fmt.Sprintf("no file %q: names are relative to the folder of this file", name)}
	}
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	return Problem{Pos: pos, Message: fmt.Sprintf("can't include %q: %v", name, err)}
}

// open opens a file, inside the root folder when there is one. What a user names
// may be a pipe, as the shell's <(…) is; one in a repository would wait for ever.
func (l *loader) open(name string, pipe bool) (*os.File, fs.FileInfo, error) {
	flags := os.O_RDONLY
	if !pipe {
		flags |= syscall.O_NONBLOCK
	}
	file, err := l.openAnywhere(name, flags)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err == nil && !pipe && !info.Mode().IsRegular() && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: name, Err: errors.New("not a regular file")}
	}
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	return file, info, nil
}

func (l *loader) openAnywhere(name string, flags int) (*os.File, error) {
	if l.root == nil {
		return os.OpenFile(name, flags, 0)
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	if path, err = filepath.Rel(l.rootDir, path); err != nil || !filepath.IsLocal(path) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fmt.Errorf("it is outside of %s", l.rootDir)}
	}
	return l.root.OpenFile(path, flags, 0)
}

// loop returns the chain of names from the file that info describes down to
// name, which is the same file, or "" when that is not being read.
func (l *loader) loop(name string, info fs.FileInfo) string {
	for i, above := range l.chain {
		if above.info != nil && os.SameFile(above.info, info) {
			var names []string
			for _, file := range l.chain[i:] {
				names = append(names, file.name)
			}
			return strings.Join(append(names, name), " -> ")
		}
	}
	return ""
}

// loadFrom reads the documents of one file and merges them. from is where the
// file was included, if it was.
func (l *loader) loadFrom(name string, r io.Reader, info fs.FileInfo, from Position) error {
	if len(l.files) == maxFiles {
		l.stop(from, fmt.Sprintf("more than %d files: include fewer", maxFiles))
		return nil
	}
	l.files = append(l.files, name)
	data, err := io.ReadAll(io.LimitReader(r, int64(maxBytes-l.bytes)+1))
	if err != nil {
		return err
	}
	if l.bytes += len(data); l.bytes > maxBytes {
		l.stop(Position{File: name, Line: 1, Column: 1}, tooLarge)
		return nil
	}
	l.chain = append(l.chain, openFile{name, info})
	l.parse(name, data)
	l.chain = l.chain[:len(l.chain)-1]
	return nil
}

func (l *loader) parse(name string, data []byte) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if problem := l.check(name, data); problem != nil {
		l.problems = append(l.problems, *problem)
		return
	}
	documents, problem := parseDocuments(name, data)
	c := newConverter(name, &l.values)
	for _, document := range documents {
		l.document(c, document)
	}
	l.problems = append(l.problems, c.problems...)
	l.stopped = l.stopped || c.stopped
	if problem != nil {
		l.problems = append(l.problems, *problem)
	}
}

// check refuses what the YAML parser should not even see: text that isn't
// UTF-8, and text that would make it build too many values.
func (l *loader) check(name string, data []byte) *Problem {
	if at := invalidUTF8(data); at >= 0 {
		return &Problem{Pos: positionAt(name, data, at), Message: fmt.Sprintf("not UTF-8 (byte 0x%02x): save the file as UTF-8", data[at])}
	}
	// The parser compares each %TAG line with all before it.
	if bytes.Count(data, []byte("%TAG")) > maxTags {
		return &Problem{Pos: Position{File: name, Line: 1, Column: 1}, Message: fmt.Sprintf("more than %d %%TAG lines: remove them", maxTags)}
	}
	if l.parsed += maxParsed(data); l.parsed > maxValues {
		l.stopped = true
		return &Problem{Pos: Position{File: name, Line: 1, Column: 1}, Message: tooManyValues}
	}
	return nil
}

// document merges one document: a mapping, or a list of files to include.
func (l *loader) document(c *converter, document *yaml.Node) {
	if len(document.Content) == 0 {
		return
	}
	content := document.Content[0]
	if content.Tag == "!include" {
		l.includes(c, content)
		return
	}
	node, _ := c.value(content, 0)
	switch {
	case node.Kind == Mapping:
		l.merged = l.merger.merge(l.merged, node)
	case node.Kind != Null:
		c.report(content, `want a mapping ("key: value") or a list of files tagged !include, got %s`, node.describe())
	}
}

func (l *loader) includes(c *converter, list *yaml.Node) {
	if list.Kind != yaml.SequenceNode {
		c.report(list, `!include wants a list of files: write "!include [file.yaml]"`)
		return
	}
	for _, item := range list.Content {
		node, _ := c.value(item, 1)
		name, ok := node.Scalar.(string)
		if !ok {
			c.report(item, "want the name of a file, got %s", node.describe())
			continue
		}
		l.include(name, c.position(item))
	}
}
