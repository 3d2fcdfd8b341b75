package cli_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
)

// decode reads manifests strictly: an unknown or repeated field is an error.
func decode(t *testing.T, manifests string) []runtime.Object {
	t.Helper()
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	var objects []runtime.Object
	for _, document := range regexp.MustCompile(`(?m)^---$`).Split(manifests, -1) {
		if strings.TrimSpace(regexp.MustCompile(`(?m)^#.*$`).ReplaceAllString(document, "")) == "" {
			continue
		}
		object, _, err := decoder.Decode([]byte(document), nil, nil)
		if err != nil {
			t.Errorf("%v\n%s", err, document)
			continue
		}
		objects = append(objects, object)
	}
	return objects
}

// Names that YAML has for numbers and other things stay text, in what Kubernetes
// reads and in the settings of programs.
func TestNamesStayText(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"calico", "openvswitch"} {
		for _, name := range []string{"1234", "1e3", "0x10", "true", "on", "null"} {
			t.Run(network+" "+name, func(t *testing.T) {
				t.Parallel()
				file := write(t, "more.yaml", "configs: {openstack: {region: '"+name+"'}, nova: {username: '"+name+"'}, heat: {domain: {user: '"+name+"'}}}\n")
				text := ok(t, "template", name, "-f", example, "-f", file, "-n", name, "--network", network).stdout
				for _, object := range decode(t, text) {
					accessor, err := meta.Accessor(object)
					if err != nil {
						t.Fatal(err)
					}
					if instance := accessor.GetLabels()["app.kubernetes.io/instance"]; instance != name {
						t.Errorf("%s is of the instance %q", accessor.GetName(), instance)
					}
				}
				for _, want := range []string{"region_name = " + name, "username = " + name, "stack_domain_admin = " + name} {
					if !strings.Contains(text, want+"\n") {
						t.Errorf("there is no %q", want)
					}
				}
			})
		}
	}
}

// podSpec returns the pod that an object makes, or nil.
func podSpec(object runtime.Object) *corev1.PodSpec {
	switch o := object.(type) {
	case *appsv1.Deployment:
		return &o.Spec.Template.Spec
	case *appsv1.StatefulSet:
		return &o.Spec.Template.Spec
	case *appsv1.DaemonSet:
		return &o.Spec.Template.Spec
	case *batchv1.Job:
		return &o.Spec.Template.Spec
	case *batchv1.CronJob:
		return &o.Spec.JobTemplate.Spec.Template.Spec
	}
	return nil
}

var checksum = regexp.MustCompile(`-[0-9a-f]{8}$`)

// name is "Kind name"; a Job's without its checksum.
func name(object runtime.Object) string {
	kind := object.GetObjectKind().GroupVersionKind().Kind
	accessor, err := meta.Accessor(object)
	if err != nil {
		return kind
	}
	if kind == "Job" {
		return kind + " " + checksum.ReplaceAllString(accessor.GetName(), "")
	}
	return kind + " " + accessor.GetName()
}

// place is what the node affinity of an object's pods asks for.
func place(object runtime.Object) string {
	spec := podSpec(object)
	if spec == nil || spec.Affinity == nil || spec.Affinity.NodeAffinity == nil {
		return ""
	}
	var terms []string
	for _, term := range spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
		var expressions []string
		for _, e := range term.MatchExpressions {
			role, isRole := strings.CutPrefix(e.Key, "role.ccp.openstack.org/")
			if isRole && slices.Equal(e.Values, []string{"true"}) {
				expressions = append(expressions, role)
			} else {
				expressions = append(expressions, fmt.Sprintf("%s %s %s", e.Key, e.Operator, strings.Join(e.Values, ",")))
			}
		}
		terms = append(terms, strings.Join(expressions, " & "))
	}
	return strings.Join(terms, " | ")
}

// find returns the object called "Kind name".
func find(t *testing.T, objects []runtime.Object, want string) runtime.Object {
	t.Helper()
	for _, object := range objects {
		if name(object) == want {
			return object
		}
	}
	t.Fatalf("there is no %s", want)
	return nil
}
