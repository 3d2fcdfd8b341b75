package e2e

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestThousandNodes installs on a thousand nodes that kwok simulates: it plays
// their kubelets, and all else is real. It logs how long each step takes.
func TestThousandNodes(t *testing.T) {
	hookImage(t)
	kwok(t)
	start := time.Now()
	computes, controllers := simulate(t, "compute", 900), simulate(t, "controller", 100)
	logStep(t, "nodes made and ready", start)
	install := installation{namespace: "e2e-thousand", nodes: nodes(t), flags: []string{"-f", "testdata/thousand.yaml"}}

	start = time.Now()
	install.up(t)
	logStep(t, "helm install, with the hook that labels the nodes", start)
	for role, names := range map[string][]string{"compute": computes, "controller": controllers} {
		labelled := strings.Fields(run(t, "", "kubectl", "get", "nodes", "--selector=role.ccp.openstack.org/"+role+"=true",
			"--output=jsonpath={.items[*].metadata.name}"))
		slices.Sort(labelled)
		if !slices.Equal(labelled, names) {
			t.Fatalf("%d nodes have the role %s, want %d", len(labelled), role, len(names))
		}
	}
	for service, names := range map[string][]string{"nova-libvirt": computes, "neutron-l3-agent": controllers} {
		eventually(t, 6*time.Minute, func() error {
			install.kubectl(t, "rollout", "status", "daemonset/"+service, "--watch", "--timeout=6m")
			running := strings.Fields(install.kubectl(t, "get", "pods", "--selector=app.kubernetes.io/component="+service,
				"--field-selector=status.phase=Running", "--output=jsonpath={.items[*].spec.nodeName}"))
			slices.Sort(running)
			if !slices.Equal(running, names) {
				return fmt.Errorf("%s runs on %d nodes, want exactly the %d of its role", service, len(running), len(names))
			}
			return nil
		})
		logStep(t, fmt.Sprintf("until %s runs on all its %d nodes", service, len(names)), start)
	}

	start = time.Now()
	install.upgrade(t)
	logStep(t, "helm upgrade, with nothing to label", start)
	start = time.Now()
	install.down(t)
	logStep(t, "helm uninstall", start)
	// kubectl delete would look at each pod by itself.
	eventually(t, 3*time.Minute, func() error {
		if left := install.kubectl(t, "get", "pods", "--selector=!job-name", "--output=name"); left != "" {
			return fmt.Errorf("there are pods left: %.200s", left)
		}
		return nil
	})
	logStep(t, "until all pods are gone", start)
}

func logStep(t *testing.T, what string, since time.Time) {
	t.Helper()
	t.Logf("%5.1f s  %s", time.Since(since).Seconds(), what)
}

// simulated is the label of the nodes that kwok plays.
const simulated = "e2e.ccp/simulated"

// simulate makes nodes named PREFIX-0000 and so on, waits until kwok has them
// ready, and returns their names.
func simulate(t *testing.T, prefix string, count int) []string {
	t.Helper()
	var names []string
	var items []object
	resources := object{"cpu": "32", "memory": "256Gi", "pods": "110"}
	for i := range count {
		name := fmt.Sprintf("%s-%04d", prefix, i)
		names = append(names, name)
		items = append(items, object{
			"apiVersion": "v1", "kind": "Node",
			"metadata": object{"name": name, "labels": object{simulated: prefix, "kubernetes.io/hostname": name}},
			// The hooks' pods must go where they really run; those of DaemonSets do not mind.
			"spec":   object{"unschedulable": true},
			"status": object{"allocatable": resources, "capacity": resources},
		})
	}
	run(t, marshal(t, object{"apiVersion": "v1", "kind": "List", "items": items}), "kubectl", "create", "-f", "-")
	// kubectl wait would ask for each node by itself.
	eventually(t, 3*time.Minute, func() error {
		ready := strings.Count(run(t, "", "kubectl", "get", "nodes", "--selector="+simulated+"="+prefix, "--no-headers"), " Ready,")
		if ready < count {
			return fmt.Errorf("%d of %d nodes are ready", ready, count)
		}
		return nil
	})
	return names
}

// kwok plays kubelets, with the stages that come with it, until the test ends.
// Then the nodes go.
func kwok(t *testing.T) {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "kwok.log"))
	if err != nil {
		t.Fatal(err)
	}
	// A lease is renewed after a quarter of its time. The node controller waits all of it.
	cmd := exec.Command("kwok", "--kubeconfig="+os.Getenv("KUBECONFIG"),
		"--manage-nodes-with-label-selector="+simulated, "--node-lease-duration-seconds=160")
	module := strings.TrimSpace(run(t, "", "go", "list", "-C", "kwok", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kwok"))
	for _, stage := range []string{"node/fast/node-initialize", "node/heartbeat-with-lease/node-heartbeat-with-lease",
		"pod/fast/pod-ready", "pod/fast/pod-complete", "pod/fast/pod-delete"} {
		cmd.Args = append(cmd.Args, "--config="+filepath.Join(module, "kustomize/stage", stage+".yaml"))
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		run(t, "", "kubectl", "delete", "--raw", "/api/v1/nodes?labelSelector="+url.QueryEscape(simulated))
		cmd.Process.Kill()
		cmd.Wait()
		if text, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("kwok said\n%.2000s", text)
		}
	})
}
