package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sigs.k8s.io/yaml"
)

// argoRepository is a Git repository with an application in apps/openstack,
// and with links and includes that leave it.
func argoRepository(t *testing.T) (root, outside string) {
	t.Helper()
	dir := t.TempDir()
	root, outside = filepath.Join(dir, "repository"), filepath.Join(dir, "outside")
	guide, err := os.ReadFile("../../examples/calico/ccp.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"repository/apps/openstack/ccp.yaml":        string(guide) + "\n---\n!include [../../base.yaml]\n",
		"repository/apps/openstack/site.yaml":       "configs: {neutron: {plugin_agent: openvswitch}}\n",
		"repository/apps/openstack/leaves.yaml":     "!include [../../../outside/secret.yaml]\n",
		"repository/apps/openstack/piped.yaml":      "!include [pipe]\n",
		"repository/apps/openstack/over.yaml":       "color: blue\n",
		"repository/base.yaml":                      "images: {tag: from-base}\n",
		"repository/charts/web/Chart.yaml":          "apiVersion: v2\nname: web\nversion: 1.0.0\n",
		"repository/charts/web/values.yaml":         "color: red\n",
		"repository/charts/web/.helmignore":         "ignored.txt\n",
		"repository/charts/web/crds/car.yaml":       "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: cars.example.org\n",
		"repository/charts/web/ignored.txt":         "no",
		"repository/charts/web/templates/nova.yaml": computeTemplate,
		"repository/charts/cluster/Chart.yaml":      "apiVersion: v2\nname: cluster\nversion: 1.0.0\nkubeVersion: '>=1.30.0-0'\n",
		"repository/charts/cluster/templates/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  version: {{ .Capabilities.KubeVersion.Version }}\n" +
			"  cars: {{ .Capabilities.APIVersions.Has \"example.org/v1/Car\" | quote }}\n  apps: {{ .Capabilities.APIVersions.Has \"apps/v1\" | quote }}\n",
		"outside/secret.yaml":    "images: {tag: stolen}\n",
		"outside/web/Chart.yaml": "apiVersion: v2\nname: stolen\nversion: 1.0.0\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, pipe := range []string{"apps/openstack/pipe", "charts/piped/.helmignore"} {
		file := filepath.Join(root, pipe)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{
		"apps/openstack/link.yaml":     "../../../outside/secret.yaml",
		"apps/openstack/absolute.yaml": filepath.Join(outside, "secret.yaml"),
		"charts/linked":                "../../outside/web",
		"charts/partly/Chart.yaml":     "../../../outside/web/Chart.yaml",
		"charts/circle/again":          ".",
	} {
		file := filepath.Join(root, link)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, file); err != nil {
			t.Fatal(err)
		}
	}
	return root, outside
}

const computeTemplate = `apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: nova-compute
  annotations: {color: {{ .Values.color }}, file: {{ .Files.Get "ignored.txt" | quote }}}
spec:
  selector: {matchLabels: {application: nova, component: compute}}
  template:
    metadata: {labels: {application: nova, component: compute}}
    spec:
      containers: [{name: nova-compute, image: "example.org/nova-compute:1"}]
`

