package ccpfile

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// aliasBomb is a billion values in a few lines.
func aliasBomb() string {
	var b strings.Builder
	b.WriteString("x-0: &a0 [1]\n")
	for i := 1; i < 10; i++ {
		alias := fmt.Sprintf("*a%d,", i-1)
		fmt.Fprintf(&b, "x-%d: &a%d [%s]\n", i, i, strings.Repeat(alias, 9))
	}
	return b.String()
}

// mergeBomb takes over the keys of one mapping many times.
func mergeBomb() string {
	var b strings.Builder
	b.WriteString("x-a: &a {")
	for i := range 1000 {
		fmt.Fprintf(&b, "k%d: 1,", i)
	}
	return b.String() + "}\nx-b: {<<: [" + strings.Repeat("*a,", 1900) + "]}"
}

func aliasChain() string {
	var b strings.Builder
	b.WriteString("x-0: &a0 [1]\n")
	for i := 1; i < 2000; i++ {
		fmt.Fprintf(&b, "x-%d: &a%d [*a%d]\n", i, i, i-1)
	}
	return b.String()
}

func indented(depth int) string {
	var b strings.Builder
	for i := range depth {
		b.WriteString(strings.Repeat(" ", i) + "x-a:\n")
	}
	return b.String()
}

// Not parallel, for it measures what is allocated.
func TestLimits(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"50 MB", strings.Repeat("a", 50<<20), tooLarge},
		{"million [", strings.Repeat("[", 1_000_000), tooDeep},
		{"million -", strings.Repeat("- ", 1_000_000), tooDeep},
		{"million ?", strings.Repeat("? ", 500_000), tooDeep},
		{"million {", strings.Repeat("{a: ", 1_000_000), tooManyValues},
		{"10 MB [", strings.Repeat("[", 10<<20), tooManyValues},
		{"indentation", indented(4000), tooDeep},
		{"a little too deep", "x-a: " + strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth), tooDeep},
		{"aliases", aliasBomb(), tooManyValues},
		{"merge keys", mergeBomb(), tooManyValues},
		{"aliases in each other", aliasChain(), tooDeep},
		{"tags", strings.Repeat("%TAG !a! b\n", 500_000), "more than 100 %TAG lines: remove them"},
		{"long key", "? " + strings.Repeat("k", 1025) + "\n: 1\n", "a key of 1025 bytes: keys have at most 1024"},
	}
	for _, test := range tests {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := load(test.text)
		runtime.ReadMemStats(&after)
		problems, ok := err.(Problems)
		if !ok || len(problems) != 1 || problems[0].Message != test.want || problems[0].Pos.Line == 0 {
			t.Errorf("%s: %.300v", test.name, err)
		}
		if mib := (after.TotalAlloc - before.TotalAlloc) >> 20; mib > 200 {
			t.Errorf("%s: %d MiB were allocated", test.name, mib)
		}
	}
}

func TestWithinLimits(t *testing.T) {
	t.Parallel()
	var nodes strings.Builder
	nodes.WriteString("nodes:\n")
	for i := range 20_000 {
		fmt.Fprintf(&nodes, "  node-%d:\n    roles:\n      - compute\n      - calico\n", i)
	}
	if c := mustLoad(t, nodes.String()); len(c.Nodes) != 20_000 {
		t.Errorf("%d nodes", len(c.Nodes))
	}
	deep := maxDepth - 1
	mustLoad(t, "x-a: "+strings.Repeat("[", deep)+strings.Repeat("]", deep))
	mustLoad(t, "x-a: |\n  "+strings.Repeat("[", 5000)+"\nx-b: '"+strings.Repeat("{", 5000)+"' # "+strings.Repeat("[", 5000))
}
