package images

import (
	"bytes"
	"os"
	"sync"
)

// lastLines is how much of a log is shown of an image that failed.
const lastLines = 20

// log is what an engine says about one image: all of it in a file, and its last
// lines at hand.
type log struct {
	file  *os.File
	line  func(string) // is told each line
	mu    sync.Mutex
	rest  []byte // of a line that has not ended
	lines []string
}

func newLog(name string, line func(string)) (*log, error) {
	file, err := os.Create(name)
	return &log{file: file, line: line}, err
}

// Write takes what the engine says.
func (l *log) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, data...)
	for {
		end := bytes.IndexAny(l.rest, "\r\n")
		if end < 0 {
			break
		}
		l.add(string(bytes.TrimSpace(l.rest[:end])))
		l.rest = l.rest[end+1:]
	}
	return l.file.Write(data)
}

func (l *log) add(line string) {
	if line == "" {
		return
	}
	if l.lines = append(l.lines, line); len(l.lines) > lastLines {
		l.lines = l.lines[1:]
	}
	l.line(line)
}

// close closes the file and returns the last lines.
func (l *log) close() ([]string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.add(string(bytes.TrimSpace(l.rest)))
	l.rest = nil
	return l.lines, l.file.Close()
}
