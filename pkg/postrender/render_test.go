package postrender_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/helm-ccp/helm-ccp/charts"
	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
	"github.com/helm-ccp/helm-ccp/pkg/chart"
	"github.com/helm-ccp/helm-ccp/pkg/postrender"
	"github.com/helm-ccp/helm-ccp/pkg/topology"
)

var update = flag.Bool("update", false, "write the golden files")

const guide = "../../examples/calico/ccp.yaml"

// renderer makes a Renderer for the guide's ccp.yaml, or for text when it is
// not empty.
func renderer(t testing.TB, text, network string, opts postrender.Options) (*postrender.Renderer, error) {
	t.Helper()
	file := guide
	if text != "" {
		file = filepath.Join(t.TempDir(), "ccp.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := ccpfile.Load([]string{file}, ccpfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	deployment, err := chart.Build(cfg, charts.FS, chart.Options{Options: topology.Options{Network: network}})
	if err != nil {
		t.Fatal(err)
	}
	if opts.Namespace == "" {
		opts.Namespace = "ccp"
	}
	return postrender.New(cfg, deployment, charts.FS, opts)
}

// byNetwork has a Renderer for each network, made once.
var byNetwork = map[string]func(testing.TB) *postrender.Renderer{
	"calico": shared("calico"), "openvswitch": shared("openvswitch"),
}

func shared(network string) func(testing.TB) *postrender.Renderer {
	var once sync.Once
	var r *postrender.Renderer
	return func(t testing.TB) *postrender.Renderer {
		once.Do(func() {
			var err error
			if r, err = renderer(t, "", network, postrender.Options{}); err != nil {
				t.Fatal(err)
			}
		})
		return r
	}
}

func render(t testing.TB, r *postrender.Renderer, stream string) (string, []string) {
	t.Helper()
	result, err := r.Render([]byte(stream), "stdin")
	if err != nil {
		t.Fatal(err)
	}
	return string(result.Bytes()), result.Notes
}

// corpus are the shapes of manifests found in the field.
func corpus(t testing.TB) map[string]string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	all := map[string]string{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".yaml")] = string(data)
	}
	return all
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for name, stream := range corpus(t) {
		for network, r := range byNetwork {
			t.Run(name+"/"+network, func(t *testing.T) {
				t.Parallel()
				out, notes := render(t, r(t), stream)
				// What is added is the calico chart's business.
				out, _, _ = strings.Cut(out, "---\n# Source: openstack/charts/calico/")
				notes = slices.DeleteFunc(slices.Clone(notes), func(note string) bool { return strings.HasPrefix(note, "added: ") })
				golden(t, name+"."+network+".golden", strings.Join(notes, "\n")+"\n"+out)
			})
		}
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	file = filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test ./pkg/postrender -run TestGolden -update writes it); got\n%s", file, got)
	}
}

func TestTwiceChangesNothingMore(t *testing.T) {
	t.Parallel()
	for name, stream := range corpus(t) {
		for network, r := range byNetwork {
			t.Run(name+"/"+network, func(t *testing.T) {
				t.Parallel()
				once, _ := render(t, r(t), stream)
				if twice, notes := render(t, r(t), once); twice != once {
					t.Errorf("the second run changed something: %q\n%s", notes, twice)
				}
			})
		}
	}
}

func TestEmptyTopologyIsIdentity(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"{}\n", "roles: {}\nnodes: {}\n", "kubernetes: {namespace: elsewhere}\nregistry: {address: example.org}\nx-post-render: {labels: {a: b}}\n"} {
		r, err := renderer(t, text, "", postrender.Options{Strict: true})
		if err != nil {
			t.Fatal(err)
		}
		for name, stream := range corpus(t) {
			if out, notes := render(t, r, stream); out != stream || len(notes) > 0 {
				t.Errorf("%s: changed, or noted: %q", name, notes)
			}
		}
		for _, stream := range []string{"", "\n", "---", "# comment", "---\n---\n", "a: 1\n...\n%YAML 1.1\n---\nb: 2\n...\n"} {
			if out, _ := render(t, r, stream); out != stream {
				t.Errorf("%q became %q", stream, out)
			}
		}
	}
}

