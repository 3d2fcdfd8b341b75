package calico

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Candidate is a store that may be the one a cluster uses.
type Candidate struct {
	Name string
	Open func(ctx context.Context) (Store, error)
}

// ErrUndecided is returned by Detect when it cannot tell which store to use.
var ErrUndecided = errors.New("cannot tell which datastore Calico uses")

// Detect finds the one store among the candidates that Calico lives in, and
// says how it knew. Where several are live, as in the middle of a migration,
// or none is, the error is ErrUndecided and says what was found. Failures that
// may pass are waited out until ctx ends.
func Detect(ctx context.Context, candidates []Candidate) (Candidate, string, error) {
	for {
		chosen, how, err := detect(ctx, candidates)
		var failure *Failure
		if err == nil || !errors.As(err, &failure) || !failure.Temporary {
			return chosen, how, err
		}
		if sleep(ctx, time.Second) != nil {
			return chosen, how, fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}

// detect looks at each candidate once.
func detect(ctx context.Context, candidates []Candidate) (Candidate, string, error) {
	var live []Candidate
	var found []string
	var failures []error
	for _, c := range candidates {
		sign, isLive, err := look(ctx, c)
		switch {
		case err != nil:
			failures = append(failures, fmt.Errorf("%s: %w", c.Name, err))
			continue
		case isLive:
			live = append(live, c)
		}
		found = append(found, c.Name+": "+sign)
	}
	all := strings.Join(found, "; ")
	switch {
	case len(failures) > 0:
		return Candidate{}, all, errors.Join(failures...)
	case len(live) == 1:
		return live[0], all, nil
	case len(live) > 1:
		return Candidate{}, all, fmt.Errorf("%w: several are live (%s); is a migration going on? say which with --store", ErrUndecided, all)
	}
	return Candidate{}, all, fmt.Errorf("%w: none is live (%s); start Calico first, or say which with --store", ErrUndecided, all)
}

// look says what is in a store, and whether Calico works with it.
func look(ctx context.Context, c Candidate) (sign string, live bool, err error) {
	store, err := c.Open(ctx)
	if errors.Is(err, errNoCalico) {
		return "no resources of Calico", false, nil
	}
	if err != nil {
		return "", false, err
	}
	defer store.Close()
	if store.Dialect() == Text {
		return lookText(ctx, store)
	}
	return lookResources(ctx, store)
}

// lookText looks at the key with which Calico 1 and 2 say that the datastore
// is ready, and at whether there is any of their keys.
func lookText(ctx context.Context, store Store) (string, bool, error) {
	const dir, key = "/calico/v1", "/calico/v1/Ready"
	e, err := store.Get(ctx, key)
	if errors.Is(err, errNoV2) {
		return "not served", false, nil
	}
	if err != nil {
		return "", false, err
	}
	if e.Value != nil {
		return fmt.Sprintf("%s is %s", key, e.Value), string(e.Value) == "true", nil
	}
	if _, err := store.Get(ctx, dir); !errors.Is(err, errDirectory) {
		return "no " + dir, false, err
	}
	return "there is " + dir, true, nil
}

// lookResources looks at the resource with which Calico 3 says that the
// datastore is ready.
func lookResources(ctx context.Context, store Store) (string, bool, error) {
	e, err := store.Get(ctx, clusterKey)
	if err != nil {
		return "", false, err
	}
	if e.Value == nil {
		return "no " + clusterKey, false, nil
	}
	var info struct {
		Spec struct{ DatastoreReady *bool }
	}
	if err := json.Unmarshal(e.Value, &info); err != nil {
		return "", false, fmt.Errorf("%s: %w", clusterKey, err)
	}
	ready := info.Spec.DatastoreReady != nil && *info.Spec.DatastoreReady
	return fmt.Sprintf("%s has datastoreReady %t", clusterKey, ready), ready, nil
}
