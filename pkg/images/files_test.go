package images

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// program writes the header of a program for linux.
func program(t *testing.T, machine uint16) string {
	t.Helper()
	header := make([]byte, 64)
	copy(header, "\x7fELF\x02\x01\x01")
	for offset, value := range map[int]uint16{16: 2, 18: machine, 20: 1, 52: 64, 54: 56, 58: 64} {
		binary.LittleEndian.PutUint16(header[offset:], value)
	}
	name := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(name, header, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestCheckBinary(t *testing.T) {
	t.Parallel()
	amd64, arm64 := program(t, 62), program(t, 183)
	for _, test := range []struct{ file, arch, want string }{
		{amd64, "amd64", ""},
		{arm64, "arm64", ""},
		{amd64, "arm64", "is for another processor than arm64"},
		{"files_test.go", "amd64", "files_test.go is no program for linux"},
		{"none", "amd64", "there is no none"},
		{"/bin/sh", map[bool]string{true: "arm64", false: "amd64"}[isARM(t)], "needs libraries"},
	} {
		err := CheckBinary(test.file, test.arch)
		if (err != nil) != (test.want != "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s for %s: %v", test.file, test.arch, err)
		}
	}
}

func isARM(t *testing.T) bool {
	t.Helper()
	return CheckBinary("/bin/sh", "amd64") != nil && strings.Contains(CheckBinary("/bin/sh", "amd64").Error(), "processor")
}

// A context is the same whoever writes it.
func TestContext(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := AddContext(dir, fstest.MapFS{
		"nova/Containerfile": {Data: []byte("ours"), Mode: 0o400},
		"nova/more":          {Data: []byte("ours"), Mode: 0o777},
		"etcd/Containerfile": {Data: []byte("ours"), Mode: 0o600},
	}); err != nil {
		t.Fatal(err)
	}
	if err := Replace(dir, fstest.MapFS{"nova/Containerfile": {Data: []byte("theirs")}, "README": {}}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"nova/Containerfile": "theirs", "nova/more": "", "etcd/Containerfile": "ours", "README": ""} {
		if data, _ := os.ReadFile(filepath.Join(dir, name)); string(data) != want {
			t.Errorf("%s: got %q, want %q", name, data, want)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "etcd/Containerfile"))
	if err != nil || info.Mode() != 0o644 || !info.ModTime().Equal(fileTime) {
		t.Errorf("%v, %v", info, err)
	}
}
