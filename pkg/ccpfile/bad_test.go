package ccpfile

import (
	"fmt"
	"strings"
	"testing"
)

// Each text with the whole error.
var bad = []struct{ name, text, want string }{
	{"colon", "a: b: c", `1:7: a ":" is not possible here: check the indentation of this line, or quote the value`},
	{"tab", "roles:\n\ta: []\n", "2:1: a tab in the indentation: use spaces"},
	{"tab after spaces", "roles:\n  a: []\n  \tb: []\n", "3:3: a tab in the indentation: use spaces"},
	{"indent", "nodes:\n  node1:\n    roles:\n      - a\n     - b\n", "5:6: this fits neither the mapping nor the list above it: check its indentation and quotes"},
	{"open list", "roles: [a\nnodes: {}\n", `2:10: a list that began with "[" goes on: write "," or "]" before this`},
	{"open quotes", "roles: \"a\nnodes: b\n", "2:9: the file ends within quotes: close them"},
	{"control character", "roles: {a: [\x01]}", "1:13: a control character: remove it"},
	{"alias of nothing, a password perhaps", "secret_configs: {x: *hunter2}", `1:29: an alias (*name) of something that has no anchor (&name): put text that begins with "*" in quotes`},
	{"unknown tag, a password perhaps", "secret_configs: {x: !hunter2 }", `1:21: secret_configs.x: a tag (!name) that does not fit the value: remove it, or put text that begins with "!" in quotes`},
	{"tag that does not fit", "replicas: {a: !!int x}", `1:15: replicas.a: a tag (!name) that does not fit the value: remove it, or put text that begins with "!" in quotes`},
	{"nested include", "configs: !include [a.yaml]", `1:10: configs: !include is for a whole document, not for a value: write it after a "---" of its own`},
	{"include of no list", "!include a.yaml", `1:1: !include wants a list of files: write "!include [file.yaml]"`},
	{"include of no name", "!include [{a: b}]", `1:11: want the name of a file, got a mapping`},
	{"not UTF-8", "x-a: 1\nx-b: \"\xe9\"\n", "2:7: not UTF-8 (byte 0xe9): save the file as UTF-8"},
	{"UTF-16", "\xff\xfea\x00", "1:1: not UTF-8 (byte 0xff): save the file as UTF-8"},
	{"list", "- a\n- b\n", `1:1: want a mapping ("key: value") or a list of files tagged !include, got a list`},
	{"string", "--- just text\n", `1:5: want a mapping ("key: value") or a list of files tagged !include, got a string`},
	{"duplicate key", "roles:\n  a: []\n  b: []\n  a: [x]\n", `4:3: roles: key "a" is given twice, first at line 2: remove one of the two`},
	{"number as a key", "replicas: {1: 2}", "1:12: replicas: want a string as a key, got a number: put the key in quotes"},
	{"on as a key", "on: {}", "1:1: want a string as a key, got a boolean: put the key in quotes"},
	{"list as a key", "? [a]\n: b\n", `1:3: a list or mapping as a key: put text that begins with "[" or "{" in quotes`},
	{"alias in itself", "x-a: &a [b, *a]", "1:13: x-a[1]: an alias within its own anchor: it would have no end"},
	{"merge of a string", "x-a: {<<: b}", `1:11: x-a: "<<" wants a mapping or a list of mappings, got a string`},
	{"unknown key", "rolse: {}", `1:1: rolse: unknown key "rolse" (did you mean "roles"?)`},
	{"unknown key, none near", "zzz: {}", `1:1: zzz: unknown key "zzz": remove it, or begin its name with "x-"`},
	{"unknown key below", "nodes:\n  n1:\n    config: {}\n", `3:5: nodes.n1.config: unknown key "config" (did you mean "configs"?)`},
	{"mapping wanted", "configs: [a]", "1:10: configs: want a mapping, got a list"},
	{"node configs", "nodes: {n: {configs: 5}}", "1:22: nodes.n.configs: want a mapping, got a number"},
	{"list wanted", "roles:\n  a: keystone\n", `2:6: roles.a: want a list, got a string: write it as "- item", or in [ ]`},
	{"string wanted", "roles: {a: [1]}", "1:13: roles.a[0]: want a string, got a number: put it in quotes"},
	{"boolean for a string", "images: {tag: yes}", "1:15: images.tag: want a string, got a boolean: put it in quotes"},
	{"null in a list", "roles: {a: [x, ]}\nnodes: {n: {roles: [~]}}", "2:21: nodes.n.roles[0]: want a string, got nothing: give a value, or remove the key"},
	{"empty name", "roles: {a: ['']}", "1:13: roles.a[0]: want text, got an empty string"},
	{"replicas zero", "replicas: {a: 0}", "1:15: replicas.a: want 1 or more, got 0"},
	{"replicas string", "replicas: {a: '3'}", "1:15: replicas.a: want a whole number, got a string: remove the quotes"},
	{"replicas fraction", "replicas: {a: 1.5}", "1:15: replicas.a: want a whole number, got a number"},
	{"placement", "placement: labels", `1:12: placement: want "label" or "hostname", got "labels" (did you mean "label"?)`},
	{"no service_def", "services:\n  db:\n    mapping: {}\n", `2:3: services.db: the key "service_def" is missing: add it`},
	{"password of a wrong type", "registry: {password: 12345}", "1:22: registry.password: want a string, got a number: put it in quotes"},
	{"several", "rolse: {}\nreplicas: {a: 0}\nplacement: x\n", `1:1: rolse: unknown key "rolse" (did you mean "roles"?)
stdin:2:15: replicas.a: want 1 or more, got 0
stdin:3:12: placement: want "label" or "hostname", got "x"`},
	{"several documents", "replicas: {a: 0}\n---\n- x\n---\na: b: c\n", `1:15: replicas.a: want 1 or more, got 0
stdin:3:1: want a mapping ("key: value") or a list of files tagged !include, got a list
stdin:5:8: a ":" is not possible here: check the indentation of this line, or quote the value`},
}

