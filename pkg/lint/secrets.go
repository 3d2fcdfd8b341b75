package lint

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"

	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
)

var privateKey = regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----`)

// setting matches a line that gives a name a value, as ini files, YAML,
// JSON, shell and Python write it.
var setting = regexp.MustCompile(`^\s*(?:export\s+)?["']?([A-Za-z0-9_][A-Za-z0-9_.-]*)["']?\s*[=:]\s*(.*?)[\s,;]*$`)

// inline matches a setting in the middle of a line: a quoted key, as in JSON,
// or a flag of a command.
var inline = regexp.MustCompile(`(?:[{,]\s*["']|\s--|^--)([A-Za-z0-9_.-]+)["']?\s*[=:]\s*("[^"]*"|'[^']*'|[^\s,;{}]*)`)

// notSecret matches values that only look like secrets: references that
// something fills in, files, numbers of a setting, calls.
var notSecret = regexp.MustCompile(`^(|\$.*|%.*|<.*>|\{\{.*|/.*|[|>&*\[{(].*|(?i:true|false|yes|no|none|null|~)|[\w.]*(environ|getenv|open|read)[\w.]*[\[(].*)$`)

// literal says whether value, as it is written, is a secret itself.
func literal(value string) bool {
	return !notSecret.MatchString(strings.Trim(value, `"'`))
}

// secretIn says what secret a line of text gives away, or "".
func secretIn(line string) string {
	if privateKey.MatchString(line) {
		return "a private key"
	}
	if slices.ContainsFunc(ccpfile.URLPasswords(line), literal) {
		return "a URL with a password"
	}
	trimmed := strings.TrimSpace(line)
	if strings.HasPrefix(trimmed, "#") || strings.HasPrefix(trimmed, ";") {
		return ""
	}
	settings := inline.FindAllStringSubmatch(line, -1)
	if found := setting.FindStringSubmatch(line); found != nil {
		settings = append(settings, found)
	}
	for _, found := range settings {
		if ccpfile.IsSecretOption(found[1]) && literal(found[2]) {
			return "the value of " + found[1]
		}
	}
	return ""
}

const instead = "take it from the credentials Secret by environment (common.secretEnv)"

// checkConfigMaps finds secrets in ConfigMaps, which more people may read.
func checkConfigMaps(s *subject) {
	s.each(func(_ *rendering, o *object) {
		config, is := o.typed.(*corev1.ConfigMap)
		if !is {
			return
		}
		for _, key := range slices.Sorted(maps.Keys(config.Data)) {
			if ccpfile.IsSecretOption(key) && literal(config.Data[key]) {
				s.report(s.place(o, key), o.title(), "holds the secret %s: %s", key, instead)
			}
			for line := range strings.Lines(config.Data[key]) {
				if secret := secretIn(strings.TrimRight(line, "\n")); secret != "" {
					s.report(s.place(o, secretWord(secret), key), o.title(), "%s holds %s: %s", key, secret, instead)
				}
			}
		}
	})
}

// secretWord is what to look for in a template for a secret.
func secretWord(secret string) string {
	return strings.TrimPrefix(secret, "the value of ")
}

// checkEnvironment finds secrets that stand in a pod itself.
func checkEnvironment(s *subject) {
	keyName := func(arg string) bool { // that ccp-hook credentials is to make
		_, key, _ := strings.Cut(arg, "=")
		return s.isCredential(key)
	}
	s.each(func(_ *rendering, o *object) {
		for _, c := range containers(o) {
			for _, env := range c.Env {
				if ccpfile.IsSecretOption(env.Name) && literal(env.Value) || secretIn(env.Value) != "" {
					s.report(s.place(o, env.Name), o.title(), "container %s: the variable %s holds a secret: %s", c.Name, env.Name, instead)
				}
			}
			for _, arg := range slices.Concat(c.Command, c.Args) {
				for line := range strings.Lines(arg) {
					if secret := secretIn(strings.TrimRight(line, "\n")); secret != "" && !keyName(arg) {
						s.report(s.place(o, secretWord(secret), "name: "+c.Name), o.title(), "container %s: its command holds %s: %s", c.Name, secret, instead)
					}
				}
			}
		}
	})
}

// checkValuesSecrets finds default passwords, which are never changed.
func checkValuesSecrets(s *subject) {
	var walk func(mapping *yaml.Node, path string)
	walk = func(mapping *yaml.Node, path string) {
		for key, value := range fields(mapping) {
			here := ccpfile.JoinPath(path, key.Value)
			switch {
			case value.Kind == yaml.MappingNode:
				walk(value, here)
			case value.Kind != yaml.ScalarNode:
			case ccpfile.IsSecretOption(key.Value) && literal(value.Value), secretIn(value.Value) != "":
				s.report(s.node("values.yaml", key), here, "a default for a secret: leave it to the credentials Secret (credentials.passwords of services.yaml)")
			}
		}
	}
	walk(s.values, "")
}
