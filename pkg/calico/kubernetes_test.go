package calico

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"strconv"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/fake"
	k8stesting "k8s.io/client-go/testing"
)

// fakeKubernetes is client-go's fake, not a real API server: it has no schemas
// and no rights. What it lacks for these tests, resource versions that are
// compared and groups that are not served, is added here.
func fakeKubernetes(t *testing.T, served schema.GroupVersion) dynamic.Interface {
	t.Helper()
	kindsByResource := map[schema.GroupVersionResource]string{{Version: "v1", Resource: "configmaps"}: "ConfigMapList"}
	for _, g := range groups {
		for plural, kind := range kinds {
			kindsByResource[g.WithResource(plural)] = kind + "List"
		}
		kindsByResource[g.WithResource("bgpconfigurations")] = "BGPConfigurationList"
		kindsByResource[g.WithResource("clusterinformations")] = "ClusterInformationList"
	}
	client := fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), kindsByResource)
	var mu sync.Mutex
	version := 0
	client.PrependReactor("*", "*", func(action k8stesting.Action) (bool, runtime.Object, error) {
		mu.Lock()
		defer mu.Unlock()
		resource := action.GetResource()
		if resource.Group != "" && resource.GroupVersion() != served {
			return true, nil, apierrors.NewNotFound(resource.GroupResource(), "")
		}
		var object runtime.Object
		switch a := action.(type) {
		case k8stesting.UpdateActionImpl:
			object = a.GetObject()
			old, err := client.Tracker().Get(resource, a.GetNamespace(), object.(*unstructured.Unstructured).GetName())
			if err != nil {
				return true, nil, err
			}
			if old.(*unstructured.Unstructured).GetResourceVersion() != object.(*unstructured.Unstructured).GetResourceVersion() {
				return true, nil, apierrors.NewConflict(resource.GroupResource(), "", errors.New("changed"))
			}
		case k8stesting.CreateActionImpl:
			object = a.GetObject()
		default:
			return false, nil, nil
		}
		version++
		object.(*unstructured.Unstructured).SetResourceVersion(strconv.Itoa(version))
		return false, nil, nil
	})
	for key, value := range facts() {
		var object unstructured.Unstructured
		if err := json.Unmarshal([]byte(value), &object); err != nil {
			t.Fatal(err)
		}
		object.SetAPIVersion(served.String())
		s := &kubernetes{client: client, group: served}
		resource, _ := s.resource(key[len(resourcePrefix):])
		if _, err := resource.Create(t.Context(), &object, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	return client
}

// specs returns the spec of every resource, and the record.
func specs(t *testing.T, store Store) map[string]string {
	t.Helper()
	all := map[string]string{}
	for plural := range kinds {
		entries, err := store.List(t.Context(), plural)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			text, err := json.Marshal(specOf(t, string(e.Value)))
			if err != nil {
				t.Fatal(err)
			}
			all[e.Key] = string(text)
		}
	}
	e, err := store.Get(t.Context(), RecordKey)
	if err != nil {
		t.Fatal(err)
	}
	if e.Value != nil {
		all[RecordKey] = string(e.Value)
	}
	return all
}

// TestKubernetes applies and reverts on client-go's fake, with crashes at each
// write.
func TestKubernetes(t *testing.T) {
	t.Parallel()
	for _, group := range groups {
		t.Run(group.Group, func(t *testing.T) {
			t.Parallel()
			client := fakeKubernetes(t, group)
			open := func(ctx context.Context) (Store, error) { return OpenKubernetes(ctx, client, "kube-system") }
			store, err := open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := store.(*kubernetes).group; got != group {
				t.Fatalf("group %v", got)
			}
			settings := Default()
			settings.IPPools = []string{"10.65.0.0/24"}
			newClient := func() *Client {
				return &Client{Open: open, Release: "ccp", Settings: settings, Log: testLog(t), Patience: 200 * time.Millisecond}
			}
			clean := specs(t, store)
			ok(t)(newClient().Apply(t.Context()))
			applied := specs(t, store)
			for key, want := range map[string]map[string]any{
				felixKey: {"interfacePrefix": "cali,tap", "reportingInterval": "1m0s", "endpointReportingEnabled": true,
					"fieldOfTomorrow": map[string]any{"b": 1.0, "a": 2.5}},
				"bgppeers/rr": {"peerIP": "10.99.0.2", "asNumber": 64512.0, "filters": []any{"other", "tap-iface"}},
			} {
				var got map[string]any
				if err := json.Unmarshal([]byte(applied[key]), &got); err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("%s: %v %v", key, got, err)
				}
			}
			again := newClient()
			wrote := crashAt(again, 0, true)
			if r := ok(t)(again.Apply(t.Context())); *wrote || find(t, r, felixKey).State != StateOK {
				t.Errorf("second apply: %+v", r.Lines)
			}
			ok(t)(newClient().Revert(t.Context()))
			equalDump(t, specs(t, store), clean)
			for n := 0; ; n++ {
				c := newClient()
				crashed := crashAt(c, n, n%2 == 0)
				c.Apply(t.Context())
				if !*crashed {
					break
				}
				if n%3 == 0 {
					ok(t)(newClient().Apply(t.Context()))
					if got := specs(t, store); !maps.Equal(got, applied) {
						equalDump(t, got, applied)
					}
				}
				ok(t)(newClient().Revert(t.Context()))
				equalDump(t, specs(t, store), clean)
			}
		})
	}
}
