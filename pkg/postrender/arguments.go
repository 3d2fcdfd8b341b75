package postrender

import (
	"path"
	"regexp"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// configFile is an option of OpenStack's programs in a line of a shell script:
// --config-file FILE or --config-file=FILE, with a line's end before it.
var configFile = regexp.MustCompile(`(?:[ \t]+\\\r?\n)?[ \t]*--config-file[ \t=]+(\S+)`)

// withoutFiles drops the options that name a file that is gone from the text
// of a script.
func withoutFiles(script string, gone map[string]bool) string {
	if !strings.Contains(script, "--config-file") {
		return script
	}
	return configFile.ReplaceAllStringFunc(script, func(option string) string {
		if gone[path.Base(configFile.FindStringSubmatch(option)[1])] {
			return ""
		}
		return option
	})
}

// withoutArguments does the same to a container's command.
func withoutArguments(arguments []*yaml.Node, gone map[string]bool) []*yaml.Node {
	var out []*yaml.Node
	for i := 0; i < len(arguments); i++ {
		if arguments[i].Value == "--config-file" && i+1 < len(arguments) && gone[path.Base(arguments[i+1].Value)] {
			i++
			continue
		}
		if file, found := strings.CutPrefix(arguments[i].Value, "--config-file="); found && gone[path.Base(file)] {
			continue
		}
		changeText(arguments[i], false, func(text string) string { return withoutFiles(text, gone) })
		out = append(out, arguments[i])
	}
	return out
}
