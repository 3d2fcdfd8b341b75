package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"runtime/metrics"
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

// maxMemory is how much memory a command may hold, in bytes, where GOMEMLIMIT
// says nothing else. The largest releases take some hundred MB.
const maxMemory = 4 << 30

// interruptible runs a command, and ends it when ctx does, whatever it computes:
// templates and patterns know no context, and a template can double a text until
// the machine has no memory, for which it is ended too. Only what changes
// something, which it says with changing, is waited for: that takes notice of ctx,
// or is short.
func interruptible(ctx context.Context, run func(context.Context) error) error {
	var lock sync.RWMutex
	done := make(chan error, 1)
	go func() { done <- run(context.WithValue(ctx, changes{}, &lock)) }()
	limit := limitMemory()
	memory := time.NewTicker(50 * time.Millisecond)
	defer memory.Stop()
	for ctx.Err() == nil {
		select {
		case err := <-done:
			return err
		case <-ctx.Done():
		case <-memory.C:
			if memoryHeld() > limit {
				return fmt.Errorf("ended: it took more than %d MiB of memory. Does a template call itself, or repeat its text? GOMEMLIMIT=8GiB, for one, allows more", limit>>20)
			}
		}
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

// limitMemory returns how much memory the command may hold, in bytes: GOMEMLIMIT,
// or maxMemory. Go's collector keeps to it too, so that only what is in use goes
// beyond.
func limitMemory() uint64 {
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		limit = maxMemory
		debug.SetMemoryLimit(limit)
	}
	return uint64(limit)
}

// memoryHeld returns the size of all objects in memory, in bytes.
func memoryHeld() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
