package release

import (
	"context"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"
)

// These tests use client-go's fake in the place of an API server; test/e2e has
// the same life on a real one.

func metaOf(name, chart string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: "ccp", UID: "uid-of-x", Labels: map[string]string{
		instanceLabel: "ccp", chartLabel: chart, componentLabel: name,
	}}
}

// deployment is one of a service with one replica, of which ready are.
func deployment(name string, ready int32) *appsv1.Deployment {
	return &appsv1.Deployment{ObjectMeta: metaOf(name, "keystone"), Status: appsv1.DeploymentStatus{
		Replicas: 1, UpdatedReplicas: 1, ReadyReplicas: ready,
	}}
}

// podOf is a pod of a service, on node1.
func podOf(service string, status corev1.PodStatus) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metaOf(service, "keystone"), Status: status}
	pod.Name += "-abc"
	pod.Spec = corev1.PodSpec{
		NodeName:       "node1",
		InitContainers: []corev1.Container{{Name: waitContainer, Args: []string{"wait", "--job=keystone-bootstrap-1", "--tcp=mariadb:3306"}}},
		Containers:     []corev1.Container{{Name: "main", Image: "registry/ccp/keystone:zed"}},
	}
	return pod
}

func waiting(reason, message string) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: "main", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}}
}

// watched follows a fake cluster that has the objects.
func watched(t *testing.T, objects ...runtime.Object) *watcher {
	t.Helper()
	c := &Client{name: "ccp", namespace: "ccp", kube: fake.NewClientset(objects...)}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	w, err := c.watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestStatus(t *testing.T) {
	t.Parallel()
	unscheduled := podOf("keystone", corev1.PodStatus{Conditions: []corev1.PodCondition{
		{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "0/3 nodes are available"},
	}})
	unscheduled.Spec.NodeName = ""
	crash := waiting("CrashLoopBackOff", "back-off")
	crash.RestartCount = maxRestarts
	crash.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 3}
	early := crash
	early.RestartCount = 1
	ended := corev1.ContainerStatus{Name: "main", State: corev1.ContainerState{Terminated: crash.LastTerminationState.Terminated}}
	for name, test := range map[string]struct {
		ready   int32
		pod     *corev1.Pod
		after   time.Duration // since it was seen first
		waiting string
		fails   bool // and stays so
		tries   bool // fails, and is tried again
	}{
		"ready":       {ready: 1},
		"no pod":      {waiting: "no pod yet"},
		"unscheduled": {pod: unscheduled, waiting: "no node takes the pod: 0/3 nodes are available"},
		"waits": {
			pod: podOf("keystone", corev1.PodStatus{InitContainerStatuses: []corev1.ContainerStatus{
				{Name: waitContainer, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
			}}),
			waiting: "job keystone-bootstrap-1, mariadb:3306",
		},
		"no image at first": {
			pod:     podOf("keystone", corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{waiting("ErrImagePull", "not found\nat all")}}),
			waiting: "ErrImagePull: not found",
		},
		"no image for long": {
			pod:   podOf("keystone", corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{waiting("ImagePullBackOff", "not found")}}),
			after: pullGrace, waiting: "ImagePullBackOff: not found", fails: true,
		},
		"many images at once": {
			pod: podOf("keystone", corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{
				waiting("ImagePullBackOff", "Back-off pulling image: ErrImagePull: pull QPS exceeded"),
			}}),
			after: pullGrace, waiting: "ImagePullBackOff: Back-off pulling image: ErrImagePull: pull QPS exceeded",
		},
		"no name of an image": {
			pod:     podOf("keystone", corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{waiting("InvalidImageName", "x")}}),
			waiting: "InvalidImageName: x", fails: true,
		},
		"ended once": {
			pod:     podOf("keystone", corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{early}}),
			waiting: "its container ends again and again (Error, exit code 3)", tries: true,
		},
		"ended at first": {
			pod:     podOf("keystone", corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{ended}}),
			waiting: "its container ended (Error, exit code 3)", tries: true,
		},
		"runs and is not ready": {
			pod: podOf("keystone", corev1.PodStatus{
				Phase:             corev1.PodRunning,
				Conditions:        []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse, Reason: "ContainersNotReady"}},
				ContainerStatuses: []corev1.ContainerStatus{{Name: "main", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}},
			}),
			waiting: "pod keystone-abc on node1 is not ready yet", tries: true,
		},
		"ends again and again": {
			pod:     podOf("keystone", corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{crash}}),
			waiting: "its container ends again and again (Error, exit code 3)", fails: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects := []runtime.Object{deployment("keystone", test.ready)}
			if test.pod != nil {
				objects = append(objects, test.pod)
			}
			w := watched(t, objects...)
			began := time.Now()
			status := w.status(began)
			status = w.status(began.Add(test.after))
			service := status.Services[0]
			if service.Ready != (test.ready == 1) || status.Ready != service.Ready || service.Waiting != test.waiting {
				t.Errorf("got %+v", service)
			}
			goals := []goal{{kind: "Deployment", name: "keystone"}}
			missing, failures := w.missing(status, goals)
			if (len(missing) == 0) != service.Ready || (len(failures) > 0) != (test.fails || test.tries) {
				t.Fatalf("missing %q, failures %v", missing, failures)
			}
			if len(failures) > 0 && failures[0].mends != test.tries {
				t.Errorf("tried again is %v, want %v", failures[0].mends, test.tries)
			}
			if len(failures) > 0 && !strings.Contains(failures[0].Error(), "keystone: "+test.waiting+" (image registry/ccp/keystone:zed, pod keystone-abc") {
				t.Errorf("%v", failures[0])
			}
		})
	}
}

