package calico

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
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
	// Settings are what Apply brings about. Revert takes them for the guide's
	// commands when no release has a record.
	Settings Settings
	// DryRun makes Apply and Revert write nothing and return what they would.
	DryRun bool
	// Force makes Apply and Revert write values that were changed by hand.
	Force bool
	// Log takes what happens on the way. Nil means nowhere.
	Log *slog.Logger
	// Patience is how long a run that writes one entry after another may take
	// for a step before others think that it is dead; 15 seconds when zero.
	Patience time.Duration

	writer string
	seen   Entry
	since  time.Time
}

// Report is what Apply and Revert did, and what Status found.
type Report struct {
	Store   string `json:"store"`
	Release string `json:"release"`
	// Lines are the values under care or to be.
	Lines []Line `json:"settings"`
	// Releases are the releases that have a record, when all is done.
	Releases []string `json:"releases"`
	// StatusKeys is how many keys of Felix's status Revert removed, or would.
	StatusKeys int `json:"statusKeys"`
	// Notices are things worth knowing that are no errors.
	Notices []string `json:"notices,omitempty"`
}

// Apply writes the settings, and records what was there before. Where all is
// as wanted it writes nothing. A value that was changed by hand since it was
// applied is kept and reported.
func (c *Client) Apply(ctx context.Context) (*Report, error) {
	return c.run(ctx, func(ctx context.Context, store Store) (*Report, error) {
		return c.change(ctx, store, c.DryRun, c.planApply)
	})
}

// Status returns what Apply would do, without doing it.
func (c *Client) Status(ctx context.Context) (*Report, error) {
	return c.run(ctx, func(ctx context.Context, store Store) (*Report, error) {
		return c.change(ctx, store, true, c.planApply)
	})
}

// Revert takes the release out of the record. What no other release wants
// becomes what it was before, and when the last release leaves, the keys of
// Felix's status are removed.
func (c *Client) Revert(ctx context.Context) (*Report, error) {
	report, err := c.run(ctx, func(ctx context.Context, store Store) (*Report, error) {
		return c.change(ctx, store, c.DryRun, c.planRevert)
	})
	if err != nil {
		return report, err
	}
	removed := 0
	_, err = c.run(ctx, func(ctx context.Context, store Store) (*Report, error) {
		n, err := c.removeStatus(ctx, store)
		removed += n
		return nil, err
	})
	report.StatusKeys = removed
	return report, err
}

// removeStatus removes the keys of Felix's status that no release is left for.
func (c *Client) removeStatus(ctx context.Context, store Store) (int, error) {
	rec, _, err := c.readRecord(ctx, store)
	if err != nil {
		return 0, err
	}
	others := withoutRelease(rec.Releases, c.Release)
	region := c.Settings.Region
	if slices.ContainsFunc(others, func(r recordRelease) bool { return r.Region == region }) {
		region = ""
	}
	prefixes := statusPrefixes(len(others) == 0, region)
	if len(prefixes) == 0 {
		return 0, nil
	}
	if c.OpenStatus != nil {
		if store, err = c.OpenStatus(ctx); err != nil {
			return 0, err
		}
		defer store.Close()
	}
	return store.RemoveStatus(ctx, prefixes, c.DryRun)
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
		c.log().Warn("will try again", "error", err.Error(), "in", wait.String())
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
		plan, notices, err := makePlan(ctx, store, rec)
		if err != nil {
			return nil, err
		}
		report := &Report{Lines: plan.lines, Notices: notices, Releases: []string{}}
		for _, r := range plan.record.Releases {
			report.Releases = append(report.Releases, r.Name)
		}
		if dryRun {
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
type planFunc func(ctx context.Context, store Store, rec *record) (*plan, []string, error)

func (c *Client) planApply(ctx context.Context, store Store, rec *record) (*plan, []string, error) {
	settings, notices, err := c.settings(ctx, store)
	if err != nil {
		return nil, nil, err
	}
	rel := recordRelease{Name: c.Release, Region: c.Settings.Region, Wants: map[string]string{}}
	for _, s := range settings {
		rel.Wants[s.id()] = s.want
	}
	old := rec.clone()
	old.Kept = nil
	p, err := c.planner(ctx, store, old, settings)
	if err != nil {
		return nil, nil, err
	}
	p.releases = withRelease(rec.Releases, rel)
	plan, err := p.plan()
	return plan, notices, err
}

func (c *Client) planRevert(ctx context.Context, store Store, rec *record) (*plan, []string, error) {
	var notices []string
	var settings []setting
	rel, ok := rec.release(c.Release)
	if !ok && len(rec.Releases) > 0 {
		notices = append(notices, fmt.Sprintf("release %s has no record", c.Release))
	}
	if rec.empty() {
		var err error
		if settings, _, err = c.settings(ctx, store); err != nil {
			return nil, nil, err
		}
	}
	p, err := c.planner(ctx, store, rec, settings)
	if err != nil {
		return nil, nil, err
	}
	if rec.empty() {
		if p.old, err = p.adopt(); err != nil {
			return nil, nil, err
		}
		if len(p.old.Fields) > 0 {
			notices = append(notices, "no release has a record: undoing the values that are as if applied by hand")
		}
	}
	p.releases = withoutRelease(rec.Releases, c.Release)
	plan, err := p.plan()
	if err == nil && len(p.releases) == 0 {
		plan.record.Kept = p.kept(rel)
	}
	return plan, notices, err
}

// settings returns what the release wants in the store's own terms.
func (c *Client) settings(ctx context.Context, store Store) ([]setting, []string, error) {
	if store.Dialect() == Text {
		settings, notices := textSettings(c.Settings)
		return settings, notices, nil
	}
	return resourceSettings(ctx, store, c.Settings)
}

// planner reads every entry that the record and the settings speak of.
func (c *Client) planner(ctx context.Context, store Store, rec *record, settings []setting) (*planner, error) {
	p := &planner{dialect: store.Dialect(), old: rec, settings: settings, entries: map[string]Entry{}}
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
