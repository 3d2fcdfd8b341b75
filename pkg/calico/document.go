package calico

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// document is a JSON object whose members keep their order and, unless
// changed, their bytes. Calico's resources are edited through it: what this
// package knows nothing of goes back as it came.
type document struct {
	members []member
}

type member struct {
	name  string
	value json.RawMessage
}

// parseDocument reads one JSON object and nothing after it.
func parseDocument(data []byte) (*document, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	open, err := dec.Token()
	if err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	if open != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	d := &document{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("not JSON: %w", err)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, fmt.Errorf("not JSON: %w", err)
		}
		d.members = append(d.members, member{name.(string), value})
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("more than one JSON object")
	}
	return d, nil
}

// bytes returns the object's JSON.
func (d *document) bytes() []byte {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, m := range d.members {
		if i > 0 {
			out.WriteByte(',')
		}
		out.Write(mustJSON(m.name))
		out.WriteByte(':')
		out.Write(m.value)
	}
	out.WriteByte('}')
	return out.Bytes()
}

// get returns the value at the path, or nil when it is not there or null.
func (d *document) get(path ...string) (json.RawMessage, error) {
	at := d.index(path[0])
	if at < 0 || string(d.members[at].value) == "null" {
		return nil, nil
	}
	if len(path) == 1 {
		return d.members[at].value, nil
	}
	child, err := parseDocument(d.members[at].value)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path[0], err)
	}
	return child.get(path[1:]...)
}

// index returns where the member of that name is, the last one as other
// readers of JSON have it, or -1.
func (d *document) index(name string) int {
	for i := len(d.members) - 1; i >= 0; i-- {
		if d.members[i].name == name {
			return i
		}
	}
	return -1
}

// set puts the value at the path, and makes the objects on the way where they
// are missing. A nil value takes the member away.
func (d *document) set(value json.RawMessage, path ...string) error {
	at := d.index(path[0])
	if len(path) > 1 {
		child := &document{}
		if at >= 0 && string(d.members[at].value) != "null" {
			var err error
			if child, err = parseDocument(d.members[at].value); err != nil {
				return fmt.Errorf("%s: %w", path[0], err)
			}
		} else if value == nil {
			return nil
		}
		if err := child.set(value, path[1:]...); err != nil {
			return err
		}
		value = child.bytes()
	}
	switch {
	case at >= 0 && value == nil:
		d.members = append(d.members[:at], d.members[at+1:]...)
	case at >= 0:
		d.members[at].value = value
	case value != nil:
		d.members = append(d.members, member{path[0], value})
	}
	return nil
}

// mustJSON returns v's JSON on one line, without the escapes that are meant
// for HTML. v is of a type that can always be encoded.
func mustJSON(v any) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimRight(out.Bytes(), "\n")
}
