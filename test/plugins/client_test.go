// Package plugins_test runs the real Helm 3 and Helm 4 with the plugins that a
// clone of this repository installs.
package plugins_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const repository = "../.."

// tree is what a clone needs to build and install the plugins.
var tree = []string{".gitignore", "LICENSE", "Makefile", "README.md", "go.mod", "go.sum", "plugin.yaml", "build", "charts", "cmd", "pkg", "plugins"}

var clones struct {
	sync.Once
	dir string
	err error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if clones.dir != "" {
		os.RemoveAll(filepath.Dir(clones.dir))
	}
	os.Exit(code)
}

// clone returns a copy of the repository in which bin/ccp was built as Helm's
// hook does; it is made once.
func clone(t *testing.T) string {
	t.Helper()
	clones.Do(func() {
		temp, err := os.MkdirTemp("", "ccp-plugins-")
		if err != nil {
			clones.err = err
			return
		}
		clones.dir = filepath.Join(temp, "helm-ccp")
		clones.err = copyTree(clones.dir)
	})
	if clones.err != nil {
		t.Fatal(clones.err)
	}
	return clones.dir
}

func copyTree(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	for _, name := range tree {
		from, to := filepath.Join(repository, name), filepath.Join(dir, name)
		info, err := os.Stat(from)
		if err != nil {
			return err
		}
		if info.IsDir() {
			err = os.CopyFS(to, os.DirFS(from))
		} else {
			var data []byte
			if data, err = os.ReadFile(from); err == nil {
				err = os.WriteFile(to, data, info.Mode())
			}
		}
		if err != nil {
			return err
		}
	}
	out, err := exec.Command(filepath.Join(dir, "plugins", "build.sh")).CombinedOutput()
	os.Stderr.Write(out)
	return err
}

// client is a Helm with a home of its own.
type client struct {
	binary, home string
	work         string // where it is run: a folder with the guide's ccp.yaml
	env          []string
}

// newClient returns the Helm that make built as bin/name, or that the variable
// CCP_NAME gives.
func newClient(t *testing.T, name string) *client {
	t.Helper()
	binary := os.Getenv("CCP_" + strings.ToUpper(name))
	if binary == "" {
		binary = filepath.Join(repository, "bin", name)
	}
	binary, err := filepath.Abs(binary)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(binary); err != nil {
		t.Fatalf("%v: make bin/%s builds it", err, name)
	}
	c := &client{binary: binary, home: t.TempDir(), work: t.TempDir()}
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "HELM_") && !strings.HasPrefix(variable, "KUBE") && !strings.HasPrefix(variable, "MAKE") {
			c.env = append(c.env, variable)
		}
	}
	c.env = append(c.env,
		"HELM_CONFIG_HOME="+filepath.Join(c.home, "config"),
		"HELM_CACHE_HOME="+filepath.Join(c.home, "cache"),
		"HELM_DATA_HOME="+filepath.Join(c.home, "data"),
		"KUBECONFIG="+filepath.Join(c.home, "no-kubeconfig"))
	data, err := os.ReadFile(filepath.Join(repository, "examples", "calico", "ccp.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.work, "ccp.yaml"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

// run runs any program as the client's user does, and returns what it prints.
func (c *client) run(stdin, program string, args ...string) (stdout, stderr string, err error) {
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Env = c.work, c.env
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// helm runs the client and expects it to succeed.
func (c *client) helm(t *testing.T, args ...string) string {
	t.Helper()
	return c.must(t, "", c.binary, args...)
}

// ccp runs the clone's bin/ccp and expects it to succeed.
func (c *client) ccp(t *testing.T, args ...string) string {
	t.Helper()
	return c.must(t, "", filepath.Join(clone(t), "bin", "ccp"), args...)
}

func (c *client) must(t *testing.T, stdin, program string, args ...string) string {
	t.Helper()
	stdout, stderr, err := c.run(stdin, program, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", filepath.Base(program), strings.Join(args, " "), err, stdout, stderr)
	}
	return stdout
}
