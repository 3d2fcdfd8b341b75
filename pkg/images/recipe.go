// Package images builds images from recipes, which are plain Containerfiles,
// with the program that is there for it: buildah, podman or docker.
//
// A recipe says itself what its image is made on, in a line ARG BASE=ccp/NAME.
// Images are built in that order, several at a time, and one that fails takes
// along only those that are made on it.
package images

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// Recipe is the Containerfile of one image.
type Recipe struct {
	// Name is that of its folder, and of the image.
	Name string
	// Base is the recipe whose image this one's is made on, or empty.
	Base string
	// Args are the build arguments that it declares, in its order.
	Args []string
	// Title is the first sentence of its comment.
	Title string
}

// recipeFile is the name of a recipe in its folder.
const recipeFile = "Containerfile"

// basePrefix stands before the names of recipes in ARG BASE.
const basePrefix = "ccp/"

var argLine = regexp.MustCompile(`(?m)^ARG[ \t]+([A-Za-z_][A-Za-z0-9_]*)(?:=(\S*))?[ \t]*$`)

// Recipes are all that there are, by name.
type Recipes map[string]*Recipe

// ReadRecipes reads NAME/Containerfile of every folder of fsys.
func ReadRecipes(fsys fs.FS) (Recipes, error) {
	files, err := fs.Glob(fsys, "*/"+recipeFile)
	if err != nil {
		return nil, err
	}
	recipes := Recipes{}
	for _, file := range files {
		text, err := fs.ReadFile(fsys, file)
		if err != nil {
			return nil, err
		}
		recipes[path.Dir(file)] = parse(path.Dir(file), string(text))
	}
	return recipes, nil
}

func parse(name, text string) *Recipe {
	r := &Recipe{Name: name, Title: title(text)}
	for _, arg := range argLine.FindAllStringSubmatch(text, -1) {
		r.Args = append(r.Args, arg[1])
		if base, ours := strings.CutPrefix(arg[2], basePrefix); ours && arg[1] == "BASE" {
			r.Base, _, _ = strings.Cut(base, ":")
		}
	}
	return r
}

// title returns the first sentence of the comment that a recipe begins with.
func title(text string) string {
	var words []string
	for line := range strings.Lines(text) {
		comment, ok := strings.CutPrefix(strings.TrimSpace(line), "#")
		if !ok {
			break
		}
		words = append(words, strings.TrimSpace(comment))
	}
	sentence, _, _ := strings.Cut(strings.Join(words, " "), ". ")
	return strings.TrimSuffix(sentence, ".")
}

// Names returns the names of the recipes, sorted.
func (r Recipes) Names() []string { return slices.Sorted(maps.Keys(r)) }

// Takes returns the names of the recipes that declare a build argument, sorted.
func (r Recipes) Takes(arg string) []string {
	return slices.DeleteFunc(r.Names(), func(name string) bool { return !slices.Contains(r[name].Args, arg) })
}

// With returns the named recipes and those that they are made on, which come
// before them.
func (r Recipes) With(names ...string) ([]*Recipe, error) {
	var ordered []*Recipe
	var add func(name string, above []string) error
	add = func(name string, above []string) error {
		recipe := r[name]
		switch {
		case recipe == nil && len(above) > 0:
			return fmt.Errorf("the recipe %s is made on %s%s, and there is no recipe %s", above[len(above)-1], basePrefix, name, name)
		case recipe == nil:
			return fmt.Errorf("there is no recipe %s", name)
		case slices.Contains(above, name):
			return fmt.Errorf("recipes are made on each other: %s", strings.Join(append(above, name), " on "))
		case slices.Contains(ordered, recipe):
			return nil
		}
		if recipe.Base != "" {
			if err := add(recipe.Base, append(above, name)); err != nil {
				return err
			}
		}
		ordered = append(ordered, recipe)
		return nil
	}
	for _, name := range names {
		if err := add(name, nil); err != nil {
			return nil, err
		}
	}
	return ordered, nil
}

// Defaults are the build arguments that go with a release of OpenStack, and
// with a network on it where one is named.
type Defaults struct {
	Release string            `json:"release"`
	Network string            `json:"network"`
	Args    map[string]string `json:"args"`
}

// ReadDefaults reads releases.yaml of the recipes.
func ReadDefaults(fsys fs.FS) ([]Defaults, error) {
	data, err := fs.ReadFile(fsys, "releases.yaml")
	if err != nil {
		return nil, err
	}
	var defaults []Defaults
	if err := yaml.UnmarshalStrict(data, &defaults); err != nil {
		return nil, fmt.Errorf("releases.yaml: %w", err)
	}
	return defaults, nil
}
