package plugins_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

const version = "0.1.0"

var archives struct {
	sync.Once
	dir string
	err error
}

// release makes the release archive of this machine's architecture, once, and
// returns the folder that it is in and its name.
func release(t *testing.T) (dir, name string) {
	t.Helper()
	archives.Do(func() {
		archives.dir = filepath.Join(filepath.Dir(clone(t)), "dist")
		archives.err = buildRelease(clone(t), archives.dir)
	})
	if archives.err != nil {
		t.Fatal(archives.err)
	}
	return archives.dir, "ccp-" + version + "-linux-" + runtime.GOARCH + ".tar.gz"
}

func buildRelease(tree, dir string) error {
	cmd := exec.Command(filepath.Join(tree, "build", "release.sh"), version, dir, runtime.GOARCH)
	cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=1700000000")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build/release.sh: %w\n%s", err, out)
	}
	return nil
}

// The same tree at another place and another time gives the same archive.
func TestReleaseIsReproducible(t *testing.T) {
	t.Parallel()
	dir, name := release(t)
	elsewhere, other := filepath.Join(t.TempDir(), "elsewhere"), t.TempDir()
	if err := os.CopyFS(elsewhere, os.DirFS(clone(t))); err != nil {
		t.Fatal(err)
	}
	if err := buildRelease(elsewhere, other); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{name, "ccp-" + version + "-checksums.txt"} {
		a, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(other, file))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a, b) {
			t.Errorf("%s differs from one build to the next", file)
		}
	}
}

// withoutGo takes Go away from the client's user.
func (c *client) withoutGo(t *testing.T) {
	t.Helper()
	tools := t.TempDir()
	for _, tool := range []string{"dirname", "echo", "find", "grep", "rm", "sh", "uname"} {
		file, err := exec.LookPath(tool)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(file, filepath.Join(tools, tool)); err != nil {
			t.Fatal(err)
		}
	}
	c.env = append(slices.DeleteFunc(c.env, func(v string) bool { return strings.HasPrefix(v, "PATH=") }), "PATH="+tools)
}

// unsigned are the flags with which a Helm installs what nobody signed.
var unsigned = map[string][]string{"helm3": nil, "helm4": {"--verify=false"}}

// installFrom installs the plugin at a URL and expects the hook to say text.
func (c *client) installFrom(t *testing.T, name, url, text string) {
	t.Helper()
	if out := c.helm(t, append([]string{"plugin", "install", url}, unsigned[name]...)...); !strings.Contains(out, text) {
		t.Errorf("the hook does not say %q:\n%s", text, out)
	}
}

// expectPlugin checks what the plugin.yaml at the top gives: with Helm 3 the
// verbs and the getter, with Helm 4 the getter.
func (c *client) expectPlugin(t *testing.T, name string) {
	t.Helper()
	sameManifests(t, name, "ccp://", c.helm(t, "template", "r", "ccp://./ccp.yaml", "--namespace", "ccp"), c.ccp(t, "template", "r"))
	stdout, _, err := c.run("", c.binary, "ccp", "topology")
	switch name {
	case "helm3":
		same(t, "helm ccp topology", stdout, c.ccp(t, "topology"))
	case "helm4":
		if err == nil {
			t.Error("helm ccp works: docs/plugin.md and the hook say that it does not")
		}
	}
}

// expectNothingLeft uninstalls the plugin and looks for files of it. The charts
// that Helm keeps are not the plugin's.
func (c *client) expectNothingLeft(t *testing.T) {
	t.Helper()
	c.helm(t, "plugin", "uninstall", "ccp")
	for _, dir := range []string{"config", "data", "cache/plugins"} {
		if _, err := os.Stat(filepath.Join(c.home, dir)); err != nil {
			continue
		}
		if left := files(t, filepath.Join(c.home, dir)); len(left) > 0 {
			t.Errorf("left behind: %s", strings.Join(left, ", "))
		}
	}
}

// A release archive at a URL is installed without Go, and again after it was
// uninstalled.
func TestArchiveURL(t *testing.T) {
	t.Parallel()
	dir, archive := release(t)
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(server.Close)
	for name := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, name)
			c.withoutGo(t)
			for range 2 {
				c.installFrom(t, name, server.URL+"/"+archive, "bin/ccp is the archive's; nothing to build")
				c.expectPlugin(t, name)
				c.expectNothingLeft(t)
			}
			if name == "helm4" {
				if _, stderr, err := c.run("", c.binary, "plugin", "install", server.URL+"/"+archive); err == nil || !strings.Contains(stderr, "no provenance file") {
					t.Errorf("Helm 4 took an archive that is not signed: %v, %s", err, stderr)
				}
			}
		})
	}
}

