package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestPlugin installs, upgrades and post-renders through the plugins, with both
// Helms: nothing but a ccp.yaml lies in the folder.
func TestPlugin(t *testing.T) {
	hookImage(t)
	debianImages(t, "memcached", "etcd")
	root, err := filepath.Abs(repository("."))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/life.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for client, install := range map[string][][]string{
		"helm3": {{"helm3", "plugin", "install", root}},
		"helm4": {{"make", "-C", root, "install-helm4-plugins", "HELM=helm4"}},
	} {
		t.Run(client, func(t *testing.T) {
			for _, variable := range []string{"HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"} {
				t.Setenv(variable, t.TempDir())
			}
			dir := t.TempDir()
			write(t, filepath.Join(dir, "ccp.yaml"), string(text))
			t.Chdir(dir)
			for _, command := range install {
				run(t, "", command[0], command[1:]...)
			}
			namespace := "e2e-plugin-" + client
			removeAfter(t, namespace)
			t.Cleanup(func() { installation{}.clearLabels(t) })
			helm := func(args ...string) string {
				t.Helper()
				return run(t, "", client, append(args, "--namespace", namespace)...)
			}
			wait := []string{"--wait", "--timeout", "4m"}

			helm(append([]string{"install", "ccp", "ccp://./ccp.yaml", "--create-namespace"}, wait...)...)
			if out := run(t, "", client, "ccp", "status", "-s", "--namespace", namespace); out != "ready\n" {
				t.Errorf("helm ccp status: %q", out)
			}
			pods := installation{namespace: namespace}
			before := pods.podIDs(t)

			// The chart as it is in Git, the values from the file.
			run(t, "", client, "ccp", "generate", "-o", "openstack")
			write(t, "ccp.yaml", strings.Replace(string(text), "ram: 64", "ram: 48", 1))
			helm(append([]string{"upgrade", "ccp", "./openstack", "-f", "ccp+values://./ccp.yaml"}, wait...)...)
			if after := pods.podIDs(t); before["memcached"] == after["memcached"] || before["etcd"] != after["etcd"] {
				t.Errorf("pods before %v, after %v", before, after)
			}

			// Manifests that are not ours follow the same file.
			write(t, "Chart.yaml", "apiVersion: v2\nname: other\nversion: 0.1.0\n")
			if err := os.Mkdir("templates", 0o755); err != nil {
				t.Fatal(err)
			}
			write(t, "templates/memcached.yaml", `apiVersion: apps/v1
kind: Deployment
metadata: {name: other-memcached, labels: {application: memcached, component: server}}
spec:
  selector: {matchLabels: {application: memcached, component: server}}
  template:
    metadata: {labels: {application: memcached, component: server}}
    spec:
      nodeSelector: {openstack-control-plane: enabled}
      containers: [{name: memcached, image: memcached}]
`)
			post := []string{"--post-renderer", filepath.Join(root, "bin/ccp"), "--post-renderer-args", "post-render"}
			if client == "helm4" {
				post = []string{"--post-renderer", "ccp-post-renderer"}
			}
			helm(append([]string{"install", "other", "."}, post...)...)
			affinity := whereItGoes(t, namespace, "other-memcached")
			if !strings.Contains(affinity, "role.ccp.openstack.org/cache") || strings.Contains(affinity, "openstack-control-plane") {
				t.Errorf("the pod goes where the ccp.yaml does not say: %s", affinity)
			}
			helm("uninstall", "other", "ccp")
			plugins := strings.Fields(run(t, "", client, "plugin", "list"))
			for _, plugin := range []string{"ccp", "ccp-getter", "ccp-post-renderer"} {
				if slices.Contains(plugins, plugin) {
					run(t, "", client, "plugin", "uninstall", plugin)
				}
			}
		})
	}
}

// whereItGoes returns the part of a Deployment that says where its pods go.
func whereItGoes(t *testing.T, namespace, name string) string {
	t.Helper()
	return installation{namespace: namespace}.kubectl(t, "get", "deployment", name,
		"--output=jsonpath={.spec.template.spec.affinity}{.spec.template.spec.nodeSelector}")
}
