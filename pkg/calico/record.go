package calico

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// record is what a store remembers beside the settings: what was there before,
// what was written, and who wants what. It is JSON under RecordKey.
type record struct {
	// Version is the version of this format, 1.
	Version int `json:"version"`
	// Writer is the run that is about to write the pending fields. It is empty
	// when none is.
	Writer string `json:"writer,omitempty"`
	// Fields are the values under the care of a release, by field.id.
	Fields map[string]recordField `json:"fields,omitempty"`
	// Entries are the bytes of entries that taking every field back would not
	// restore to the letter, by key: JSON may be written in many ways.
	Entries map[string]recordEntry `json:"entries,omitempty"`
	// Releases want the fields, the one whose values hold last.
	Releases []recordRelease `json:"releases,omitempty"`
	// Leaving are the releases in the middle of their revert: their settings
	// are back, or about to be, and what OpenStack left may still be there.
	Leaving []recordLeaving `json:"leaving,omitempty"`
}

// recordField is one value under care. A nil value means that there is none.
type recordField struct {
	Before *string `json:"before"`            // what was there before the first release
	Off    string  `json:"off,omitempty"`     // what is restored when nothing was
	Made   bool    `json:"created,omitempty"` // there was no entry at all
	Dir    string  `json:"dir,omitempty"`     // the first directory on the way that was missing
	Set    *string `json:"set"`               // what is known to have been there last
	// Next is what is being written, when Pending: then the value in the store
	// is Set or Next.
	Pending bool    `json:"pending,omitempty"`
	Next    *string `json:"next,omitempty"`
}

// recordEntry are the bytes of one entry.
type recordEntry struct {
	// Before is what they were before the first release.
	Before []byte `json:"before"`
	// Wrote are the SHA-256 sums of what they are since: two while one is being
	// written over the other. With any other sum somebody else wrote too.
	Wrote []string `json:"wrote"`
}

// recordLeaving is a release that is being reverted.
type recordLeaving struct {
	Name   string `json:"name"`
	Region string `json:"region,omitempty"`
}

// recordRelease is what one release wants.
type recordRelease struct {
	Name   string            `json:"name"`
	Region string            `json:"region,omitempty"`
	Wants  map[string]string `json:"wants"`
}

// parseRecord reads the record's entry; no entry is an empty record.
func parseRecord(e Entry) (*record, error) {
	r := &record{Version: 1}
	if e.Value != nil {
		if err := json.Unmarshal(e.Value, r); err != nil {
			return nil, fmt.Errorf("%s is not a record of ccp-hook: %w", e.Key, err)
		}
	}
	if r.Fields == nil {
		r.Fields = map[string]recordField{}
	}
	if r.Entries == nil {
		r.Entries = map[string]recordEntry{}
	}
	if r.Version != 1 {
		return nil, fmt.Errorf("%s has version %d, and this ccp-hook knows version 1: use the newer one", e.Key, r.Version)
	}
	return r, nil
}

// entry returns the record as the value of the entry it was read from; an
// empty record is no value.
func (r *record) entry(e Entry) Entry {
	e.Value = nil
	if !r.empty() {
		e.Value = mustJSON(r)
	}
	return e
}

func (r *record) empty() bool {
	return len(r.Fields) == 0 && len(r.Releases) == 0 && len(r.Leaving) == 0
}

func (r *record) clone() *record {
	c := *r
	c.Fields = maps.Clone(r.Fields)
	c.Entries = maps.Clone(r.Entries)
	c.Releases = slices.Clone(r.Releases)
	c.Leaving = slices.Clone(r.Leaving)
	return &c
}

// leaves says whether the named release is being reverted, and its region.
func (r *record) leaves(name string) (region string, leaves bool) {
	for _, l := range r.Leaving {
		if l.Name == name {
			return l.Region, true
		}
	}
	return "", false
}

// stay takes the marks of a release away that say it is being reverted.
func (r *record) stay(name string) {
	r.Leaving = slices.DeleteFunc(slices.Clone(r.Leaving), func(l recordLeaving) bool { return l.Name == name })
}

// fieldsOf returns the fields of one entry that are under care, sorted.
func (r *record) fieldsOf(key string) []string {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(r.Fields)) {
		if parseField(id).key == key {
			ids = append(ids, id)
		}
	}
	return ids
}

// release returns what the named release wants, and whether it is there.
func (r *record) release(name string) (recordRelease, bool) {
	i := slices.IndexFunc(r.Releases, func(rel recordRelease) bool { return rel.Name == name })
	if i < 0 {
		return recordRelease{}, false
	}
	return r.Releases[i], true
}

// wanted returns the value that the last release asks for, and its name.
func wanted(releases []recordRelease, id string) (value, release string, ok bool) {
	for _, rel := range slices.Backward(releases) {
		if value, ok := rel.Wants[id]; ok {
			return value, rel.Name, true
		}
	}
	return "", "", false
}

// withRelease returns the releases with rel in place of the one of its name.
// It keeps its place if what it wants holds there, so that applying again
// changes nothing, and else goes last.
func withRelease(releases []recordRelease, rel recordRelease) []recordRelease {
	i := slices.IndexFunc(releases, func(r recordRelease) bool { return r.Name == rel.Name })
	if i < 0 {
		return append(slices.Clone(releases), rel)
	}
	kept := slices.Clone(releases)
	kept[i] = rel
	for id, value := range rel.Wants {
		if holds, _, _ := wanted(kept, id); holds != value {
			return append(slices.Delete(kept, i, i+1), rel)
		}
	}
	return kept
}

// withoutRelease returns the releases without the named one.
func withoutRelease(releases []recordRelease, name string) []recordRelease {
	return slices.DeleteFunc(slices.Clone(releases), func(r recordRelease) bool { return r.Name == name })
}