// argoCD runs a verb as argocd-cmp-server does: in the application's folder,
// with the Application in the environment.
func argoCD(t *testing.T, root, verb string, env map[string]string) (stdout, stderr string, code int) {
	t.Helper()
	t.Chdir(filepath.Join(root, "apps", "openstack"))
	t.Setenv("ARGOCD_APP_NAME", "cloud")
	t.Setenv("ARGOCD_APP_NAMESPACE", "openstack")
	t.Setenv("ARGOCD_APP_SOURCE_PATH", "apps/openstack")
	for name, value := range env {
		t.Setenv(name, value)
	}
	var out, errs bytes.Buffer
	code = Run([]string{"argocd", verb}, Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
	return out.String(), errs.String(), code
}

func TestArgoCDGenerate(t *testing.T) {
	root, _ := argoRepository(t)
	for _, test := range []struct {
		name          string
		env           map[string]string
		want, wantNot []string
	}{
		{"the file alone", nil, []string{":from-base", "calico-dhcp-agent", `namespace: "openstack"`, `app.kubernetes.io/instance: "cloud"`}, []string{"openvswitch"}},
		{"a parameter", map[string]string{"ARGOCD_APP_PARAMETERS": `[{"name":"network","string":"openvswitch"}]`}, []string{"openvswitch"}, []string{"calico-dhcp-agent"}},
		{"plugin.env", map[string]string{"ARGOCD_ENV_CCP_NETWORK": "openvswitch"}, []string{"openvswitch"}, []string{"calico-dhcp-agent"}},
		{"a parameter wins", map[string]string{"ARGOCD_ENV_CCP_NETWORK": "openvswitch", "ARGOCD_APP_PARAMETERS": `[{"name":"network","string":"calico"}]`}, []string{"calico-dhcp-agent"}, nil},
		{"files", map[string]string{"ARGOCD_APP_PARAMETERS": `[{"name":"files","array":["ccp.yaml","site.yaml"]}]`}, []string{"openvswitch"}, nil},
		{"files of plugin.env", map[string]string{"ARGOCD_ENV_CCP_FILES": "ccp.yaml,site.yaml"}, []string{"openvswitch"}, nil},
		{"files with blanks", map[string]string{"ARGOCD_ENV_CCP_FILES": " ccp.yaml , site.yaml,"}, []string{"openvswitch"}, nil},
		{"files of a parameter with blanks", map[string]string{"ARGOCD_APP_PARAMETERS": `[{"name":"files","array":[" ccp.yaml","","site.yaml "]}]`}, []string{"openvswitch"}, nil},
		{"an Application in any namespace", map[string]string{"ARGOCD_APP_NAME": "team-a_cloud"}, []string{`app.kubernetes.io/instance: "cloud"`}, []string{"team-a"}},
		{"a release name", map[string]string{"ARGOCD_APP_NAME": "team-a_cloud", "ARGOCD_ENV_CCP_RELEASE_NAME": "other"}, []string{`app.kubernetes.io/instance: "other"`}, []string{`instance: "cloud"`}},
		{"a chart", map[string]string{"ARGOCD_ENV_CCP_CHART": "../../charts/web"}, []string{"role.ccp.openstack.org/compute", "color: red", "name: cars.example.org", `file: ""`}, nil},
		{"a chart's values", map[string]string{"ARGOCD_ENV_CCP_CHART": "../../charts/web", "ARGOCD_ENV_CCP_VALUES": "over.yaml"}, []string{"color: blue"}, nil},
		{"the cluster", map[string]string{"ARGOCD_ENV_CCP_CHART": "../../charts/cluster", "KUBE_VERSION": "1.36.3", "KUBE_API_VERSIONS": "v1,apps/v1,example.org/v1/Car"}, []string{"version: v1.36.3\n", `cars: "true"`, `apps: "true"`}, nil},
		{"another cluster", map[string]string{"ARGOCD_ENV_CCP_CHART": "../../charts/cluster", "KUBE_VERSION": "v1.31", "KUBE_API_VERSIONS": "v1"}, []string{"version: v1.31\n", `cars: "false"`, `apps: "true"`}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			stdout, stderr, code := argoCD(t, root, "generate", test.env)
			if code != exitDone {
				t.Fatalf("exit code %d\n%s", code, stderr)
			}
			for _, text := range test.want {
				if !strings.Contains(stdout, text) {
					t.Errorf("there is no %q", text)
				}
			}
			for _, text := range test.wantNot {
				if strings.Contains(stdout, text) {
					t.Errorf("there is %q", text)
				}
			}
		})
	}
}

