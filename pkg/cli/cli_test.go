package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helm-ccp/helm-ccp/pkg/cli"
)

// example is the guide's own file.
const example = "../../examples/calico/ccp.yaml"

// result is what a run of ccp left behind.
type result struct {
	code           int
	stdout, stderr string
}

func run(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := cli.Run(args, cli.Streams{In: strings.NewReader(stdin), Out: &stdout, Err: &stderr})
	return result{code, stdout.String(), stderr.String()}
}

// ok runs ccp and expects it to succeed.
func ok(t *testing.T, args ...string) result {
	t.Helper()
	r := run(t, "", args...)
	if r.code != 0 {
		t.Fatalf("ccp %s: exit code %d\n%s", strings.Join(args, " "), r.code, r.stderr)
	}
	return r
}

// write puts text into a file of a new folder and returns its name.
func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// threeNodes is the guide's cluster.
func threeNodes(t *testing.T) string {
	t.Helper()
	return write(t, "nodes.txt", "node1\nnode2\nnode3\n")
}
