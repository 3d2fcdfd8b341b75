package topology

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"time"

	"github.com/dlclark/regexp2"
)

// Match says how the keys of `nodes`, Python regular expressions, are held
// against a node name.
type Match string

// The ways to match. The empty Match is Whole.
const (
	// Whole takes a node when the expression matches its whole name.
	Whole Match = "whole"
	// Prefix takes a node when the expression matches the beginning of its
	// name, as Python's re.match does and as the first implementation did.
	Prefix Match = "prefix"
)

// matchTimeout bounds one match of an expression that only a backtracking
// engine understands, matchBudget all of them that a set makes.
const (
	matchTimeout = time.Second
	matchBudget  = 10 * time.Second
)

// pattern is one key of `nodes`, compiled.
type pattern struct {
	source string
	// expr is source in the spelling that both engines of Go read.
	expr string
	// end closes the group around expr: behind a comment, which (?x) allows, it
	// stands in a line of its own.
	end string
	// linear says that Go's regexp, which takes linear time, reads expr. The
	// rest (lookaheads, backreferences) goes to regexp2.
	linear bool
}

// escape is a backslash and what it escapes, knownEscape one with a letter that
// Python's expressions have a meaning for. Go's engines have one for others: \Q,
// \E, \C, \p, \k.
var (
	escape      = regexp.MustCompile(`(?s)\\.`)
	knownEscape = regexp.MustCompile(`^\\([^A-Za-z]|[AbBdDsSwWZzafnrtvxuUN])$`)
)

// compilePattern checks source. The error does not repeat it.
func compilePattern(source string) (*pattern, error) {
	for _, e := range escape.FindAllString(source, -1) {
		if !knownEscape.MatchString(e) {
			return nil, fmt.Errorf("not a regular expression: bad escape %s", e)
		}
	}
	p := &pattern{source: source, expr: translate(source), end: ")"}
	_, err := regexp.Compile(p.expr)
	if err == nil {
		p.linear = true
		return p, nil
	}
	if _, err2 := regexp2.Compile(p.expr, regexp2.None); err2 != nil {
		var parse *syntax.Error
		if errors.As(err, &parse) {
			return nil, fmt.Errorf("not a regular expression: %s: %q", parse.Code, parse.Expr)
		}
		return nil, fmt.Errorf("not a regular expression: %w", err)
	}
	if _, err := regexp2.Compile(p.anchored(Whole), regexp2.None); err != nil {
		p.end = "\n)"
		if _, err := regexp2.Compile(p.anchored(Whole), regexp2.None); err != nil {
			return nil, fmt.Errorf("not a regular expression: %w", err)
		}
	}
	return p, nil
}

// anchored is the expression that finds something in a name exactly when the
// pattern takes it.
func (p *pattern) anchored(mode Match) string {
	if mode == Prefix {
		return `\A(?:` + p.expr + p.end
	}
	return `\A(?:` + p.expr + p.end + `\z`
}

// matcher returns the plain reading of the pattern. The error of a match is a
// timeout; left is what is left of the budget that it shares with others.
func (p *pattern) matcher(mode Match, left *time.Duration) func(name string) (bool, error) {
	if p.linear {
		re := regexp.MustCompile(p.anchored(mode))
		return func(name string) (bool, error) { return re.MatchString(name), nil }
	}
	re := regexp2.MustCompile(p.anchored(mode), regexp2.None)
	return func(name string) (bool, error) {
		if *left <= 0 {
			return false, fmt.Errorf("matching the nodes' names takes longer than %v in all; write the expressions without nested repetition", matchBudget)
		}
		re.MatchTimeout = min(matchTimeout, *left)
		start := time.Now()
		ok, err := re.MatchString(name)
		*left -= time.Since(start)
		if err != nil {
			return false, fmt.Errorf("matching %q takes longer than %v; write the expression without nested repetition", name, re.MatchTimeout)
		}
		return ok, nil
	}
}

