package ccpfile

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
)

// FuzzLoad reads anything. Either there are problems, each at a place, or a
// Config, and then what Dump writes of it is read as the same again.
func FuzzLoad(f *testing.F) {
	guide, err := os.ReadFile("../../examples/calico/ccp.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(guide))
	for _, test := range bad {
		f.Add(test.text)
	}
	f.Add("x-a: &a {<<: {b: 1}, c: [*a, 0755, 1_0.5, yes, !!float 1]}\n---\nx-a: {<<: [{b: ~}]}\n")
	f.Add("%YAML 1.1\n---\nroles: {a: [b]}\n...\n---\nreplicas: {\"a\": 3.0}\n")
	f.Add("? |\n  roles\n: >-\n  a\n# c\n")
	dir := f.TempDir() // empty: an include finds nothing
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Load([]string{"-"}, Options{Stdin: strings.NewReader(text), Root: dir})
		if err != nil {
			var problems Problems
			if !errors.As(err, &problems) || len(problems) == 0 {
				t.Fatalf("%T: %v", err, err)
			}
			for i, p := range problems {
				if i < maxProblems && (p.Pos.Line < 1 || p.Pos.Column < 1 || p.Message == "") {
					t.Errorf("a problem without a place: %v", p)
				}
			}
			return
		}
		var out strings.Builder
		if err := c.Dump(&out); err != nil {
			t.Fatal(err)
		}
		again, err := load(out.String())
		if err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
		if !strings.Contains(out.String(), "(secret)") && !reflect.DeepEqual(again.Root.Interface(), c.Root.Interface()) {
			t.Errorf("read again as\n%v, was\n%v", again.Root.Interface(), c.Root.Interface())
		}
	})
}
