package plugins_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"sigs.k8s.io/yaml"
)

// kinds are the two Helms: how the plugins are installed, what they are then
// called, and how the post-renderer is asked for.
var kinds = map[string]struct {
	install      func(*testing.T, *client)
	plugins      []string
	postRenderer func(ccp string) []string
}{
	"helm3": {
		install: func(t *testing.T, c *client) { c.helm(t, "plugin", "install", clone(t)) },
		plugins: []string{"ccp"},
		postRenderer: func(ccp string) []string {
			return []string{"--post-renderer", ccp, "--post-renderer-args", "post-render"}
		},
	},
	"helm4": {
		install: func(t *testing.T, c *client) {
			c.must(t, "", "make", "-C", clone(t), "install-helm4-plugins", "HELM="+c.binary)
		},
		plugins:      []string{"ccp", "ccp-getter", "ccp-post-renderer"},
		postRenderer: func(string) []string { return []string{"--post-renderer", "ccp-post-renderer"} },
	},
}

func forEachHelm(t *testing.T, test func(t *testing.T, name string, c *client)) {
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, name)
			kind.install(t, c)
			test(t, name, c)
		})
	}
}

// sameManifests compares what helm template printed with what ccp template
// did: Helm 3 prints the same bytes, Helm 4 the same objects.
func sameManifests(t *testing.T, helm, what, got, want string) {
	t.Helper()
	if helm == "helm4" {
		got, want = objects(t, got), objects(t, want)
	}
	same(t, what, got, want)
}

