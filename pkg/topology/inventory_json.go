package topology

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
)

// jsonNode is as much of a Node as counts.
type jsonNode struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name   string            `json:"name"`
		Labels map[string]string `json:"labels"`
	} `json:"metadata"`
	Status struct {
		Addresses []nodeAddress `json:"addresses"`
	} `json:"status"`
}

// json reads a stream of objects and, of a list, one item after the other.
func (in *inventoryReader) json(r io.Reader) error {
	source := &readError{r: r}
	lines := &lineReader{r: source, line: 1}
	d := json.NewDecoder(lines)
	for {
		err := in.jsonObject(d, lines)
		var syntax *json.SyntaxError
		var kind *json.UnmarshalTypeError
		switch {
		case err == nil:
			continue
		case source.err != nil:
			return source.err
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &syntax):
			in.problem(lines.at(syntax.Offset), 0, "", "this is not JSON: %v", err)
		case errors.Is(err, io.ErrUnexpectedEOF):
			in.problem(lines.at(d.InputOffset()), 0, "", "the file ends inside of an object")
		case errors.As(err, &kind):
			in.problem(lines.at(d.InputOffset()), 0, kind.Field, "it must not be a %s", kind.Value)
		default:
			in.problem(lines.at(d.InputOffset()), 0, "", "%v", err)
		}
		return nil
	}
}

// jsonObject reads one document. Its end is io.EOF when there is none.
func (in *inventoryReader) jsonObject(d *json.Decoder, lines *lineReader) error {
	if open, err := d.Token(); err != nil {
		return err
	} else if open != json.Delim('{') {
		return fmt.Errorf("it must be a Node, a NodeList or a List of Nodes, not %v", open)
	}
	var o jsonNode
	line := lines.at(d.InputOffset())
	items := false
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return unexpected(err)
		}
		switch key {
		case "kind":
			err = d.Decode(&o.Kind)
		case "metadata":
			err = d.Decode(&o.Metadata)
		case "status":
			err = d.Decode(&o.Status)
		case "items":
			items = true
			err = in.jsonItems(d, lines)
		default:
			err = d.Decode(new(json.RawMessage))
		}
		if err != nil {
			return unexpected(err)
		}
	}
	if _, err := d.Token(); err != nil {
		return unexpected(err)
	}
	if o.Kind == "NodeList" || o.Kind == "List" {
		return nil
	}
	if items && o.Kind != "Node" {
		in.isNode(o.Kind, "", line, 0)
		return nil
	}
	in.jsonNode(&o, "", line)
	return nil
}

// jsonItems reads the items of a list.
func (in *inventoryReader) jsonItems(d *json.Decoder, lines *lineReader) error {
	open, err := d.Token()
	if err != nil || open == nil {
		return err
	}
	if open != json.Delim('[') {
		return fmt.Errorf("items must be a list, not %v", open)
	}
	for i := 0; d.More(); i++ {
		line := lines.at(d.InputOffset())
		var o jsonNode
		if err := d.Decode(&o); err != nil {
			return err
		}
		in.jsonNode(&o, fmt.Sprintf("items[%d]", i), line)
	}
	_, err = d.Token()
	return err
}

func (in *inventoryReader) jsonNode(o *jsonNode, path string, line int) {
	if in.isNode(o.Kind, path, line, 0) {
		in.add(o.Metadata.Name, o.Metadata.Labels[hostnameLabel], o.Status.Addresses, ccpfile.JoinPath(path, "metadata", "name"), line, 0)
	}
}

// unexpected is err, but for the end of the file in the middle of an object.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// lineReader tells the line of an offset in what it reads. It keeps no more
// than the bytes from the last offset that it was asked for.
type lineReader struct {
	r     io.Reader
	kept  []byte
	start int64 // offset of kept[0]
	line  int   // line of kept[0], from 1
}

func (l *lineReader) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	l.kept = append(l.kept, p[:n]...)
	return n, err
}

// at is the line of what comes at or after offset, white space and commas left
// out. Offsets must not go back.
func (l *lineReader) at(offset int64) int {
	n := int(min(max(offset-l.start, 0), int64(len(l.kept))))
	rest := bytes.TrimLeft(l.kept[n:], ", \t\r\n")
	n = len(l.kept) - len(rest)
	l.line += bytes.Count(l.kept[:n], []byte("\n"))
	l.start += int64(n)
	l.kept = rest
	return l.line
}
