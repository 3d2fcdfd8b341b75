package postrender

import (
	"bytes"
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// splicer collects the edits that make a document's text say what its changed
// tree says. Lines that nothing changed keep their bytes: comments, quotes,
// blank lines and anchors.
type splicer struct {
	raw   []byte
	lines []int // where each begins
	style yaml.EncoderOptions
	edits []edit
}

// edit puts text in the place of raw[start:end].
type edit struct {
	start, end int
	text       string
}

// child is an entry of a block mapping or an item of a block sequence.
type child struct {
	node   *yaml.Node
	start  int  // its first byte: the key's, or the dash's
	end    int  // behind its last line that is neither blank nor a comment of another
	column int  // of start, from 1
	shared bool // its line begins with something else, as "- name: x" does
}

func newSplicer(raw []byte) *splicer {
	s := &splicer{raw: raw, lines: []int{0}}
	for i, c := range raw {
		if c == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	s.style.SeqIndent = yaml.SequenceIndentStyle(yaml.DeriveSeqIndentStyle(string(raw)))
	return s
}

// apply returns the text with all edits made, or false when they collide.
func (s *splicer) apply() ([]byte, bool) {
	slices.SortStableFunc(s.edits, func(a, b edit) int { return cmp.Compare(a.start, b.start) })
	var out []byte
	at := 0
	for _, e := range s.edits {
		if e.start < at || e.end < e.start {
			return nil, false
		}
		out = append(out, s.raw[at:e.start]...)
		text := []byte(e.text)
		if bytes.Contains(s.raw, []byte("\r\n")) {
			text = bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
		}
		out = append(out, text...)
		at = e.end
	}
	return append(out, s.raw[at:]...), true
}

// offset returns the place of a node, or -1 when it has none in the text.
func (s *splicer) offset(n *yaml.Node) int {
	if n.Line < 1 || n.Line > len(s.lines) || n.Column < 1 {
		return -1
	}
	at := s.lines[n.Line-1]
	for range n.Column - 1 {
		if at >= len(s.raw) {
			return -1
		}
		_, size := utf8.DecodeRune(s.raw[at:])
		at += size
	}
	return at
}

// lineStart returns where the line of offset begins.
func (s *splicer) lineStart(offset int) int {
	return bytes.LastIndexByte(s.raw[:offset], '\n') + 1
}

// value edits what differs between was, a node of the text that ends before
// end, and is. It returns false when that takes writing the node as a whole.
func (s *splicer) value(was, is *yaml.Node, end int) bool {
	if was.Kind != is.Kind {
		return false
	}
	before := len(s.edits)
	done := false
	switch was.Kind {
	case yaml.MappingNode:
		done = s.mapping(was, is, end)
	case yaml.SequenceNode:
		done = s.sequence(was, is, end)
	case yaml.ScalarNode:
		done = s.scalar(was, is) || s.literal(was, is, end)
	}
	if !done {
		s.edits = s.edits[:before]
	}
	return done
}

// scalar replaces a scalar of one line, so that a comment behind it stays.
func (s *splicer) scalar(was, is *yaml.Node) bool {
	start := s.offset(was)
	token := was.Value
	switch {
	case was.Style&yaml.DoubleQuotedStyle != 0:
		token = `"` + token + `"`
	case was.Style&yaml.SingleQuotedStyle != 0:
		token = `'` + token + `'`
	case was.Style != 0 || was.Value == "":
		return false
	}
	if start < 0 || was.Anchor != "" || !bytes.HasPrefix(s.raw[start:], []byte(token)) {
		return false
	}
	text, ok := s.encode(&yaml.Node{Kind: yaml.ScalarNode, Tag: is.Tag, Value: is.Value, Style: is.Style})
	if !ok || bytes.IndexByte([]byte(text), '\n') != len(text)-1 {
		return false
	}
	s.edits = append(s.edits, edit{start, start + len(token), text[:len(text)-1]})
	return true
}

// literal writes a block of text ("|") with its own indentation. The encoder
// would make one line in quotes of it when a line ends with a space.
func (s *splicer) literal(was, is *yaml.Node, end int) bool {
	start := s.offset(was)
	if start < 0 || was.Anchor != "" || was.Style&yaml.LiteralStyle == 0 || is.Style&yaml.LiteralStyle == 0 {
		return false
	}
	head, body, found := bytes.Cut(s.raw[start:end], []byte("\n"))
	if !found || is.Value == "" || is.Value[0] == ' ' || is.Value[0] == '\n' {
		return false
	}
	indent := -1
	for line := range bytes.Lines(body) {
		if text := bytes.TrimLeft(line, " "); len(bytes.TrimSpace(text)) > 0 {
			indent = len(line) - len(text)
			break
		}
	}
	chomp := "-"
	if text := strings.TrimRight(is.Value, "\n"); len(is.Value) == len(text)+1 {
		chomp = ""
	} else if len(is.Value) > len(text) {
		chomp = "+"
	}
	match := literalHead.FindSubmatch(head)
	if indent < 0 || match == nil {
		return false
	}
	out := append([]byte("|"+chomp), bytes.TrimRight(match[1], "\r")...)
	out = append(out, '\n')
	for line := range strings.Lines(is.Value) {
		if line != "\n" {
			out = append(out, bytes.Repeat([]byte(" "), indent)...)
		}
		out = append(out, line...)
	}
	if text := string(bytes.TrimSuffix(out, []byte("\n"))); s.raw[end-1] != '\n' {
		s.edits = append(s.edits, edit{start, end, text})
	} else {
		s.edits = append(s.edits, edit{start, end, text + "\n"})
	}
	return true
}

// literalHead is the first line of a block of text: a mark for how it ends, and a comment.
var literalHead = regexp.MustCompile(`^\|[-+]?([ \t]*(?:#.*)?\r?)$`)

// mapping edits the entries of a block mapping.
func (s *splicer) mapping(was, is *yaml.Node, end int) bool {
	if was.Style&yaml.FlowStyle != 0 || hasMerge(was) || len(was.Content) == 0 {
		return false
	}
	places := map[string]int{}
	children := make([]child, len(was.Content)/2)
	for i := range children {
		k := was.Content[2*i]
		if _, twice := places[k.Value]; twice || k.Kind != yaml.ScalarNode {
			return false
		}
		places[k.Value] = i
		children[i] = child{node: was.Content[2*i+1], start: s.offset(k), column: k.Column}
	}
	matches := make([]int, len(is.Content)/2)
	for j := range matches {
		matches[j] = -1
		if i, there := places[is.Content[2*j].Value]; there {
			matches[j] = i
		}
	}
	return s.collection(children, matches, end, func(i, j, end int) bool {
		was, is := was.Content[2*i+1], is.Content[2*j+1]
		return same(was, is) || s.value(was, is, end)
	}, func(j int) *yaml.Node {
		k, v := *is.Content[2*j], is.Content[2*j+1]
		k.HeadComment, k.FootComment = "", ""
		return &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{&k, v}}
	})
}

// sequence edits the items of a block sequence.
func (s *splicer) sequence(was, is *yaml.Node, end int) bool {
	if was.Style&yaml.FlowStyle != 0 || len(was.Content) == 0 {
		return false
	}
	children := make([]child, len(was.Content))
	line := was.Line
	for i, item := range was.Content {
		at := s.dash(item, was.Column, line)
		if at < 0 {
			return false
		}
		children[i] = child{node: item, start: at, column: was.Column}
		line = item.Line
	}
	return s.collection(children, align(was.Content, is.Content), end, func(i, j, end int) bool {
		return same(was.Content[i], is.Content[j]) || s.value(was.Content[i], is.Content[j], end)
	}, func(j int) *yaml.Node {
		item := *is.Content[j]
		item.HeadComment, item.FootComment = "", ""
		return &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{&item}}
	})
}

