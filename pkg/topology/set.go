package topology

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
)

// alphabet holds the bytes of valid node names; other names take the slow way.
const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789-."

// letters is 1 more than a byte's place in the alphabet, 0 for all others.
var letters = func() (table [256]uint8) {
	for i := range len(alphabet) {
		table[alphabet[i]] = uint8(i + 1)
	}
	return table
}()

// maxStates bounds the memory of a machine, see set.
const maxStates = 4096

// set holds many patterns against one name in a single walk over its letters,
// so that the time hardly grows with the number of patterns.
//
// It is the textbook automaton: the patterns are compiled to one program for a
// nondeterministic machine, whose sets of live instructions become states of a
// deterministic one the first time that a name leads to them. Patterns that
// keep each other in many states are parted: a machine that comes to know
// maxStates gives way to two, each with half of its patterns. Patterns that
// look around themselves (\b, lookaheads) are matched one by one.
type set struct {
	machines []*machine
	slow     []int                             // patterns that no machine has
	plain    []func(name string) (bool, error) // every pattern by itself
	matches  []int                             // the result of match
}

// machine is the automaton of some patterns.
type machine struct {
	patterns []compiled
	program  []syntax.Inst
	starts   []uint32

	start  *state
	states map[string]*state
	full   bool // it came to know maxStates
	// live and seen are the set of instructions that is being built.
	live []uint32
	seen []uint32
	turn uint32
	key  []byte // of a state, while it is looked for
}

// compiled is the program of the pattern with an index.
type compiled struct {
	index   int
	program *syntax.Prog
}

// state is one state of a machine.
type state struct {
	live    []uint32 // sorted: instructions that read a letter, match, or wait for the end
	next    [len(alphabet)]*state
	matches []int // patterns that take a name that ends here
}

// matchError says which pattern could not be held against a name.
type matchError struct {
	index int
	err   error
}

func (e *matchError) Error() string { return e.err.Error() }

func newSet(patterns []*pattern, mode Match) *set {
	s := &set{plain: make([]func(string) (bool, error), len(patterns))}
	left := matchBudget
	var fast []compiled
	for i, p := range patterns {
		s.plain[i] = p.matcher(mode, &left)
		if program := p.program(mode); program != nil {
			fast = append(fast, compiled{i, program})
		} else {
			s.slow = append(s.slow, i)
		}
	}
	s.machines = []*machine{newMachine(fast)}
	return s
}

// match returns the indexes of the patterns that take name, ascending. They
// are good until the next call. An error is a *matchError.
func (s *set) match(name string) ([]int, error) {
	s.matches = s.matches[:0]
	for i := range len(name) {
		if letters[name[i]] == 0 {
			for p := range s.plain {
				if err := s.matchPlain(p, name); err != nil {
					return nil, err
				}
			}
			return s.matches, nil
		}
	}
	for i, m := range s.machines {
		s.matches = append(s.matches, m.match(name)...)
		if half := len(m.patterns) / 2; m.full && half > 0 {
			s.machines[i] = newMachine(m.patterns[:half])
			s.machines = append(s.machines, newMachine(m.patterns[half:]))
		}
	}
	for _, p := range s.slow {
		if err := s.matchPlain(p, name); err != nil {
			return nil, err
		}
	}
	slices.Sort(s.matches)
	return s.matches, nil
}

// matchPlain adds pattern p to the matches if it takes name.
func (s *set) matchPlain(p int, name string) error {
	ok, err := s.plain[p](name)
	if err != nil {
		return &matchError{p, err}
	}
	if ok {
		s.matches = append(s.matches, p)
	}
	return nil
}

// program compiles the pattern so that it takes a name when it matches all of
// it, in either mode. It is nil when the pattern needs more than one letter at
// a time to be decided.
func (p *pattern) program(mode Match) *syntax.Prog {
	if !p.linear {
		return nil
	}
	expr := p.expr
	if mode == Prefix {
		expr = `(?:` + expr + `)(?s:.*)`
	}
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return nil
	}
	for _, in := range prog.Inst {
		if in.Op == syntax.InstEmptyWidth && syntax.EmptyOp(in.Arg)&^(syntax.EmptyBeginText|syntax.EmptyEndText) != 0 {
			return nil
		}
	}
	return prog
}

