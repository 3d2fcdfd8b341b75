package calico

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
)

// The groups under which Kubernetes serves Calico's resources, the preferred
// one first.
var groups = []schema.GroupVersion{
	{Group: "crd.projectcalico.org", Version: "v1"},
	{Group: "projectcalico.org", Version: "v3"},
}

// RecordConfigMap is the ConfigMap that holds the record, and recordData its
// key.
const (
	RecordConfigMap = "ccp-calico-record"
	recordData      = "record.json"
)

// kubernetes is the store of Calico 3 in the Kubernetes API.
type kubernetes struct {
	client    dynamic.Interface
	group     schema.GroupVersion
	namespace string
}

// OpenKubernetes returns the store of Calico 3 in the Kubernetes API, with the
// record as a ConfigMap in the namespace. Where Kubernetes serves two groups
// of Calico's resources it takes crd.projectcalico.org.
func OpenKubernetes(ctx context.Context, client dynamic.Interface, namespace string) (Store, error) {
	for _, group := range groups {
		resource := group.WithResource("felixconfigurations")
		_, err := client.Resource(resource).List(ctx, metav1.ListOptions{Limit: 1})
		if err == nil {
			return &kubernetes{client, group, namespace}, nil
		}
		// An API that is not served is not found.
		if !apierrors.IsNotFound(err) {
			return nil, explainKubernetes("looking for "+resource.GroupResource().String(), err)
		}
	}
	return nil, &Failure{Op: "looking for Calico's resources in Kubernetes", Err: errNoCalico,
		Reason: "there are neither crd.projectcalico.org nor projectcalico.org",
		Advice: "use --store etcdv2 or etcdv3, where Calico keeps its settings in etcd"}
}

var errNoCalico = errors.New("no Calico here")

func (s *kubernetes) Name() string     { return StoreKubernetes }
func (s *kubernetes) Dialect() Dialect { return Resources }
func (s *kubernetes) Atomic() int      { return 1 }
func (s *kubernetes) Exact() bool      { return false }
func (s *kubernetes) Close() error     { return nil }

// MissingDir and RemoveEmpty have nothing to do: there are no directories.
func (s *kubernetes) MissingDir(context.Context, string) (string, error) { return "", nil }
func (s *kubernetes) RemoveEmpty(context.Context, []string) error        { return nil }

// resource returns the client for a key's kind, and the name of its object.
func (s *kubernetes) resource(key string) (dynamic.ResourceInterface, string) {
	if key == RecordKey {
		return s.client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace(s.namespace), RecordConfigMap
	}
	plural, name, _ := strings.Cut(key, "/")
	return s.client.Resource(s.group.WithResource(plural)), name
}

func (s *kubernetes) Get(ctx context.Context, key string) (Entry, error) {
	client, name := s.resource(key)
	object, err := client.Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return Entry{Key: key}, nil
	}
	if err != nil {
		return Entry{}, explainKubernetes("reading "+key, err)
	}
	return entryOf(key, object)
}

// entryOf returns an object as an entry: the record's text, or the JSON.
func entryOf(key string, object *unstructured.Unstructured) (Entry, error) {
	e := Entry{Key: key, Version: object.GetResourceVersion()}
	if key == RecordKey {
		text, _, err := unstructured.NestedString(object.Object, "data", recordData)
		e.Value = []byte(text)
		if text == "" {
			e.Value = []byte("{}")
		}
		return e, wrapKey(key, err)
	}
	var err error
	e.Value, err = json.Marshal(object.Object)
	return e, wrapKey(key, err)
}

func (s *kubernetes) List(ctx context.Context, plural string) ([]Entry, error) {
	client, _ := s.resource(plural + "/")
	var entries []Entry
	for more := ""; ; {
		page, err := client.List(ctx, metav1.ListOptions{Limit: 500, Continue: more})
		if err != nil {
			return nil, explainKubernetes("reading "+plural, err)
		}
		for i := range page.Items {
			e, err := entryOf(plural+"/"+page.Items[i].GetName(), &page.Items[i])
			if err != nil {
				return nil, err
			}
			entries = append(entries, e)
		}
		if more = page.GetContinue(); more == "" {
			return entries, nil
		}
	}
}

func (s *kubernetes) Swap(ctx context.Context, entries ...Entry) ([]Entry, error) {
	if len(entries) != 1 {
		return nil, errors.New("the Kubernetes API changes one object at a time")
	}
	e := entries[0]
	client, name := s.resource(e.Key)
	if e.Value == nil {
		if e.Version == "" {
			return entries, nil
		}
		err := client.Delete(ctx, name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{ResourceVersion: &e.Version}})
		return []Entry{{Key: e.Key}}, explainKubernetes("removing "+e.Key, err)
	}
	object, err := s.object(e, name)
	if err != nil {
		return nil, err
	}
	if e.Version == "" {
		object, err = client.Create(ctx, object, metav1.CreateOptions{FieldManager: "ccp-hook"})
	} else {
		object.SetResourceVersion(e.Version)
		object, err = client.Update(ctx, object, metav1.UpdateOptions{FieldManager: "ccp-hook"})
	}
	if err != nil {
		return nil, explainKubernetes("writing "+e.Key, err)
	}
	e.Version = object.GetResourceVersion()
	return []Entry{e}, nil
}

// object returns an entry as the object that Kubernetes takes.
func (s *kubernetes) object(e Entry, name string) (*unstructured.Unstructured, error) {
	object := &unstructured.Unstructured{}
	if e.Key == RecordKey {
		object.SetAPIVersion("v1")
		object.SetKind("ConfigMap")
		object.SetName(name)
		object.SetNamespace(s.namespace)
		object.SetLabels(map[string]string{"app.kubernetes.io/managed-by": "ccp-hook", "app.kubernetes.io/part-of": "openstack"})
		return object, unstructured.SetNestedField(object.Object, string(e.Value), "data", recordData)
	}
	if err := object.UnmarshalJSON(e.Value); err != nil {
		return nil, wrapKey(e.Key, err)
	}
	object.SetAPIVersion(s.group.String())
	if e.Version == "" {
		// Kubernetes gives both itself.
		unstructured.RemoveNestedField(object.Object, "metadata", "uid")
		unstructured.RemoveNestedField(object.Object, "metadata", "creationTimestamp")
	}
	return object, nil
}

// Remove, StandDown and StandUp have nothing to do: OpenStack's part is in etcd.
func (s *kubernetes) Remove(context.Context, []Leftover, bool) (int, error) { return 0, nil }
func (s *kubernetes) StandDown(context.Context, string, time.Duration) (bool, error) {
	return false, nil
}
func (s *kubernetes) StandUp(context.Context, string) error { return nil }

// explainKubernetes says what an error of the API means; nil stays nil.
func explainKubernetes(op string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || apierrors.IsNotFound(err) {
		return fmt.Errorf("%s: %w", op, ErrConflict)
	}
	if f := tlsFailure(op, err); f != nil {
		f.Advice = "check the certificate authority of the Kubernetes API in the kubeconfig or the service account"
		return f
	}
	f := &Failure{Op: op, Reason: err.Error(), Err: err}
	var status apierrors.APIStatus
	switch {
	case apierrors.IsForbidden(err):
		f.Advice = "give the service account the rights that docs/ccp-hook.md lists"
	case apierrors.IsUnauthorized(err):
		f.Advice = "check the service account's token"
	case !errors.As(err, &status), status.Status().Code >= http.StatusInternalServerError, apierrors.IsTooManyRequests(err), apierrors.IsTimeout(err):
		f.Temporary = true
		f.Advice = "check that the Kubernetes API is up"
	}
	return f
}
