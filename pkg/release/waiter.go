package release

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"helm.sh/helm/v3/pkg/kube"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

// tickEvery is how often what was heard from the API server is looked at.
const tickEvery = 300 * time.Millisecond

// waiter is Helm's client of Kubernetes with a better way to wait: it tells
// what is waited for, ends with ctx, and ends early when something fails that
// no waiting mends.
type waiter struct {
	*kube.Client
	ctx     context.Context
	watcher *watcher
	report  func(Status)
	client  *Client
	// concerns says whether an object is to be waited for; nil: all are.
	concerns func(labels map[string]string) bool
	// err is what the last wait ended with. Helm keeps only its text.
	err error
	// told are the last words of Jobs that were told.
	told []string
}

// goal is an object to wait for.
type goal struct {
	kind, name string
	uid        types.UID
	generation int64
}

// Wait waits for the workloads among the resources.
func (w *waiter) Wait(resources kube.ResourceList, timeout time.Duration) error {
	return w.await(resources, timeout, "Deployment", "StatefulSet", "DaemonSet")
}

// WaitWithJobs waits for the workloads and Jobs among the resources.
func (w *waiter) WaitWithJobs(resources kube.ResourceList, timeout time.Duration) error {
	return w.await(resources, timeout, "Deployment", "StatefulSet", "DaemonSet", "Job")
}

// WatchUntilReady waits for the Jobs among the objects of a hook.
func (w *waiter) WatchUntilReady(resources kube.ResourceList, timeout time.Duration) error {
	return w.await(resources, timeout, "Job")
}

func (w *waiter) await(resources kube.ResourceList, timeout time.Duration, kinds ...string) error {
	var goals []goal
	for _, info := range resources {
		object, err := meta.Accessor(info.Object)
		if err != nil {
			return err
		}
		kind := info.Mapping.GroupVersionKind.Kind
		for _, wanted := range kinds {
			if kind == wanted && (w.concerns == nil || w.concerns(object.GetLabels())) {
				goals = append(goals, goal{kind, info.Name, object.GetUID(), object.GetGeneration()})
			}
		}
	}
	if len(goals) == 0 {
		return nil
	}
	w.err = w.until(goals, timeout)
	return w.err
}

// until waits until all goals are reached.
func (w *waiter) until(goals []goal, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(w.ctx, timeout)
	defer cancel()
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		status := w.watcher.status(time.Now())
		missing, failures := w.watcher.missing(status, goals)
		if len(missing) == 0 {
			w.tellWords(goals)
			return nil
		}
		if lost := slices.DeleteFunc(slices.Clone(failures), func(f *Failure) bool { return f.mends }); len(lost) > 0 {
			return w.tell(lost)
		}
		if err := w.watcher.mayNot(); err != nil {
			return err
		}
		if w.report != nil {
			w.report(status)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if w.ctx.Err() != nil {
				return context.Cause(w.ctx)
			}
			err := fmt.Errorf("not ready after %s:\n  %s", timeout, strings.Join(missing, "\n  "))
			return errors.Join(err, w.tell(failures))
		}
	}
}

// tell makes one error of failures, with what their containers said.
func (w *waiter) tell(failures []*Failure) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), 10*time.Second)
	defer cancel()
	var errs []error
	for _, failure := range failures {
		failure.readLog(ctx, w.client.kube)
		errs = append(errs, failure)
	}
	return errors.Join(errs...)
}

// missing returns the goals that are not reached, each with what it waits for,
// and what fails of them.
func (w *watcher) missing(status Status, goals []goal) (missing []string, failures []*Failure) {
	services, jobs := map[string]*Service{}, map[string]*Job{}
	for i := range status.Services {
		services[status.Services[i].Workload+"/"+status.Services[i].Name] = &status.Services[i]
	}
	for i := range status.Jobs {
		jobs[status.Jobs[i].Name] = &status.Jobs[i]
	}
	for _, goal := range goals {
		ready, why, failure := false, "not seen yet", (*Failure)(nil)
		if service := services[goal.kind+"/"+goal.name]; service != nil {
			ready, why, failure = service.Ready, service.Waiting, service.failure
		} else if job := jobs[goal.name]; job != nil && goal.kind == "Job" {
			ready, why, failure = job.Done, job.Waiting, job.failure
		}
		if !w.current(goal) {
			ready, why, failure = false, "not seen yet", nil
		}
		if !ready {
			missing = append(missing, goal.name+": "+why)
		}
		if !ready && failure != nil {
			failures = append(failures, failure)
		}
	}
	return missing, failures
}

// current says whether what was heard of an object is about the one that Helm
// made, and not about one of the same name before it or before its last change.
func (w *watcher) current(g goal) bool {
	stores := map[string]cache.Store{
		"Deployment": w.deployments.Store, "StatefulSet": w.statefuls.Store, "DaemonSet": w.daemons.Store, "Job": w.jobs.Store,
	}
	item, ok, err := stores[g.kind].GetByKey(w.namespace + "/" + g.name)
	if err != nil || !ok {
		return false
	}
	object, err := meta.Accessor(item)
	return err == nil && (g.uid == "" || object.GetUID() == g.uid) && object.GetGeneration() >= g.generation
}