// A file is no source: Helm 3 takes folders only, Helm 4 wants a folder inside
// of the archive, where Helm 3 would not find the plugin.
func TestArchiveFile(t *testing.T) {
	t.Parallel()
	dir, archive := release(t)
	for name, want := range map[string]string{"helm3": "expected plugin to be a folder", "helm4": "plugin.yaml not found in expected directory"} {
		c := newClient(t, name)
		args := append([]string{"plugin", "install", filepath.Join(dir, archive)}, unsigned[name]...)
		if _, stderr, err := c.run("", c.binary, args...); err == nil || !strings.Contains(stderr, want) {
			t.Errorf("%s and an archive in a file: %v, %s", name, err, stderr)
		}
	}
}

// An archive that was unpacked gives both Helms everything, without Go.
func TestUnpackedArchive(t *testing.T) {
	t.Parallel()
	dir, archive := release(t)
	unpacked := t.TempDir()
	if out, err := exec.Command("tar", "-xzf", filepath.Join(dir, archive), "-C", unpacked).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, name)
			c.withoutGo(t)
			folders := map[string][]string{"helm3": {""}, "helm4": {"plugins/helm4/ccp", "plugins/helm4/ccp-getter", "plugins/helm4/ccp-post-renderer"}}
			for _, folder := range folders[name] {
				c.helm(t, "plugin", "install", filepath.Join(unpacked, folder))
			}
			same(t, "topology", c.helm(t, "ccp", "topology"), c.ccp(t, "topology"))
			sameManifests(t, name, "ccp://", c.helm(t, "template", "r", "ccp://./ccp.yaml", "--namespace", "ccp"), c.ccp(t, "template", "r"))
			writeForeign(t, c)
			args := append([]string{"template", "r", "foreign"}, kind.postRenderer(filepath.Join(unpacked, "bin", "ccp"))...)
			if got := c.helm(t, args...); !strings.Contains(got, "role.ccp.openstack.org/compute") {
				t.Errorf("nova-compute is not placed:\n%s", got)
			}
			for _, plugin := range kind.plugins {
				c.helm(t, "plugin", "uninstall", plugin)
			}
			if left := files(t, filepath.Join(c.home, "data")); len(left) > 0 {
				t.Errorf("left behind: %s", strings.Join(left, ", "))
			}
		})
	}
}

// gitServer serves the clone as a Git repository and returns its URL.
func gitServer(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	git := func(args ...string) string {
		cmd := exec.Command("git", args...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
			"GIT_AUTHOR_NAME=test", "GIT_AUTHOR_EMAIL=test@example.org", "GIT_COMMITTER_NAME=test", "GIT_COMMITTER_EMAIL=test@example.org")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return strings.TrimSpace(string(out))
	}
	bare := filepath.Join(root, "helm-ccp.git")
	git("init", "--quiet", "--bare", bare)
	git("--git-dir", bare, "--work-tree", clone(t), "add", "--all")
	git("--git-dir", bare, "--work-tree", clone(t), "commit", "--quiet", "--message", "A clone")
	server := httptest.NewServer(&cgi.Handler{
		Path: filepath.Join(git("--exec-path"), "git-http-backend"),
		// Helm asks first whether the URL is an archive's, and git says there that it is not.
		Stderr: io.Discard,
		Env:    []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1"},
	})
	t.Cleanup(server.Close)
	return server.URL + "/helm-ccp.git"
}

// From a Git repository Helm makes a clone, and the hook builds the binary in it.
func TestGitURL(t *testing.T) {
	t.Parallel()
	url := gitServer(t)
	for name := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, name)
			c.installFrom(t, name, url, "building bin/ccp with Go")
			c.expectPlugin(t, name)
			c.helm(t, "plugin", "update", "ccp")
			c.expectNothingLeft(t)
			if name == "helm4" {
				if _, stderr, err := c.run("", c.binary, "plugin", "install", url); err == nil || !strings.Contains(stderr, "does not support verification") {
					t.Errorf("Helm 4 took a repository without --verify=false: %v, %s", err, stderr)
				}
			}
		})
	}
}
