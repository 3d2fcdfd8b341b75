package e2e

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestHooksKilled kills the pods of the hooks in the middle: the one that makes
// passwords, the one that tells Calico while it waits for an etcd that does not
// answer yet, its successor while it writes, and the one that takes it back. Each
// Job goes on with a new pod, and all comes out as if nothing had been.
func TestHooksKilled(t *testing.T) {
	hookImage(t)
	late := filepath.Join(t.TempDir(), "late.yaml")
	write(t, late, "configs: {calico: {store: etcdv2, etcd_proxy: {endpoints: []}}}\n")
	install := installation{namespace: "e2e-killed", nodes: nodes(t),
		flags: []string{"-f", "testdata/stores.yaml", "-f", late}}
	calico := newFabric(t, "etcdv2")
	removeAfter(t, install.namespace)
	t.Cleanup(func() { install.clearLabels(t) })

	done := install.start(t, "install", "ccp", install.chart(t), "--create-namespace")
	install.kill(t, "ccp-credentials")
	install.kill(t, "ccp-hook-calico-apply")
	install.kubectl(t, "apply", "-f", "testdata/etcd-k8s.yaml")
	install.kill(t, "ccp-hook-calico-apply")
	done(t)
	install.secretsMade(t, 5)
	calico.told(t)

	done = install.start(t, "uninstall", "ccp")
	install.kill(t, "ccp-hook-calico-revert")
	done(t)
	calico.untouched(t)
}

// start runs Helm and returns what waits for its end.
func (i installation) start(t *testing.T, args ...string) (done func(t *testing.T)) {
	t.Helper()
	cmd := exec.Command("helm3", append(args, "--namespace", i.namespace, "--timeout", "4m")...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	t.Cleanup(func() {
		if !ended {
			cmd.Process.Kill()
			cmd.Wait()
		}
	})
	return func(t *testing.T) {
		t.Helper()
		ended = true
		if err := cmd.Wait(); err != nil {
			t.Fatalf("%v: %s\n%s", err, stderr.String(), i.state(t))
		}
	}
}

// kill removes the pod of a Job at once when its container runs. A pod that was
// killed before is not the one that is meant.
func (i installation) kill(t *testing.T, job string) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for time.Now().Before(deadline) {
		out, _ := i.try(t, "get", "pods", "--selector=job-name="+job, "--output=name", "--field-selector=status.phase=Running")
		if pod := strings.TrimSpace(out); pod != "" {
			i.kubectl(t, "delete", pod, "--grace-period=0", "--force")
			return
		}
	}
	t.Fatalf("no pod of %s ran\n%s", job, i.state(t))
}
