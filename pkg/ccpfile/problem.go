package ccpfile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Position is a place in a file. Line and Column count from 1, columns in
// characters; the zero Position is no place at all.
type Position struct {
	File         string
	Line, Column int
}

// String returns "file:line:column", and as much of it as is known.
func (p Position) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	default:
		return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
	}
}

func comparePositions(a, b Position) int {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}

// Problem is one fault, or one thing worth telling, of a ccp.yaml: where it
// stands, the path of the value within the file (such as
// "nodes.node1.roles[1]"), and what is wrong with it and what to do. A Message
// never holds the value of a secret.
type Problem struct {
	Pos     Position
	Path    string
	Message string
}

// Error returns "file:line:column: path: message"; parts that are empty are
// left out.
func (p Problem) Error() string {
	var parts []string
	for _, part := range []string{p.Pos.String(), p.Path, p.Message} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ": ")
}

// Problems is an error made of all the faults that were found.
type Problems []Problem

// Error returns the problems one a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Err returns the problems in the order of their positions (those of one place
// in the order they were found) as an error, or nil when there are none.
func (ps Problems) Err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps.sorted()
}

func (ps Problems) sorted() Problems {
	out := slices.Clone(ps)
	slices.SortStableFunc(out, func(a, b Problem) int { return comparePositions(a.Pos, b.Pos) })
	return out
}
