package hook

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/helm-ccp/helm-ccp/test/etcd"
)

// TestLastWords keeps warnings and errors, each once and no more than the
// kubelet takes, and makes no file.
func TestLastWords(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	words := newLastWords(slog.NewJSONHandler(&log, nil))
	logger := slog.New(words).With("store", "etcdv3")
	logger.Info("found")
	for range 2 {
		logger.Warn("kept\nas it is", "key", "a b")
	}
	logger.Error("failed", "exit", 1)
	name := filepath.Join(t.TempDir(), "termination-log")
	words.write(name)
	if _, err := os.Stat(name); err == nil {
		t.Error("the file was made")
	}
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	words.write(name)
	got, err := os.ReadFile(name)
	want := "WARN kept as it is store=\"etcdv3\" key=\"a b\"\nERROR failed store=\"etcdv3\" exit=\"1\"\n"
	if err != nil || string(got) != want {
		t.Errorf("got %q, want %q (%v)", got, want, err)
	}
	if n := strings.Count(log.String(), "\n"); n != 4 {
		t.Errorf("%d lines in the log, want 4", n)
	}
	for i := range 200 {
		logger.Warn(strings.Repeat("long ", 20), "i", i)
	}
	words.write(name)
	if info, err := os.Stat(name); err != nil || info.Size() > wordsLimit || info.Size() < wordsLimit/2 {
		t.Errorf("%v %v", info, err)
	}
}

// TestPrepareCommand comes before the chart's Service: it takes the addresses,
// or says that there is nothing to go by. In the end revert removes the Job that
// stays, and cannot fail for it.
func TestPrepareCommand(t *testing.T) {
	t.Parallel()
	members, err := etcd.Start(etcd.V37, t.TempDir(), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { etcd.StopAll(members) })
	job := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "batch/v1", "kind": "Job", "metadata": map[string]any{"name": "ccp-hook-calico-apply", "namespace": "ccp"},
	}}
	kubernetes, client := fakeKube(job)
	config := func(store, endpoint, service string) string {
		return write(t, "store: "+store+"\netcd: {endpoints: ["+endpoint+"], service: "+service+"}\n")
	}
	const words = "nothing says where Calico's etcd is: http://etcd-k8s.invalid:2379 leads nowhere"
	for _, store := range []string{"etcdv3", "auto"} {
		r := runHook(t, nil, nil, "calico", "prepare", "--config", config(store, "http://etcd-k8s.invalid:2379", "true"), "--timeout", "10s")
		if r.code == ExitDone || !strings.Contains(r.stderr, words) || !strings.Contains(r.stderr, "etcd_proxy.endpoints") {
			t.Errorf("%s: %+v", store, r)
		}
	}
	for _, service := range []string{"true", "false"} {
		if r := runHook(t, nil, nil, "calico", "prepare", "--config", config("etcdv3", members[0].Endpoint, service)); r.code != ExitDone {
			t.Errorf("service %s: %+v", service, r)
		}
	}
	for range 2 {
		r := runHook(t, kubernetes, nil, "calico", "revert", "--config", config("etcdv3", members[0].Endpoint, "false"), "--remove-job", "ccp-hook-calico-apply")
		if r.code != ExitDone || strings.Contains(r.stderr, "WARN") {
			t.Errorf("revert: %+v", r)
		}
	}
	if _, err := client.Tracker().Get(jobResource, "ccp", "ccp-hook-calico-apply"); err == nil {
		t.Error("the Job stays")
	}
	r := runHook(t, nil, nil, "calico", "revert", "--config", config("etcdv3", members[0].Endpoint, "false"), "--remove-job", "ccp-hook-calico-apply")
	if r.code != ExitDone || !strings.Contains(r.stderr, "the finished Job stays") {
		t.Errorf("revert without Kubernetes: %+v", r)
	}
}