// literalPrefix is what every name that the pattern takes begins with; whole
// says that it takes that one name only.
func (p *pattern) literalPrefix(mode Match) (prefix string, whole bool) {
	body, ended := p.unanchored()
	re, err := regexp.Compile(body)
	if err != nil {
		return "", false
	}
	prefix, complete := re.LiteralPrefix()
	return prefix, complete && (ended || mode != Prefix)
}

// unanchored is the expression without a ^ before and a $ behind it, which
// change nothing but whether a prefix is enough (ended). Where there are
// alternatives they belong to one of them, and stay.
func (p *pattern) unanchored() (body string, ended bool) {
	if strings.Contains(p.expr, "|") {
		return p.expr, false
	}
	body = strings.TrimPrefix(strings.TrimPrefix(p.expr, `\A`), "^")
	for _, end := range []string{"$", `\z`} {
		rest, ok := strings.CutSuffix(body, end)
		if ok && !strings.HasSuffix(rest, `\`) {
			return rest, true
		}
	}
	return body, false
}

// nodeName is the form of the name of a Kubernetes node: a DNS subdomain.
var nodeName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)

func validNodeName(name string) bool { return len(name) <= 253 && nodeName.MatchString(name) }

// name returns the one node that the pattern means when there is no inventory
// to hold it against. A dot between letters is read as a dot.
func (p *pattern) name(mode Match) (string, bool) {
	name, whole := p.literalPrefix(mode)
	if !whole {
		body, ended := p.unanchored()
		name, whole = body, ended || mode != Prefix
	}
	return name, whole && validNodeName(name)
}

// matchesAll reports whether the pattern is plainly one that takes any name.
func (p *pattern) matchesAll(mode Match) bool {
	body, ended := p.unanchored()
	return body == ".*" || body == ".+" || mode == Prefix && !ended && (body == "" || body == ".")
}

// mayOverlap reports whether there may be a name that both patterns take.
func mayOverlap(p, q *pattern, mode Match) bool {
	a, _ := p.literalPrefix(mode)
	b, _ := q.literalPrefix(mode)
	return strings.HasPrefix(a, b) || strings.HasPrefix(b, a)
}

// bounds is a repetition without a lower bound, which only Python knows.
var bounds = regexp.MustCompile(`^\{,\d*\}`)

// translate turns Python's spelling of a regular expression into one that both
// regexp and regexp2 read alike:
//
//	(?P<name>…)  (?<name>…)     \Z     \z
//	(?P=name)    \k<name>       {,n}   {0,n}
//
// and inside a class it escapes [ and a ] that stands first, which Python
// takes as they are.
func translate(source string) string {
	var out strings.Builder
	class := false
	for i := 0; i < len(source); {
		rest := source[i:]
		from, to := rest[:1], rest[:1]
		switch {
		case rest[0] == '\\' && len(rest) > 1:
			from, to = rest[:2], rest[:2]
			if to == `\Z` && !class {
				to = `\z`
			}
		case class && rest[0] == '[':
			to = `\[`
		case class:
			class = rest[0] != ']'
		case rest[0] == '[':
			class = true
			from = classStart(rest)
			to = strings.Replace(from, "]", `\]`, 1)
		case strings.HasPrefix(rest, "(?P<"):
			from, to = "(?P<", "(?<"
		case strings.HasPrefix(rest, "(?P=") && strings.Contains(rest, ")"):
			from = rest[:strings.Index(rest, ")")+1]
			to = `\k<` + from[len("(?P="):len(from)-1] + ">"
		case bounds.MatchString(rest):
			from, to = "{,", "{0,"
		}
		out.WriteString(to)
		i += len(from)
	}
	return out.String()
}

// classStart is the beginning of a class up to where a ] would close it.
func classStart(rest string) string {
	n := 1
	if strings.HasPrefix(rest[n:], "^") {
		n++
	}
	if strings.HasPrefix(rest[n:], "]") {
		n++
	}
	return rest[:n]
}