// objects counts the objects of a stream by kind and name.
func objects(t testing.TB, stream string) map[string]int {
	t.Helper()
	count := map[string]int{}
	decoder := yaml.NewDecoder(strings.NewReader(stream))
	var walk func(value any)
	walk = func(value any) {
		object, is := value.(map[string]any)
		if !is {
			return
		}
		if items, is := object["items"].([]any); is {
			for _, item := range items {
				walk(item)
			}
			return
		}
		metadata, _ := object["metadata"].(map[string]any)
		kind, _ := object["kind"].(string)
		name, _ := metadata["name"].(string)
		count[kind+" "+name]++
	}
	for {
		var value any
		if err := decoder.Decode(&value); err != nil {
			break
		}
		walk(value)
	}
	return count
}

var removed = regexp.MustCompile(`^document \d+ \((.*)\): removed: `)
var added = regexp.MustCompile(`^added: (.*): the network`)

// No object is lost or comes twice, but those that the notes name.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	for name, stream := range corpus(t) {
		for network, r := range byNetwork {
			t.Run(name+"/"+network, func(t *testing.T) {
				t.Parallel()
				out, notes := render(t, r(t), stream)
				want := objects(t, stream)
				for _, note := range notes {
					if match := removed.FindStringSubmatch(note); match != nil {
						want[match[1]]--
					}
					if match := added.FindStringSubmatch(note); match != nil {
						want[match[1]]++
					}
				}
				got := objects(t, out)
				for object, count := range want {
					if got[object] != count {
						t.Errorf("%d times %q, want %d", got[object], object, count)
					}
					delete(got, object)
				}
				for object := range got {
					t.Errorf("%q came out of nowhere", object)
				}
			})
		}
	}
}

// Every line of the output that is not new stands in the input, byte for byte
// and in the same order.
func TestWhatIsNotChangedKeepsItsBytes(t *testing.T) {
	t.Parallel()
	ours := regexp.MustCompile(`namespace: ccp|role\.ccp|affinity:|nodeAffinity:|requiredDuring|nodeSelectorTerms|matchExpressions|(conf|ini): W`)
	for name, stream := range corpus(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, _ := render(t, byNetwork["openvswitch"](t), stream)
			lines := slices.Collect(strings.Lines(stream))
			for line := range strings.Lines(out) {
				if ours.MatchString(line) {
					continue
				}
				i := slices.Index(lines, line)
				if i < 0 {
					t.Fatalf("a line of its own: %q", line)
				}
				lines = lines[i+1:]
			}
		})
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	const deployment = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: %\nspec: {template: {spec: {containers: []}}}\n"
	named := func(name string) string { return strings.ReplaceAll(deployment, "%", name) }
	tests := map[string]struct {
		ccp, stream string
		strict      bool
		wants       []string
	}{
		"broken YAML":   {stream: named("a") + named("b") + "---\na: 1\nb: [\n---\n" + named("c") + "---\nx: 'y\n", wants: []string{`^stdin:1[3-6]: document 3: `, `(?m)^stdin:2\d: document 6: `}},
		"a tab":         {stream: named("a") + "---\na:\n\tb: 1\n", wants: []string{`^stdin:9: document 2: `}},
		"not UTF-8":     {stream: "a: \xff\n", wants: []string{`^stdin:1: document 1: not UTF-8`}},
		"endless alias": {stream: "a: &a [*a]\n", wants: []string{`^stdin:1: document 1: `}},
		"many values":   {stream: "a: [" + strings.Repeat("1,", 2_000_000) + "]\n", wants: []string{`document 1: it has more than 2000000 values`}},
		"a key twice":   {stream: "a: 1\n---\nb:\n  - {c: 1}\n  - d: 1\n    e: 2\n    d: 3\n", wants: []string{`^stdin:7: document 2: the key "d" is there already`}},
		"alias bomb":    {stream: bomb(), wants: []string{`document 1: .*aliases`}},
		"strict":        {stream: named("nobody"), strict: true, wants: []string{`document 1 \(Deployment nobody\): no service`}},
		"strict, no place": {
			ccp: "nodes: {n: {roles: [r]}}\nroles: {r: [mariadb]}\n", stream: named("keystone"), strict: true,
			wants: []string{`Deployment keystone.*the ccp.yaml has no place for keystone`},
		},
		"claimed by two charts": {
			stream: strings.Replace(named("mariadb"), "  name:", "  labels: {helm.sh/chart: mariadb-1.2.3}\n  name:", 1) +
				strings.Replace(named("mariadb-server"), "  name:", "  labels: {helm.sh/chart: database-v0.1.0-rc1}\n  name:", 1),
			wants: []string{`document 2 \(Deployment mariadb-server\): the chart database claims the service mariadb, which document 1 .* of the chart mariadb`},
		},
		"claimed by two charts, by helm template's comments": {
			stream: strings.Replace(named("mariadb"), "---\n", "---\n# Source: cloud/charts/mariadb/templates/deployment.yaml\n", 1) +
				strings.Replace(named("mariadb-server"), "---\n", "---\n# a word first\n\n# Source: database/templates/deployment.yaml\n", 1) +
				strings.Replace(named("mariadb-server"), "spec:", "# Source: other/templates/a.yaml\nspec:", 1),
			wants: []string{`^document 2 \(Deployment mariadb-server\): the chart database claims the service mariadb, which document 1 .* of the chart mariadb .*$`},
		},
	}
	for title, test := range tests {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			r, err := renderer(t, test.ccp, "", postrender.Options{Strict: test.strict})
			if err != nil {
				t.Fatal(err)
			}
			_, err = r.Render([]byte(test.stream), "stdin")
			for _, want := range test.wants {
				if err == nil || !regexp.MustCompile(want).MatchString(err.Error()) {
					t.Errorf("got %v\nwant %s", err, want)
				}
			}
			if _, is := err.(ccpfile.Problems); !is {
				t.Errorf("a %T, want Problems", err)
			}
		})
	}
}

