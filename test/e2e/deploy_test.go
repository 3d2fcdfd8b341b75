package e2e

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// life is a release that the verbs of ccp install, change and take away, in a
// folder of its own.
type life struct {
	namespace string
	dir       string
	file      string // its ccp.yaml
}

func newLife(t *testing.T, namespace, file string) life {
	t.Helper()
	l := life{namespace: namespace, dir: t.TempDir()}
	var err error
	if l.file, err = filepath.Abs(file); err != nil {
		t.Fatal(err)
	}
	removeAfter(t, namespace)
	t.Cleanup(func() { installation{}.clearLabels(t) })
	return l
}

// outcome is what a command of ccp came to.
type outcome struct {
	out, err string
	code     int
}

// start begins a command of ccp in the release's folder.
func (l life) start(t *testing.T, verb string, args ...string) (*exec.Cmd, func() outcome) {
	t.Helper()
	cmd := exec.Command("ccp", append([]string{verb, "--namespace", l.namespace, "-f", l.file}, args...)...)
	cmd.Dir = l.dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, func() outcome {
		t.Helper()
		var exit *exec.ExitError
		if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return outcome{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
	}
}

func (l life) ccp(t *testing.T, verb string, args ...string) outcome {
	t.Helper()
	_, wait := l.start(t, verb, args...)
	return wait()
}

// must is ccp for a command that succeeds.
func (l life) must(t *testing.T, verb string, args ...string) outcome {
	t.Helper()
	o := l.ccp(t, verb, args...)
	if o.code != 0 {
		t.Fatalf("ccp %s %s: exit code %d\n%s%s", verb, strings.Join(args, " "), o.code, o.out, o.err)
	}
	return o
}

// with writes a file with further configuration, and returns the flags for it.
func (l life) with(t *testing.T, text string) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "more.yaml")
	write(t, file, text)
	return []string{"-f", file}
}

// expect checks the exit code and that all of the texts were told.
func (o outcome) expect(t *testing.T, code int, texts ...string) {
	t.Helper()
	if o.code != code {
		t.Errorf("exit code %d, want %d", o.code, code)
	}
	for _, text := range texts {
		if !strings.Contains(o.out+o.err, text) {
			t.Errorf("nothing says %q", text)
		}
	}
	if t.Failed() {
		t.Fatalf("%s%s", o.out, o.err)
	}
}

// podIDs returns the uid of each service's pods.
func (l life) podIDs(t *testing.T) map[string]string {
	t.Helper()
	return installation{namespace: l.namespace}.podIDs(t)
}

// revisions returns the release's history as Helm tells it: "1 deployed".
func (l life) revisions(t *testing.T) []string {
	t.Helper()
	var history []struct {
		Revision int
		Status   string
	}
	unmarshal(t, run(t, "", "helm3", "history", "ccp", "--namespace", l.namespace, "-o", "json"), &history)
	var out []string
	for _, entry := range history {
		out = append(out, fmt.Sprint(entry.Revision, " ", entry.Status))
	}
	return out
}

// awaitText waits until a file has a text.
func awaitStep(t *testing.T, file, text string) {
	t.Helper()
	eventually(t, time.Minute, func() error {
		data, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(data), text) {
			return fmt.Errorf("no %q in %s (%w)", text, data, cmp.Or(err, errors.New("not yet")))
		}
		return nil
	})
}

// logged begins a command whose standard error goes to a file, to be watched.
func (l life) logged(t *testing.T, verb string, args ...string) (cmd *exec.Cmd, log string) {
	t.Helper()
	cmd = exec.Command("ccp", append([]string{verb, "--namespace", l.namespace, "-f", l.file}, args...)...)
	cmd.Dir = l.dir
	log = filepath.Join(t.TempDir(), "log")
	file, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cmd.Stdout, cmd.Stderr = file, file
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, log
}

