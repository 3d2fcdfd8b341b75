package calico

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"path"
	"slices"
	"strings"
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
	// dirs are the directories that go when they are empty, the deepest first.
	dirs  []string
	lines []Line
	// nothing says that not even the record is written.
	nothing bool
}

// planner works out a plan from what is in the store. It writes nothing.
type planner struct {
	dialect Dialect
	// exact says that the store gives back the bytes that were written.
	exact bool
	// old is the record as it was read, releases and leaving who is to be in
	// the new one.
	old      *record
	releases []recordRelease
	leaving  []recordLeaving
	// settings are those of the release at hand; they say what fields that are
	// new look like.
	settings []setting
	// entries are what was read, by key.
	entries map[string]Entry
	// dirs are the first directories on the way to entries that are missing.
	dirs map[string]string
	// force says which fields are written even if changed by hand.
	force func(id string) bool
}

// plan decides on every field that is under care or shall be: what the last
// release that wants it asks for, and what was there before where none does.
func (p *planner) plan() (*plan, error) {
	result := &plan{record: p.old.clone()}
	result.record.Releases, result.record.Leaving = p.releases, p.leaving
	result.record.Writer = ""
	edited := map[string]Entry{}
	if err := p.takeCare(result.record); err != nil {
		return nil, err
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
	if p.exact {
		if err := p.keepBytes(result, begun, edited); err != nil {
			return nil, err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(edited)) {
		if e := edited[key]; !bytes.Equal(e.Value, p.entries[key].Value) || (e.Value == nil) != (p.entries[key].Value == nil) {
			result.writes = append(result.writes, e)
		}
	}
	result.dirs = p.emptied(result.record, edited)
	result.begun = begun
	return result, nil
}

// takeCare puts the fields into the record that are new, as they were found.
func (p *planner) takeCare(rec *record) error {
	for _, s := range p.settings {
		id := s.id()
		if _, ok := rec.Fields[id]; ok {
			continue
		}
		if _, _, ok := wanted(p.releases, id); !ok {
			continue
		}
		entry := p.entries[s.key]
		found, err := readValue(p.dialect, entry, s.field)
		if err != nil {
			return err
		}
		f := recordField{Before: found, Off: s.off, Set: found, Made: entry.Value == nil, Dir: p.dirs[s.key]}
		for other, known := range p.old.Fields {
			o := parseField(other)
			if o.key == s.key && known.Made {
				f.Made = true
			}
			// There is a list only because of another name that we put into it.
			if s.isMember() && o.list() == s.list() && known.Before == nil && found != nil && *found == "false" {
				f.Before = nil
			}
			if f.Dir == "" && entry.Value == nil && known.Dir != "" && strings.HasPrefix(s.key, known.Dir+"/") {
				f.Dir = known.Dir
			}
		}
		// A release that came before this field did had Neutron write its own
		// prefix, where there was none.
		if s.isPrefix() && found != nil && *found == prefixAlone && len(p.old.Releases) > 0 {
			f.Before = nil
		}
		rec.Fields[id] = f
	}
	return nil
}

// ahead returns the names that a setting's goes before in its list.
func (p *planner) ahead(id string) []string {
	for _, s := range p.settings {
		if s.id() == id {
			return s.ahead
		}
	}
	return nil
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
	case (same(goal) || !stays && same(rec.Before)) && (stays || !respelled(f, found, rec)):
		// A store may give back another form of what was written.
		if !same(rec.Set) {
			set = goal
		}
	case !ours && !p.force(id):
		line.State = StateByHand
	default:
		line.State = StateDiffers
		if edited[f.key], err = writeValue(p.dialect, entry, f, goal, rec.Made, p.ahead(id)); err != nil {
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

// respelled says whether a value that means what was there before is our
// writing of it: 1m0s for a person's 60s.
func respelled(f field, found *string, rec recordField) bool {
	return !f.isMember() && rec.Before != nil && sameText(found, rec.Set) && !sameText(rec.Set, rec.Before)
}

// undone says whether every value of the old record that the guide knows is
// back at what was there before, as after the guide's commands that undo: then
// nobody chose a value, and applying again starts anew.
func (p *planner) undone() (bool, error) {
	known := false
	for id, rec := range p.old.Fields {
		f := parseField(id)
		if !f.byGuide() {
			continue
		}
		found, err := readValue(p.dialect, p.entries[f.key], f)
		if err != nil {
			return false, err
		}
		off := rec.Off != "" && sameValue(p.dialect, f, found, &rec.Off)
		if !off && !sameValue(p.dialect, f, found, rec.Before) {
			return false, nil
		}
		known = true
	}
	return known, nil
}

// goal returns the value that a field shall have, the release that asks for
// it, and whether any does.
func (p *planner) goal(id string, rec recordField) (value *string, release string, stays bool) {
	if value, release, ok := wanted(p.releases, id); ok {
		return &value, release, true
	}
	if rec.Before == nil && rec.Off != "" && p.dialect == Text {
		return &rec.Off, "", false
	}
	return rec.Before, "", false
}

// keepBytes sees to it that entries come back to the letter. Taking back field
// by field does that for JSON as Calico writes it. Of any other the record
// keeps the bytes, which hold for as long as nobody else writes the entry.
func (p *planner) keepBytes(result *plan, begun *record, edited map[string]Entry) error {
	rec, keys, byHand := result.record, map[string]bool{}, map[string]bool{}
	for _, line := range result.lines {
		byHand[line.Key] = byHand[line.Key] || line.State == StateByHand
	}
	for key := range edited {
		keys[key] = true
	}
	for key := range rec.Entries {
		keys[key] = true
	}
	for key := range keys {
		now := p.entries[key].Value
		next, changes := edited[key]
		changes = changes && !bytes.Equal(next.Value, now)
		kept, valid := p.old.Entries[key]
		valid = valid && (bytes.Equal(now, kept.Before) || slices.Contains(kept.Wrote, sum(now)))
		stays := len(rec.fieldsOf(key)) > 0
		switch {
		case byHand[key]:
			delete(rec.Entries, key)
		case !stays && valid && changes:
			next.Value = kept.Before
			edited[key] = next
			delete(rec.Entries, key)
		case !stays:
			delete(rec.Entries, key)
		case !changes && valid:
		case changes && valid:
			rec.Entries[key] = recordEntry{kept.Before, []string{sum(next.Value)}}
			begun.Entries[key] = recordEntry{kept.Before, append(slices.Clone(kept.Wrote), sum(next.Value))}
		case changes && now != nil:
			delete(rec.Entries, key)
			before, err := p.takenBack(p.old, p.entries[key])
			if err != nil {
				return err
			}
			again, err := p.takenBack(rec, next)
			if err != nil {
				return err
			}
			if !bytes.Equal(before, again) {
				rec.Entries[key] = recordEntry{before, []string{sum(next.Value)}}
				begun.Entries[key] = rec.Entries[key]
			}
		default:
			delete(rec.Entries, key)
		}
	}
	return nil
}

// takenBack returns the entry's bytes with all fields of the record as before.
func (p *planner) takenBack(rec *record, e Entry) ([]byte, error) {
	for _, id := range rec.fieldsOf(e.Key) {
		f := parseField(id)
		before := rec.Fields[id].Before
		found, err := readValue(p.dialect, e, f)
		if err == nil && !sameText(found, before) {
			e, err = writeValue(p.dialect, e, f, before, rec.Fields[id].Made, nil)
		}
		if err != nil {
			return nil, err
		}
	}
	return e.Value, nil
}

func sum(value []byte) string {
	s := sha256.Sum256(value)
	return hex.EncodeToString(s[:])
}

// emptied returns the directories of the fields that are under care no more and
// gone, up to the first one that was missing when they came, the deepest first.
func (p *planner) emptied(rec *record, edited map[string]Entry) []string {
	var dirs []string
	for id, known := range p.old.Fields {
		key := parseField(id).key
		e, ok := edited[key]
		if !ok {
			e = p.entries[key]
		}
		if _, stays := rec.Fields[id]; stays || e.Value != nil || known.Dir == "" {
			continue
		}
		for dir := path.Dir(key); strings.HasPrefix(dir+"/", known.Dir+"/"); dir = path.Dir(dir) {
			dirs = append(dirs, dir)
		}
	}
	slices.SortFunc(dirs, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	return slices.Compact(dirs)
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
		if s.byGuide() && sameValue(p.dialect, s.field, found, &s.want) {
			f := recordField{Off: s.off, Set: found, Made: true}
			if p.dialect == Text && strings.HasPrefix(s.key, filtersDir+"/") {
				f.Dir = "/calico/bgp"
			}
			adopted.Fields[s.id()] = f
		}
	}
	return adopted, nil
}
