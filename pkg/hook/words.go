package hook

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
)

// terminationLog is the file that the kubelet gives each container for its last
// words: they become part of the pod's status, where `ccp deploy`, `ccp status`
// and kubectl find them without a right to read logs, and they stay as long as
// the pod does. Outside a pod there is no such file.
const terminationLog = "/dev/termination-log"

// wordsLimit is how much of it the kubelet takes.
const wordsLimit = 4096

// lastWords hands log records on, and keeps those that a person should see who
// reads no log: warnings and errors, each once.
type lastWords struct {
	slog.Handler
	attrs []slog.Attr
	kept  *keptWords
}

type keptWords struct {
	mu    sync.Mutex
	lines []string
}

func newLastWords(next slog.Handler) *lastWords { return &lastWords{Handler: next, kept: &keptWords{}} }

// Handle keeps a record, and hands it on.
func (w *lastWords) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		line := r.Level.String() + " " + strings.Join(strings.Fields(r.Message), " ")
		add := func(a slog.Attr) bool {
			line += fmt.Sprintf(" %s=%q", a.Key, a.Value.String())
			return true
		}
		for _, a := range w.attrs {
			add(a)
		}
		r.Attrs(add)
		w.kept.mu.Lock()
		if !slices.Contains(w.kept.lines, line) {
			w.kept.lines = append(w.kept.lines, line)
		}
		w.kept.mu.Unlock()
	}
	return w.Handler.Handle(ctx, r)
}

// WithAttrs returns a handler whose records have the attributes.
func (w *lastWords) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &lastWords{w.Handler.WithAttrs(attrs), append(slices.Clone(w.attrs), attrs...), w.kept}
}

// WithGroup returns a handler whose records are in a group.
func (w *lastWords) WithGroup(name string) slog.Handler {
	return &lastWords{w.Handler.WithGroup(name), w.attrs, w.kept}
}

// write writes the last words into the file, if it is there.
func (w *lastWords) write(name string) {
	w.kept.mu.Lock()
	defer w.kept.mu.Unlock()
	text := ""
	for _, line := range w.kept.lines {
		if len(text)+len(line)+1 > wordsLimit {
			break
		}
		text += line + "\n"
	}
	file, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil || text == "" {
		return
	}
	defer file.Close()
	fmt.Fprint(file, text)
}
