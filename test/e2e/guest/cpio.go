package guest

import (
	"fmt"
	"io"
)

// cpio writes an archive in the format that Linux takes an initrd in, "newc".
type cpio struct {
	out   io.Writer
	nodes int
	err   error
}

func (a *cpio) folder(name string)            { a.entry(name, 0o040755, nil) }
func (a *cpio) file(name string, data []byte) { a.entry(name, 0o100755, data) }
func (a *cpio) end()                          { a.entry("TRAILER!!!", 0, nil) }

func (a *cpio) entry(name string, mode int, data []byte) {
	if a.err != nil {
		return
	}
	a.nodes++
	// Inode, mode, user, group, links, time, size, the device's numbers twice, length of the name, no checksum.
	header := "070701"
	for _, field := range []int{a.nodes, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0} {
		header += fmt.Sprintf("%08X", field)
	}
	for _, part := range []string{header + name + "\x00", string(data)} {
		// Each part is filled up to a multiple of four.
		if _, a.err = io.WriteString(a.out, part+"\x00\x00\x00"[:(4-len(part)%4)%4]); a.err != nil {
			return
		}
	}
}
