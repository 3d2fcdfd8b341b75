// Package e2e has the tests that need a real cluster: `make e2e` brings one up,
// runs them on it and takes it down. They run one after another, since they
// label the same nodes and write into the same etcd.
package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type object = map[string]any

// guide is the configuration of the guide; small fits it to the test cluster.
var guide, small = repository("examples/calico/ccp.yaml"), "testdata/small.yaml"

// repository returns the path of a file of the project.
func repository(path string) string { return filepath.Join("..", "..", path) }

func TestMain(m *testing.M) {
	if os.Getenv("KUBECONFIG") == "" {
		fmt.Fprintln(os.Stderr, "these tests need a cluster: run `make e2e`, or set KUBECONFIG")
		os.Exit(2)
	}
	os.Exit(m.Run())
}

// own skips a test that reads more of the cluster than its API, unless it is the
// one that make e2e runs.
func own(t *testing.T) {
	t.Helper()
	if os.Getenv("CCP_E2E_DIR") == "" {
		t.Skip("the cluster is not that of make e2e: its etcd and registry are not known")
	}
}

// try runs a command and returns its standard output; what it printed on
// standard error is the error's text. A command that takes long is in the log.
func try(t *testing.T, stdin, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	start := time.Now()
	out, err := cmd.Output()
	if took := time.Since(start); took > 3*time.Second {
		t.Logf("%4.0f s  %.150s", took.Seconds(), name+" "+strings.Join(args, " "))
	}
	if err != nil {
		err = fmt.Errorf("%s %s: %w\n%.4000s", name, strings.Join(args, " "), err, stderr.String())
	}
	return string(out), err
}

// run is try for a command that must succeed.
func run(t *testing.T, stdin, name string, args ...string) string {
	t.Helper()
	out, err := try(t, stdin, name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// get decodes what kubectl get prints as JSON.
func get[T any](t *testing.T, args ...string) T {
	t.Helper()
	var value T
	unmarshal(t, run(t, "", "kubectl", append([]string{"get", "-o", "json"}, args...)...), &value)
	return value
}

func unmarshal(t *testing.T, text string, value any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), value); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
}

func marshal(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// eventually repeats a condition until it returns nil, and fails the test with
// its last error when that takes too long.
func eventually(t *testing.T, limit time.Duration, condition func() error) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		err := condition()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %s: %v", limit, err)
		}
		time.Sleep(250 * time.Millisecond)
	}
}

// namespace makes a namespace and removes it, with all in it, after the test.
func namespace(t *testing.T, name string, labels ...string) {
	t.Helper()
	run(t, "", "kubectl", "create", "namespace", name)
	for _, label := range labels {
		run(t, "", "kubectl", "label", "namespace", name, label)
	}
	removeAfter(t, name)
}

// removeAfter removes a namespace after the test, and lets go of the volumes
// that were used in it, empty again for the next.
func removeAfter(t *testing.T, name string) {
	t.Helper()
	t.Cleanup(func() {
		for _, args := range [][]string{
			// A namespace is looked at again only after half the grace period of the most patient pod in it, so
			// the pods go first.
			{"delete", "statefulsets,deployments,daemonsets,jobs,pods", "--all", "--namespace", name, "--timeout=3m"},
			{"delete", "namespace", name, "--ignore-not-found", "--timeout=3m"},
		} {
			if _, err := try(t, "", "kubectl", args...); err != nil {
				t.Error(err)
			}
		}
		releaseVolumes(t)
	})
}

// nodes returns the cluster's nodes as the commands of ccp take them.
func nodes(t *testing.T) string {
	t.Helper()
	return run(t, "", "kubectl", "get", "nodes", "-o", "yaml")
}

// capture runs a command and returns both of its streams.
func capture(t *testing.T, name string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	cmd := exec.Command(name, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