// A wait that runs out of time tells what the container said last that may yet
// do better; the fake says "fake logs" for each.
func TestUntilTellsTheLastLines(t *testing.T) {
	t.Parallel()
	ended := corev1.ContainerStatus{Name: "main", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 3}}}
	pod := podOf("keystone", corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{ended}})
	c := &Client{name: "ccp", namespace: "ccp", kube: fake.NewClientset(deployment("keystone", 0), pod)}
	watcher, err := c.watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w := &waiter{ctx: t.Context(), watcher: watcher, client: c}
	err = w.until([]goal{{kind: "Deployment", name: "keystone"}}, time.Millisecond)
	for _, want := range []string{"not ready after 1ms:\n  keystone: its container ended", "image registry/ccp/keystone:zed", "| fake logs"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

// What holds up a workload is told of the pods of its newest template, and not of
// those that go.
func TestStatusOfTheNewestPods(t *testing.T) {
	t.Parallel()
	broken := corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{waiting("InvalidImageName", "x")}}
	number := int32(1)
	for kind, test := range map[string]struct {
		label    string
		workload func() []runtime.Object
	}{
		"DaemonSet": {"pod-template-generation", func() []runtime.Object {
			d := &appsv1.DaemonSet{ObjectMeta: metaOf("keystone", "keystone"), Status: appsv1.DaemonSetStatus{DesiredNumberScheduled: 1}}
			d.Annotations = map[string]string{"deprecated.daemonset.template.generation": "2"}
			return []runtime.Object{d}
		}},
		"StatefulSet": {"controller-revision-hash", func() []runtime.Object {
			return []runtime.Object{&appsv1.StatefulSet{
				ObjectMeta: metaOf("keystone", "keystone"), Spec: appsv1.StatefulSetSpec{Replicas: &number},
				Status: appsv1.StatefulSetStatus{Replicas: 1, UpdateRevision: "2"},
			}}
		}},
		"Deployment": {"pod-template-hash", func() []runtime.Object {
			d := deployment("keystone", 0)
			d.Annotations = map[string]string{revision: "7"}
			yes := true
			rs := &appsv1.ReplicaSet{ObjectMeta: metaOf("keystone", "keystone")}
			rs.OwnerReferences = []metav1.OwnerReference{{Kind: "Deployment", Name: "keystone", UID: d.UID, Controller: &yes}}
			rs.Annotations, rs.Labels["pod-template-hash"] = d.Annotations, "2"
			return []runtime.Object{d, rs}
		}},
	} {
		for template, fails := range map[string]bool{"1": false, "2": true} {
			t.Run(kind+" "+template, func(t *testing.T) {
				t.Parallel()
				pod := podOf("keystone", broken)
				pod.Labels[test.label] = template
				service := watched(t, append(test.workload(), pod)...).status(time.Now()).Services[0]
				if service.Ready || (service.failure != nil) != fails {
					t.Errorf("%+v (%v)", service, service.failure)
				}
			})
		}
	}
}

