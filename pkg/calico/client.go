package calico

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/big"
	"slices"
	"time"
)

// Client changes the settings of one release in one store. Its methods may be
// called any number of times and by several processes at once.
type Client struct {
	// Open connects to the store. It is called again after a failure that may
	// pass, so that changed certificates and passwords are read.
	Open func(ctx context.Context) (Store, error)
	// OpenStatus connects to the store that has the keys Felix reports into.
	// Nil means the store that Open returns.
	OpenStatus func(ctx context.Context) (Store, error)
	// Release is the name under which the settings are recorded.
	Release string
	// Settings are what Apply brings about.
	Settings Settings
	// DryRun makes Apply and Revert write nothing and return what they would.
	DryRun bool
	// Force makes Apply and Revert write values that were changed by hand.
	Force bool
	// Adopt makes Revert take values that are exactly the wanted ones for the
	// guide's commands, where no release has a record, and undo them.
	Adopt bool
	// Log takes what happens on the way. Nil means nowhere.
	Log *slog.Logger
	// Patience is how long a run that writes one entry after another may take
	// for a step before others think that it is dead; 15 seconds when zero.
	Patience time.Duration
	// Settle is how long Revert waits until a neutron-server that still runs has
	// seen that it writes no more; 15 seconds when zero.
	Settle time.Duration

	writer string
	seen   Entry
	since  time.Time
}

