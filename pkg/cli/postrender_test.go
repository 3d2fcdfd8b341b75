package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/helm-ccp/helm-ccp/pkg/cli"
)

const keystoneManifest = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: keystone # by name\nspec:\n  template:\n    spec:\n      containers: []\n"

func TestPostRender(t *testing.T) {
	t.Parallel()
	r := run(t, keystoneManifest, "post-render", "-f", example)
	if r.code != 0 || !strings.Contains(r.stdout, "role.ccp.openstack.org/controller") || !strings.Contains(r.stdout, "keystone # by name\n") {
		t.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

func TestPostRenderKustomization(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for file, text := range map[string]string{
		"kustomization.yaml": "resources: [more.yaml]\npatches:\n  - target: {kind: Deployment}\n    patch: |\n      apiVersion: apps/v1\n      kind: Deployment\n      metadata: {name: any}\n      spec: {paused: true}\n",
		"more.yaml":          "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: more}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := run(t, keystoneManifest, "post-render", "-f", example, "--kustomization", dir)
	for _, want := range []string{"  paused: true\n", "name: keystone # by name\n", "kind: ConfigMap\n", "role.ccp.openstack.org/controller"} {
		if r.code != 0 || strings.Count(r.stdout, want) != 1 {
			t.Errorf("exit code %d, %q is not there once:\n%s%s", r.code, want, r.stdout, r.stderr)
		}
	}
	if strings.Contains(r.stdout, "post-render-object") {
		t.Errorf("a mark was left:\n%s", r.stdout)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("the folder changed: %v, %v", entries, err)
	}
}

// Helm refuses empty output of a post-renderer, and takes a comment.
func TestPostRenderNothingLeft(t *testing.T) {
	t.Parallel()
	const openvswitch = "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: openvswitch-db, labels: {application: openvswitch, component: db}}\nspec: {}\n"
	for _, stdin := range []string{openvswitch, ""} {
		r := run(t, stdin, "post-render", "-f", example)
		if r.code != 0 || !strings.HasPrefix(r.stdout, "# ") || strings.Count(r.stdout, "\n") != 1 {
			t.Errorf("of %q: exit code %d, standard output %q\n%s", stdin, r.code, r.stdout, r.stderr)
		}
	}
}

func TestPostRenderBadInput(t *testing.T) {
	t.Parallel()
	for title, test := range map[string]struct {
		stdin string
		args  []string
		want  string
	}{
		"broken YAML":         {keystoneManifest + "---\na: [\n", []string{"-f", example}, "standard input:"},
		"strict":              {strings.ReplaceAll(keystoneManifest, "keystone", "nobody"), []string{"-f", example, "--strict"}, "Deployment nobody"},
		"no ccp.yaml":         {keystoneManifest, []string{"-f", "nothere.yaml"}, "nothere.yaml"},
		"invalid ccp.yaml":    {keystoneManifest, []string{"-f", write(t, "ccp.yaml", "rolls: {}\n")}, "ccp.yaml:1:1: rolls"},
		"two inputs":          {keystoneManifest, []string{"-f", "-"}, "standard input is for the manifests"},
		"no kustomization":    {keystoneManifest, []string{"-f", example, "--kustomization", t.TempDir()}, "kustomization"},
		"no such folder":      {keystoneManifest, []string{"-f", example, "--kustomization", "nothere"}, "nothere"},
		"wrong x-post-render": {keystoneManifest, []string{"-f", write(t, "ccp.yaml", "x-post-render: {service: 1}\n")}, "x-post-render.service"},
	} {
		r := run(t, test.stdin, append([]string{"post-render"}, test.args...)...)
		if r.code != 2 || r.stdout != "" || !strings.Contains(r.stderr, test.want) {
			t.Errorf("%s: exit code %d, standard output %q, standard error %s", title, r.code, r.stdout, r.stderr)
		}
	}
}

// closed is a pipe that nobody reads.
type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, syscall.EPIPE }

func TestPostRenderClosedOutput(t *testing.T) {
	t.Parallel()
	var stderr strings.Builder
	code := cli.Run([]string{"post-render", "-f", example}, cli.Streams{In: strings.NewReader(keystoneManifest), Out: closed{}, Err: &stderr})
	if code != 1 || !strings.Contains(stderr.String(), "standard output was closed") {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
}
