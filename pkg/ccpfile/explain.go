package ccpfile

import (
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// secretKey matches the keys whose values are secrets, by how they are called.
var secretKey = regexp.MustCompile(`(?i)(passwd|password|passphrase|secret|token|cookie|credentials?|private_?key|_key)s?$`)

// secretPath matches the paths at or below a secret.
var secretPath = regexp.MustCompile(`(?i)(^|\.)secret_configs\b|(passwd|password|passphrase|secret|token|cookie|credentials?|private_?key|_key)s?"?(\.|\[|$)`)

// explain says what is wrong with the value of node, which may be nil. The
// value of a secret is not told.
func explain(k jsonschema.ErrorKind, node *Node, secret bool) string {
	switch k := k.(type) {
	case *kind.Type:
		return explainType(k, node)
	case *kind.Enum:
		return explainEnum(k.Want, k.Got, secret)
	case *kind.Const:
		return explainEnum([]any{k.Want}, k.Got, secret)
	case *kind.Pattern:
		return fmt.Sprintf("want text that matches %s, got %s", k.Want, show(k.Got, secret))
	case *kind.Format:
		return fmt.Sprintf("want %s, got %s", k.Want, show(k.Got, secret))
	case *kind.Minimum:
		return fmt.Sprintf("want %s or more, got %s", number(k.Want), show(k.Got, secret))
	case *kind.Maximum:
		return fmt.Sprintf("want %s or less, got %s", number(k.Want), show(k.Got, secret))
	case *kind.ExclusiveMinimum:
		return fmt.Sprintf("want more than %s, got %s", number(k.Want), show(k.Got, secret))
	case *kind.ExclusiveMaximum:
		return fmt.Sprintf("want less than %s, got %s", number(k.Want), show(k.Got, secret))
	case *kind.MultipleOf:
		return fmt.Sprintf("want a multiple of %s, got %s", number(k.Want), show(k.Got, secret))
	case *kind.Not:
		return "is one of the values that can't be here"
	case *kind.MinLength:
		if k.Got == 0 {
			return "want text, got an empty string"
		}
		return fmt.Sprintf("want %d characters or more, got %d", k.Want, k.Got)
	case *kind.MaxLength:
		return fmt.Sprintf("want %d characters or less, got %d", k.Want, k.Got)
	case *kind.UniqueItems:
		return fmt.Sprintf("items %d and %d (from 0) are the same: remove one", k.Duplicates[0], k.Duplicates[1])
	default:
		return explainSize(k)
	}
}

func explainSize(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.MinItems:
		return fmt.Sprintf("want %d items or more, got %d", k.Want, k.Got)
	case *kind.MaxItems:
		return fmt.Sprintf("want %d items or less, got %d", k.Want, k.Got)
	case *kind.MinProperties:
		return fmt.Sprintf("want %d keys or more, got %d", k.Want, k.Got)
	case *kind.MaxProperties:
		return fmt.Sprintf("want %d keys or less, got %d", k.Want, k.Got)
	case *kind.DependentRequired:
		return fmt.Sprintf("with %q given, want also %s", k.Prop, strings.Join(k.Missing, ", "))
	case *kind.OneOf:
		return "fits several of the forms that it can have: it must fit one"
	default:
		if keyword := strings.Join(k.KeywordPath(), "/"); keyword != "" {
			return fmt.Sprintf("does not fit the schema (%s)", keyword)
		}
		return "is of a kind that is not possible here"
	}
}

// typeNames are the words for the types of JSON schema.
var typeNames = map[string]string{
	"null": "nothing", "boolean": "a boolean", "integer": "a whole number", "number": "a number",
	"string": "a string", "array": "a list", "object": "a mapping",
}

func explainType(k *kind.Type, node *Node) string {
	var want []string
	for _, t := range slices.Compact(slices.Sorted(slices.Values(k.Want))) {
		if t != "null" || len(k.Want) == 1 { // everybody may leave a value out
			want = append(want, typeNames[t])
		}
	}
	return fmt.Sprintf("want %s, got %s%s", alternatives(want), typeNames[k.Got], typeHint(k, node))
}

// typeHint says how to turn the value into one of the wanted types, if it
// takes no more than quotes or a dash.
func typeHint(k *kind.Type, node *Node) string {
	wants := func(t string) bool { return slices.Contains(k.Want, t) }
	var resolved any
	if node != nil && k.Got == "string" {
		text, _ := node.Scalar.(string)
		resolved = resolvePlain(text)
	}
	_, isInt := resolved.(int64)
	_, isFloat := resolved.(float64)
	_, isBool := resolved.(bool)
	switch {
	case isInt && (wants("integer") || wants("number")), isFloat && wants("number"), isBool && wants("boolean"):
		return ": remove the quotes"
	case wants("string") && (k.Got == "number" || k.Got == "boolean"):
		return ": put it in quotes"
	case wants("array") && k.Got == "string":
		return `: write it as "- item", or in [ ]`
	case k.Got == "null":
		return ": give a value, or remove the key"
	}
	return ""
}

func explainEnum(want []any, got any, secret bool) string {
	var shown, names []string
	for _, w := range want {
		if w == nil {
			continue
		}
		if name, ok := w.(string); ok {
			names = append(names, name)
		}
		shown = append(shown, show(w, false))
	}
	message := fmt.Sprintf("want %s, got %s", alternatives(shown), show(got, secret))
	if name, ok := got.(string); ok && !secret {
		if nearest := Nearest(name, names); nearest != "" {
			message += fmt.Sprintf(" (did you mean %q?)", nearest)
		}
	}
	return message
}

func alternatives(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// show writes a value for a message: short, and no secret.
func show(value any, secret bool) string {
	switch v := value.(type) {
	case []any:
		return "a list"
	case map[string]any:
		return "a mapping"
	case nil:
		return "nothing"
	case string:
		if secret {
			return "another one"
		}
		return quote(v)
	case *big.Rat:
		if secret {
			return "another one"
		}
		return number(v)
	default:
		if secret {
			return "another one"
		}
		return fmt.Sprint(v)
	}
}

// quote quotes text, at most 60 characters of it.
func quote(text string) string {
	if runes := []rune(text[:min(len(text), 300)]); len(runes) > 60 {
		text = string(runes[:60]) + "…"
	}
	return strconv.Quote(text)
}

func number(r *big.Rat) string {
	f, _ := r.Float64()
	return strconv.FormatFloat(f, 'f', -1, 64)
}
