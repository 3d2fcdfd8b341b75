package postrender

import (
	"path/filepath"

	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// overlayFS is a file system with files in one folder that another does not
// have, or has otherwise.
type overlayFS struct {
	filesys.FileSystem
	dir   filesys.ConfirmedDir
	files map[string][]byte // by absolute path
}

func newOverlay(base filesys.FileSystem, dir string, files map[string][]byte) (*overlayFS, error) {
	confirmed, err := filesys.ConfirmDir(base, dir)
	if err != nil {
		return nil, err
	}
	o := &overlayFS{FileSystem: base, dir: confirmed, files: map[string][]byte{}}
	for name, data := range files {
		o.files[confirmed.Join(name)] = data
	}
	return o, nil
}

func (o *overlayFS) lookup(path string) ([]byte, bool) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, false
	}
	data, there := o.files[absolute]
	return data, there
}

// ReadFile returns the file of the overlay, or else of the base.
func (o *overlayFS) ReadFile(path string) ([]byte, error) {
	if data, there := o.lookup(path); there {
		return data, nil
	}
	return o.FileSystem.ReadFile(path)
}

// Exists reports whether the overlay or the base has the file.
func (o *overlayFS) Exists(path string) bool {
	_, there := o.lookup(path)
	return there || o.FileSystem.Exists(path)
}

// CleanedAbs takes a path apart, as that of the base does.
func (o *overlayFS) CleanedAbs(path string) (filesys.ConfirmedDir, string, error) {
	if _, there := o.lookup(path); there {
		return o.dir, filepath.Base(path), nil
	}
	return o.FileSystem.CleanedAbs(path)
}