// TestLife goes through the life of a release with the verbs of ccp.
func TestLife(t *testing.T) {
	hookImage(t)
	debianImages(t, "memcached", "etcd")
	l := newLife(t, "e2e-life", "testdata/life.yaml")

	o := l.must(t, "deploy", "--dry-run")
	o.expect(t, 0, "create  StatefulSet", "memcached", "would be made")
	if _, err := try(t, "", "kubectl", "get", "namespace", l.namespace); err == nil {
		t.Error("a dry run made the namespace")
	}
	l.ccp(t, "status").expect(t, 1, "there is no such release")

	l.must(t, "deploy").expect(t, 0, "made the namespace e2e-life", "labelled 3 of 3 nodes", "everything is ready")
	if got := l.revisions(t); !slices.Equal(got, []string{"1 deployed"}) {
		t.Errorf("history: %v", got)
	}
	l.must(t, "status", "-s").expect(t, 0, "ready")
	var status struct {
		Ready    bool
		Services []struct {
			Name      string
			PodsReady int `json:"pods_ready"`
		}
	}
	if err := json.Unmarshal([]byte(l.must(t, "status", "-o", "json").out), &status); err != nil || !status.Ready || len(status.Services) != 2 {
		t.Errorf("status: %+v (%v)", status, err)
	}
	l.ccp(t, "status", "keyston").expect(t, 2, `no service "keyston"`)

	t.Run("a value restarts what depends on it", func(t *testing.T) {
		before := l.podIDs(t)
		l.must(t, "deploy", l.with(t, "configs: {memcached: {ram: 32}}")...)
		after := l.podIDs(t)
		if before["etcd"] != after["etcd"] || before["memcached"] == after["memcached"] {
			t.Errorf("pods before %v, after %v", before, after)
		}
	})
	t.Run("some services only", func(t *testing.T) {
		before := l.podIDs(t)
		changes := l.must(t, "deploy", append(l.with(t, "configs: {memcached: {ram: 48}}"), "-c", "etcd", "--dry-run")...)
		if strings.Contains(changes.out, "memcached") {
			t.Errorf("-c etcd would change memcached\n%s", changes.out)
		}
		l.must(t, "deploy", append(l.with(t, "configs: {memcached: {ram: 48}}"), "-c", "etcd")...)
		if after := l.podIDs(t); before["memcached"] != after["memcached"] {
			t.Errorf("-c etcd restarted memcached")
		}
		l.ccp(t, "deploy", "-c", "etdc").expect(t, 2, `"etdc" (did you mean "etcd"?)`)
	})
	for _, client := range []string{"helm3", "helm4"} {
		t.Run("an ordinary release for "+client, func(t *testing.T) {
			inside := []string{"--namespace", l.namespace}
			if list := run(t, "", client, append([]string{"list", "--short"}, inside...)...); list != "ccp\n" {
				t.Errorf("list: %q", list)
			}
			before, revisions := l.podIDs(t), len(l.revisions(t))
			run(t, "", client, append([]string{"rollback", "ccp", "1", "--wait", "--timeout", "3m"}, inside...)...)
			if now := l.revisions(t); len(now) != revisions+1 || now[revisions] != fmt.Sprint(revisions+1, " deployed") {
				t.Errorf("history: %v", now)
			}
			if after := l.podIDs(t); before["memcached"] == after["memcached"] || before["etcd"] != after["etcd"] {
				t.Errorf("pods before %v, after %v", before, after)
			}
			l.must(t, "deploy", l.with(t, "configs: {memcached: {ram: 48}}")...)
		})
	}
	t.Run("an image that does not exist", func(t *testing.T) {
		began := time.Now()
		o := l.ccp(t, "deploy", l.with(t, "images: {image_specs: {memcached: {tag: nothere}}}")...)
		t.Logf("told after %s", time.Since(began).Round(time.Second))
		o.expect(t, 1, "memcached: ", "ccp/memcached:nothere", "not found", "Rolled back to")
		l.must(t, "status", "-s")
	})
	t.Run("a new pod that crashes", func(t *testing.T) {
		crash := append(l.with(t, "configs: {etcd: {additional_arguments: {election-timeout: 300}}}"), "--timeout", "45s")
		l.ccp(t, "deploy", crash...).expect(t, 1, "etcd: ", "its last lines:", "--election-timeout[300ms] should be at least as 5 times as --heartbeat-interval[250ms]", "Rolled back to")
		l.must(t, "status", "-s").expect(t, 0, "ready")
	})
	l.ccp(t, "cleanup").expect(t, 2, "give --yes")
	l.must(t, "cleanup", "--yes").expect(t, 0, "took the labels off 3 nodes", "the namespace e2e-life has gone")
	l.must(t, "cleanup", "--yes").expect(t, 0, "nothing to do")
}

