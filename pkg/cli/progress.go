package cli

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"github.com/helm-ccp/helm-ccp/pkg/release"
)

// screen shows a text that takes the place of the one before, where out is a
// terminal; elsewhere each text follows the other.
type screen struct {
	out      io.Writer
	terminal bool
	size     func() (width, height int) // of the terminal
	lines    int                        // that the text on it has
}

func newScreen(out io.Writer) *screen {
	s := &screen{out: out}
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		s.terminal = true
		s.size = func() (int, int) {
			width, height, err := term.GetSize(int(file.Fd()))
			if err != nil || width < 20 || height < 5 {
				return 80, 24
			}
			return width, height
		}
	}
	return s
}

// The control sequences of terminals (ECMA-48): CPL, cursor to the beginning of
// a line above, and ED, erase to the end of the display.
const (
	linesUp = "\x1b[%dF"
	erase   = "\x1b[J"
)

// clear takes away what is shown.
func (s *screen) clear() {
	if s.lines > 0 {
		fmt.Fprintf(s.out, linesUp+erase, s.lines)
		s.lines = 0
	}
}

// show shows a text of whole lines. On a terminal no line is longer than it is
// wide, and what does not fit its height is left out.
func (s *screen) show(text string) {
	if !s.terminal {
		io.WriteString(s.out, text)
		return
	}
	width, height := s.size()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) > height-1 {
		left := len(lines) - (height - 2)
		lines = append(lines[:height-2], fmt.Sprintf("… and %d more", left))
	}
	s.clear()
	for _, line := range lines {
		if runes := []rune(line); len(runes) > width-1 {
			line = string(runes[:width-2]) + "…"
		}
		fmt.Fprintln(s.out, line)
	}
	s.lines = len(lines)
}

// progress tells a person what long work does: a table that changes on a
// terminal, plain lines elsewhere.
type progress struct {
	*screen
	began time.Time
	said  map[string]string // what was said last of each service and Job
}

func newProgress(out io.Writer) *progress {
	return &progress{screen: newScreen(out), began: time.Now(), said: map[string]string{}}
}

func (p *progress) reporter() release.Reporter {
	return release.Reporter{Step: p.step, Waiting: p.waiting}
}

func (p *progress) elapsed() string { return time.Since(p.began).Round(time.Second).String() }

func (p *progress) step(line string) {
	p.clear()
	fmt.Fprintf(p.out, "%5s  %s\n", p.elapsed(), line)
}

// end takes the table away.
func (p *progress) end() { p.clear() }

func (p *progress) waiting(status release.Status) {
	if p.terminal {
		p.show(p.table(status))
		return
	}
	for _, service := range status.Services {
		p.change(service.Name, cmp.Or(service.Waiting, "ready"), service.Ready)
	}
	for _, job := range status.Jobs {
		what := job.Waiting
		if job.Done {
			what = "done"
		}
		p.change("Job "+job.Name, what, job.Done)
	}
}

// change says what is new of one service. What was well from the beginning is
// not worth a line.
func (p *progress) change(name, what string, well bool) {
	before := p.said[name]
	p.said[name] = what
	if before != what && (before != "" || !well) {
		fmt.Fprintf(p.out, "%5s  %s: %s\n", p.elapsed(), name, what)
	}
}

// table has what is not ready first, since the end may not fit the terminal.
func (p *progress) table(status release.Status) string {
	var out strings.Builder
	ready, jobs := 0, 0
	for _, service := range status.Services {
		if service.Ready {
			ready++
		}
	}
	for _, job := range status.Jobs {
		if job.Done {
			jobs++
		}
	}
	fmt.Fprintf(&out, "%d of %d services ready, %d of %d Jobs done, %s\n", ready, len(status.Services), jobs, len(status.Jobs), p.elapsed())
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	for _, job := range status.Jobs {
		if !job.Done {
			fmt.Fprintf(w, "  Job %s\t\t%s\n", job.Name, job.Waiting)
		}
	}
	for _, done := range []bool{false, true} {
		for _, service := range status.Services {
			if service.Ready == done {
				fmt.Fprintf(w, "  %s\t%d/%d\t%s\n", service.Name, service.PodsReady, service.PodsWanted, cmp.Or(service.Waiting, "ready"))
			}
		}
	}
	w.Flush()
	return out.String()
}
