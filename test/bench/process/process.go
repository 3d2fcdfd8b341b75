// Package process measures commands as whole processes, in turn, and gives the
// medians of what they cost.
package process

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Command is a process to measure, what it does in a few words, and the file
// that it reads on standard input, if any.
type Command struct {
	What  string
	Args  []string
	Stdin string
}

// Figure is what a process cost.
type Figure struct {
	Wall, CPU time.Duration
	Memory    int64 // its peak, in bytes
}

// String is the row of a table.
func (f Figure) String() string {
	return fmt.Sprintf("%7.0f ms %7.0f ms CPU %5.0f MB", Milliseconds(f.Wall), Milliseconds(f.CPU), float64(f.Memory)/1e6)
}

// Milliseconds returns d as a number of them.
func Milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Measure runs the commands in turn, once to warm up and then as often as
// rounds says, and returns the medians of each.
func Measure(rounds int, commands ...Command) ([]Figure, error) {
	all := make([][]Figure, len(commands))
	for round := range rounds + 1 {
		for i, c := range commands {
			f, err := once(c)
			if err != nil {
				return nil, err
			}
			if round > 0 {
				all[i] = append(all[i], f)
			}
		}
	}
	medians := make([]Figure, len(commands))
	for i, figures := range all {
		medians[i] = Figure{
			Wall:   median(figures, func(f Figure) time.Duration { return f.Wall }),
			CPU:    median(figures, func(f Figure) time.Duration { return f.CPU }),
			Memory: median(figures, func(f Figure) int64 { return f.Memory }),
		}
	}
	return medians, nil
}

func once(c Command) (Figure, error) {
	stdin, err := os.Open(cmp.Or(c.Stdin, os.DevNull))
	if err != nil {
		return Figure{}, err
	}
	defer stdin.Close()
	cmd := exec.Command(c.Args[0], c.Args[1:]...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = stdin, &stderr
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return Figure{}, fmt.Errorf("%s: %w\n%s", strings.Join(c.Args, " "), err, stderr.String())
	}
	wall := time.Since(start)
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return Figure{
		Wall:   wall,
		CPU:    cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
		Memory: usage.Maxrss * 1024, // Linux counts kilobytes
	}, nil
}

func median[T int64 | time.Duration](figures []Figure, of func(Figure) T) T {
	values := make([]T, len(figures))
	for i, f := range figures {
		values[i] = of(f)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
