package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Every command has examples, and those that are ccp's alone are run.
func TestExamples(t *testing.T) {
	text, err := os.ReadFile("../../examples/calico/ccp.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, data := range map[string][]byte{"ccp.yaml": text, "site.yaml": []byte("images: {tag: \"1\"}\n"), "nodes.txt": []byte("node1\nnode2\nnode3\n")} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	t.Setenv("KUBECONFIG", filepath.Join(dir, "none"))
	for _, cmd := range leafCommands(newRoot(Streams{})) {
		if cmd.Example == "" {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
		if cmd.Annotations["cluster"] != "" {
			continue // test/e2e runs these
		}
		if cmd.Annotations["engine"] != "" {
			continue // build_test.go runs these
		}
		for line := range strings.Lines(cmd.Example) {
			call, _, _ := strings.Cut(strings.TrimSpace(line), " > ")
			words := strings.Fields(call)
			if len(words) == 0 || words[0] != "ccp" || strings.ContainsAny(call, "|<") {
				continue
			}
			var out, stderr bytes.Buffer
			if code := Run(words[1:], Streams{In: strings.NewReader(""), Out: &out, Err: &stderr}); code != 0 {
				t.Errorf("%s: exit code %d\n%s", call, code, stderr.String())
			}
		}
	}
}

func leafCommands(cmd *cobra.Command) []*cobra.Command {
	if !cmd.HasSubCommands() {
		return []*cobra.Command{cmd}
	}
	var out []*cobra.Command
	for _, sub := range cmd.Commands() {
		if sub.Name() != "help" && sub.Name() != "completion" {
			out = append(out, leafCommands(sub)...)
		}
	}
	return out
}
