package lint

import (
	"regexp"
	"strings"
)

var (
	// scriptStart begins a text of several lines in a list, as command and args
	// are, or under the name of a script.
	scriptStart = regexp.MustCompile(`^\s*(-|[\w.-]+\.(sh|py):) [|>][-+]?\s*$`)
	// scriptFile is a template that is a script as a whole.
	scriptFile = regexp.MustCompile(`\.(sh|py)\.tpl$`)
	action     = regexp.MustCompile(`\{\{-?\s*(.*?)\s*-?\}\}`)
	// writesNothing are actions that steer, set a variable, or comment.
	writesNothing = regexp.MustCompile(`^((if|else|end|range|with|define|break|continue)\b|/\*|\$\w* :?= )`)
	// writesNumber is an action that makes a number of whatever it is given,
	// writesChoice one of two words of the chart's own, writesPython a literal of
	// Python's, writesScript lines of the chart's own.
	writesNumber = regexp.MustCompile(`\bint\b`)
	writesChoice = regexp.MustCompile(`^ternary "\w*" "\w*" `)
	writesPython = regexp.MustCompile(`\| toJson$`)
	writesScript = regexp.MustCompile(`\| n?indent \d+$`)
)

// checkScripts finds values that a template writes into a script: one with a
// quote in it ends a string there, and what follows it runs. A script gets values
// from its environment, which YAML quotes; in a file of Python's toJson writes a
// literal.
func checkScripts(s *subject) {
	for _, file := range s.folder.Files {
		if !strings.HasPrefix(file.Name, "templates/") {
			continue
		}
		whole := scriptFile.MatchString(file.Name)
		python := strings.HasSuffix(file.Name, ".py.tpl")
		inside, indent := whole, 0
		for i, line := range strings.Split(string(file.Data), "\n") {
			text := strings.TrimLeft(line, " ")
			if !whole && inside && text != "" && len(line)-len(text) <= indent && !strings.HasPrefix(text, "{{") {
				inside = false
			}
			if scriptStart.MatchString(line) {
				inside, indent = true, len(line)-len(text)
				continue
			}
			if !inside {
				continue
			}
			for _, at := range action.FindAllStringSubmatchIndex(line, -1) {
				expression := line[at[2]:at[3]]
				alone := strings.TrimSpace(line) == line[at[0]:at[1]]
				if writesNothing.MatchString(expression) || writesNumber.MatchString(expression) || writesChoice.MatchString(expression) ||
					python && writesPython.MatchString(expression) || alone && writesScript.MatchString(expression) {
					continue
				}
				s.report(s.at(file.Name, i+1, at[0]+1), "", "writes {{ %s }} into a script: give it as a variable of env, quoted, and write the variable's name here", expression)
			}
		}
	}
}