// TestDeployInterrupted stops a deploy in several ways, and the same command goes
// on each time.
func TestDeployInterrupted(t *testing.T) {
	hookImage(t)
	debianImages(t, "memcached", "etcd")
	l := newLife(t, "e2e-interrupted", "testdata/life.yaml")

	run(t, "", "kubectl", "create", "namespace", l.namespace)
	kubectl := installation{namespace: l.namespace}.kubectl
	kubectl(t, "create", "configmap", "holds")
	kubectl(t, "patch", "configmap", "holds", "--type=merge", "--patch", `{"metadata":{"finalizers":["ccp.openstack.org/test"]}}`)
	run(t, "", "kubectl", "delete", "namespace", l.namespace, "--wait=false")
	cmd, log := l.logged(t, "deploy")
	awaitStep(t, log, "which is being removed, has gone")
	kubectl(t, "patch", "configmap", "holds", "--type=merge", "--patch", `{"metadata":{"finalizers":null}}`)
	awaitStep(t, log, "installing the release")
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("an interrupted deploy says that all is well")
	}
	awaitStep(t, log, "interrupted; run ccp deploy again")

	// Killed in the middle: the Lease tells the next one when nobody is there.
	cmd, log = l.logged(t, "deploy")
	awaitStep(t, log, "upgrading the release")
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	l.must(t, "deploy").expect(t, 0, "which works on this release or was killed", "everything is ready")

	// The API server goes away and comes back.
	own(t)
	cmd, log = l.logged(t, "deploy", l.with(t, "configs: {memcached: {ram: 32}}")...)
	awaitStep(t, log, "upgrading the release")
	signal(t, syscall.SIGKILL, "kube-apiserver", "--etcd-servers")
	if err := cmd.Wait(); err != nil {
		data, _ := os.ReadFile(log)
		t.Errorf("a restart of the API server ended the deploy: %v\n%s", err, data)
	}

	// A kubelet that stops answers for the pods of its node again when it is back.
	signal(t, syscall.SIGSTOP, "kubelet", "nodes/node2/kubelet.json")
	stopped := true
	resume := func() {
		if stopped {
			signal(t, syscall.SIGCONT, "kubelet", "nodes/node2/kubelet.json")
			stopped = false
		}
	}
	t.Cleanup(resume)
	signal(t, syscall.SIGSTOP, "kubelet", "nodes/node3/kubelet.json")
	other := true
	t.Cleanup(func() {
		if other {
			signal(t, syscall.SIGCONT, "kubelet", "nodes/node3/kubelet.json")
		}
	})
	cmd, log = l.logged(t, "deploy", l.with(t, "configs: {memcached: {ram: 40}}")...)
	awaitStep(t, log, "memcached: ")
	resume()
	signal(t, syscall.SIGCONT, "kubelet", "nodes/node3/kubelet.json")
	other = false
	if err := cmd.Wait(); err != nil {
		data, _ := os.ReadFile(log)
		t.Errorf("a kubelet that stood still ended the deploy: %v\n%s", err, data)
	}
	l.must(t, "cleanup", "--yes")
}

