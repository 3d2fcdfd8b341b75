package ccpfile

import (
	"reflect"
	"strings"
	"testing"
)

func dump(t *testing.T, c *Config, secrets ...string) string {
	t.Helper()
	var out strings.Builder
	if err := c.Dump(&out, secrets...); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestDump(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, `
kubernetes: {namespace: ccp, password: hunter2}
registry: {address: r, password: hunter2}
configs: {nova: {metadata: {shared: hunter2, port: 8775}}, keystone: {admin_password: hunter2, fernet_secret_name: f}}
secret_configs: {db: {root_password: hunter2, user: [hunter2, 5], none: null}}
nodes: {n.*: {configs: {nova: {metadata: {shared: hunter2}}}}}
---
configs: {z: yes, a: "no", version: 1.0}
`)
	const want = `kubernetes:
  namespace: ccp
  password: (secret)
registry:
  address: r
  password: (secret)
configs:
  nova:
    metadata:
      shared: (secret)
      port: 8775
  keystone:
    admin_password: (secret)
    fernet_secret_name: f
  z: true
  a: "no"
  version: 1.0
secret_configs:
  db:
    root_password: (secret)
    user:
      - (secret)
      - (secret)
    none: null
nodes:
  n.*:
    configs:
      nova:
        metadata:
          shared: (secret)
`
	for range 5 {
		if got := dump(t, c, "configs.nova.metadata.shared"); got != want {
			t.Fatalf("got:\n%s\nwant:\n%s", got, want)
		}
	}
	if got := c.Root.Get("registry", "password").Interface(); got != "hunter2" {
		t.Errorf("Dump changed the Config: %v", got)
	}
}

// What is dumped is read as the same again.
func TestDumpRoundTrip(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, `
x-a: ["yes", "0755", "1_000", "1e3", "~", "", "null", " a", "a\nb", "# x", "*a", "!b", "<<", "1:30", "é", "a: b", "\u2028", "\ttab", "- a"]
x-b: [1, -5, 1.0, 1.5, 1e21, 1e-7, true, null, {}, [], {a: [{b: c}]}]
"x-on": {"on": 1, "5": 2, "<<": 3, "": 4}
`)
	again := mustLoad(t, dump(t, c))
	if got, want := again.Root.Interface(), c.Root.Interface(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}
