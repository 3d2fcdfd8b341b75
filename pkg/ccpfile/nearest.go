package ccpfile

import "strings"

// Nearest returns the candidate that name was most likely meant to be, for a
// "did you mean", or "" when none is near. Near is a third of the letters
// wrong at most, and no more than three: left out, added, replaced, or two
// neighbours swapped. Case, and "-" for "_", do not count. Of equally near
// ones the first in the alphabet is returned.
func Nearest(name string, candidates []string) string {
	name = fold(name)
	best, bestDistance := "", 0
	for _, candidate := range candidates {
		folded := fold(candidate)
		limit := min(3, max(len(name), len(folded))/3)
		if abs(len(name)-len(folded)) > limit {
			continue // also keeps a name of a million letters from costing anything
		}
		d := distance(name, folded)
		if d > limit {
			continue
		}
		if best == "" || d < bestDistance || d == bestDistance && candidate < best {
			best, bestDistance = candidate, d
		}
	}
	return best
}

func fold(s string) string { return strings.ReplaceAll(strings.ToLower(s), "-", "_") }

func abs(n int) int { return max(n, -n) }

// distance is the number of edits that lead from a to b: one byte inserted,
// deleted, replaced, or swapped with its neighbour (optimal string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := last[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(replace, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
