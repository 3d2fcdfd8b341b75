package release

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// The lease that keeps two deploys of one release apart. It outlives a restart
// of the API server; what a killed deploy held is free when it expires.
const (
	leaseDuration = 45 * time.Second
	leaseRenew    = 35 * time.Second
	leaseRetry    = 3 * time.Second
)

// lock takes the release's Lease, and returns what gives it back. It waits for
// one that is not renewed any more.
func (c *Client) lock(ctx context.Context) (unlock func(), err error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	identity := fmt.Sprintf("%s, process %d", host, os.Getpid())
	lease := &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Name: "ccp-" + c.name, Namespace: c.namespace},
		Client:     c.kube.CoordinationV1(),
		LockConfig: resourcelock.ResourceLockConfig{Identity: identity},
	}
	if err := c.mayLock(ctx, lease); err != nil {
		return nil, err
	}
	// The lease is given back after the work, also when that was interrupted.
	held, cancel := context.WithCancel(context.WithoutCancel(ctx))
	taken, ended := make(chan struct{}), make(chan struct{})
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lease, ReleaseOnCancel: true,
		LeaseDuration: leaseDuration, RenewDeadline: leaseRenew, RetryPeriod: leaseRetry,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { close(taken) },
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		cancel()
		return nil, err
	}
	go func() {
		defer close(ended)
		elector.Run(held)
	}()
	unlock = func() { cancel(); <-ended }
	return unlock, c.awaitLock(ctx, lease, taken, unlock)
}

// errLocked is what a second deploy ends with.
var errLocked = errors.New("another ccp works on this release")

// awaitLock waits until the lock is taken, or longer than a dead owner keeps it.
func (c *Client) awaitLock(ctx context.Context, lease *resourcelock.LeaseLock, taken <-chan struct{}, unlock func()) error {
	select {
	case <-taken:
		return nil
	case <-ctx.Done():
	case <-time.After(2 * time.Second):
	}
	holder := "somebody else"
	if record, _, err := lease.Get(ctx); err == nil {
		holder = record.HolderIdentity
	}
	c.stepf("waiting for %s, which works on this release or was killed, for up to %s", holder, leaseDuration+2*leaseRetry)
	select {
	case <-taken:
		return nil
	case <-ctx.Done():
		unlock()
		return context.Cause(ctx)
	case <-time.After(leaseDuration + 2*leaseRetry):
		unlock()
		return fmt.Errorf("%w: %s", errLocked, holder)
	}
}

// mayLock finds out whether leases may be used, since the elector would try for
// ever.
func (c *Client) mayLock(ctx context.Context, lease *resourcelock.LeaseLock) error {
	_, _, err := lease.Get(ctx)
	if err == nil || apierrors.IsNotFound(err) {
		return nil
	}
	return missingRight(err, "get, create and update leases in the namespace %s", c.namespace)
}
