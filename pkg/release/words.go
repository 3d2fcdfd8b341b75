package release

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Warning is what a Job of the release said last that somebody has to do
// something about, also if it ended well.
type Warning struct {
	Job   string `json:"job"`
	Chart string `json:"chart"`
	Text  string `json:"text"`
}

// A Job's last words are in its pods' status: ccp-hook writes its warnings and
// errors into the container's termination message. A deploy hears them as they
// come, since Helm removes most hook Jobs as soon as they end well. Status finds
// those of Jobs that stay, as the charts have it of hooks whose warnings matter
// later. Neither needs a right beyond that to see pods, and with plain Helm
// `kubectl get pods` shows the same.

// lastWordsOf returns the last words of a pod, and whether it ended.
func lastWordsOf(pod *corev1.Pod) (words []string, ended bool) {
	for _, status := range append(slices.Clone(pod.Status.InitContainerStatuses), pod.Status.ContainerStatuses...) {
		if end := status.State.Terminated; end != nil {
			words = append(words, wordsIn(end.Message, end.ExitCode != 0)...)
		}
	}
	return words, pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// plainWords is how many lines are taken of a message that has no levels.
const plainWords = 3

// wordsIn returns the warnings and errors in a termination message. Where a
// container failed without one, the kubelet puts the end of its log there, with
// a JSON object a line or anything else.
func wordsIn(message string, failed bool) []string {
	var leveled, plain []string
	for line := range strings.Lines(message) {
		line = strings.TrimSpace(line)
		var entry struct{ Level, Msg string }
		level, text, _ := strings.Cut(line, " ")
		if strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &entry) == nil && entry.Level != "" {
			level, text = entry.Level, entry.Msg
		}
		switch {
		case level == "WARN" || level == "ERROR":
			leveled = append(leveled, text)
		case line != "" && entry.Level == "":
			plain = append(plain, line)
		}
	}
	if len(leveled) == 0 && failed {
		return plain[max(0, len(plain)-plainWords):]
	}
	return leveled
}

// hear keeps the last words of a Job's pod when it ends.
func (w *watcher) hear(object any) {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return
	}
	owner := metav1.GetControllerOf(pod)
	if owner == nil || owner.Kind != "Job" {
		return
	}
	words, ended := lastWordsOf(pod)
	if !ended {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.words[owner.UID] = words
}

// heard returns the last words of a Job, and whether a pod of it ended.
func (w *watcher) heard(job types.UID) ([]string, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	words, ok := w.words[job]
	return words, ok
}

// wordsGrace is how long the last words of a Job may take to come after the word
// that it is done: the API server sends both, each on its own way.
const wordsGrace = 2 * time.Second

// tellWords tells what the Jobs among the goals said last, each thing once.
func (w *waiter) tellWords(goals []goal) {
	ctx, cancel := context.WithTimeout(w.ctx, wordsGrace)
	defer cancel()
	for _, goal := range goals {
		if goal.kind != "Job" || goal.uid == "" {
			continue
		}
		words, heard := w.watcher.heard(goal.uid)
		for ; !heard && ctx.Err() == nil; words, heard = w.watcher.heard(goal.uid) {
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
		for _, text := range words {
			if !slices.Contains(w.told, text) {
				w.told = append(w.told, text)
				w.client.stepf("WARNING of %s: %s", goal.name, text)
			}
		}
	}
}

// warnings are the last words of the Jobs that are there, each Job's of its
// newest pod that ended.
func (w *watcher) warnings() []Warning {
	newest := map[types.UID]*corev1.Pod{}
	for _, pod := range w.pods.all() {
		owner := metav1.GetControllerOf(pod)
		if owner == nil || owner.Kind != "Job" {
			continue
		}
		if _, ended := lastWordsOf(pod); !ended {
			continue
		}
		if old := newest[owner.UID]; old == nil || old.CreationTimestamp.Before(&pod.CreationTimestamp) {
			newest[owner.UID] = pod
		}
	}
	out := []Warning{}
	for _, pod := range newest {
		words, _ := lastWordsOf(pod)
		for _, text := range words {
			out = append(out, Warning{Job: metav1.GetControllerOf(pod).Name, Chart: pod.Labels[chartLabel], Text: text})
		}
	}
	slices.SortStableFunc(out, func(a, b Warning) int { return cmp.Compare(a.Job, b.Job) })
	return out
}
