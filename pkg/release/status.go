package release

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	helmrelease "helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage/driver"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Status is how far a release is.
type Status struct {
	Release   string `json:"release"`
	Namespace string `json:"namespace"`
	// Revision counts the changes to the release; 0 is none.
	Revision int `json:"revision"`
	// State is what Helm says of it: deployed, failed, pending-upgrade …
	State string `json:"state"`
	// Ready says that every service runs and every Job is done.
	Ready    bool      `json:"ready"`
	Services []Service `json:"services"`
	Jobs     []Job     `json:"jobs"`
	// Warnings are what Jobs that are done said last.
	Warnings []Warning `json:"warnings"`
}

// Service is one workload.
type Service struct {
	Name  string `json:"name"`
	Chart string `json:"chart"`
	// Workload is Deployment, StatefulSet or DaemonSet.
	Workload string `json:"workload"`
	// PodsReady of PodsWanted run the newest version and serve.
	PodsReady  int `json:"pods_ready"`
	PodsWanted int `json:"pods_wanted"`
	// JobsDone of JobsWanted Jobs of the service's chart are complete.
	JobsDone   int  `json:"jobs_done"`
	JobsWanted int  `json:"jobs_wanted"`
	Ready      bool `json:"ready"`
	// Waiting says what the service waits for, when it is not ready.
	Waiting string `json:"waiting,omitempty"`
	// Links are the addresses of its Ingress.
	Links []string `json:"links,omitempty"`

	failure *Failure
}

// Job is one Job of the release, but for those of a CronJob.
type Job struct {
	Name    string `json:"name"`
	Chart   string `json:"chart"`
	Done    bool   `json:"done"`
	Waiting string `json:"waiting,omitempty"`

	failure *Failure
}

// ErrNoRelease is what is returned for a release that is not there.
var ErrNoRelease = errors.New("there is no such release")

// askHelmEvery is how often the record of the release, which is large, is read
// again.
const askHelmEvery = 5 * time.Second

// Status returns how far the release is.
func (c *Client) Status(ctx context.Context) (Status, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var status Status
	err := c.WatchStatus(ctx, func(s Status) bool { status = s; return false })
	return status, err
}

