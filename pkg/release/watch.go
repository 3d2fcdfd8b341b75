package release

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// watcher follows the objects of a release that run something. It asks the API
// server once and then listens, so that a large deployment costs little.
type watcher struct {
	release, namespace string

	factory     informers.SharedInformerFactory
	kinds       []cache.SharedIndexInformer
	deployments listed[*appsv1.Deployment]
	statefuls   listed[*appsv1.StatefulSet]
	daemons     listed[*appsv1.DaemonSet]
	replicaSets listed[*appsv1.ReplicaSet]
	jobs        listed[*batchv1.Job]
	pods        listed[*corev1.Pod]
	ingresses   listed[*networkingv1.Ingress]

	mu      sync.Mutex
	refused map[string]error       // by kind: what may not be read
	silent  error                  // why the API server can't be asked, while it can't
	since   map[string]time.Time   // when a container was first seen in trouble
	words   map[types.UID][]string // by Job: the last words of its newest pod that ended
}

// listed is the store of one kind.
type listed[T runtime.Object] struct{ cache.Store }

func (l listed[T]) all() []T {
	items := l.List()
	out := make([]T, 0, len(items))
	for _, item := range items {
		out = append(out, item.(T))
	}
	return out
}

// watch begins to follow the release until ctx ends. It returns when everything
// has been read once.
func (c *Client) watch(ctx context.Context) (*watcher, error) {
	w := &watcher{
		release: c.name, namespace: c.namespace,
		refused: map[string]error{}, since: map[string]time.Time{}, words: map[types.UID][]string{},
	}
	selector := labels.Set{instanceLabel: c.name}.String()
	w.factory = informers.NewSharedInformerFactoryWithOptions(c.kube, 0, informers.WithNamespace(c.namespace),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = selector }))
	apps := w.factory.Apps().V1()
	follow := func(kind string, informer cache.SharedIndexInformer) cache.Store {
		if err := informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
			w.failed(kind, err)
		}); err != nil {
			panic(err) // it has not begun
		}
		w.kinds = append(w.kinds, informer)
		return informer.GetStore()
	}
	w.deployments.Store = follow("deployments", apps.Deployments().Informer())
	w.statefuls.Store = follow("statefulsets", apps.StatefulSets().Informer())
	w.daemons.Store = follow("daemonsets", apps.DaemonSets().Informer())
	w.replicaSets.Store = follow("replicasets", apps.ReplicaSets().Informer())
	w.jobs.Store = follow("jobs", w.factory.Batch().V1().Jobs().Informer())
	pods := w.factory.Core().V1().Pods().Informer()
	w.pods.Store = follow("pods", pods)
	if _, err := pods.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: w.hear, UpdateFunc: func(_, now any) { w.hear(now) },
	}); err != nil {
		return nil, err
	}
	w.ingresses.Store = follow("ingresses", w.factory.Networking().V1().Ingresses().Informer())
	w.factory.Start(ctx.Done())
	return w, w.synced(ctx)
}

// synced waits until each kind was read, and fails when one may not be.
func (w *watcher) synced(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := w.mayNot(); err != nil {
			return err
		}
		if !slices.ContainsFunc(w.kinds, func(i cache.SharedIndexInformer) bool { return !i.HasSynced() }) {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

func (w *watcher) failed(kind string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if apierrors.IsForbidden(err) {
		w.refused[kind] = err
		return
	}
	if !apierrors.IsResourceExpired(err) && !apierrors.IsGone(err) {
		w.silent = err
	}
}

// mayNot is the first of the kinds that may not be read.
func (w *watcher) mayNot() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, kind := range slices.Sorted(maps.Keys(w.refused)) {
		return fmt.Errorf("you need the right to list and watch %s in the namespace %s: %w", kind, w.namespace, w.refused[kind])
	}
	return nil
}

// seen returns for how long something has been so.
func (w *watcher) seen(what string, now time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.since[what].IsZero() {
		w.since[what] = now
	}
	return now.Sub(w.since[what])
}