func TestBad(t *testing.T) {
	t.Parallel()
	for _, test := range bad {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := load(test.text)
			if err == nil {
				t.Fatal("no error")
			}
			if _, ok := err.(Problems); !ok {
				t.Errorf("the error is a %T", err)
			}
			if got, want := err.Error(), "stdin:"+test.want; got != want {
				t.Errorf("got:  %s\nwant: %s", got, want)
			}
		})
	}
}

func TestManyProblems(t *testing.T) {
	t.Parallel()
	_, err := load("roles: {a: [" + strings.Repeat("1,", 250) + "]}")
	problems, _ := err.(Problems)
	if len(problems) != maxProblems+1 {
		t.Fatalf("%d problems", len(problems))
	}
	if problems[0].Path != "roles.a[0]" || problems[99].Path != "roles.a[99]" || problems[100].Error() != "and 150 problems more" {
		t.Errorf("first %v, last %v, then %v", problems[0], problems[99], problems[100])
	}
}

// No message tells what a file gives for a secret, whatever is wrong with it.
func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	for _, format := range []string{
		"secret_configs: %s", "secret_configs: {a: !%s }", "secret_configs: {a: *%s}", "registry: {password: [%s]}",
		"kubernetes: {password: {a: %s}}", "secret_configs: {a: %s: b}", "secret_configs: {a: @%s}", "secret_configs: [%s]",
		"secret_configs: {a: \"\\q%s\"}", "secret_configs: {a: `%s`}", "secret_configs: {a: %s\n", "secret_configs:\n a: 'b' %s\n",
	} {
		_, err := load(fmt.Sprintf(format, secret))
		if err == nil {
			t.Errorf("%s: no error", format)
		} else if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", format, err)
		}
	}
}
