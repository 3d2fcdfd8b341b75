package images

import (
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	recipes "github.com/helm-ccp/helm-ccp/build/images"
)

func recipeFiles(texts map[string]string) fstest.MapFS {
	files := fstest.MapFS{}
	for name, text := range texts {
		files[name+"/"+recipeFile] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

func TestReadRecipes(t *testing.T) {
	t.Parallel()
	got, err := ReadRecipes(recipeFiles(map[string]string{
		"neutron": "# Neutron's server\n# and agents. It has more.\nARG BASE=ccp/openstack:latest\nFROM ${BASE}\nARG NETWORKING_CALICO=\nRUN echo ARG X=1\n",
		"alone":   "ARG BASE=debian\nFROM ${BASE}\n",
	}))
	want := Recipes{
		"neutron": {Name: "neutron", Base: "openstack", Args: []string{"BASE", "NETWORKING_CALICO"}, Title: "Neutron's server and agents"},
		"alone":   {Name: "alone", Args: []string{"BASE"}},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestWith(t *testing.T) {
	t.Parallel()
	all, err := ReadRecipes(recipeFiles(map[string]string{
		"base": "", "openstack": "ARG BASE=ccp/base\n", "nova": "ARG BASE=ccp/openstack\n", "etcd": "ARG BASE=ccp/base\n",
		"a": "ARG BASE=ccp/b\n", "b": "ARG BASE=ccp/a\n", "lost": "ARG BASE=ccp/nowhere\n",
	}))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ names, want, err string }{
		{"nova etcd", "base openstack nova etcd", ""},
		{"etcd nova etcd", "base etcd openstack nova", ""},
		{"a", "", "recipes are made on each other: a on b on a"},
		{"lost", "", "the recipe lost is made on ccp/nowhere, and there is no recipe nowhere"},
		{"none", "", "there is no recipe none"},
	} {
		ordered, err := all.With(strings.Fields(test.names)...)
		var got []string
		for _, recipe := range ordered {
			got = append(got, recipe.Name)
		}
		message := ""
		if err != nil {
			message = err.Error()
		}
		if strings.Join(got, " ") != test.want || message != test.err {
			t.Errorf("%s: got %v, %v", test.names, got, err)
		}
	}
}

// What ccp carries can be built, and all that goes with a release has a recipe.
func TestBuiltIn(t *testing.T) {
	t.Parallel()
	all, err := ReadRecipes(recipes.FS)
	if err != nil {
		t.Fatal(err)
	}
	if ordered, err := all.With(all.Names()...); err != nil || len(ordered) < 17 || len(ordered) != len(all) {
		t.Errorf("%d recipes: %v", len(ordered), err)
	}
	for name, recipe := range all {
		if recipe.Title == "" {
			t.Errorf("%s has no comment that says what it is", name)
		}
	}
	defaults, err := ReadDefaults(recipes.FS)
	if err != nil || len(defaults) == 0 {
		t.Fatal(err)
	}
	for _, d := range defaults {
		for arg := range d.Args {
			if len(all.Takes(arg)) == 0 {
				t.Errorf("releases.yaml: no recipe has a line ARG %s", arg)
			}
		}
	}
}

func TestSource(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		source    Source
		want, err string
	}{
		{Source{Dir: "/a/b"}, "/context/networking-calico", ""},
		{Source{GitURL: "https://h/r"}, "git+https://h/r", ""},
		{Source{GitURL: "git+ssh://git@h/r#subdirectory=x", GitRef: "v1"}, "git+ssh://git@h/r@v1#subdirectory=x", ""},
		{Source{}, "", "say where it is"},
		{Source{Dir: "/a", GitRef: "v1"}, "", "give one of them"},
		{Source{GitURL: "git@h:r"}, "", "want a URL"},
		{Source{GitURL: "https://token@h/r"}, "", "give source_dir"},
		{Source{GitURL: "ssh://git:secret@h/r"}, "", "give source_dir"},
		{Source{GitURL: "https://h:port/r"}, "", "no URL"},
		{Source{GitURL: "https://h/r --x"}, "", "want a URL"},
	} {
		test.source.Name = "networking-calico"
		got, err := test.source.Value()
		if got != test.want || (err != nil) != (test.err != "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%+v: got %q, %v", test.source, got, err)
		}
		if arg := test.source.Arg(); arg != "NETWORKING_CALICO" {
			t.Errorf("got %s", arg)
		}
	}
}