// dash finds the dash of a sequence's item: in its column, on the item's line
// or above it, but not above the line first.
func (s *splicer) dash(item *yaml.Node, column, first int) int {
	for line := min(item.Line, len(s.lines)); line >= max(first, 1); line-- {
		at := s.offset(&yaml.Node{Line: line, Column: column})
		if at >= 0 && at < len(s.raw) && s.raw[at] == '-' && s.lines[line-1] <= at {
			return at
		}
	}
	return -1
}

// collection edits the children of a node that ends before end. matches says
// which child each of the new ones was, -1 for none; change edits child i to
// be what the new j is, and fragment returns the new j in a collection of one.
func (s *splicer) collection(children []child, matches []int, end int, change func(i, j, end int) bool, fragment func(j int) *yaml.Node) bool {
	if !s.measure(children, end) {
		return false
	}
	deleted := make([]bool, len(children))
	for i := range deleted {
		deleted[i] = !slices.Contains(matches, i)
	}
	last := -1 // the child behind which new ones go
	for j, i := range matches {
		if i < 0 {
			if !s.insert(children, last, fragment(j)) {
				return false
			}
			continue
		}
		if i <= last { // another order
			return false
		}
		last = i
		if !change(i, j, children[i].end) && !s.replace(children[i], fragment(j)) {
			return false
		}
	}
	if last < 0 {
		return false
	}
	for i := range children {
		if deleted[i] {
			s.remove(children, i)
		}
	}
	return true
}

