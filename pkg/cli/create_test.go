package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helm-ccp/helm-ccp/pkg/catalog"
)

// placing lists a service of one's own beside ccp's.
const placing = `charts: [web]
roles:
  controller: [mariadb, rabbitmq, memcached, keystone, neutron-server, nova-api, web]
  compute: [nova-compute, nova-libvirt]
  agents: [neutron-metadata-agent]
nodes:
  node1: {roles: [controller, agents]}
  node2: {roles: [compute]}
configs:
  web: {debug: true, conf: {web: {api: {workers: 7}}}}
`

// What ccp create writes renders, lints and places its service at once, with
// ccp and with Helm alone.
func TestCreate(t *testing.T) {
	t.Parallel()
	for _, workload := range []catalog.Workload{catalog.Deployment, catalog.StatefulSet, catalog.DaemonSet} {
		t.Run(string(workload), func(t *testing.T) {
			t.Parallel()
			file := write(t, "ccp.yaml", placing)
			dir := filepath.Join(filepath.Dir(file), "web")
			ok(t, "create", "web", "--workload", string(workload), "-o", dir)
			if r := ok(t, "lint", dir); r.stdout != "" {
				t.Errorf("ccp lint: %s", r.stdout)
			}
			helm3(t, "lint", "--strict", dir)
			if alone := helm3(t, "template", "web", dir); !strings.Contains(alone, "kind: "+string(workload)) {
				t.Errorf("helm template has no %s:\n%s", workload, alone)
			}
			ok(t, "validate", "-f", file)
			if table := ok(t, "topology", "-f", file).stdout; !strings.Contains(table, "\nweb ") {
				t.Errorf("ccp topology does not name the service:\n%s", table)
			}
			if values := ok(t, "values", "-f", file).stdout; !strings.Contains(values, "\nweb:\n") {
				t.Errorf("ccp values has none of the chart:\n%s", values)
			}
			manifests := ok(t, "template", "-f", file).stdout
			if got := place(find(t, decode(t, manifests), string(workload)+" web")); got != "controller" {
				t.Errorf("it is placed on %q, want the role controller", got)
			}
			if !strings.Contains(manifests, "workers = 7") {
				t.Error("its configuration lacks what the ccp.yaml says")
			}
			generated := filepath.Join(t.TempDir(), "openstack")
			ok(t, "generate", "-f", file, "-o", generated)
			helm3(t, "lint", "--strict", generated)
			if theirs := helm3(t, "template", "ccp", generated, "--namespace", "ccp"); theirs != manifests {
				t.Error("ccp template and helm template differ")
			}
			if _, err := os.Stat(filepath.Join(generated, "charts", "web", "charts")); !os.IsNotExist(err) {
				t.Errorf("the library is in the generated chart twice: %v", err)
			}
		})
	}
}

// A DaemonSet's service takes other values on nodes of its own.
func TestCreateOverrides(t *testing.T) {
	t.Parallel()
	file := write(t, "ccp.yaml", strings.Replace(placing, "node2: {roles: [compute]}", "node2: {roles: [compute]}\n  node3: {roles: [controller], configs: {web: {debug: false}}}", 1))
	ok(t, "create", "web", "--workload", "DaemonSet", "-o", filepath.Join(filepath.Dir(file), "web"))
	manifests := ok(t, "template", "-f", file).stdout
	for _, debug := range []string{"true", "false"} {
		if !strings.Contains(manifests, "debug = "+debug+"\nuse_stderr") && !strings.Contains(manifests, "debug = "+debug+"\n    use_stderr") {
			t.Errorf("no node has debug = %s", debug)
		}
	}
}

func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keep := filepath.Join(dir, "letter.txt")
	if err := os.WriteFile(keep, []byte("dear reader"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"not empty":  {"web", "-o", dir},
		"can't name": {"Web", "-o", filepath.Join(dir, "new")},
		"no network": {"web", "-o", filepath.Join(dir, "new"), "--network", "token-ring"},
		"accepts 1":  {"web", "shelf"},
	} {
		if r := run(t, "", append([]string{"create"}, args...)...); r.code != 2 || r.stdout != "" || !strings.Contains(r.stderr, want) {
			t.Errorf("%v: exit code %d, %s", args, r.code, r.stderr)
		}
	}
	if tree := readTree(t, dir); len(tree) != 1 || tree["letter.txt"] != "dear reader" {
		t.Errorf("the folder changed: %v", tree)
	}
	empty := t.TempDir()
	ok(t, "create", "web", "-o", empty)
	if r := run(t, "", "create", "web", "-o", empty); r.code != 2 {
		t.Errorf("a chart was written over: exit code %d", r.code)
	}
}

