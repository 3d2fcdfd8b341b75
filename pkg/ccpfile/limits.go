package ccpfile

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// What a ccp.yaml with everything that it includes may hold at most. A file
// that names each of 100,000 nodes stays below.
const (
	maxBytes     = 10 << 20  // of all files together
	maxValues    = 2_000_000 // mappings, lists, scalars and keys, aliases expanded
	maxDepth     = 100       // of mappings and lists in each other
	maxFiles     = 1000      // opened, includes too
	maxKeyLength = 1024      // bytes, what YAML itself allows for most keys
	maxTags      = 100       // %TAG lines in one file
	maxProblems  = 100       // that one call of Load reports
)

var tooDeep = fmt.Sprintf("nested more than %d deep: no ccp.yaml needs that", maxDepth)

var tooLarge = fmt.Sprintf("the configuration is larger than %d MiB, includes counted: make it smaller", maxBytes>>20)

var tooManyValues = fmt.Sprintf("more than %d values (aliases and includes expanded): name nodes by patterns instead of one by one", maxValues)

// maxParsed returns a number that the values in YAML text can't exceed: each
// but the first is preceded by one of these. Text in strings and comments
// counts too, which takes megabytes of it to matter.
func maxParsed(data []byte) int {
	count := 1
	for i, c := range data {
		switch c {
		case '\n', '\r', ',', '[', '{', ':', '?':
			count++
		case '-':
			if i+1 == len(data) || data[i+1] <= ' ' {
				count++
			}
		}
	}
	return count
}

// invalidUTF8 returns the offset of the first byte that isn't UTF-8, or -1.
func invalidUTF8(data []byte) int {
	if utf8.Valid(data) {
		return -1
	}
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// positionAt returns the position of the byte at offset in data.
func positionAt(file string, data []byte, offset int) Position {
	before := data[:min(offset, len(data))]
	lineStart := bytes.LastIndexByte(before, '\n') + 1
	return Position{
		File:   file,
		Line:   bytes.Count(before, []byte("\n")) + 1,
		Column: utf8.RuneCount(before[lineStart:]) + 1,
	}
}