// signal sends a signal to the one process of the cluster whose command line has
// all of the words.
func signal(t *testing.T, what syscall.Signal, words ...string) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []int
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		line := strings.ReplaceAll(string(data), "\x00", " ")
		if strings.Contains(line, os.Getenv("CCP_E2E_DIR")) && !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(line, word) }) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, pid)
		}
	}
	if len(found) != 1 {
		t.Fatalf("the processes with %q are %v, want one", words, found)
	}
	if err := syscall.Kill(found[0], what); err != nil {
		t.Fatal(err)
	}
}

// TestDeployRights deploys as somebody who may do everything in a namespace, and
// nothing outside.
func TestDeployRights(t *testing.T) {
	hookImage(t)
	debianImages(t, "memcached", "etcd")
	l := newLife(t, "e2e-rights-deploy", "testdata/life.yaml")
	run(t, "", "kubectl", "create", "namespace", l.namespace)
	kubectl := installation{namespace: l.namespace}.kubectl
	kubectl(t, "create", "serviceaccount", "somebody")
	kubectl(t, "create", "rolebinding", "somebody", "--clusterrole=admin", "--serviceaccount="+l.namespace+":somebody")
	// What admin lacks of what the charts and the lock use.
	kubectl(t, "create", "role", "somebody", "--verb=*", "--resource=leases.coordination.k8s.io,roles.rbac.authorization.k8s.io,rolebindings.rbac.authorization.k8s.io")
	kubectl(t, "create", "rolebinding", "somebody-more", "--role=somebody", "--serviceaccount="+l.namespace+":somebody")
	token := strings.TrimSpace(kubectl(t, "create", "token", "somebody"))
	config := filepath.Join(l.dir, "kubeconfig")
	write(t, config, run(t, "", "kubectl", "config", "view", "--raw", "--flatten"))
	run(t, "", "kubectl", "--kubeconfig", config, "config", "set-credentials", "somebody", "--token="+token)
	run(t, "", "kubectl", "--kubeconfig", config, "config", "set-context", "--current", "--user=somebody")
	list := filepath.Join(l.dir, "nodes.yaml")
	write(t, list, nodes(t))

	as := []string{"--kubeconfig", config}
	l.ccp(t, "deploy", as...).expect(t, 1, "listing the nodes", "forbidden")
	l.ccp(t, "deploy", append(as, "--nodes", list)...).expect(t, 1, "you may not label the nodes", "--placement hostname")
	l.must(t, "deploy", append(as, "--nodes", list, "--placement", "hostname")...).expect(t, 0, "everything is ready")
	l.must(t, "cleanup", append(as, "--yes")...).expect(t, 0, "was not made by ccp and stays")
}

// TestNetworkSwitch changes the network of a running release: not without being
// told twice, and not without taking back what Calico was told.
func TestNetworkSwitch(t *testing.T) {
	hookImage(t)
	file, err := filepath.Abs("testdata/stores.yaml")
	if err != nil {
		t.Fatal(err)
	}
	calico := newFabric(t, "etcdv2")
	install := installation{namespace: "e2e-switch", nodes: nodes(t), flags: []string{"-f", file}}
	install.up(t) // Helm does not wait for Neutron, which has no image here
	calico.told(t)
	l := life{namespace: "e2e-switch", dir: t.TempDir(), file: file}

	l.ccp(t, "deploy", "--network", "openvswitch").expect(t, 2, "runs on the network calico", "Service/etcd-k8s", "--force-network-switch")
	calico.told(t)
	o := l.ccp(t, "deploy", "--network", "openvswitch", "--force-network-switch", "--timeout", "45s")
	o.expect(t, 1, "running ccp-hook-calico-revert of revision 1", "rolling back to revision 1", "neutron")
	calico.untouched(t)
	l.must(t, "cleanup", "--yes", "--skip-os-cleanup")
	calico.untouched(t)
}