// Just after a rollback the pods that failed are still there: they are no reason
// to give up before the controller has seen the change.
func TestStatusBeforeTheControllerLooked(t *testing.T) {
	t.Parallel()
	d := deployment("keystone", 0)
	d.Generation = 2
	d.Status.ObservedGeneration = 1
	pod := podOf("keystone", corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{waiting("InvalidImageName", "x")}})
	service := watched(t, d, pod).status(time.Now()).Services[0]
	if service.Ready || service.failure != nil || service.Waiting != "its controller" {
		t.Errorf("%+v (%v)", service, service.failure)
	}
}

func TestStatusJobsAndLinks(t *testing.T) {
	t.Parallel()
	done := &batchv1.Job{ObjectMeta: metaOf("keystone-db-sync-1", "keystone"), Status: batchv1.JobStatus{
		Conditions: []batchv1.JobCondition{{Type: batchv1.JobComplete, Status: corev1.ConditionTrue}},
	}}
	failed := &batchv1.Job{ObjectMeta: metaOf("keystone-bootstrap-1", "keystone"), Status: batchv1.JobStatus{
		Conditions: []batchv1.JobCondition{{Type: batchv1.JobFailed, Status: corev1.ConditionTrue, Message: "backoff limit"}},
	}}
	rotation := &batchv1.Job{ObjectMeta: metaOf("rotate-1", "keystone")}
	yes := true
	rotation.OwnerReferences = []metav1.OwnerReference{{Kind: "CronJob", Controller: &yes}}
	ingress := &networkingv1.Ingress{ObjectMeta: metaOf("keystone", "keystone")}
	ingress.Annotations = map[string]string{urlAnnotation: "https://identity.example.net:8443"}
	w := watched(t, deployment("keystone", 1), done, failed, rotation, ingress)
	status := w.status(time.Now())
	service := status.Services[0]
	if service.JobsDone != 1 || service.JobsWanted != 2 || len(service.Links) != 1 || service.Links[0] != "https://identity.example.net:8443" {
		t.Errorf("%+v", service)
	}
	if status.Ready || len(status.Jobs) != 2 || status.Jobs[0].Waiting != "failed: backoff limit" || !status.Jobs[1].Done {
		t.Errorf("%+v", status)
	}
	_, failures := w.missing(status, []goal{{kind: "Job", name: "keystone-bootstrap-1"}, {kind: "Job", name: "keystone-db-sync-1"}})
	if len(failures) != 1 {
		t.Errorf("failures: %v", failures)
	}
}

// An object that was heard of before Helm changed it is not the one to wait for.
func TestStatusOfAnOlderObject(t *testing.T) {
	t.Parallel()
	w := watched(t, deployment("keystone", 1))
	status := w.status(time.Now())
	for _, g := range []goal{
		{kind: "Deployment", name: "keystone", generation: 2},
		{kind: "Deployment", name: "keystone", uid: "another"},
		{kind: "Deployment", name: "nova-api"},
	} {
		if missing, _ := w.missing(status, []goal{g}); len(missing) != 1 {
			t.Errorf("%+v is taken for ready", g)
		}
	}
}

func TestWatchWithoutRights(t *testing.T) {
	t.Parallel()
	kube := fake.NewClientset()
	kube.PrependReactor("list", "pods", func(k8stesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", nil)
	})
	c := &Client{name: "ccp", namespace: "ccp", kube: kube}
	if _, err := c.watch(t.Context()); err == nil || !strings.Contains(err.Error(), "list and watch pods in the namespace ccp") {
		t.Errorf("got %v", err)
	}
}
