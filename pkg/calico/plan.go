package calico

import (
	"bytes"
	"maps"
	"slices"
)

// State is what is the matter with one value.
type State string

// The states of a value in a Report.
const (
	// StateOK: the value is as it shall be.
	StateOK State = "ok"
	// StateDiffers: the value is not yet the wanted one.
	StateDiffers State = "differs"
	// StateWritten: the value was not the wanted one and now is.
	StateWritten State = "written"
	// StateByHand: the value is not what was written last, so somebody changed
	// it since. It is kept, unless the client is told to force.
	StateByHand State = "changed by hand"
)

// Line is one value in a Report.
type Line struct {
	// Key is the entry in the store, Path the place inside its object.
	Key  string `json:"key"`
	Path string `json:"path,omitempty"`
	// Wanted is what shall be there: after Revert what was there before.
	Wanted *string `json:"wanted"`
	// Release is the release whose value is wanted.
	Release string `json:"release,omitempty"`
	// Found is what is there.
	Found *string `json:"found"`
	// Recorded is what was written last, Before what was there before that.
	// Both are nil also where there is no record.
	Recorded *string `json:"recorded"`
	Before   *string `json:"before"`
	State    State   `json:"state"`
}

// plan is what a run is going to do.
type plan struct {
	// record is the record when all is done.
	record *record
	// begun is the record while the writes are under way, for stores that
	// cannot change everything at once.
	begun *record
	// writes are the entries to change.
	writes []Entry
	lines  []Line
}

// planner works out a plan from what is in the store. It writes nothing.
type planner struct {
	dialect Dialect
	// old is the record as it was read, releases who is to be in the new one.
	old      *record
	releases []recordRelease
	// settings are those of the release at hand; they say what fields that are
	// new look like.
	settings []setting
	// entries are what was read, by key.
	entries map[string]Entry
	// force says which fields are written even if changed by hand.
	force func(id string) bool
}

// plan decides on every field that is under care or shall be: what the last
// release that wants it asks for, and what was there before where none does.
func (p *planner) plan() (*plan, error) {
	result := &plan{record: p.old.clone()}
	result.record.Releases = p.releases
	result.record.Writer = ""
	edited := map[string]Entry{}
	for _, s := range p.settings {
		if _, ok := result.record.Fields[s.id()]; ok {
			continue
		}
		if _, _, ok := wanted(p.releases, s.id()); !ok {
			continue
		}
		found, err := readValue(p.dialect, p.entries[s.key], s.field)
		if err != nil {
			return nil, err
		}
		result.record.Fields[s.id()] = recordField{
			Before: found, Off: s.off, Set: found, Made: p.entries[s.key].Value == nil,
		}
	}
	undone, err := p.undone()
	if err != nil {
		return nil, err
	}
	begun := result.record.clone()
	for _, id := range slices.Sorted(maps.Keys(result.record.Fields)) {
		if err := p.decide(id, undone, result, begun, edited); err != nil {
			return nil, err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(edited)) {
		if e := edited[key]; !bytes.Equal(e.Value, p.entries[key].Value) || (e.Value == nil) != (p.entries[key].Value == nil) {
			result.writes = append(result.writes, e)
		}
	}
	result.begun = begun
	return result, nil
}

// decide settles one field: its line, its place in both records, and the
// change of its entry.
func (p *planner) decide(id string, undone bool, result *plan, begun *record, edited map[string]Entry) error {
	f, rec := parseField(id), result.record.Fields[id]
	entry, ok := edited[f.key]
	if !ok {
		entry = p.entries[f.key]
	}
	found, err := readValue(p.dialect, entry, f)
	if err != nil {
		return err
	}
	goal, release, stays := p.goal(id, rec)
	_, recorded := p.old.Fields[id]
	line := Line{Key: f.key, Path: f.path, Wanted: goal, Release: release, Found: found, State: StateOK}
	if recorded {
		line.Recorded, line.Before = rec.Set, rec.Before
	}
	same := func(value *string) bool { return sameValue(p.dialect, f, found, value) }
	ours := undone || same(rec.Set) || rec.Pending && same(rec.Next)
	set := rec.Set
	switch {
	case same(goal), !stays && same(rec.Before):
		// A store may give back another form of what was written.
		if !same(rec.Set) {
			set = goal
		}
	case !ours && !p.force(id):
		line.State = StateByHand
	default:
		line.State = StateDiffers
		if edited[f.key], err = writeValue(p.dialect, entry, f, goal, rec.Made); err != nil {
			return err
		}
		moving := rec
		moving.Set, moving.Pending, moving.Next = found, true, goal
		begun.Fields[id] = moving
		set = goal
	}
	rec.Set, rec.Pending, rec.Next = set, false, nil
	result.record.Fields[id] = rec
	if !stays {
		delete(result.record.Fields, id)
	}
	result.lines = append(result.lines, line)
	return nil
}

// undone says whether every value of the old record is back at what was there
// before, as after the guide's commands that undo: then nobody chose a value,
// and applying again starts anew.
func (p *planner) undone() (bool, error) {
	for id, rec := range p.old.Fields {
		f := parseField(id)
		found, err := readValue(p.dialect, p.entries[f.key], f)
		if err != nil {
			return false, err
		}
		off := rec.Off != "" && sameValue(p.dialect, f, found, &rec.Off)
		if !off && !sameValue(p.dialect, f, found, rec.Before) {
			return false, nil
		}
	}
	return true, nil
}

// goal returns the value that a field shall have, the release that asks for
// it, and whether any does.
func (p *planner) goal(id string, rec recordField) (value *string, release string, stays bool) {
	if value, release, ok := wanted(p.releases, id); ok {
		return &value, release, true
	}
	if rec.Before == nil && rec.Off != "" {
		return &rec.Off, "", false
	}
	return rec.Before, "", false
}

// adopt returns a record for values that are the wanted ones though no release
// has a record, as after the guide's commands by hand. Reverting it is what
// the guide's other commands do.
func (p *planner) adopt() (*record, error) {
	adopted := p.old.clone()
	for _, s := range p.settings {
		found, err := readValue(p.dialect, p.entries[s.key], s.field)
		if err != nil {
			return nil, err
		}
		if sameValue(p.dialect, s.field, found, &s.want) && !slices.Contains(p.old.Kept, s.id()) {
			adopted.Fields[s.id()] = recordField{Off: s.off, Set: found, Made: true}
		}
	}
	return adopted, nil
}

// kept returns the fields of a release that had its value before it came.
func (p *planner) kept(rel recordRelease) []string {
	kept := slices.Clone(p.old.Kept)
	for id, want := range rel.Wants {
		rec := p.old.Fields[id]
		if rec.Before != nil && sameValue(p.dialect, parseField(id), rec.Before, &want) && !slices.Contains(kept, id) {
			kept = append(kept, id)
		}
	}
	slices.Sort(kept)
	return kept
}