// What leaves the repository is refused, and so is what nobody knows; nothing
// is then printed on standard output.
func TestArgoCDRefuses(t *testing.T) {
	root, outside := argoRepository(t)
	for name, test := range map[string]struct{ env, value, want string }{
		"a file outside":          {"ARGOCD_ENV_CCP_FILES", "../../../outside/secret.yaml", "outside"},
		"an absolute file":        {"ARGOCD_ENV_CCP_FILES", filepath.Join(outside, "secret.yaml"), "outside"},
		"a link":                  {"ARGOCD_ENV_CCP_FILES", "link.yaml", "link.yaml"},
		"an absolute link":        {"ARGOCD_ENV_CCP_FILES", "absolute.yaml", "absolute.yaml"},
		"an include":              {"ARGOCD_ENV_CCP_FILES", "ccp.yaml,leaves.yaml", "leaves.yaml:1:"},
		"no file":                 {"ARGOCD_ENV_CCP_FILES", " ,", "CCP_FILES"},
		"a wrong release name":    {"ARGOCD_ENV_CCP_RELEASE_NAME", "a_b", `"a_b"`},
		"a pipe":                  {"ARGOCD_ENV_CCP_FILES", "pipe", "pipe: not a regular file"},
		"an included pipe":        {"ARGOCD_ENV_CCP_FILES", "piped.yaml", "piped.yaml:1:11: can't include \"pipe\": not a regular file"},
		"nodes from a pipe":       {"ARGOCD_ENV_CCP_NODES", "pipe", "pipe: not a regular file"},
		"values from a pipe":      {"ARGOCD_ENV_CCP_VALUES", "pipe", "pipe: not a regular file"},
		"a chart with a pipe":     {"ARGOCD_ENV_CCP_CHART", "../../charts/piped", ".helmignore: not a regular file"},
		"nodes outside":           {"ARGOCD_ENV_CCP_NODES", "../../../outside/secret.yaml", "outside of the repository"},
		"linked nodes":            {"ARGOCD_ENV_CCP_NODES", "link.yaml", "link.yaml"},
		"a chart outside":         {"ARGOCD_ENV_CCP_CHART", "../../../outside/web", "outside of the repository"},
		"a linked chart":          {"ARGOCD_ENV_CCP_CHART", "../../charts/linked", "charts/linked"},
		"a chart with a link":     {"ARGOCD_ENV_CCP_CHART", "../../charts/partly", "charts/partly"},
		"a chart with a circle":   {"ARGOCD_ENV_CCP_CHART", "../../charts/circle", "circle"},
		"linked values":           {"ARGOCD_ENV_CCP_VALUES", "link.yaml", "link.yaml"},
		"an unknown parameter":    {"ARGOCD_APP_PARAMETERS", `[{"name":"netwrok","string":"calico"}]`, `"netwrok"`},
		"a string for an array":   {"ARGOCD_APP_PARAMETERS", `[{"name":"files","string":"ccp.yaml"}]`, "want an array"},
		"an array for a string":   {"ARGOCD_APP_PARAMETERS", `[{"name":"network","array":["calico"]}]`, "want a string"},
		"a wrong version":         {"KUBE_VERSION", "latest", "KUBE_VERSION: "},
		"a wrong API version":     {"KUBE_API_VERSIONS", "v1,apps v1", `KUBE_API_VERSIONS: "apps v1"`},
		"no API version":          {"KUBE_API_VERSIONS", "v1,", `KUBE_API_VERSIONS: ""`},
		"too old for a chart":     {"KUBE_VERSION", "1.29", "kubeVersion: >=1.30.0-0"},
		"parameters without form": {"ARGOCD_APP_PARAMETERS", `{`, "ARGOCD_APP_PARAMETERS"},
	} {
		t.Run(name, func(t *testing.T) {
			env := map[string]string{test.env: test.value}
			if test.env == "ARGOCD_ENV_CCP_VALUES" {
				env["ARGOCD_ENV_CCP_CHART"] = "../../charts/web"
			}
			if test.env == "KUBE_VERSION" {
				env["ARGOCD_ENV_CCP_CHART"] = "../../charts/cluster"
			}
			stdout, stderr, code := argoCD(t, root, "generate", env)
			if code != exitWrong || stdout != "" || !strings.Contains(stderr, test.want) || strings.Contains(stderr, "stolen") {
				t.Errorf("exit code %d, %d bytes of output, standard error %q; want %q", code, len(stdout), stderr, test.want)
			}
		})
	}
}

