package hook

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic/fake"
	k8stesting "k8s.io/client-go/testing"

	"github.com/helm-ccp/helm-ccp/pkg/nodelabels"
)

// fakeKube is client-go's fake, not a real API server. What it lacks is added
// here: resource versions are compared, and server-side apply gives an owner's
// labels, and takes those that it owned and no longer applies.
func fakeKube(objects ...runtime.Object) (func() (*kube, error), *fake.FakeDynamicClient) {
	lists := map[schema.GroupVersionResource]string{
		secretResource: "SecretList", nodelabels.Resource: "NodeList", jobResource: "JobList", endpointSliceResource: "EndpointSliceList",
	}
	client := fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), lists, objects...)
	var mu sync.Mutex
	version, owned := 0, map[string][]string{}
	stamp := func(o runtime.Object) {
		version++
		o.(*unstructured.Unstructured).SetResourceVersion(strconv.Itoa(version))
	}
	client.PrependReactor("*", "*", func(action k8stesting.Action) (bool, runtime.Object, error) {
		mu.Lock()
		defer mu.Unlock()
		switch a := action.(type) {
		case k8stesting.CreateActionImpl:
			stamp(a.Object)
		case k8stesting.UpdateActionImpl:
			object := a.Object.(*unstructured.Unstructured)
			old, err := client.Tracker().Get(a.Resource, a.Namespace, object.GetName())
			if err == nil && old.(*unstructured.Unstructured).GetResourceVersion() != object.GetResourceVersion() {
				return true, nil, apierrors.NewConflict(a.Resource.GroupResource(), object.GetName(), errors.New("changed"))
			}
			stamp(object)
		case k8stesting.PatchActionImpl:
			if a.PatchType != types.ApplyPatchType {
				return false, nil, nil
			}
			var patch unstructured.Unstructured
			if err := json.Unmarshal(a.Patch, &patch); err != nil {
				return true, nil, err
			}
			got, err := client.Tracker().Get(a.Resource, a.Namespace, a.Name)
			if err != nil {
				return true, nil, err
			}
			node := got.(*unstructured.Unstructured).DeepCopy()
			labels := node.GetLabels()
			for _, key := range owned[a.Name] {
				delete(labels, key)
			}
			if labels == nil {
				labels = map[string]string{}
			}
			maps.Copy(labels, patch.GetLabels())
			owned[a.Name] = slices.Collect(maps.Keys(patch.GetLabels()))
			node.SetLabels(labels)
			return true, node, client.Tracker().Update(a.Resource, node, a.Namespace)
		}
		return false, nil, nil
	})
	return func() (*kube, error) { return &kube{client, "ccp"}, nil }, client
}

func object(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	var o unstructured.Unstructured
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	return &o
}

// secretData returns the decoded data of a Secret.
func secretData(t *testing.T, client *fake.FakeDynamicClient, name string) map[string]string {
	t.Helper()
	got, err := client.Resource(secretResource).Namespace("ccp").Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	data := map[string]string{}
	raw, _, err := unstructured.NestedStringMap(got.Object, "data")
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range raw {
		text, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			t.Fatal(err)
		}
		data[key] = string(text)
	}
	return data
}

func TestCredentialsEnsure(t *testing.T) {
	t.Parallel()
	connect, client := fakeKube(object(t, `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","namespace":"ccp"},"type":"Opaque","data":{"old":"b2xk","empty":""}}`))
	ensure := func(args ...string) {
		t.Helper()
		if r := runHook(t, connect, nil, append([]string{"credentials", "ensure"}, args...)...); r.code != ExitDone {
			t.Fatalf("%+v", r)
		} else {
			for _, value := range secretData(t, client, "s") {
				if len(value) == passwordLength && strings.Contains(r.stderr+r.stdout, value) {
					t.Error("a password is in the log")
				}
			}
		}
	}
	args := []string{"--secret", "s", "--password", "old,empty", "--password", "new", "--key-repository", "fernet"}
	ensure(args...)
	data, keys := secretData(t, client, "s"), secretData(t, client, "fernet")
	if data["old"] != "old" || !regexp.MustCompile(`^[A-Za-z0-9]{32}$`).MatchString(data["new"]) || data["new"] == data["empty"] {
		t.Errorf("data: %v", data)
	}
	if len(keys) != 2 || keys["0"] == keys["1"] {
		t.Errorf("keys: %v", keys)
	}
	for _, key := range keys {
		if raw, err := base64.URLEncoding.DecodeString(key); err != nil || len(raw) != 32 {
			t.Errorf("no fernet key: %s", key)
		}
	}
	ensure(args...)
	if again := secretData(t, client, "s"); !maps.Equal(again, data) {
		t.Error("a password changed")
	}
	if again := secretData(t, client, "fernet"); !maps.Equal(again, keys) {
		t.Error("a key changed")
	}
}

// TestCredentialsAtOnce lets many runs make the same Secrets at once.
func TestCredentialsAtOnce(t *testing.T) {
	t.Parallel()
	connect, client := fakeKube()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			r := runHook(t, connect, nil, "credentials", "ensure", "--secret", "s", "--password", "all", "--password", "k"+strconv.Itoa(i))
			if r.code != ExitDone {
				t.Errorf("%+v", r)
			}
		})
	}
	wg.Wait()
	if data := secretData(t, client, "s"); len(data) != 9 {
		t.Errorf("%d keys, want 9", len(data))
	}
}

