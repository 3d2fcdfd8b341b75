package topology

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestTranslate(t *testing.T) {
	t.Parallel()
	for python, want := range map[string]string{
		`node[1-3]$`:           `node[1-3]$`,
		`(?P<rack>a)(?P=rack)`: `(?<rack>a)\k<rack>`,
		`node\Z`:               `node\z`,
		`\\Z`:                  `\\Z`,
		`a{,3}b{,}c{2,}d{`:     `a{0,3}b{0,}c{2,}d{`,
		`[]a]`:                 `[\]a]`,
		`[^]a]`:                `[^\]a]`,
		`[[:a]`:                `[\[:a]`,
		`[a\]{,2}](?P<`:        `[a\]{,2}](?<`,
		`(?P=`:                 `(?P=`,
		`\`:                    `\`,
	} {
		if got := translate(python); got != want {
			t.Errorf("translate(%s) = %s, want %s", python, got, want)
		}
	}
}

func TestMatchers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		pattern, name string
		whole, prefix bool
	}{
		{`node1`, "node1", true, true},
		{`node1`, "node10", false, true},
		{`node1`, "xnode1", false, false},
		{`node1$`, "node10", false, false},
		{`a|b`, "ab", false, true},
		{`a|bc`, "bc", true, true},
		{`node([4-9]|10|11|12)$`, "node12", true, true},
		{``, "", true, true},
		{``, "a", false, true},
		{`.*`, "anything", true, true},
		{`^$`, "", true, true},
		{`$^`, "", true, true},
		{`a\Z`, "a", true, true},
		{`(?i)NODE`, "node", true, true},
		{`(?P<d>\d)-node`, "1-node", true, true},
		{`(?P<d>\d)(?P=d)-node`, "11-node", true, true},
		{`(?P<d>\d)(?P=d)-node`, "12-node", false, false},
		{`node(?!3)\d`, "node2", true, true},
		{`node(?!3)\d`, "node3", false, false},
		{`node(?!3)\d`, "node22", false, true},
		{`.*(?<=-gpu)`, "rack-gpu", true, true},
		{`\bnode\b-.*`, "node-1", true, true},
		{`a{,2}`, "aa", true, true},
		{`a{,2}`, "aaa", false, true},
		{`[[:a]+`, "[:a", true, true},
		{`(?x)node1 # the first`, "node1", true, true},
		{`(?x)node1 # the first`, "node10", false, true},
		{`(?x)node1 # the )`, "node1", true, true},
		{`(?x) node 1`, "node1", true, true},
		{`node\\.?(?=1)1`, "node1", false, false},
		{`\\Q`, `\Q`, true, true},
	} {
		p, err := compilePattern(test.pattern)
		if err != nil {
			t.Errorf("%s: %v", test.pattern, err)
			continue
		}
		for mode, want := range map[Match]bool{Whole: test.whole, Prefix: test.prefix} {
			matches, err := newSet([]*pattern{p}, mode).match(test.name)
			if err != nil || (len(matches) == 1) != want {
				t.Errorf("%s takes %s as %s: %v, %v, want %v", test.pattern, test.name, mode, matches, err, want)
			}
			if got, err := p.matcher(mode, budget())(test.name); err != nil || got != want {
				t.Errorf("%s takes %s plainly as %s: %v, %v, want %v", test.pattern, test.name, mode, got, err, want)
			}
		}
	}
}

func budget() *time.Duration {
	all := matchBudget
	return &all
}

func TestBadPatterns(t *testing.T) {
	t.Parallel()
	for _, source := range []string{`(`, `)`, `a)|(b`, `[`, `*`, `a**`, `(?P<`, `\`, `(?<!`, `(?z)`, `[b-a]`,
		`\Qnode1`, `a\E`, `[\Q]`, `\pL`, `\\\C`, `(?=a)\Qa`, `\Ka`, `(?<n>a)\k<n>`} {
		if p, err := compilePattern(source); err == nil {
			t.Errorf("%s compiled to %s", source, p.expr)
		}
	}
}

func TestAMatchThatTakesTooLongIsAProblem(t *testing.T) {
	t.Parallel()
	o := options(strings.Repeat("a", 60) + "b")
	got := problems(t, "nodes: {'(a+)+(?=c)': {roles: []}}\n", o)
	if !strings.HasPrefix(got, `ccp.yaml:1:9: nodes."(a+)+(?=c)": matching "aaa`) || !strings.Contains(got, "takes longer than 1s") {
		t.Error(got)
	}
	m, err := NewMatcher([]Group{{Pattern: "(a+)+(?=c)"}}, Whole)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := m.Labels(o.Inventory.Nodes[0].Name); err == nil || !strings.HasPrefix(err.Error(), `nodes "(a+)+(?=c)": matching`) {
		t.Error(err)
	}
}

func TestMatchesThatTakeTooLongInAllAreAProblem(t *testing.T) {
	t.Parallel()
	p, err := compilePattern(`node(?=-)-1`)
	if err != nil {
		t.Fatal(err)
	}
	left := matchBudget
	match := p.matcher(Whole, &left)
	if ok, err := match("node-1"); !ok || err != nil || left >= matchBudget {
		t.Fatal(ok, err, left)
	}
	left = 0
	if _, err := match("node-1"); err == nil || !strings.Contains(err.Error(), "longer than 10s in all") {
		t.Error(err)
	}
}

func TestASetThatForgetsItsStatesStillMatches(t *testing.T) {
	t.Parallel()
	p, err := compilePattern(`.*a.{12}`)
	if err != nil {
		t.Fatal(err)
	}
	s := newSet([]*pattern{p}, Whole)
	re := regexp.MustCompile(`^(.*a.{12})$`)
	for i := range 1 << 13 {
		name := make([]byte, 14)
		for bit := range name {
			name[bit] = "ab"[i*2654435761>>bit&1]
		}
		matches, err := s.match(string(name))
		if err != nil || (len(matches) == 1) != re.Match(name) {
			t.Fatalf("%s: %v, %v", name, matches, err)
		}
	}
	if m := s.machines[0]; !m.full || len(m.states) > maxStates {
		t.Errorf("%d states: the test should reach %d and begin again", len(m.states), maxStates)
	}
}

func TestASetPartsPatternsThatMakeTooManyStates(t *testing.T) {
	t.Parallel()
	var patterns []*pattern
	var plain []*regexp.Regexp
	for _, source := range []string{`.*a.{12}`, `.*b.{12}`, `.*aa.*`, `a.*`} {
		p, err := compilePattern(source)
		if err != nil {
			t.Fatal(err)
		}
		patterns = append(patterns, p)
		plain = append(plain, regexp.MustCompile("^("+source+")$"))
	}
	s := newSet(patterns, Whole)
	for i := range 1 << 13 {
		name := make([]byte, 14)
		for bit := range name {
			name[bit] = "ab"[i*2654435761>>bit&1]
		}
		got, err := s.match(string(name))
		if err != nil {
			t.Fatal(err)
		}
		var want []int
		for i, re := range plain {
			if re.Match(name) {
				want = append(want, i)
			}
		}
		if len(got) != len(want) || !equal(got, want) {
			t.Fatalf("%s: got %v, want %v", name, got, want)
		}
	}
	if len(s.machines) == 1 {
		t.Errorf("one machine with %d states: the test should part it", len(s.machines[0].states))
	}
}

// FuzzMatch holds the automaton against Go's regexp, pattern by pattern.
func FuzzMatch(f *testing.F) {
	f.Add("node[1-3]$\nnode1\nnode(1|2|10)", "node10")
	f.Add(".*-gpu\nrack[0-9]+-node.*\n(?i)RACK", "rack12-node-7")
	f.Add("^a$\na|b\n\n(a|ab)(c|bcd)*", "abcd")
	f.Add("\\bnode\\B\n(?m)^a$\n\\Aa\\Z", "a")
	f.Add("$^\n(^a|b$|^)*\n(a*)*", "")
	f.Add("[[:]\nx{,3}\n(?P<a>x)", "xxx")
	f.Add("|$\na|$\n^|b", "0")
	f.Add("é.\n(?i)k", "éK")
	f.Fuzz(func(t *testing.T, sources, name string) {
		if len(sources) > 200 || len(name) > 100 {
			t.Skip()
		}
		var patterns []*pattern
		for _, source := range strings.Split(sources, "\n") {
			if p, err := compilePattern(source); err == nil && p.linear {
				patterns = append(patterns, p)
			}
		}
		for mode, form := range map[Match]string{Whole: `^(?:%)$`, Prefix: `^(?:%)`} {
			s := newSet(patterns, mode)
			for range 2 { // the second time from the states that are known
				matches, err := s.match(name)
				if err != nil {
					t.Fatal(err)
				}
				var want []int
				for i, p := range patterns {
					if regexp.MustCompile(strings.Replace(form, "%", p.expr, 1)).MatchString(name) {
						want = append(want, i)
					}
				}
				if len(matches) != len(want) || len(want) > 0 && !equal(matches, want) {
					t.Fatalf("%q as %s: got %v, want %v", name, mode, matches, want)
				}
			}
			checkLiterals(t, patterns, mode, name)
		}
	})
}

// checkLiterals holds what is known without an inventory against a name.
func checkLiterals(t *testing.T, patterns []*pattern, mode Match, name string) {
	for _, p := range patterns {
		takes, err := p.matcher(mode, budget())(name)
		if err != nil {
			t.Fatal(err)
		}
		prefix, whole := p.literalPrefix(mode)
		if takes && (!strings.HasPrefix(name, prefix) || whole && name != prefix) {
			t.Errorf("%q takes %q as %s, which is not %q", p.source, name, mode, prefix)
		}
		if p.matchesAll(mode) && !takes && validNodeName(name) {
			t.Errorf("%q does not take %q as %s", p.source, name, mode)
		}
		for _, q := range patterns {
			if also, _ := q.matcher(mode, budget())(name); takes && also && !mayOverlap(p, q, mode) {
				t.Errorf("%q and %q meet on %q as %s", p.source, q.source, name, mode)
			}
		}
	}
}

func equal(a, b []int) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
