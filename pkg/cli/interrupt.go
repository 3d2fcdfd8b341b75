package cli

import (
	"context"
	"errors"
	"sync"
	"time"
)

// errInterrupted ends a command that computes, or waits for an answer, without
// taking notice of a signal.
var errInterrupted = errors.New("interrupted")

// noticeFor is how long a command may take to see by itself that it is
// interrupted.
const noticeFor = 300 * time.Millisecond

// changes is the key of the lock, in a command's context, that is held for
// reading while the command changes something.
type changes struct{}

// interruptible runs a command, and ends it when ctx does, whatever it computes:
// templates and patterns know no context. Only what changes something, which it
// says with changing, is waited for: that takes notice of ctx, or is short.
func interruptible(ctx context.Context, run func(context.Context) error) error {
	var lock sync.RWMutex
	done := make(chan error, 1)
	go func() { done <- run(context.WithValue(ctx, changes{}, &lock)) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(noticeFor):
	}
	lock.Lock() // when what was being changed is done; nothing else begins
	select {
	case err := <-done:
		return err
	case <-time.After(noticeFor):
	}
	return errInterrupted
}

// changing says that the command changes something from here until the function
// that it returns is called, and is not to be ended in the middle. One of these
// may not be inside another.
func changing(ctx context.Context) (end func()) {
	lock, ok := ctx.Value(changes{}).(*sync.RWMutex)
	if !ok {
		return func() {}
	}
	lock.RLock()
	return lock.RUnlock
}