// WatchStatus calls show with the release's status, again with each change,
// until it returns false or ctx ends.
func (c *Client) WatchStatus(ctx context.Context, show func(Status) bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := c.reachable(ctx); err != nil {
		return err
	}
	config, err := c.helm(nil)
	if err != nil {
		return err
	}
	w, err := c.watch(ctx)
	if err != nil {
		return err
	}
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	var last *helmrelease.Release
	for asked := (time.Time{}); ; {
		if time.Since(asked) > askHelmEvery {
			last, err = config.Releases.Last(c.name)
			if errors.Is(err, driver.ErrReleaseNotFound) {
				return fmt.Errorf("%s in the namespace %s: %w", c.name, c.namespace, ErrNoRelease)
			} else if err != nil {
				return err
			}
			asked = time.Now()
		}
		status := w.status(time.Now())
		status.Revision, status.State = last.Version, last.Info.Status.String()
		if !show(status) {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// status puts together what is known now.
func (w *watcher) status(now time.Time) Status {
	s := Status{Release: w.release, Namespace: w.namespace, Services: []Service{}, Jobs: []Job{}, Warnings: w.warnings()}
	pods := map[string][]*corev1.Pod{} // by the workload's component
	for _, pod := range w.pods.all() {
		pods[pod.Labels[componentLabel]] = append(pods[pod.Labels[componentLabel]], pod)
	}
	for _, job := range w.jobs.all() {
		if !ownedBy(job, "CronJob") {
			s.Jobs = append(s.Jobs, w.job(job, pods[job.Labels[componentLabel]], now))
		}
	}
	for _, d := range w.deployments.all() {
		s.Services = append(s.Services, w.deployment(d, pods[d.Labels[componentLabel]], now))
	}
	for _, d := range w.statefuls.all() {
		s.Services = append(s.Services, w.stateful(d, pods[d.Labels[componentLabel]], now))
	}
	for _, d := range w.daemons.all() {
		s.Services = append(s.Services, w.daemon(d, pods[d.Labels[componentLabel]], now))
	}
	slices.SortFunc(s.Jobs, func(a, b Job) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(s.Services, func(a, b Service) int {
		return cmp.Or(strings.Compare(a.Chart, b.Chart), strings.Compare(a.Name, b.Name))
	})
	s.Ready = true
	for i := range s.Services {
		service := &s.Services[i]
		for _, job := range s.Jobs {
			if job.Chart == service.Chart {
				service.JobsWanted++
				service.JobsDone += count(job.Done)
			}
		}
		service.Links = w.links(service.Name)
		s.Ready = s.Ready && service.Ready
	}
	for _, job := range s.Jobs {
		s.Ready = s.Ready && job.Done
	}
	return s
}

func (w *watcher) deployment(d *appsv1.Deployment, pods []*corev1.Pod, now time.Time) Service {
	wanted := 1
	if d.Spec.Replicas != nil {
		wanted = int(*d.Spec.Replicas)
	}
	s := Service{
		Name: d.Name, Chart: d.Labels[chartLabel], Workload: "Deployment",
		PodsReady: int(min(d.Status.ReadyReplicas, d.Status.UpdatedReplicas)), PodsWanted: wanted,
	}
	old := int(d.Status.Replicas - d.Status.UpdatedReplicas)
	seen := d.Status.ObservedGeneration >= d.Generation
	s.Ready = seen && s.PodsReady >= wanted && old == 0
	hash := ""
	for _, rs := range w.replicaSets.all() {
		if metav1.IsControlledBy(rs, d) && rs.Annotations[revision] == d.Annotations[revision] {
			hash = rs.Labels[appsv1.DefaultDeploymentUniqueLabelKey]
		}
	}
	for _, condition := range d.Status.Conditions {
		if condition.Type == appsv1.DeploymentReplicaFailure && condition.Status == corev1.ConditionTrue {
			s.Waiting = condition.Message
		}
	}
	w.explain(&s, seen, newest(pods, appsv1.DefaultDeploymentUniqueLabelKey, hash), now)
	return s
}

// revision is the annotation that counts a Deployment's templates.
const revision = "deployment.kubernetes.io/revision"

func (w *watcher) stateful(d *appsv1.StatefulSet, pods []*corev1.Pod, now time.Time) Service {
	wanted := 1
	if d.Spec.Replicas != nil {
		wanted = int(*d.Spec.Replicas)
	}
	s := Service{
		Name: d.Name, Chart: d.Labels[chartLabel], Workload: "StatefulSet",
		PodsReady: int(min(d.Status.ReadyReplicas, d.Status.UpdatedReplicas)), PodsWanted: wanted,
	}
	seen := d.Status.ObservedGeneration >= d.Generation
	s.Ready = seen && s.PodsReady >= wanted && int(d.Status.Replicas) == wanted
	w.explain(&s, seen, newest(pods, appsv1.StatefulSetRevisionLabel, d.Status.UpdateRevision), now)
	return s
}

func (w *watcher) daemon(d *appsv1.DaemonSet, pods []*corev1.Pod, now time.Time) Service {
	s := Service{
		Name: d.Name, Chart: d.Labels[chartLabel], Workload: "DaemonSet",
		PodsReady: int(min(d.Status.NumberReady, d.Status.UpdatedNumberScheduled)), PodsWanted: int(d.Status.DesiredNumberScheduled),
	}
	seen := d.Status.ObservedGeneration >= d.Generation
	s.Ready = seen && s.PodsReady >= s.PodsWanted
	w.explain(&s, seen, newest(pods, generationLabel, d.Annotations[appsv1.DeprecatedTemplateGeneration]), now)
	return s
}

// generationLabel counts a DaemonSet's templates on its pods, as the annotation
// appsv1.DeprecatedTemplateGeneration does on itself.
const generationLabel = "pod-template-generation"

func (w *watcher) job(j *batchv1.Job, pods []*corev1.Pod, now time.Time) Job {
	out := Job{Name: j.Name, Chart: j.Labels[chartLabel]}
	failed := ""
	for _, condition := range j.Status.Conditions {
		switch {
		case condition.Status != corev1.ConditionTrue:
		case condition.Type == batchv1.JobComplete:
			out.Done = true
		case condition.Type == batchv1.JobFailed:
			failed = cmp.Or(condition.Message, condition.Reason)
		}
	}
	if out.Done {
		return out
	}
	mine := slices.DeleteFunc(slices.Clone(pods), func(p *corev1.Pod) bool { return !metav1.IsControlledBy(p, j) })
	if failed != "" {
		out.Waiting = "failed: " + failed
		out.failure = &Failure{Component: j.Name, Reason: failed, pod: last(mine), previous: false}
		return out
	}
	out.Waiting = "not begun"
	for _, pod := range mine {
		why, failure := w.trouble(pod, now)
		out.Waiting = cmp.Or(why, "running")
		if failure != nil {
			failure.Component = j.Name
			failure.mends = failure.mends || failure.crash // a Job tries again by itself
			out.failure = failure
		}
	}
	return out
}

// explain says why a service is not ready. As long as its controller has not
// seen its last change, the pods are those of the time before.
func (w *watcher) explain(s *Service, seen bool, pods []*corev1.Pod, now time.Time) {
	if s.Ready || !seen {
		s.Waiting = ""
		if !seen {
			s.Waiting = "its controller"
		}
		return
	}
	for _, pod := range pods {
		why, failure := w.trouble(pod, now)
		if failure != nil {
			failure.Component = s.Name
			s.failure = failure
		}
		if failure != nil && !failure.mends {
			s.Waiting = why
			return
		}
		s.Waiting = cmp.Or(s.Waiting, why)
	}
	switch {
	case s.Waiting != "":
	case len(pods) == 0 && s.PodsWanted > 0:
		s.Waiting = "no pod yet"
	case s.PodsReady < s.PodsWanted:
		s.Waiting = "pods start"
	default:
		s.Waiting = "old pods end"
	}
}

// newest returns the pods of a workload that are of its newest template.
func newest(pods []*corev1.Pod, label, value string) []*corev1.Pod {
	var out []*corev1.Pod
	for _, pod := range pods {
		if value == "" || pod.Labels[label] == value {
			out = append(out, pod)
		}
	}
	slices.SortFunc(out, func(a, b *corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// links are the addresses that a service's Ingress serves.
func (w *watcher) links(service string) []string {
	var out []string
	for _, ingress := range w.ingresses.all() {
		if ingress.Labels[componentLabel] != service {
			continue
		}
		if url := ingress.Annotations[urlAnnotation]; url != "" {
			out = append(out, url)
			continue
		}
		for _, rule := range ingress.Spec.Rules {
			scheme := "http://"
			if len(ingress.Spec.TLS) > 0 {
				scheme = "https://"
			}
			out = append(out, scheme+rule.Host)
		}
	}
	slices.Sort(out)
	return out
}

// urlAnnotation is on an Ingress whose address is not just its host's: the
// charts set it.
const urlAnnotation = "ccp.openstack.org/url"

func ownedBy(o metav1.Object, kind string) bool {
	owner := metav1.GetControllerOf(o)
	return owner != nil && owner.Kind == kind
}

func last(pods []*corev1.Pod) *corev1.Pod {
	if len(pods) == 0 {
		return nil
	}
	return slices.MaxFunc(pods, func(a, b *corev1.Pod) int {
		return a.CreationTimestamp.Compare(b.CreationTimestamp.Time)
	})
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