// bomb is an alias bomb of ten levels.
func bomb() string {
	var out strings.Builder
	out.WriteString("a: &aa [x]\n")
	for i := range 10 {
		last, next := string(rune('a'+i)), string(rune('b'+i))
		out.WriteString("k" + next + ": &a" + next + " [" + strings.Repeat("*a"+last+", ", 9) + "]\n")
	}
	return out.String()
}

func TestExtensionProblems(t *testing.T) {
	t.Parallel()
	_, err := renderer(t, "x-post-render:\n  service: {}\n  services:\n    novacompute: [a]\n    nova-api: [a/b, '[']\n    nova-conductor: a/b\n  labels: {a: 1}\n", "", postrender.Options{})
	for _, want := range []string{
		`ccp.yaml:2:3: x-post-render.service: unknown key (did you mean "services"?)`,
		`ccp.yaml:4:5: x-post-render.services.novacompute: no service "novacompute" (did you mean "nova-compute"?)`,
		`ccp.yaml:5:21: x-post-render.services.nova-api: must be names`,
		`ccp.yaml:6:21: x-post-render.services.nova-conductor: "a/b" is claimed by nova-api of the chart nova and by nova-conductor`,
		`ccp.yaml:7:15: x-post-render.labels.a: must be a string`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %s in\n%v", want, err)
		}
	}
}

func FuzzPostRender(f *testing.F) {
	for _, stream := range corpus(f) {
		f.Add(stream)
	}
	f.Add("a: 1\n--- |\n text\n---\n- - a\n  - b\n")
	f.Fuzz(func(t *testing.T, stream string) {
		r := byNetwork["calico"](t)
		result, err := r.Render([]byte(stream), "stdin")
		if err != nil {
			return
		}
		again, err := r.Render(result.Bytes(), "stdin")
		if err != nil {
			t.Fatalf("the output can't be read: %v\n%s", err, result.Bytes())
		}
		if !bytes.Equal(again.Bytes(), result.Bytes()) {
			t.Errorf("twice is not once:\n%s\n%s", result.Bytes(), again.Bytes())
		}
	})
}