func TestLintCommand(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "web")
	ok(t, "create", "web", "-o", dir)
	services := filepath.Join(dir, "services.yaml")
	if err := os.WriteFile(services, []byte("services:\n  web: {workload: DaemonSet}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := filepath.Join(dir, "templates/deployment.yaml") + ":4:1: Deployment/web: services.yaml says that it is a DaemonSet: change one of the two (workloads)\n"
	if r := run(t, "", "lint", dir+"/"); r.code != 1 || r.stdout != want {
		t.Errorf("exit code %d, got %q, want %q", r.code, r.stdout, want)
	}
	for says, args := range map[string][]string{
		"no such folder": {"nowhere"}, "not a folder": {services}, "no Chart.yaml": {t.TempDir()}, "both the chart": {dir, dir}, "at least 1": {},
	} {
		if r := run(t, "", append([]string{"lint"}, args...)...); r.code != 2 || r.stdout != "" || !strings.Contains(r.stderr, says) {
			t.Errorf("%v: exit code %d, %s", args, r.code, r.stderr)
		}
	}
}

// Folders that are no usable charts are told where the ccp.yaml names them,
// all at once; faults of a chart where it stands.
func TestChartsOfAFile(t *testing.T) {
	t.Parallel()
	file := write(t, "ccp.yaml", "charts:\n- nowhere\n- nova\n- bare\n- one\n- two\n"+small)
	dir := filepath.Dir(file)
	ok(t, "create", "one", "-o", filepath.Join(dir, "one"))
	ok(t, "create", "one", "-o", filepath.Join(dir, "two"))
	for name, text := range map[string]string{"nova/Chart.yaml": "name: nova\n", "bare/Chart.yaml": "name: bare\n"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := run(t, "", "topology", "-f", file)
	for _, want := range []string{
		file + ":2:3: charts[0]: " + dir + "/nowhere: there is no such folder",
		file + `:3:3: charts[1]: ` + dir + `/nova: ccp has a chart "nova" already`,
		file + ":4:3: charts[2]: " + dir + "/bare: there is no services.yaml",
		file + ":6:3: charts[4]: " + dir + "/two: " + dir + `/one is a chart "one" too`,
	} {
		if r.code != 2 || !strings.Contains(r.stderr, want) {
			t.Errorf("exit code %d, no %q in\n%s", r.code, want, r.stderr)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "one", "services.yaml"), []byte("services:\n  one: {workloda: Deployment}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("charts: [one]\n"+small), 0o600); err != nil {
		t.Fatal(err)
	}
	want := filepath.Join(dir, "one", "services.yaml") + ":2:9: services.one.workloda: "
	if r := run(t, "", "topology", "-f", file); r.code != 2 || !strings.Contains(r.stderr, want) {
		t.Errorf("exit code %d, no %q in\n%s", r.code, want, r.stderr)
	}
}

// Passwords that a chart of one's own names are hidden, and go to the Secret.
func TestChartsSecrets(t *testing.T) {
	t.Parallel()
	file := write(t, "ccp.yaml", strings.Replace(placing, "web: {debug: true", "web: {pepper: hunter2, debug: true", 1))
	dir := filepath.Join(filepath.Dir(file), "web")
	ok(t, "create", "web", "-o", dir)
	services := filepath.Join(dir, "services.yaml")
	text, err := os.ReadFile(services)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(services, append(text, "credentials:\n  passwords: {web-pepper: configs.web.pepper}\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, verb := range [][]string{{"config", "dump"}, {"values"}, {"template"}} {
		if strings.Contains(ok(t, append(verb, "-f", file)...).stdout, "hunter2") {
			t.Errorf("ccp %v tells the password", verb)
		}
	}
	if secret := ok(t, "secret", "-f", file).stdout; !strings.Contains(secret, "web-pepper: hunter2") {
		t.Errorf("ccp secret lacks the password:\n%s", secret)
	}
}
