package cli

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// argoCharts adds charts of a user's own to argoRepository: one in it, one
// outside, and links from the one to the other.
func argoCharts(t *testing.T) (root, outside string) {
	t.Helper()
	root, outside = argoRepository(t)
	for _, dir := range []string{filepath.Join(root, "charts", "own"), filepath.Join(outside, "own")} {
		var errs bytes.Buffer
		if code := Run([]string{"create", "own", "-o", dir}, Streams{In: strings.NewReader(""), Out: io.Discard, Err: &errs}); code != exitDone {
			t.Fatal(errs.String())
		}
	}
	partly := filepath.Join(root, "charts", "partlyown")
	if err := os.CopyFS(partly, os.DirFS(filepath.Join(root, "charts", "own"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(partly, "values.yaml")); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{
		filepath.Join(root, "charts", "linkedown"):   "../../outside/own",
		filepath.Join(root, "charts", "absoluteown"): filepath.Join(outside, "own"),
		filepath.Join(partly, "values.yaml"):         "../../../outside/own/values.yaml",
		filepath.Join(root, "charts", "insideown"):   "own",
	} {
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	return root, outside
}

// The charts that a ccp.yaml names don't leave the repository, by no link.
func TestArgoCDCharts(t *testing.T) {
	root, outside := argoCharts(t)
	for folder, refused := range map[string]bool{
		"../../charts/own":            false,
		"../../charts/insideown":      false,
		"../../../outside/own":        true,
		filepath.Join(outside, "own"): true,
		"../../charts/linkedown":      true,
		"../../charts/absoluteown":    true,
		"../../charts/partlyown":      true,
	} {
		t.Run(folder, func(t *testing.T) {
			file := filepath.Join(root, "apps", "openstack", "own.yaml")
			if err := os.WriteFile(file, []byte("charts: ["+folder+"]\nroles: {compute: [nova-compute, nova-libvirt, own]}\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			stdout, stderr, code := argoCD(t, root, "generate", map[string]string{"ARGOCD_ENV_CCP_FILES": "ccp.yaml,own.yaml"})
			switch {
			case refused && (code != exitWrong || stdout != "" || !strings.Contains(stderr, "own.yaml:1:10: charts[0]: ")):
				t.Errorf("exit code %d, %d bytes of output, standard error:\n%s", code, len(stdout), stderr)
			case !refused && (code != exitDone || !strings.Contains(stdout, "ccp/own:")):
				t.Errorf("exit code %d, standard error:\n%s", code, stderr)
			}
		})
	}
}
