package release

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// stuckReasons are why the kubelet puts off the next try to run a container,
// by up to five minutes.
var stuckReasons = []string{
	"CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "CreateContainerConfigError", "CreateContainerError", "RunContainerError",
}

// restartStuck removes the pods of the release that an earlier deploy left
// failing, so that their successors begin at once and are judged by what was
// corrected since.
func (c *Client) restartStuck(ctx context.Context, w *waiter) error {
	var removed []string
	for _, pod := range w.watcher.pods.all() {
		if !stuckPod(pod) || w.concerns != nil && !w.concerns(pod.Labels) {
			continue
		}
		err := c.kube.CoreV1().Pods(c.namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(pod.UID))})
		switch {
		case apierrors.IsForbidden(err):
			c.stepf("pods that fail since an earlier deploy are not restarted, since you may not delete pods: %v", err)
			return nil
		case apierrors.IsNotFound(err) || apierrors.IsConflict(err): // it has gone, or is another by now
		case err != nil:
			return err
		default:
			removed = append(removed, pod.Name)
		}
	}
	if len(removed) > 0 {
		slices.Sort(removed)
		c.stepf("restarted the pods that failed since an earlier deploy: %s", strings.Join(removed, ", "))
	}
	return nil
}

// stuckPod says whether the kubelet puts off a container of the pod.
func stuckPod(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && slices.ContainsFunc(
		append(slices.Clone(pod.Status.InitContainerStatuses), pod.Status.ContainerStatuses...),
		func(status corev1.ContainerStatus) bool {
			waiting, ended := status.State.Waiting, status.State.Terminated
			return waiting != nil && slices.Contains(stuckReasons, waiting.Reason) ||
				ended != nil && ended.ExitCode != 0 && status.RestartCount >= maxRestarts
		})
}