// measure finds out where children end.
func (s *splicer) measure(children []child, end int) bool {
	for i := range children {
		c := &children[i]
		if c.start < 0 || c.start >= end {
			return false
		}
		begin := s.lineStart(c.start)
		c.shared = len(bytes.TrimLeft(s.raw[begin:c.start], " ")) > 0
		limit := end
		if i+1 < len(children) {
			if children[i+1].start <= c.start {
				return false
			}
			limit = s.lineStart(children[i+1].start)
		}
		if limit <= c.start {
			return false
		}
		c.end = s.trim(c.start, limit, c.column, endsBlank(c.node))
	}
	return true
}

// endsBlank reports whether the blank lines at the end of a node are a part of
// it, as they are of a block of text with a "+".
func endsBlank(n *yaml.Node) bool {
	for n.Kind != yaml.ScalarNode {
		if len(n.Content) == 0 || n.Style&yaml.FlowStyle != 0 {
			return false
		}
		n = n.Content[len(n.Content)-1]
	}
	return n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 && (n.Value == "" || strings.HasSuffix(n.Value, "\n\n"))
}

// trim returns end, moved before the blank lines (unless these belong to what
// ends there) and the comments at its end that stand no deeper than column.
func (s *splicer) trim(start, end, column int, blank bool) int {
	for {
		begin := s.lineStart(end - 1)
		if begin <= start {
			return end
		}
		line := s.raw[begin:end]
		text := bytes.TrimLeft(line, " \t")
		comment := bytes.HasPrefix(text, []byte("#")) && len(line)-len(text) < column
		if !comment && (blank || len(bytes.TrimSpace(text)) > 0) {
			return end
		}
		end = begin
	}
}

// replace writes a child anew.
func (s *splicer) replace(c child, fragment *yaml.Node) bool {
	text, ok := s.indented(fragment, c.column)
	if !ok {
		return false
	}
	if s.raw[c.end-1] != '\n' {
		text = text[:len(text)-1]
	}
	s.edits = append(s.edits, edit{c.start, c.end, text})
	return true
}

// insert writes a new child behind the child at last, or before all when that
// is -1.
func (s *splicer) insert(children []child, last int, fragment *yaml.Node) bool {
	text, ok := s.indented(fragment, children[max(last, 0)].column)
	if !ok {
		return false
	}
	indent := string(bytes.Repeat([]byte(" "), children[0].column-1))
	switch {
	case last < 0:
		s.edits = append(s.edits, edit{children[0].start, children[0].start, text + indent})
	case s.raw[children[last].end-1] != '\n':
		s.edits = append(s.edits, edit{children[last].end, children[last].end, "\n" + indent + text[:len(text)-1]})
	default:
		s.edits = append(s.edits, edit{children[last].end, children[last].end, indent + text})
	}
	return true
}

// remove takes a child out, and the comment right above it.
func (s *splicer) remove(children []child, i int) {
	c := children[i]
	if c.shared { // what shares its line now begins with the next
		if i+1 < len(children) {
			s.edits = append(s.edits, edit{c.start, children[i+1].start, ""})
		} else {
			s.edits = append(s.edits, edit{c.start, c.end, ""})
		}
		return
	}
	begin := s.lineStart(c.start)
	for begin > 0 {
		above := s.lineStart(begin - 1)
		line := s.raw[above:begin]
		text := bytes.TrimLeft(line, " ")
		if text[0] != '#' || len(line)-len(text) != c.column-1 || i > 0 && above < children[i-1].end {
			break
		}
		begin = above
	}
	s.edits = append(s.edits, edit{begin, c.end, ""})
}

// indented is a fragment's text with all lines but the first moved to column.
func (s *splicer) indented(fragment *yaml.Node, column int) (string, bool) {
	text, ok := s.encode(fragment)
	if !ok {
		return "", false
	}
	indent := bytes.Repeat([]byte(" "), column-1)
	var out []byte
	first := true
	for line := range bytes.Lines([]byte(text)) {
		if !first && len(bytes.TrimSpace(line)) > 0 {
			out = append(out, indent...)
		}
		first = false
		out = append(out, line...)
	}
	return string(out), true
}

func (s *splicer) encode(n *yaml.Node) (string, bool) {
	text, err := yaml.MarshalWithOptions(n, &s.style)
	return string(text), err == nil && len(text) > 0
}