func TestCredentialsRotate(t *testing.T) {
	t.Parallel()
	connect, client := fakeKube()
	rotate := func(max string) result {
		return runHook(t, connect, nil, "credentials", "rotate", "--key-repository", "fernet", "--max-active", max)
	}
	if r := rotate("3"); r.code != ExitFailed || !strings.Contains(r.stderr, "run ccp-hook credentials ensure first") {
		t.Errorf("%+v", r)
	}
	runHook(t, connect, nil, "credentials", "ensure", "--key-repository", "fernet")
	for _, tt := range []struct{ max, keys string }{{"3", "0 1 2"}, {"3", "0 2 3"}, {"4", "0 2 3 4"}, {"2", "0 5"}} {
		before := secretData(t, client, "fernet")
		if r := rotate(tt.max); r.code != ExitDone {
			t.Fatalf("%+v", r)
		}
		after := secretData(t, client, "fernet")
		keys := slices.Sorted(maps.Keys(after))
		if got := strings.Join(keys, " "); got != tt.keys {
			t.Errorf("keys %s, want %s", got, tt.keys)
		}
		if after[keys[len(keys)-1]] != before["0"] || after["0"] == before["0"] {
			t.Error("the staged key is not the new primary one, or is still staged")
		}
	}
	if r := runHook(t, connect, nil, "credentials", "ensure", "--key-repository", "fernet"); r.code != 0 || len(secretData(t, client, "fernet")) != 2 {
		t.Errorf("ensure after rotations: %+v", r)
	}
}

func TestLabelNodes(t *testing.T) {
	t.Parallel()
	node := func(name, labels string) *unstructured.Unstructured {
		return object(t, `{"apiVersion":"v1","kind":"Node","metadata":{"name":"`+name+`","labels":{"kubernetes.io/hostname":"`+name+`"`+labels+`}}}`)
	}
	connect, client := fakeKube(
		node("node1", ""), node("node2", `,"role.ccp.openstack.org/gone":"true"`), node("node10", ""))
	labels := func(name string) map[string]string {
		got, err := client.Resource(nodelabels.Resource).Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return got.GetLabels()
	}
	run := func(config string, args ...string) result {
		t.Helper()
		r := runHook(t, connect, nil, append([]string{"label-nodes", "--config", write(t, config)}, args...)...)
		if r.code != ExitDone {
			t.Fatalf("%+v", r)
		}
		return r
	}
	const config = "nodes:\n- {pattern: node1, roles: [controller]}\n- {pattern: 'node[2-3]', roles: [compute], overrides: true}\n"
	if r := run(config, "--dry-run"); len(labels("node1")) != 1 || !strings.Contains(r.stdout, "node1 +role.ccp.openstack.org/controller=true") {
		t.Errorf("dry run: %+v %v", r, labels("node1"))
	}
	run(config)
	if l := labels("node1"); l["role.ccp.openstack.org/controller"] != "true" || len(l) != 2 {
		t.Errorf("node1: %v", l)
	}
	if l := labels("node2"); l["role.ccp.openstack.org/compute"] != "true" || len(l["config.ccp.openstack.org/overrides"]) != 10 || len(l) != 3 {
		t.Errorf("node2: %v", l)
	}
	if l := labels("node10"); len(l) != 1 {
		t.Errorf("node10: %v", l)
	}
	if r := run(config); r.stdout != "" || !strings.Contains(r.stderr, `"changed":0`) {
		t.Errorf("again: %+v", r)
	}
	run("nodes:\n- {pattern: node1, roles: [compute]}\n", "--node-match", "prefix")
	if l := labels("node2"); len(l) != 1 {
		t.Errorf("node2 after it left: %v", l)
	}
	if l := labels("node10"); l["role.ccp.openstack.org/compute"] != "true" {
		t.Errorf("node10 by its prefix: %v", l)
	}
	r := runHook(t, connect, nil, "label-nodes", "--config", write(t, "nodes: [{pattern: '(', role: [a]}]"))
	if r.code != ExitInput || !strings.Contains(r.stderr, "nodes.0.role: unknown key") {
		t.Errorf("%+v", r)
	}
}

func TestWaitKubernetes(t *testing.T) {
	t.Parallel()
	connect, client := fakeKube()
	create := func(resource schema.GroupVersionResource, text string) {
		if err := client.Tracker().Create(resource, object(t, text), "ccp"); err != nil {
			t.Error(err)
		}
	}
	job := func(condition string) string {
		return `{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"j","namespace":"ccp"},"status":{"failed":1,"conditions":[{"type":"` + condition + `","status":"True","reason":"BackoffLimitExceeded"}]}}`
	}
	looks := 0
	client.PrependReactor("get", "jobs", func(k8stesting.Action) (bool, runtime.Object, error) {
		switch looks++; looks {
		case 2:
			create(jobResource, job("Failed"))
		case 3:
			if err := client.Tracker().Delete(jobResource, "ccp", "j"); err != nil {
				t.Error(err)
			}
			create(jobResource, job("Complete"))
			create(endpointSliceResource, `{"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","metadata":{"name":"m-1","namespace":"ccp","labels":{"kubernetes.io/service-name":"mariadb"}},"endpoints":[{"conditions":{"ready":false}},{"conditions":{"ready":true}}]}`)
		}
		return false, nil, nil
	})
	r := runHook(t, connect, nil, "wait", "--job", "j", "--endpointslice", "mariadb", "--interval", "10ms", "--timeout", "20s")
	for _, want := range []string{"there is no Job j in ccp yet", "the Job has failed (BackoffLimitExceeded", "no ready endpoint", `"what":"job j"`} {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("no %q in\n%s", want, r.stderr)
		}
	}
	if r.code != ExitDone {
		t.Errorf("code %d", r.code)
	}
}
