package calico

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// readValue returns the value of the field in the entry, or nil when it is not
// there. The value of a membership is "true", or "false" when the list is
// there without the name; that in interfacePrefix is what prefixState says.
func readValue(dialect Dialect, e Entry, f field) (*string, error) {
	if e.Value == nil {
		return nil, nil
	}
	path, name, isMember := splitPath(f.path)
	if dialect == Text {
		text := string(e.Value)
		if isMember {
			text = prefixState(text, name)
		}
		return &text, nil
	}
	doc, err := parseDocument(e.Value)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.Key, err)
	}
	raw, err := doc.get(path...)
	if err != nil || raw == nil {
		return nil, wrapKey(e.Key, err)
	}
	text := string(raw)
	switch {
	case f.isPrefix():
		var prefixes string
		if err := json.Unmarshal(raw, &prefixes); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", e.Key, f.path, err)
		}
		text = prefixState(prefixes, name)
	case isMember:
		list, err := stringList(raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", e.Key, f.path, err)
		}
		text = fmt.Sprint(slices.Contains(list, name))
	}
	return &text, nil
}

// writeValue returns the entry with the field's value changed. A nil value
// takes the field away, and with it the whole entry if this package created it
// and nothing else is left in it. A name that is new in a list goes before the
// first of those in ahead, or else to the end.
func writeValue(dialect Dialect, e Entry, f field, value *string, created bool, ahead []string) (Entry, error) {
	path, name, isMember := splitPath(f.path)
	if dialect == Text {
		if isMember {
			value = editPrefix(textOf(e), name, value)
		}
		e.Value = nil
		if value != nil {
			e.Value = []byte(*value)
		}
		return e, nil
	}
	doc := newResource(e.Key, time.Now())
	if e.Value != nil {
		var err error
		if doc, err = parseDocument(e.Value); err != nil {
			return e, fmt.Errorf("%s: %w", e.Key, err)
		}
	} else if value == nil || isMember && *value != "true" {
		return e, nil
	}
	var raw json.RawMessage
	if value != nil {
		raw = json.RawMessage(*value)
	}
	if isMember {
		old, err := doc.get(path...)
		if err == nil {
			raw, err = editMember(f, old, name, value, ahead)
		}
		if err != nil {
			return e, fmt.Errorf("%s: %s: %w", e.Key, f.path, err)
		}
	}
	if err := doc.set(raw, path...); err != nil {
		return e, fmt.Errorf("%s: %w", e.Key, err)
	}
	spec, err := doc.get("spec")
	if err != nil {
		return e, wrapKey(e.Key, err)
	}
	e.Value = doc.bytes()
	if created && value == nil && (spec == nil || string(spec) == "{}") {
		e.Value = nil
	}
	return e, nil
}

// textOf returns the entry's value as a text, or nil.
func textOf(e Entry) *string {
	if e.Value == nil {
		return nil
	}
	text := string(e.Value)
	return &text
}

// editMember returns the JSON of the field's list with the name in it or not.
func editMember(f field, old json.RawMessage, name string, value *string, ahead []string) (json.RawMessage, error) {
	if !f.isPrefix() {
		return editMembership(old, name, value, ahead)
	}
	var text *string
	if old != nil {
		if err := json.Unmarshal(old, &text); err != nil {
			return nil, err
		}
	}
	edited := editPrefix(text, name, value)
	if edited == nil {
		return nil, nil
	}
	return mustJSON(*edited), nil
}

// editMembership returns the list with the name added or taken away. Without
// a value an empty list goes away too.
func editMembership(list json.RawMessage, name string, value *string, ahead []string) (json.RawMessage, error) {
	var items []string
	if list != nil {
		var err error
		if items, err = stringList(list); err != nil {
			return nil, err
		}
	}
	if value != nil && *value == "true" {
		if slices.Contains(items, name) {
			return list, nil
		}
		at := slices.IndexFunc(items, func(item string) bool { return slices.Contains(ahead, item) })
		if at < 0 {
			at = len(items)
		}
		return mustJSON(slices.Insert(items, at, name)), nil
	}
	items = slices.DeleteFunc(items, func(s string) bool { return s == name })
	if len(items) == 0 && value == nil {
		return nil, nil
	}
	return mustJSON(append([]string{}, items...)), nil
}

func stringList(raw json.RawMessage) ([]string, error) {
	var list []string
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("not a list of names: %w", err)
	}
	return list, nil
}

// splitPath splits "spec.filters[tap-iface]" into its members and the name.
func splitPath(path string) (members []string, name string, isMember bool) {
	path, name, isMember = strings.Cut(path, "[")
	return strings.Split(path, "."), strings.TrimSuffix(name, "]"), isMember
}

// sameValue says whether a found value is the one that was written. JSON is
// compared by meaning, durations by length; a pool may have more in its spec
// than was written; a name that is in no list is in no list, whether or not
// there is one.
func sameValue(dialect Dialect, f field, found, written *string) bool {
	switch {
	case f.isMember():
		return membership(found) == membership(written)
	case found == nil || written == nil:
		return found == written
	case *found == *written:
		return true
	case dialect == Text:
		return false
	}
	var a, b any
	if json.Unmarshal([]byte(*found), &a) != nil || json.Unmarshal([]byte(*written), &b) != nil {
		return false
	}
	if strings.HasSuffix(f.path, "Interval") {
		x, errX := time.ParseDuration(fmt.Sprint(a))
		y, errY := time.ParseDuration(fmt.Sprint(b))
		return errX == nil && errY == nil && x == y
	}
	found1, ok1 := a.(map[string]any)
	written1, ok2 := b.(map[string]any)
	if ok1 && ok2 {
		for name, value := range written1 {
			if !reflect.DeepEqual(found1[name], value) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(a, b)
}

// membership makes one of the values that say a name is not in a list.
func membership(value *string) string {
	if value == nil || *value == prefixEmpty {
		return prefixOut
	}
	return *value
}

// sameText says whether two values are the same to the letter.
func sameText(a, b *string) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// wrapKey puts the key before an error that is one.
func wrapKey(key string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", key, err)
}
