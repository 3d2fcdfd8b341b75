package ccpfile

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

func TestMerge(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"mappings merge", "x: {a: 1, b: {c: 1}}\n---\nx: {b: {d: 2}, e: 3}", "{a: 1, b: {c: 1, d: 2}, e: 3}"},
		{"lists are replaced", "x: [1, 2]\n---\nx: [3]", "[3]"},
		{"null replaces", "x: {a: 1}\n---\nx: null", "null"},
		{"and is replaced", "x: {a: 1}\n---\nx:\n---\nx: {b: 2}", "{b: 2}"},
		{"empty mapping changes nothing", "x: {a: 1}\n---\nx: {}", "{a: 1}"},
		{"scalar for mapping", "x: {a: 1}\n---\nx: 5", "5"},
		{"aliases are not changed by a merge", "x: {a: &a {b: 1}, c: *a}\n---\nx: {a: {b: 2}}", "{a: {b: 2}, c: {b: 1}}"},
		{"merge key", "x: {a: &a {b: 1, c: 1}, d: {<<: *a, c: 2}}", "{a: {b: 1, c: 1}, d: {b: 1, c: 2}}"},
		{"merge keys, the first wins", "x: {a: &a {b: 1}, c: &c {b: 2, d: 2}, e: {f: 0, <<: [*a, *c]}}", "{a: {b: 1}, c: {b: 2, d: 2}, e: {b: 1, d: 2, f: 0}}"},
		{"quoted, no merge key", `x: {"<<": 1}`, `{"<<": 1}`},
		{"anchor of a key", "x: {&k key: 1, other: *k}", "{key: 1, other: key}"},
	}
	for _, test := range tests {
		got, want := mustLoad(t, extension(test.text)).Root.Get("x-x"), mustLoad(t, extension("x: "+test.want)).Root.Get("x-x")
		if !reflect.DeepEqual(got.Interface(), want.Interface()) {
			t.Errorf("%s: got %v, want %v", test.name, got.Interface(), want.Interface())
		}
	}
}

// extension renames the key x that lines begin with to x-x.
func extension(text string) string {
	out := []byte("x-")
	for i := range len(text) {
		out = append(out, text[i])
		if text[i] == '\n' && text[i+1] == 'x' {
			out = append(out, "x-"...)
		}
	}
	return string(out)
}

func TestMergeOrderAndPositions(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, "roles:\n  b: [x]\n  a: [x]\n---\nroles:\n  c: []\n  b: [y]\n")
	if got := c.Root.Get("roles").Keys; !slices.Equal(got, []string{"b", "a", "c"}) {
		t.Errorf("keys = %v", got)
	}
	if got := c.Roles[0]; got.Pos.Line != 7 || got.Services[0].Name != "y" {
		t.Errorf("roles.b = %+v", got)
	}
	if got := c.Root.Get("roles").KeyPos.Line; got != 1 {
		t.Errorf("roles begins at line %d", got)
	}
}

// random returns a value of a shape that depends on path alone: what is a
// mapping in one value is one in all. (Where kinds differ, the order in which
// files are merged matters, and so associativity can't be asked for.)
func random(r *rand.Rand, depth int) *Node {
	n := &Node{Kind: Mapping, Fields: map[string]*Node{}, Pos: Position{Line: r.IntN(1000)}}
	for _, key := range []string{"map1", "scalar", "map2", "list", "null"} {
		if r.IntN(3) == 0 {
			continue
		}
		field := &Node{Kind: Scalar, Scalar: int64(r.IntN(10))}
		switch {
		case key == "null" && r.IntN(2) == 0:
			field = &Node{Kind: Null}
		case key == "list":
			field = &Node{Kind: Sequence, Items: []*Node{field}}
		case key[0] == 'm' && depth > 0:
			field = random(r, depth-1)
		case key[0] == 'm':
			continue
		}
		n.Keys = append(n.Keys, key)
		n.Fields[key] = field
	}
	return n
}

func TestMergeProperties(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 1))
		a, b, c := random(r, 3), random(r, 3), random(r, 3)
		beforeA, beforeB := a.Interface(), b.Interface()
		left, right := Merge(Merge(a, b), c), Merge(a, Merge(b, c))
		if !reflect.DeepEqual(left, right) {
			t.Fatalf("seed %d: (a+b)+c = %v, a+(b+c) = %v", seed, left.Interface(), right.Interface())
		}
		if twice := Merge(a, a); !reflect.DeepEqual(twice, a) {
			t.Fatalf("seed %d: a+a = %v, a = %v", seed, twice.Interface(), a.Interface())
		}
		if again := Merge(Merge(a, b), b); !reflect.DeepEqual(again, Merge(a, b)) {
			t.Fatalf("seed %d: (a+b)+b = %v", seed, again.Interface())
		}
		var m merger // what Load uses
		if inPlace := m.merge(m.merge(m.merge(&Node{Kind: Mapping, Pos: a.Pos}, a), b), c); !reflect.DeepEqual(inPlace, left) {
			t.Fatalf("seed %d: in place %v, want %v", seed, inPlace.Interface(), left.Interface())
		}
		if !reflect.DeepEqual(a.Interface(), beforeA) || !reflect.DeepEqual(b.Interface(), beforeB) {
			t.Fatalf("seed %d: Merge changed what it was given", seed)
		}
	}
	if a := random(rand.New(rand.NewPCG(1, 1)), 2); Merge(nil, a) != a || Merge(a, nil) != a {
		t.Error("nil is not neutral")
	}
}

// Each use of an anchor has a key of its own, or none.
func TestAliasPositions(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, "x-a: &a v\nx-b: *a\nx-c: [*a]\n")
	for _, test := range []struct {
		node *Node
		want int
	}{{c.Root.Get("x-a"), 1}, {c.Root.Get("x-b"), 2}, {c.Root.Get("x-c").Items[0], 0}} {
		if got := test.node.KeyPos.Line; got != test.want || test.node.Pos.Line != 1 {
			t.Errorf("key at line %d, value at line %d; want %d and 1", got, test.node.Pos.Line, test.want)
		}
	}
}
