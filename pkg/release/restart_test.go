package release

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"
)

func podWith(name string, init, main corev1.ContainerStatus) *corev1.Pod {
	return podOf(name, corev1.PodStatus{
		InitContainerStatuses: []corev1.ContainerStatus{init}, ContainerStatuses: []corev1.ContainerStatus{main},
	})
}

func TestRestartStuck(t *testing.T) {
	t.Parallel()
	running := corev1.ContainerStatus{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}, RestartCount: maxRestarts}
	crashed := corev1.ContainerStatus{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1}}, RestartCount: maxRestarts}
	once := crashed
	once.RestartCount = 1
	going := podWith("going", running, waiting("CrashLoopBackOff", ""))
	now := metav1.Now()
	going.DeletionTimestamp, going.Finalizers = &now, []string{"test"}
	objects := []runtime.Object{
		podWith("keystone", running, waiting("CrashLoopBackOff", "")),
		podWith("glance", running, waiting("ImagePullBackOff", "")),
		podWith("heat", waiting("CreateContainerConfigError", ""), waiting("PodInitializing", "")),
		podWith("nova", running, crashed),
		podWith("starts", running, waiting("PodInitializing", "")),
		podWith("ended-once", running, once),
		podWith("runs", running, running),
		going,
	}
	left := func(t *testing.T, kube *fake.Clientset) []string {
		list, err := kube.CoreV1().Pods("ccp").List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, pod := range list.Items {
			names = append(names, strings.TrimSuffix(pod.Name, "-abc"))
		}
		slices.Sort(names)
		return names
	}
	for name, test := range map[string]struct {
		concerns  func(map[string]string) bool
		forbidden bool
		left      []string
		said      string
	}{
		"all": {
			left: []string{"ended-once", "going", "runs", "starts"},
			said: "earlier deploy: glance-abc, heat-abc, keystone-abc, nova-abc",
		},
		"a part": {
			concerns: func(labels map[string]string) bool { return labels[componentLabel] == "heat" },
			left:     []string{"ended-once", "glance", "going", "keystone", "nova", "runs", "starts"},
			said:     "earlier deploy: heat-abc",
		},
		"without the right": {
			forbidden: true,
			left:      []string{"ended-once", "glance", "going", "heat", "keystone", "nova", "runs", "starts"},
			said:      "you may not delete pods",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var fresh []runtime.Object
			for _, object := range objects {
				fresh = append(fresh, object.DeepCopyObject())
			}
			kube := fake.NewClientset(fresh...)
			if test.forbidden {
				kube.PrependReactor("delete", "pods", func(k8stesting.Action) (bool, runtime.Object, error) {
					return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "x", nil)
				})
			}
			said := ""
			c := &Client{name: "ccp", namespace: "ccp", kube: kube, report: Reporter{Step: func(line string) { said = line }}}
			watcher, err := c.watch(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := c.restartStuck(t.Context(), &waiter{watcher: watcher, concerns: test.concerns}); err != nil {
				t.Fatal(err)
			}
			if got := left(t, kube); !slices.Equal(got, test.left) {
				t.Errorf("left are %v, want %v", got, test.left)
			}
			if !strings.Contains(said, test.said) {
				t.Errorf("it said %q, want %q", said, test.said)
			}
		})
	}
}