// objects prints each object of a stream in one line of JSON, sorted.
func objects(t *testing.T, stream string) string {
	t.Helper()
	var lines []string
	for _, document := range strings.Split("\n"+stream, "\n---\n") {
		line, err := yaml.YAMLToJSON([]byte(document + "\n"))
		if err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		if string(line) != "null" {
			lines = append(lines, string(line))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func same(t *testing.T, what, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			at := 0
			for at < min(len(a[i]), len(b[i])) && a[i][at] == b[i][at] {
				at++
			}
			t.Errorf("%s: line %d, %.100q …, has %.100q, want %.100q", what, i+1, a[i], a[i][at:], b[i][at:])
			return
		}
	}
	t.Errorf("%s: %d lines, want %d", what, len(a), len(b))
}

// helm ccp VERB is ccp VERB.
func TestVerbs(t *testing.T) {
	t.Parallel()
	forEachHelm(t, func(t *testing.T, _ string, c *client) {
		for _, verb := range []string{"version", "topology", "values", "template", "topology --network openvswitch -o json"} {
			args := strings.Fields(verb)
			same(t, verb, c.helm(t, append([]string{"ccp"}, args...)...), c.ccp(t, args...))
		}
		same(t, "-n", c.helm(t, "ccp", "template", "-n", "elsewhere"), c.ccp(t, "template", "-n", "elsewhere"))
		if stdout, stderr, err := c.run("", c.binary, "ccp", "topology", "-f", "none.yaml"); err == nil || stdout != "" || !strings.Contains(stderr, "none.yaml") {
			t.Errorf("a file that is not there: %v, %q, %q", err, stdout, stderr)
		}
	})
}

// The getter hands Helm the chart, or the values, of a ccp.yaml.
func TestGetter(t *testing.T) {
	t.Parallel()
	forEachHelm(t, func(t *testing.T, name string, c *client) {
		c.ccp(t, "generate", "-o", "openstack")
		for query, flags := range map[string][]string{
			"":                     nil,
			"?network=openvswitch": {"--network", "openvswitch"},
			"?release=stein":       {"--openstack-release", "stein"},
		} {
			want := c.ccp(t, append([]string{"template", "r"}, flags...)...)
			sameManifests(t, name, "ccp://"+query, c.helm(t, "template", "r", "ccp://./ccp.yaml"+query, "--namespace", "ccp"), want)
			sameManifests(t, name, "ccp+values://"+query, c.helm(t, "template", "r", "openstack", "-f", "ccp+values://./ccp.yaml"+query, "--namespace", "ccp"), want)
		}
		if _, stderr, err := c.run("", c.binary, "template", "r", "ccp://./ccp.yaml?netwrok=calico"); err == nil || !strings.Contains(stderr, `unknown parameter "netwrok"`) {
			t.Errorf("a wrong parameter: %v, %q", err, stderr)
		}
	})
}

// helm pull saves the chart, and never over the ccp.yaml.
func TestPull(t *testing.T) {
	t.Parallel()
	forEachHelm(t, func(t *testing.T, name string, c *client) {
		before := read(t, c, "ccp.yaml")
		if _, stderr, err := c.run("", c.binary, "pull", "ccp://./ccp.yaml"); err == nil || !strings.Contains(stderr, "ccp://./ccp.yaml/openstack.tgz") {
			t.Errorf("pull beside the ccp.yaml: %v, %q", err, stderr)
		}
		same(t, "ccp.yaml", read(t, c, "ccp.yaml"), before)
		c.helm(t, "pull", "ccp://./ccp.yaml/openstack.tgz")
		if want := c.ccp(t, "getter", "-", "-", "-", "ccp://./ccp.yaml"); read(t, c, "openstack.tgz") != want {
			t.Error("the chart that was pulled is another than the getter's")
		}
		if err := os.Mkdir(filepath.Join(c.work, "pulled"), 0o755); err != nil {
			t.Fatal(err)
		}
		c.helm(t, "pull", "ccp://./ccp.yaml", "--untar", "--destination", "pulled")
		c.helm(t, "lint", "--strict", filepath.Join("pulled", "openstack"))
		sameManifests(t, name, "template", c.helm(t, "template", "r", "openstack.tgz", "--namespace", "ccp"), c.ccp(t, "template", "r"))
	})
}

func read(t *testing.T, c *client, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(c.work, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// A chart that is not ours, with one workload that the ccp.yaml places.
var foreign = map[string]string{
	"Chart.yaml": "apiVersion: v2\nname: foreign\nversion: 1.0.0\n",
	"templates/nova-compute.yaml": `apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: nova-compute
spec:
  selector: {matchLabels: {application: nova, component: compute}}
  template:
    metadata: {labels: {application: nova, component: compute}}
    spec:
      nodeSelector: {openstack-compute-node: enabled}
      containers:
        - name: nova-compute
          image: example.org/nova-compute:1
`,
}

func writeForeign(t *testing.T, c *client) {
	t.Helper()
	for file, text := range foreign {
		file = filepath.Join(c.work, "foreign", file)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPostRenderer(t *testing.T) {
	t.Parallel()
	forEachHelm(t, func(t *testing.T, name string, c *client) {
		writeForeign(t, c)
		args := append([]string{"template", "r", "foreign"}, kinds[name].postRenderer(filepath.Join(clone(t), "bin", "ccp"))...)
		if got := c.helm(t, args...); !strings.Contains(got, "role.ccp.openstack.org/compute") || strings.Contains(got, "openstack-compute-node") {
			t.Errorf("nova-compute is not placed:\n%s", got)
		}
		if err := os.WriteFile(filepath.Join(c.work, "nodes.txt"), []byte("node1\nnode2\nnode3\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		got := c.helm(t, append(args, "--post-renderer-args", "--placement=hostname", "--post-renderer-args", "--nodes=nodes.txt")...)
		if !strings.Contains(got, "kubernetes.io/hostname") {
			t.Errorf("the post-renderer's arguments have no effect:\n%s", got)
		}
	})
}

// Uninstalling leaves nothing in Helm's folders, and the clone as it was.
func TestUninstall(t *testing.T) {
	t.Parallel()
	forEachHelm(t, func(t *testing.T, name string, c *client) {
		before := files(t, clone(t))
		for _, plugin := range kinds[name].plugins {
			c.helm(t, "plugin", "uninstall", plugin)
		}
		if left := files(t, c.home); len(left) > 0 {
			t.Errorf("left behind: %s", strings.Join(left, ", "))
		}
		if after := files(t, clone(t)); !slices.Equal(before, after) {
			t.Error("the clone's files changed")
		}
		if _, _, err := c.run("", c.binary, "ccp", "version"); err == nil {
			t.Error("helm ccp still works")
		}
	})
}

// files names everything under dir that is not a folder.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// Several deployments can be rendered at once: Helm 4 keeps what it gets by its
// digest, and Helm 3 by the name at the end of the URL.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	forEachHelm(t, func(t *testing.T, name string, c *client) {
		got, failed := map[string]string{}, map[string]error{}
		var lock sync.Mutex
		var wg sync.WaitGroup
		for _, network := range []string{"calico", "openvswitch"} {
			wg.Go(func() {
				stdout, _, err := c.run("", c.binary, "template", "r", "ccp://./ccp.yaml/"+network+".tgz?network="+network, "--namespace", "ccp")
				lock.Lock()
				got[network], failed[network] = stdout, err
				lock.Unlock()
			})
		}
		wg.Wait()
		for network, stdout := range got {
			if failed[network] != nil {
				t.Fatal(failed[network])
			}
			sameManifests(t, name, network, stdout, c.ccp(t, "template", "r", "--network", network))
		}
	})
}
