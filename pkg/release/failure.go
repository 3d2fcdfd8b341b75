package release

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
)

// Failure is something that waiting does not mend, or did not mend in time.
type Failure struct {
	// Component is the service or Job that fails.
	Component string
	// Pod and Container are where it fails, and Image is what the container
	// runs; empty where none is known.
	Pod, Container, Image string
	// Reason says why.
	Reason string
	// Log holds the container's last lines, if it ran.
	Log []string

	mends    bool // the kubelet or the Job tries again, and it may do better
	crash    bool // it ran, and ended
	previous bool // the log is that of the run before
	pod      *corev1.Pod
}

func (f *Failure) Error() string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s: %s", f.Component, f.Reason)
	if f.Image != "" {
		fmt.Fprintf(&out, " (image %s", f.Image)
		if f.Pod != "" {
			fmt.Fprintf(&out, ", pod %s, container %s", f.Pod, f.Container)
		}
		out.WriteString(")")
	} else if f.Pod != "" {
		fmt.Fprintf(&out, " (pod %s)", f.Pod)
	}
	if len(f.Log) > 0 {
		out.WriteString("\n  its last lines:")
		for _, line := range f.Log {
			out.WriteString("\n  | " + line)
		}
	}
	return out.String()
}

// How long trouble that may pass by itself is waited for, and how many times a
// container of a service may end.
const (
	pullGrace   = 25 * time.Second
	startGrace  = 40 * time.Second
	maxRestarts = 4
)

// pullLimit is what the kubelet says when it pulls no more images at this
// moment, as many pods come to its node at once (registryPullQPS).
const pullLimit = "pull QPS exceeded"

// waitContainer is the init container of the charts that runs `ccp-hook wait`.
const waitContainer = "wait"

// trouble says what a pod waits for, "" when nothing is known, and what fails.
func (w *watcher) trouble(pod *corev1.Pod, now time.Time) (string, *Failure) {
	if pod.DeletionTimestamp != nil {
		return "pod " + pod.Name + " ends", nil
	}
	if pod.Spec.NodeName == "" {
		for _, condition := range pod.Status.Conditions {
			if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
				return "no node takes the pod: " + condition.Message, nil
			}
		}
		return "the scheduler", nil
	}
	images := map[string]corev1.Container{}
	for _, container := range append(pod.Spec.InitContainers, pod.Spec.Containers...) {
		images[container.Name] = container
	}
	waits := ""
	for _, status := range append(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses...) {
		spec := images[status.Name]
		if why, failure := w.containerTrouble(pod, status, now); why != "" {
			if failure != nil {
				failure.Pod, failure.Container, failure.Image, failure.pod = pod.Name, status.Name, spec.Image, pod
				failure.Reason = why
			}
			return why, failure
		}
		if status.Name == waitContainer && status.State.Running != nil {
			waits = strings.Join(awaited(spec.Args), ", ")
		}
	}
	if waits != "" {
		return waits, nil
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionFalse && condition.Reason == "ContainersNotReady" && pod.Status.Phase == corev1.PodRunning {
			why := "pod " + pod.Name + " on " + pod.Spec.NodeName + " is not ready yet"
			return why, unready(pod, images, why)
		}
	}
	if pod.Status.Phase == corev1.PodPending && len(pod.Status.ContainerStatuses) == 0 {
		return "the kubelet of " + pod.Spec.NodeName, nil
	}
	return "", nil
}

// unready is about the first container of a running pod that is not ready.
func unready(pod *corev1.Pod, specs map[string]corev1.Container, why string) *Failure {
	for _, status := range pod.Status.ContainerStatuses {
		if !status.Ready && status.State.Running != nil {
			return &Failure{Reason: why, Pod: pod.Name, Container: status.Name, Image: specs[status.Name].Image, mends: true, pod: pod}
		}
	}
	return nil
}

// containerTrouble looks at one container: what it waits for that concerns an
// operator, and what fails.
func (w *watcher) containerTrouble(pod *corev1.Pod, status corev1.ContainerStatus, now time.Time) (string, *Failure) {
	if waiting := status.State.Waiting; waiting != nil {
		why := waiting.Reason
		if waiting.Message != "" {
			why += ": " + firstLine(waiting.Message)
		}
		grace, bad := time.Duration(0), true
		switch waiting.Reason {
		case "ErrImagePull", "ImagePullBackOff":
			if strings.Contains(waiting.Message, pullLimit) {
				return why, nil
			}
			grace = pullGrace
		case "InvalidImageName", "ErrImageNeverPull":
		case "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
			grace = startGrace
		case "CrashLoopBackOff":
			if status.LastTerminationState.Terminated != nil {
				why = fmt.Sprintf("its container ends again and again (%s)", ended(status.LastTerminationState.Terminated))
			}
			return why, &Failure{crash: true, previous: true, mends: status.RestartCount < maxRestarts}
		default:
			bad = false
		}
		if !bad {
			return "", nil
		}
		// The message changes between attempts, the trouble does not.
		if w.seen(string(pod.UID)+"/"+status.Name, now) < grace {
			return why, nil
		}
		return why, &Failure{}
	}
	if end := status.State.Terminated; end != nil && end.ExitCode != 0 {
		why := "its container ended (" + ended(end) + ")"
		return why, &Failure{crash: true, mends: status.RestartCount < maxRestarts}
	}
	return "", nil
}

func ended(state *corev1.ContainerStateTerminated) string {
	text := fmt.Sprintf("%s, exit code %d", cmp.Or(state.Reason, "ended"), state.ExitCode)
	if state.Message != "" {
		text += ": " + firstLine(state.Message)
	}
	return text
}

// awaited makes "job keystone-db-sync, mariadb:3306" of the arguments of
// `ccp-hook wait`.
func awaited(args []string) []string {
	var out []string
	for _, arg := range args {
		flag, value, ok := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		switch {
		case !ok || !strings.HasPrefix(arg, "--"):
		case flag == "tcp" || flag == "http":
			out = append(out, value)
		case flag == "job" || flag == "endpointslice":
			out = append(out, flag+" "+value)
		}
	}
	return out
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// lastLines is how many lines of a log a Failure has.
const lastLines = 10

// readLog adds the last lines of the container that failed.
func (f *Failure) readLog(ctx context.Context, kube kubernetes.Interface) {
	if f.pod == nil {
		return
	}
	if f.Pod == "" {
		f.Pod = f.pod.Name
	}
	lines := int64(lastLines)
	stream, err := kube.CoreV1().Pods(f.pod.Namespace).GetLogs(f.pod.Name, &corev1.PodLogOptions{
		Container: f.Container, TailLines: &lines, Previous: f.previous,
	}).Stream(ctx)
	if err != nil {
		return // it may never have run
	}
	defer stream.Close()
	scanner := bufio.NewScanner(stream)
	for scanner.Scan() {
		f.Log = append(f.Log, scanner.Text())
	}
}