func newMachine(patterns []compiled) *machine {
	m := &machine{patterns: patterns}
	for _, p := range patterns {
		m.add(p)
	}
	m.seen = make([]uint32, len(m.program))
	m.forget()
	return m
}

// add appends the program of one pattern, its jumps moved behind what is there.
func (m *machine) add(p compiled) {
	base := uint32(len(m.program))
	for _, in := range p.program.Inst {
		in.Out += base
		switch in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			in.Arg += base
		case syntax.InstMatch:
			in.Arg = uint32(p.index)
		}
		m.program = append(m.program, in)
	}
	m.starts = append(m.starts, base+uint32(p.program.Start))
}

// forget drops all states and makes the first one anew.
func (m *machine) forget() {
	m.states = map[string]*state{}
	m.begin()
	for _, pc := range m.starts {
		m.follow(pc, syntax.EmptyBeginText)
	}
	m.start = m.state(syntax.EmptyBeginText)
}

// match returns the patterns that take name, which is of the alphabet. The
// slice is the state's.
func (m *machine) match(name string) []int {
	at := m.start
	for i := range len(name) {
		letter := letters[name[i]] - 1
		next := at.next[letter]
		if next == nil {
			next = m.step(at, name[i])
			at.next[letter] = next
		}
		at = next
	}
	return at.matches
}

// step is the state that the letter c leads to.
func (m *machine) step(from *state, c byte) *state {
	m.begin()
	for _, pc := range from.live {
		in := &m.program[pc]
		switch in.Op {
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			if in.MatchRune(rune(c)) {
				m.follow(in.Out, 0)
			}
		}
	}
	if len(m.states) >= maxStates {
		live := slices.Clone(m.live)
		m.full = true
		m.forget()
		m.begin()
		m.live = append(m.live, live...)
	}
	return m.state(0)
}

// begin empties the set of live instructions.
func (m *machine) begin() {
	m.live = m.live[:0]
	m.turn++
	if m.turn == 0 { // wrapped around: old marks could be taken for new ones
		clear(m.seen)
		m.turn = 1
	}
}

// follow adds pc and what it leads to without reading a letter. here says
// which conditions hold at this place of the name; one that holds only at its
// end is kept, to be looked at when the name ends.
func (m *machine) follow(pc uint32, here syntax.EmptyOp) {
	if m.seen[pc] == m.turn {
		return
	}
	m.seen[pc] = m.turn
	in := &m.program[pc]
	switch in.Op {
	case syntax.InstFail:
	case syntax.InstAlt, syntax.InstAltMatch:
		m.follow(in.Out, here)
		m.follow(in.Arg, here)
	case syntax.InstCapture, syntax.InstNop:
		m.follow(in.Out, here)
	case syntax.InstEmptyWidth:
		switch need := syntax.EmptyOp(in.Arg); {
		case need&^here == 0:
			m.follow(in.Out, here)
		case need&syntax.EmptyEndText != 0:
			m.live = append(m.live, pc)
		}
	default:
		m.live = append(m.live, pc)
	}
}

// state finds or makes the state of the live instructions.
func (m *machine) state(here syntax.EmptyOp) *state {
	slices.Sort(m.live)
	m.key = append(m.key[:0], byte(here))
	for _, pc := range m.live {
		m.key = binary.LittleEndian.AppendUint32(m.key, pc)
	}
	if known, ok := m.states[string(m.key)]; ok {
		return known
	}
	st := &state{live: slices.Clone(m.live)}
	m.states[string(m.key)] = st

	m.begin()
	for _, pc := range st.live {
		m.follow(pc, here|syntax.EmptyEndText)
	}
	for _, pc := range m.live {
		if in := &m.program[pc]; in.Op == syntax.InstMatch {
			st.matches = append(st.matches, int(in.Arg))
		}
	}
	slices.Sort(st.matches)
	st.matches = slices.Compact(st.matches)
	return st
}
