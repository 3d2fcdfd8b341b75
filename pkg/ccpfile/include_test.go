package ccpfile

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// tree writes files (name -> text) into a new folder and returns it.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		write(t, filepath.Join(dir, name), text)
	}
	return dir
}

func TestInclude(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{
		"ccp.yaml":            "x-order: [before]\nx-a: 1\n---\n!include [sub/one.yaml, sub/two.yaml]\n---\nx-b: after\n",
		"sub/one.yaml":        "!include\n- deep/three.yaml\n---\nx-a: one\nx-b: one\nx-c: one\n",
		"sub/two.yaml":        "x-c: two\n",
		"sub/deep/three.yaml": "x-a: three\nx-d: three\nx-order: [three]\n",
		"last.yaml":           "x-d: last\n",
	})
	c, err := Load([]string{filepath.Join(dir, "ccp.yaml"), filepath.Join(dir, "last.yaml")}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"x-a": "one", "x-b": "after", "x-c": "two", "x-d": "last", "x-order": []any{"three"}}
	if got := c.Root.Interface(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	var files []string
	for _, file := range []string{"ccp.yaml", "sub/one.yaml", "sub/deep/three.yaml", "sub/two.yaml", "last.yaml"} {
		files = append(files, filepath.Join(dir, file))
	}
	if !reflect.DeepEqual(c.Files, files) {
		t.Errorf("Files = %v", c.Files)
	}
	if got := c.Root.Get("x-c").Pos.File; got != filepath.Join(dir, "sub/two.yaml") {
		t.Errorf("x-c was written in %s", got)
	}
}

func TestIncludeTwice(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{"ccp.yaml": "!include [a.yaml, a.yaml]", "a.yaml": "x-a: 1"})
	if _, err := Load([]string{filepath.Join(dir, "ccp.yaml")}, Options{}); err != nil {
		t.Error(err)
	}
}

func TestBadIncludes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		files map[string]string
		want  string // DIR is the folder
	}{
		{"missing", map[string]string{"ccp.yaml": "roles: {}\n---\n!include\n- no.yaml\n"},
			`DIR/ccp.yaml:4:3: no file "DIR/no.yaml": names are relative to the folder of this file`},
		{"folder", map[string]string{"ccp.yaml": "!include [sub]", "sub/a": ""},
			`DIR/ccp.yaml:1:11: can't include "DIR/sub": is a directory`},
		{"itself", map[string]string{"ccp.yaml": "!include [ccp.yaml]"},
			`DIR/ccp.yaml:1:11: files that include each other: DIR/ccp.yaml -> DIR/ccp.yaml: remove one of the includes`},
		{"loop", map[string]string{"ccp.yaml": "!include [a.yaml]", "a.yaml": "x-a: 1\n---\n!include [sub/b.yaml]", "sub/b.yaml": "!include [../a.yaml]"},
			`DIR/sub/b.yaml:1:11: files that include each other: DIR/a.yaml -> DIR/sub/b.yaml -> DIR/a.yaml: remove one of the includes`},
		{"all at once", map[string]string{"ccp.yaml": "!include [a.yaml, no.yaml, b.yaml]", "a.yaml": "rolse: {}", "b.yaml": "a: b: c"},
			`DIR/a.yaml:1:1: rolse: unknown key "rolse" (did you mean "roles"?)
DIR/b.yaml:1:7: a ":" is not possible here: check the indentation of this line, or quote the value
DIR/ccp.yaml:1:19: no file "DIR/no.yaml": names are relative to the folder of this file`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := tree(t, test.files)
			_, err := Load([]string{filepath.Join(dir, "ccp.yaml")}, Options{})
			if err == nil {
				t.Fatal("no error")
			}
			if got := strings.ReplaceAll(err.Error(), dir, "DIR"); got != test.want {
				t.Errorf("got:  %s\nwant: %s", got, test.want)
			}
		})
	}
}

// Includes that double at each level would be 2^30 files.
func TestIncludeBomb(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	name := func(i int) string { return "f" + string(rune('A'+i)) + ".yaml" }
	for i := range 30 {
		files[name(i)] = "!include [" + name(i+1) + ", " + name(i+1) + "]"
	}
	files[name(30)] = "x-a: 1"
	_, err := Load([]string{filepath.Join(tree(t, files), name(0))}, Options{})
	if err == nil || !strings.Contains(err.Error(), "more than 1000 files: include fewer") {
		t.Errorf("err = %v", err)
	}
}

// A link that leads back makes ever new names of the same file.
func TestIncludeLoopThroughLink(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{"ccp.yaml": "!include [link/ccp.yaml]"})
	if err := os.Symlink(".", filepath.Join(dir, "link")); err != nil {
		t.Skip(err)
	}
	_, err := Load([]string{filepath.Join(dir, "ccp.yaml")}, Options{})
	if err == nil || !strings.Contains(err.Error(), "ccp.yaml -> "+filepath.Join(dir, "link/ccp.yaml")) {
		t.Errorf("err = %v", err)
	}
}

func TestRoot(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{
		"repo/ccp.yaml": "!include [sub/a.yaml]", "repo/sub/a.yaml": "!include [../b.yaml]", "repo/b.yaml": "x-a: 1",
		"repo/up.yaml": "!include [../outside.yaml]", "repo/abs.yaml": "!include [/etc/hostname]",
		"repo/link.yaml": "!include [out.yaml, sub/out/outside.yaml]", "outside.yaml": "x-secret: 1",
	})
	repo := filepath.Join(dir, "repo")
	for link, target := range map[string]string{"out.yaml": "../outside.yaml", "sub/out": "../.."} {
		if err := os.Symlink(target, filepath.Join(repo, link)); err != nil {
			t.Skip(err)
		}
	}
	for file, want := range map[string]string{
		"repo/ccp.yaml":    "",
		"repo/up.yaml":     "DIR/repo/up.yaml:1:11: can't include \"DIR/outside.yaml\": it is outside of DIR/repo",
		"repo/abs.yaml":    "DIR/repo/abs.yaml:1:11: can't include \"/etc/hostname\": it is outside of DIR/repo",
		"outside.yaml":     "open DIR/outside.yaml: it is outside of DIR/repo",
		"repo/../ccp.yaml": "open DIR/ccp.yaml: it is outside of DIR/repo",
		"repo/link.yaml": "DIR/repo/link.yaml:1:11: can't include \"DIR/repo/out.yaml\": path escapes from parent\n" +
			"DIR/repo/link.yaml:1:21: can't include \"DIR/repo/sub/out/outside.yaml\": path escapes from parent",
	} {
		_, err := Load([]string{filepath.Join(dir, file)}, Options{Root: repo})
		got := ""
		if err != nil {
			got = strings.ReplaceAll(err.Error(), dir, "DIR")
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", file, got, want)
		}
	}
}
