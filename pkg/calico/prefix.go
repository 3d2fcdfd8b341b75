package calico

import (
	"slices"
	"strings"
)

// Felix takes care of the interfaces whose names begin with one of the
// prefixes in interfacePrefix, and leaves all others alone.
const (
	// serverPrefix is what Nova's interfaces of servers begin with.
	serverPrefix = "tap"
	// podPrefix is what the interfaces of Kubernetes' pods begin with, and what
	// Felix takes where nothing is configured.
	podPrefix = "cali"
)

// The states of a prefix in interfacePrefix, as values of a field.
const (
	prefixIn    = "true"
	prefixOut   = "false"
	prefixAlone = "alone" // the only one: then Felix leaves the pods' interfaces alone
	prefixEmpty = ""      // there is a text, with nothing in it
)

// prefixState says how a prefix stands in the text of interfacePrefix.
func prefixState(text, prefix string) string {
	items := splitPrefixes(text)
	others := slices.ContainsFunc(items, func(item string) bool { return item != prefix })
	switch {
	case len(items) == 0:
		return prefixEmpty
	case !slices.Contains(items, prefix):
		return prefixOut
	case !others:
		return prefixAlone
	}
	return prefixIn
}

// editPrefix returns the text of interfacePrefix with the prefix in the state;
// nil is no text. The other prefixes stay. A pod's prefix that had to be
// written beside the server's goes with it, where there was no text before.
func editPrefix(text *string, prefix string, state *string) *string {
	var old string
	if text != nil {
		old = *text
	}
	others := slices.DeleteFunc(splitPrefixes(old), func(item string) bool { return item == prefix })
	onlyPods := len(others) == 0 || slices.Equal(others, []string{podPrefix})
	switch {
	case state != nil && *state == prefixIn && len(others) == 0:
		old = podPrefix + "," + prefix
	case state != nil && *state == prefixIn:
		if prefixState(old, prefix) != prefixIn {
			old += "," + prefix
		}
	case state == nil && onlyPods:
		return nil
	case state != nil && *state == prefixEmpty && onlyPods:
		old = ""
	case state != nil && *state == prefixAlone && onlyPods:
		old = prefix
	case state != nil && *state == prefixAlone:
		// Somebody added one of their own since.
	case strings.HasSuffix(old, ","+prefix):
		old = strings.TrimSuffix(old, ","+prefix)
	default:
		old = strings.Join(others, ",")
	}
	return &old
}

func splitPrefixes(text string) []string {
	var items []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}
