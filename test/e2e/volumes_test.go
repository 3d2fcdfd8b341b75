package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// releaseVolumes empties the local volumes whose claim is gone, and makes them
// available again.
func releaseVolumes(t *testing.T) {
	t.Helper()
	dir := os.Getenv("CCP_E2E_DIR")
	if dir == "" {
		return
	}
	out, err := exec.Command("kubectl", "get", "persistentvolumes", "-o",
		`jsonpath={range .items[?(@.status.phase=="Released")]}{.metadata.name}{"\n"}{end}`).Output()
	if err != nil {
		t.Error(err)
	}
	for _, name := range strings.Fields(string(out)) {
		node, number, _ := strings.Cut(name, "-")
		path := filepath.Join(dir, "nodes", node, "own/var/lib/volumes", number)
		entries, err := os.ReadDir(path)
		for _, entry := range entries {
			err = errors.Join(err, os.RemoveAll(filepath.Join(path, entry.Name())))
		}
		_, patchErr := exec.Command("kubectl", "patch", "persistentvolume", name, "--type=json",
			"--patch", `[{"op": "remove", "path": "/spec/claimRef"}]`).Output()
		if err := errors.Join(err, patchErr); err != nil {
			t.Errorf("volume %s: %v", name, err)
		}
	}
}
