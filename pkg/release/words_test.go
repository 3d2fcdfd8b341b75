package release

import (
	"slices"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
)

func TestWordsIn(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		message string
		failed  bool
		want    []string
	}{
		"of ccp-hook": {"WARN no route is exported\nERROR gave up exit=\"1\"\n", true, []string{"no route is exported", `gave up exit="1"`}},
		"of its log": {`{"level":"INFO","msg":"found"}` + "\n" + `{"level":"WARN","msg":"no route"}` + "\n" + `{"level":"ERROR","msg":"gave up"}`,
			true, []string{"no route", "gave up"}},
		"of its log, nothing bad": {`{"level":"INFO","msg":"found"}`, true, nil},
		"of another":              {"one\ntwo\nthree\nfour\n", true, []string{"two", "three", "four"}},
		"of another that is well": {"one\n", false, nil},
		"none":                    {"", true, nil},
	} {
		if got := wordsIn(test.message, test.failed); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// jobPod is a pod of a Job that ended with a message.
func jobPod(job *batchv1.Job, name, message string, code int32, made time.Time) *corev1.Pod {
	yes := true
	pod := &corev1.Pod{ObjectMeta: metaOf(job.Name, "calico"), Status: corev1.PodStatus{
		Phase: corev1.PodSucceeded,
		ContainerStatuses: []corev1.ContainerStatus{{
			Name: "ccp-hook", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Message: message}},
		}},
	}}
	if code != 0 {
		pod.Status.Phase = corev1.PodFailed
	}
	pod.Name, pod.CreationTimestamp = name, metav1.NewTime(made)
	pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "batch/v1", Kind: "Job", Name: job.Name, UID: job.UID, Controller: &yes}}
	return pod
}

func doneJob(name string) *batchv1.Job {
	job := &batchv1.Job{ObjectMeta: metaOf(name, "calico")}
	job.UID = types.UID("uid-of-" + name)
	job.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobComplete, Status: corev1.ConditionTrue}}
	return job
}

// TestWarnings shows what a Job that stays said last, of its newest pod.
func TestWarnings(t *testing.T) {
	t.Parallel()
	job, now := doneJob("ccp-hook-calico-apply"), time.Now()
	w := watched(t, job, doneJob("quiet"),
		jobPod(job, "b", "WARN newest", 0, now), jobPod(job, "a", "ERROR before", 1, now.Add(-time.Minute)))
	want := []Warning{{Job: job.Name, Chart: "calico", Text: "newest"}}
	if got := w.status(now).Warnings; !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestTellWords tells what hook Jobs said last, also when Helm removes the Job
// with its pod at once, each thing once, and nothing that a Job of an earlier
// deploy said.
func TestTellWords(t *testing.T) {
	t.Parallel()
	old, prepare, apply := doneJob("old"), doneJob("prepare"), doneJob("apply")
	kube := fake.NewClientset(old, prepare, apply, jobPod(old, "old", "WARN long ago", 0, time.Now()))
	var told []string
	c := &Client{name: "ccp", namespace: "ccp", kube: kube, report: Reporter{Step: func(line string) { told = append(told, line) }}}
	w, err := c.newWaiter(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	pods := kube.CoreV1().Pods("ccp")
	for _, job := range []*batchv1.Job{prepare, apply} {
		if _, err := pods.Create(t.Context(), jobPod(job, job.Name, "WARN no route is exported\nWARN "+job.Name, 0, time.Now()), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := pods.Delete(t.Context(), job.Name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := w.until([]goal{{kind: "Job", name: job.Name, uid: job.UID}}, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"WARNING of prepare: no route is exported", "WARNING of prepare: prepare", "WARNING of apply: apply"}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}
