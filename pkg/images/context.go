package images

import (
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// sorted goes through a map in the order of its keys.
func sorted(m map[string]string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if !yield(key, m[key]) {
				return
			}
		}
	}
}

// fileTime is that of all files of a context. Engines take a layer that they
// have for a file that did not change, and some look at its time.
var fileTime = time.Unix(315532800, 0) // 1980, the first that zip archives know

// AddContext copies files into the folder dir of a context, and normalizes them.
func AddContext(dir string, files fs.FS) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.CopyFS(dir, files); err != nil {
		return err
	}
	return Normalize(dir)
}

// Normalize makes the files of a context look the same whoever made them and
// when.
func Normalize(dir string) error {
	return filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if info.IsDir() || info.Mode()&0o100 != 0 {
			mode = 0o755
		}
		if err := os.Chmod(name, mode); err != nil {
			return err
		}
		return os.Chtimes(name, fileTime, fileTime)
	})
}

// Replace puts the folders of files into a context, each in the place of the
// one that has its name.
func Replace(dir string, files fs.FS) error {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		folder, err := fs.Sub(files, entry.Name())
		if err != nil {
			return err
		}
		target := filepath.Join(dir, entry.Name())
		if err := os.RemoveAll(target); err != nil {
			return err
		}
		if err := AddContext(target, folder); err != nil {
			return fmt.Errorf("%s: %w", entry.Name(), err)
		}
	}
	return nil
}
