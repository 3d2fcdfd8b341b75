package hook

import (
	"encoding/json"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
)

// The resources that the commands use. The dynamic client takes them, and
// keeps the types of all other APIs out of the binary.
var (
	secretResource        = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	jobResource           = schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}
	endpointSliceResource = schema.GroupVersionResource{Group: "discovery.k8s.io", Version: "v1", Resource: "endpointslices"}
)

// kube is the client of one cluster.
type kube struct {
	dynamic.Interface
	// namespace is that of the pod, or of the kubeconfig's context.
	namespace string
}

// connect returns a client for the cluster that the process runs in, or else
// for the one that KUBECONFIG or ~/.kube/config names.
func connect() (*kube, error) {
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(clientcmd.NewDefaultClientConfigLoadingRules(), nil)
	cfg, err := loader.ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("no Kubernetes: run in a pod with a service account, or set KUBECONFIG: %w", err)
	}
	cfg.UserAgent = "ccp-hook/" + Version
	cfg.Timeout = 15 * time.Second
	cfg.QPS, cfg.Burst = 100, 200 // the labels of a thousand nodes are as many requests
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, fmt.Errorf("the namespace: %w", err)
	}
	client, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return nil, err
	}
	return &kube{client, namespace}, nil
}

// decode reads the parts of an object that v has fields for.
func decode(object *unstructured.Unstructured, v any) error {
	data, err := object.MarshalJSON()
	if err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}