// Report is what Apply and Revert did, and what Status found.
type Report struct {
	Store   string `json:"store"`
	Release string `json:"release"`
	// Lines are the managed values, each with what is wanted, found and recorded.
	Lines []Line `json:"settings"`
	// Releases are the releases that have a record, when all is done.
	Releases []string `json:"releases"`
	// Removed is how many keys of OpenStack's that were left Revert removed, or
	// would: Felix's status, policies of security groups.
	Removed int `json:"removed"`
	// Notices are things worth knowing that are no errors, and Warnings those
	// that somebody has to do something about.
	Notices  []string `json:"notices,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

// notes are the notices and warnings that come up on the way.
type notes struct{ notices, warnings []string }

func (n *notes) notice(format string, args ...any) {
	n.notices = append(n.notices, fmt.Sprintf(format, args...))
}

func (n *notes) warn(format string, args ...any) {
	n.warnings = append(n.warnings, fmt.Sprintf(format, args...))
}

// Apply writes the settings, and records what was there before. Where all is
// as wanted it writes nothing. A value that was changed by hand since it was
// applied is kept and reported.
func (c *Client) Apply(ctx context.Context) (*Report, error) {
	return c.run(ctx, func(ctx context.Context, store Store) (*Report, error) {
		if err := c.standUp(ctx, store); err != nil {
			return nil, err
		}
		return c.change(ctx, store, c.DryRun, c.planApply)
	})
}

// Prepare writes what Felix has to know before Neutron starts, which else
// writes its own: with interfacePrefix unset it writes tap, and Felix leaves the
// interfaces of Kubernetes' pods alone. The rest of the release's settings stay
// as they are.
func (c *Client) Prepare(ctx context.Context) (*Report, error) {
	return c.run(ctx, func(ctx context.Context, store Store) (*Report, error) {
		if err := c.standUp(ctx, store); err != nil {
			return nil, err
		}
		return c.change(ctx, store, c.DryRun, c.planPrepare)
	})
}

// Status returns what Apply would do, without doing it.
func (c *Client) Status(ctx context.Context) (*Report, error) {
	return c.run(ctx, func(ctx context.Context, store Store) (*Report, error) {
		return c.change(ctx, store, true, c.planApply)
	})
}

// Revert takes the release out of the record. What no other release wants
// becomes what it was before, and what OpenStack left in the datastore goes:
// the keys of a region with its last release, the keys of Felix's status with
// the last release of all. A release that has no record changes nothing.
func (c *Client) Revert(ctx context.Context) (*Report, error) {
	if _, err := c.run(ctx, func(ctx context.Context, store Store) (*Report, error) {
		return nil, c.standDown(ctx, store)
	}); err != nil {
		return nil, err
	}
	report, err := c.run(ctx, func(ctx context.Context, store Store) (*Report, error) {
		return c.change(ctx, store, c.DryRun, c.planRevert)
	})
	if err != nil {
		return report, err
	}
	removed := 0
	_, err = c.run(ctx, func(ctx context.Context, store Store) (*Report, error) {
		n, err := c.sweep(ctx, store)
		removed += n
		return nil, err
	})
	report.Removed = removed
	return report, err
}

// sweep removes what a release that is being reverted leaves in the datastore,
// and then the mark that says it is.
func (c *Client) sweep(ctx context.Context, store Store) (int, error) {
	rec, _, err := c.readRecord(ctx, store)
	if err != nil {
		return 0, err
	}
	region, leaves := rec.leaves(c.Release)
	if rel, ok := rec.release(c.Release); c.DryRun && !leaves && (ok || c.Adopt && rec.empty()) {
		region, leaves = c.leave(rel).Region, true
	}
	if !leaves {
		return 0, nil
	}
	removed, err := c.removeLeftovers(ctx, store, region, withoutRelease(rec.Releases, c.Release))
	if err != nil || c.DryRun {
		return removed, err
	}
	_, err = c.change(ctx, store, false, func(_ context.Context, _ Store, rec *record) (*plan, *notes, error) {
		left := rec.clone()
		left.stay(c.Release)
		return &plan{record: left, begun: left}, &notes{}, nil
	})
	return removed, err
}

// leave returns the mark of a release that is being reverted.
func (c *Client) leave(rel recordRelease) recordLeaving {
	return recordLeaving{Name: c.Release, Region: cmp.Or(rel.Region, c.Settings.Region)}
}

// removeLeftovers removes what no release is left for.
func (c *Client) removeLeftovers(ctx context.Context, store Store, region string, others []recordRelease) (int, error) {
	if slices.ContainsFunc(others, func(r recordRelease) bool { return r.Region == region }) {
		region = ""
	}
	if c.OpenStatus != nil {
		var err error
		if store, err = c.OpenStatus(ctx); err != nil {
			return 0, err
		}
		defer store.Close()
	}
	left := leftovers(store.Dialect(), region, len(others) == 0)
	if len(left) == 0 {
		return 0, nil
	}
	return store.Remove(ctx, left, c.DryRun)
}

// run opens the store and does the work, and does both again after an error
// that may pass, until ctx ends.
func (c *Client) run(ctx context.Context, work func(context.Context, Store) (*Report, error)) (*Report, error) {
	if err := c.Settings.Validate(); err != nil {
		return nil, err
	}
	if c.writer == "" {
		c.writer = newUID()
	}
	wait := 100 * time.Millisecond
	for {
		report, err := c.attempt(ctx, work)
		var failure *Failure
		if err == nil || !errors.As(err, &failure) || !failure.Temporary {
			return report, err
		}
		c.log().Info("will try again", "error", err.Error(), "in", wait.String())
		if sleep(ctx, wait) != nil {
			return nil, fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
		wait = min(2*wait, 3*time.Second)
	}
}

func (c *Client) attempt(ctx context.Context, work func(context.Context, Store) (*Report, error)) (*Report, error) {
	store, err := c.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	report, err := work(ctx, store)
	if report != nil {
		report.Store, report.Release = store.Name(), c.Release
	}
	return report, err
}

// change reads, plans and writes, and begins again when something changed
// between the reading and the writing.
func (c *Client) change(ctx context.Context, store Store, dryRun bool, makePlan planFunc) (*Report, error) {
	for {
		rec, entry, err := c.readRecord(ctx, store)
		if err != nil {
			return nil, err
		}
		if !dryRun && c.mustWait(rec, entry) {
			if err := sleep(ctx, min(c.patience()/20, 200*time.Millisecond)); err != nil {
				return nil, err
			}
			continue
		}
		plan, notes, err := makePlan(ctx, store, rec)
		if err != nil {
			return nil, err
		}
		report := &Report{Lines: plan.lines, Notices: notes.notices, Warnings: notes.warnings, Releases: []string{}}
		for _, r := range plan.record.Releases {
			report.Releases = append(report.Releases, r.Name)
		}
		if dryRun || plan.nothing {
			return report, nil
		}
		err = c.write(ctx, store, plan, entry)
		if errors.Is(err, ErrConflict) {
			c.log().Info("somebody else wrote at the same time, reading again", "reason", err.Error())
			if err := sleep(ctx, jitter(50*time.Millisecond)); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		for i := range report.Lines {
			if report.Lines[i].State == StateDiffers {
				report.Lines[i].State = StateWritten
			}
		}
		return report, nil
	}
}

// planFunc works out what to do, given the record.
type planFunc func(ctx context.Context, store Store, rec *record) (*plan, *notes, error)

func (c *Client) planApply(ctx context.Context, store Store, rec *record) (*plan, *notes, error) {
	n := &notes{}
	settings, err := c.settings(ctx, store, n)
	if err != nil {
		return nil, nil, err
	}
	if err := warnNodes(ctx, store, c.Settings, n); err != nil {
		return nil, nil, err
	}
	plan, err := c.planWants(ctx, store, rec, settings, nil)
	return plan, n, err
}

func (c *Client) planPrepare(ctx context.Context, store Store, rec *record) (*plan, *notes, error) {
	n := &notes{}
	if err := warnNodes(ctx, store, c.Settings, n); err != nil {
		return nil, nil, err
	}
	rel, _ := rec.release(c.Release)
	plan, err := c.planWants(ctx, store, rec, felixSettings(store.Dialect(), c.Settings), rel.Wants)
	return plan, n, err
}

// planWants makes the release want the settings, and besides what it wanted
// before.
func (c *Client) planWants(ctx context.Context, store Store, rec *record, settings []setting, before map[string]string) (*plan, error) {
	rel := recordRelease{Name: c.Release, Region: c.Settings.Region, Wants: map[string]string{}}
	maps.Copy(rel.Wants, before)
	for _, s := range settings {
		rel.Wants[s.id()] = s.want
	}
	p, err := c.planner(ctx, store, rec, settings)
	if err != nil {
		return nil, err
	}
	p.releases = withRelease(rec.Releases, rel)
	staying := rec.clone()
	staying.stay(c.Release)
	p.leaving = staying.Leaving
	return p.plan()
}

func (c *Client) planRevert(ctx context.Context, store Store, rec *record) (*plan, *notes, error) {
	n := &notes{}
	rel, known := rec.release(c.Release)
	adopt := c.Adopt && rec.empty()
	_, leaves := rec.leaves(c.Release)
	if !known && !leaves && !adopt {
		n.notice("release %s has no record here: there is nothing to take back", c.Release)
		return &plan{record: rec, nothing: true}, n, nil
	}
	var settings []setting
	if adopt {
		var err error
		if settings, err = c.settings(ctx, store, &notes{}); err != nil {
			return nil, nil, err
		}
	}
	p, err := c.planner(ctx, store, rec, settings)
	if err != nil {
		return nil, nil, err
	}
	if adopt {
		if p.old, err = p.adopt(); err != nil {
			return nil, nil, err
		}
		n.notice("no release has a record: undoing the values that are as if applied by hand")
	}
	p.releases, p.leaving = withoutRelease(rec.Releases, c.Release), rec.Leaving
	if !leaves {
		p.leaving = append(slices.Clone(p.leaving), c.leave(rel))
	}
	plan, err := p.plan()
	if err != nil {
		return nil, nil, err
	}
	for _, l := range plan.lines {
		if (field{l.Key, l.Path}).isPrefix() && l.Wanted != nil && *l.Wanted == prefixAlone {
			n.warn("Felix' interfacePrefix is %s alone again, as it was found: it leaves the interfaces of Kubernetes' pods alone, and their NetworkPolicies are not enforced; take it out of %s where pods use this Calico", serverPrefix, l.Key)
		}
	}
	return plan, n, nil
}

// settings returns what the release wants in the store's own terms.
func (c *Client) settings(ctx context.Context, store Store, n *notes) ([]setting, error) {
	if store.Dialect() == Text {
		return textSettings(c.Settings, n), nil
	}
	return resourceSettings(ctx, store, c.Settings, n)
}

// felixSettings returns what OpenStack needs of Felix in a dialect.
func felixSettings(dialect Dialect, s Settings) []setting {
	if dialect == Text {
		return textFelix(s)
	}
	return resourceFelix(s)
}

// planner reads every entry that the record and the settings speak of.
func (c *Client) planner(ctx context.Context, store Store, rec *record, settings []setting) (*planner, error) {
	p := &planner{
		dialect: store.Dialect(), exact: store.Exact(), old: rec, settings: settings,
		entries: map[string]Entry{}, dirs: map[string]string{},
	}
	own := map[string]bool{}
	rel, _ := rec.release(c.Release)
	for id := range rel.Wants {
		own[id] = true
	}
	var keys []string
	for _, s := range settings {
		own[s.id()] = true
		keys = append(keys, s.key)
	}
	for id := range rec.Fields {
		keys = append(keys, parseField(id).key)
	}
	p.force = func(id string) bool { return c.Force && own[id] }
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		e, err := store.Get(ctx, key)
		if err != nil {
			return nil, err
		}
		p.entries[key] = e
		if e.Value == nil {
			if p.dirs[key], err = store.MissingDir(ctx, key); err != nil {
				return nil, err
			}
		}
	}
	return p, nil
}

// write carries a plan out: in one Swap where the store can, else the record
// first, then entry by entry, and the record again.
func (c *Client) write(ctx context.Context, store Store, p *plan, old Entry) error {
	final := p.record.entry(old)
	recordChanges := string(final.Value) != string(old.Value)
	switch {
	case len(p.writes) == 0 && !recordChanges:
		return nil
	case len(p.writes)+1 <= store.Atomic(), len(p.writes) == 0:
		_, err := store.Swap(ctx, append(slices.Clone(p.writes), final)...)
		return err
	}
	// Once the record is there others wait, for as long as it stays the same.
	deadline := time.Now().Add(c.patience() / 2)
	begun := p.begun.clone()
	begun.Writer = c.writer
	now, err := store.Swap(ctx, begun.entry(old))
	if err != nil {
		return err
	}
	for _, e := range p.writes {
		if time.Now().After(deadline) {
			return fmt.Errorf("%w: writing took longer than %s", ErrConflict, c.patience()/2)
		}
		ctx, cancel := context.WithDeadline(ctx, deadline)
		_, err := store.Swap(ctx, e)
		cancel()
		if err != nil {
			return err
		}
	}
	if err := store.RemoveEmpty(ctx, p.dirs); err != nil {
		return err
	}
	_, err = store.Swap(ctx, p.record.entry(now[0]))
	return err
}

func (c *Client) readRecord(ctx context.Context, store Store) (*record, Entry, error) {
	e, err := store.Get(ctx, RecordKey)
	if err != nil {
		return nil, e, err
	}
	rec, err := parseRecord(e)
	return rec, e, err
}

// mustWait says whether another run is in the middle of its writes. One whose
// record has not changed for as long as the client's patience is dead, and
// this run finishes or undoes its work.
func (c *Client) mustWait(rec *record, e Entry) bool {
	if rec.Writer == "" || rec.Writer == c.writer {
		return false
	}
	if c.seen.Version != e.Version {
		c.seen, c.since = e, time.Now()
		c.log().Info("another run is writing, waiting for it", "writer", rec.Writer)
	}
	return time.Since(c.since) < c.patience()
}

func (c *Client) patience() time.Duration {
	if c.Patience == 0 {
		return 15 * time.Second
	}
	return c.Patience
}

func (c *Client) log() *slog.Logger {
	if c.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Log
}

// sleep waits, or returns why ctx ended.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// jitter returns a random time up to d.
func jitter(d time.Duration) time.Duration {
	n, err := rand.Int(rand.Reader, big.NewInt(int64(d)))
	if err != nil {
		return d
	}
	return time.Duration(n.Int64())
}
