package cli_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/helm-ccp/helm-ccp/pkg/cli"
)

// TestMain is ccp itself where the environment says so: a signal to a test would
// reach all the others.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_IS_CCP") != "" {
		os.Exit(cli.Run(os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
	}
	os.Exit(m.Run())
}

// ccp returns the command of a process of its own.
func ccp(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), "TEST_IS_CCP=1")
	return cmd
}

// withTemplate returns a ccp.yaml with a chart of its own that has the template.
func withTemplate(t *testing.T, template string) string {
	t.Helper()
	dir := t.TempDir()
	ok(t, "create", "endless", "--output", filepath.Join(dir, "endless"))
	for name, text := range map[string]string{
		"endless/templates/endless.yaml": template,
		"ccp.yaml":                       "charts: [endless]\nroles: {controller: [endless, keystone]}\nnodes: {node1: {roles: [controller]}}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "ccp.yaml")
}

// A template that doubles its text ends before the machine has no memory.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	cmd := ccp(t, "template", "-f", withTemplate(t, `{{- define "double" }}{{ include "double" (print . .) }}{{ end }}{{ include "double" "0123456789abcdef" }}`))
	cmd.Env = append(cmd.Env, "GOMEMLIMIT=200MiB")
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "more than 200 MiB of memory") {
		t.Errorf("%v: %.2000s", err, out)
	}
}

// One signal ends a command that computes: a template knows no context.
func TestSignalEndsRendering(t *testing.T) {
	t.Parallel()
	file := withTemplate(t, "{{- range until 1000000 }}{{- range until 1000000 }}{{- end }}{{- end }}\n")
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			cmd := ccp(t, "template", "-f", file)
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			words := bufio.NewReader(stderr)
			if line, err := words.ReadString('\n'); err != nil { // what is said before it renders
				t.Fatalf("%q %v", line, err)
			}
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			var last string
			for err = nil; err == nil; {
				var line string
				if line, err = words.ReadString('\n'); line != "" {
					last = line
				}
			}
			if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 1 || !strings.Contains(last, "interrupted") {
				t.Errorf("it ended with %v and the words %q", err, last)
			}
		})
	}
}
