package ccpfile

import (
	"regexp"
	"strconv"
	"strings"
)

// Plain scalars are read as PyYAML did, which read ccp.yaml files first: the
// types of YAML 1.1, so that yes, no, on and off are booleans and 0755 is
// octal, and with them YAML 1.2's 0o755 and 1e3. Two types of YAML 1.1 stay
// strings, for nobody means them in a ccp.yaml: timestamps (2017-01-01) and
// numbers to base 60 (1:30). So do .inf, .nan and numbers too large for an
// int64, which have no place in JSON.
var (
	intScalar   = regexp.MustCompile(`^[-+]?(0b[01_]+|0o?[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)$`)
	floatScalar = regexp.MustCompile(`^[-+]?([0-9][0-9_]*)?\.[0-9_]*([eE][-+][0-9]+)?$|^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$`)
)

var boolScalars = map[string]bool{
	"yes": true, "Yes": true, "YES": true, "true": true, "True": true, "TRUE": true, "on": true, "On": true, "ON": true,
	"no": false, "No": false, "NO": false, "false": false, "False": false, "FALSE": false, "off": false, "Off": false, "OFF": false,
}

// resolvePlain returns the value of a scalar that was written without quotes:
// nil, a bool, int64, float64 or string.
func resolvePlain(text string) any {
	switch text {
	case "", "~", "null", "Null", "NULL":
		return nil
	}
	if b, ok := boolScalars[text]; ok {
		return b
	}
	switch {
	case intScalar.MatchString(text):
		// With base 0, ParseInt knows 0b, 0o, 0x and a leading 0; it is
		// stricter than YAML about where a _ may be.
		if n, err := strconv.ParseInt(strings.ReplaceAll(text, "_", ""), 0, 64); err == nil {
			return n
		}
	case floatScalar.MatchString(text):
		if f, err := strconv.ParseFloat(strings.ReplaceAll(text, "_", ""), 64); err == nil {
			return f
		}
	}
	return text
}