// A source path that is not the end of the folder leaves the application's
// folder as all that may be read.
func TestRepositoryOf(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ folder, path, want string }{
		{"/tmp/copy/apps/openstack", "apps/openstack", "/tmp/copy"},
		{"/tmp/copy/apps/openstack", "./apps/openstack/", "/tmp/copy"},
		{"/tmp/copy", ".", "/tmp/copy"},
		{"/tmp/copy", "", "/tmp/copy"},
		{"/tmp/copy", "..", "/tmp/copy"},
		{"/tmp/copy/apps", "/apps", "/tmp/copy/apps"},
		{"/tmp/copy/apps", "ps", "/tmp/copy/apps"},
	} {
		if got := repositoryOf(test.folder, test.path); got != test.want {
			t.Errorf("repositoryOf(%q, %q) = %q, want %q", test.folder, test.path, got, test.want)
		}
	}
}

func TestArgoCDParameters(t *testing.T) {
	root, _ := argoRepository(t)
	for name, test := range map[string]struct{ files, network string }{
		"what holds now":      {"ccp.yaml,site.yaml", "openvswitch"},
		"a file with a fault": {"leaves.yaml", ""},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := argoCD(t, root, "parameters", map[string]string{"ARGOCD_ENV_CCP_FILES": test.files})
			var announced []argoParameter
			if err := json.Unmarshal([]byte(stdout), &announced); err != nil || code != exitDone {
				t.Fatalf("exit code %d, %v, %s", code, err, stderr)
			}
			byName := map[string]argoParameter{}
			for _, parameter := range announced {
				byName[parameter.Name] = parameter
			}
			if got := byName["network"].String; got != test.network {
				t.Errorf("network is %q, want %q", got, test.network)
			}
			if got := strings.Join(byName["files"].Array, ","); got != test.files {
				t.Errorf("files are %q, want %q", got, test.files)
			}
		})
	}
}

// The example Application's parameters are known ones, and its AppProject
// allows what the manifests hold for the whole cluster.
func TestArgoCDExamples(t *testing.T) {
	var app struct {
		Spec struct {
			Source struct {
				Plugin struct {
					Parameters json.RawMessage `json:"parameters"`
				} `json:"plugin"`
			} `json:"source"`
		} `json:"spec"`
	}
	var project struct {
		Spec struct {
			Allowed []struct {
				Kind string `json:"kind"`
			} `json:"clusterResourceWhitelist"`
		} `json:"spec"`
	}
	for name, to := range map[string]any{"application": &app, "appproject": &project} {
		data, err := os.ReadFile("../../examples/argocd/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(data, to); err != nil {
			t.Fatal(err)
		}
	}
	root, _ := argoRepository(t)
	manifests, stderr, code := argoCD(t, root, "generate", map[string]string{"ARGOCD_APP_PARAMETERS": string(app.Spec.Source.Plugin.Parameters)})
	if code != exitDone {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	allowed := map[string]bool{}
	for _, resource := range project.Spec.Allowed {
		allowed[resource.Kind] = true
	}
	for line := range strings.Lines(manifests) {
		if kind, is := strings.CutPrefix(strings.TrimSpace(line), "kind: Cluster"); is && !allowed["Cluster"+kind] {
			t.Errorf("the AppProject does not allow the Cluster%s of the manifests", kind)
		}
	}
}
