package lint

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	corev1 "k8s.io/api/core/v1"

	"github.com/helm-ccp/helm-ccp/charts"
	"github.com/helm-ccp/helm-ccp/pkg/catalog"
	"github.com/helm-ccp/helm-ccp/pkg/chart"
	"github.com/helm-ccp/helm-ccp/pkg/skeleton"
)

// good is a chart without faults.
func good(t *testing.T, opts skeleton.Options) *chart.Folder {
	t.Helper()
	opts.Service, opts.Port = "web", 8080
	files, err := skeleton.Files(charts.FS, opts)
	if err != nil {
		t.Fatal(err)
	}
	return &chart.Folder{Name: "web", Path: "web", Files: files}
}

// edit replaces old, which is there once, in a file of the chart. An empty old
// makes the file.
func edit(t *testing.T, folder *chart.Folder, name, old, text string) {
	t.Helper()
	if old == "" {
		folder.Files = append(folder.Files, &loader.BufferedFile{Name: name, Data: []byte(text)})
		return
	}
	for _, file := range folder.Files {
		if file.Name == name {
			if n := strings.Count(string(file.Data), old); n != 1 {
				t.Fatalf("%s has %q %d times", name, old, n)
			}
			file.Data = []byte(strings.Replace(string(file.Data), old, text, 1))
			return
		}
	}
	t.Fatalf("there is no %s", name)
}

func findings(t *testing.T, folders ...*chart.Folder) []string {
	t.Helper()
	found, err := Charts(charts.FS, folders)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, problem := range found {
		lines = append(lines, problem.Error())
	}
	return lines
}

func TestGood(t *testing.T) {
	t.Parallel()
	for _, opts := range []skeleton.Options{
		{Workload: catalog.Deployment}, {Workload: catalog.StatefulSet, Network: []string{"openvswitch"}},
		{Workload: catalog.DaemonSet, Network: []string{"calico"}, Follows: []string{"nova-compute"}},
	} {
		if lines := findings(t, good(t, opts)); len(lines) > 0 {
			t.Errorf("%s: %s", opts.Workload, strings.Join(lines, "\n"))
		}
	}
}

// The charts of the project have no faults, and some of what looks like one.
func TestBuiltIn(t *testing.T) {
	t.Parallel()
	dirs, err := filepath.Glob("../../charts/*/Chart.yaml")
	if err != nil || len(dirs) == 0 {
		t.Fatal(dirs, err)
	}
	var folders []*chart.Folder
	for _, dir := range dirs {
		folder, err := chart.ReadFolder(os.DirFS(filepath.Dir(dir)), ".", filepath.Dir(dir))
		if err != nil {
			t.Fatal(err)
		}
		folders = append(folders, folder)
	}
	for _, line := range findings(t, folders...) {
		t.Error(line)
	}
}

const (
	deployment = "templates/deployment.yaml"
	configmap  = "templates/configmap.yaml"
	conf       = "templates/_conf.tpl"
	image      = `image: {{ include "common.image" (list $ "web") | quote }}`
	command    = "          command: [web, --config-file, /etc/web/web.conf]\n"
	affinity   = "      affinity: {{- include \"common.affinity\" (list $ $workload) | nindent 8 }}\n"
	requests   = "requests: {cpu: 50m, memory: 128Mi}"
	liveness   = "          livenessProbe:\n            tcpSocket: {port: api}\n            initialDelaySeconds: 30\n            periodSeconds: 20\n"
)

// labelled is the beginning of an object with all labels.
const labelled = "\nmetadata:\n  name: extra\n  labels: {{- include \"common.labels\" (list $ \"web\") | nindent 4 }}\n"

// fault is a change of a good chart and the finding that it makes: of which
// check, how it begins, and what it says. Without a check it makes none.
type fault struct {
	title           string
	file, old, text string
	check, at, says string
}

var faults = []fault{
	{"no workload", deployment, `(list $ "web") | fromJsonArray }}`, `(list $ "web") | fromJsonArray | len | until | first | until }}`, "workloads", "web/services.yaml:3:3: services.web", "no template renders its Deployment with network calico and OpenStack newton"},
	{"another kind", "services.yaml", "workload: Deployment", "workload: DaemonSet", "workloads", "web/" + deployment + ":4:1: Deployment/web", "it is a DaemonSet"},
	{"a workload without a service", deployment, "  name: {{ $workload.name }}\n", "  name: {{ $workload.name }}-worker\n", "workloads", "web/" + deployment + ":4:1: Deployment/web-worker", "no service of this name"},
	{"an older release too", "services.yaml", "workload: Deployment", "workload: Deployment\n    since: queens", "", "", ""},
	{"no affinity", deployment, affinity, "", "placement", "web/" + deployment + ":4:1: Deployment/web", "nodes of its roles"},
	{"another role's nodes", deployment, affinity, "      affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: role.ccp.openstack.org/other, operator: In, values: [\"true\"]}]}]}}}\n", "placement", "web/" + deployment + ":22:7: Deployment/web", "nodes of its roles"},
	{"replicas by hand", deployment, "replicas: {{ $workload.replicas }}", "replicas: 2", "placement", "web/" + deployment + ":9:3: Deployment/web", "replicas"},
	{"a key nobody makes", deployment, command, command + "          env: {{- include \"common.secretEnv\" (list $ \"X\" \"web-password\") | nindent 12 }}\n", "credentials", "web/" + deployment, `"web-password"`},
	{"a folder on the node", deployment, "      volumes:\n", "      volumes:\n        - name: state\n          hostPath: {path: /var/lib/web, type: DirectoryOrCreate}\n", "leftovers", "web/" + deployment, "makes /var/lib/web on its nodes"},
	{"a folder that goes with the node", deployment, "      volumes:\n", "      volumes:\n        - name: state\n          hostPath: {path: /run/web, type: DirectoryOrCreate}\n", "", "", ""},
	{"a value in a script", deployment, command, "          command: [sh, -euc]\n          args:\n            - |\n              exec web --debug={{ $.Values.debug }}\n", "scripts", "web/" + deployment + ":31:32: ", "writes {{ $.Values.debug }} into a script"},
	{"a quoted value in a script", deployment, command, "          command:\n            - sh\n            - -c\n            - |-\n              exec web {{ $.Values.debug | squote }}\n", "scripts", "web/" + deployment + ":32:24: ", "into a script"},
	{"a value in a file of Python", "templates/_x.py.tpl", "", "NAME = \"{{ .Values.debug }}\"\n", "scripts", "web/templates/_x.py.tpl:", "writes {{ .Values.debug }} into a script"},
	{"a literal in a file of Python", "templates/_x.py.tpl", "", "NAME = {{ .Values.debug | toJson }}\n", "", "", ""},
	{"a value in a file of shell", "templates/_x.sh.tpl", "", "echo {{ .Values.debug | toJson }}\n", "scripts", "web/templates/_x.sh.tpl:", "into a script"},
	{"a number and a choice in a script", deployment, command, "          command: [sh, -euc]\n          args:\n            - |\n              {{- if $.Values.debug }}\n              sleep {{ 1 | int }}\n              {{- end }}\n              exec web\n          workingDir: {{ \"/tmp\" | quote }}\n", "", "", ""},
	{"an unknown field", deployment, command, command + "          comand: [web]\n", "fields", "web/" + deployment + ":4:1: Deployment/web", "comand"},
	{"an unknown kind", "templates/x.yaml", "", "apiVersion: apps/v1\nkind: Deploymnet" + labelled, "fields", "web/templates/x.yaml:2:1: Deploymnet/extra", "no Deploymnet in apps/v1"},
	{"Endpoints", "templates/x.yaml", "", "apiVersion: v1\nkind: Endpoints" + labelled, "apis", "web/templates/x.yaml:2:1: Endpoints/extra", "EndpointSlice"},
	{"a beta API", "templates/x.yaml", "", "apiVersion: networking.k8s.io/v1beta1\nkind: IPAddress" + labelled, "apis", "web/templates/x.yaml:2:1: IPAddress/extra", "networking.k8s.io/v1beta1"},
	{"a kind of another's", "templates/x.yaml", "", "apiVersion: example.org/v1beta1\nkind: Car" + labelled, "", "", ""},
	{"no labels", "templates/x.yaml", "", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra, labels: {app.kubernetes.io/name: web}}\n", "labels", "web/templates/x.yaml:2:1: ConfigMap/extra", "app.kubernetes.io/instance"},
	{"a selector of nothing", "templates/service.yaml", `selector: {{- include "common.selector" (list $ $workload.name) | nindent 4 }}`, "selector: {app: web}", "selectors", "web/templates/service.yaml", "selects no pod"},
	{"a Service without a selector", "templates/service.yaml", `selector: {{- include "common.selector" (list $ $workload.name) | nindent 4 }}`, "", "", "", ""},
	{"no memory", "values.yaml", requests, "requests: {cpu: 50m}", "requests", "web/" + deployment + ":24:11: Deployment/web", "container web requests no memory"},
	{"a Job without requests", "templates/x.yaml", "", "apiVersion: batch/v1\nkind: Job" + labelled + "spec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers:\n        - name: job\n          " + image + "\n", "requests", "web/templates/x.yaml:11:11: Job/extra", "no cpu and no memory"},
	{"no livenessProbe", deployment, liveness, "", "probes", "web/" + deployment + ":24:11: Deployment/web", "container web has no livenessProbe"},
	{"an image without a tag", deployment, image, "image: example.org:5000/web", "images", "web/" + deployment + ":25:11: Deployment/web", "another one tomorrow"},
	{"the latest image", deployment, image, "image: web:latest", "images", "web/" + deployment + ":25:11: Deployment/web", "another one tomorrow"},
	{"an image of its own", deployment, image, "image: web:1.2", "images", "web/" + deployment + ":25:11: Deployment/web", "global.images"},
	{"the host's network", deployment, affinity, affinity + "      hostNetwork: true\n", "host", "web/" + deployment + ":23:7: ", "hostNetwork without a reason"},
	{"the host's network, with a reason", deployment, affinity, affinity + "      # It switches between the node's interfaces.\n      hostNetwork: true\n      hostPID: true\n", "", "", ""},
	{"not the host's network", deployment, affinity, affinity + "      hostNetwork: false\n", "", "", ""},
	{"privileged", deployment, `securityContext: {{- include "common.securityContext" $ | nindent 12 }}`, "securityContext: {privileged: true}", "host", "web/" + deployment + ":27:29: ", "privileged without a reason"},
	{"privileged by a value", deployment, `securityContext: {{- include "common.securityContext" $ | nindent 12 }}`, "securityContext: {{- dict (print \"privil\" \"eged\") true | toYaml | nindent 12 }}", "host", "web/" + deployment + ":1:1: Deployment/web", "comes from a value"},
	{"a password in an ini file", conf, "  use_stderr: true\n", "  use_stderr: true\n  rabbit_password: hunter2\n", "configmap-secrets", "web/" + conf + ":8:3: ConfigMap/web", "web.conf holds the value of rabbit_password"},
	{"a URL with a password", conf, "  use_stderr: true\n", "  transport_url: rabbit://guest:guest@rabbitmq:5672/\n", "configmap-secrets", "web/" + configmap + ":8:3: ConfigMap/web", "web.conf holds a URL with a password"},
	{"a URL with a reference", conf, "  use_stderr: true\n", "  transport_url: rabbit://guest:$(RABBITMQ_PASSWORD)@rabbitmq:5672/\n", "", "", ""},
	{"a private key", configmap, "\ndata:\n", "\ndata:\n  tls.key: |\n    -----BEGIN RSA PRIVATE" + " KEY-----\n", "configmap-secrets", "web/" + configmap + ":8:3: ConfigMap/web", "tls.key holds a private key"},
	{"a password in JSON", configmap, "\ndata:\n", "\ndata:\n  clouds.json: '{\"auth\": {\"password\": \"hunter2\"}}'\n", "configmap-secrets", "web/" + configmap, "clouds.json holds the value of password"},
	{"a key that is a password", configmap, "\ndata:\n", "\ndata:\n  admin_password: hunter2\n", "configmap-secrets", "web/" + configmap + ":8:3: ConfigMap/web", "admin_password"},
	{"no password", conf, "  use_stderr: true\n", "  auth_type: password\n  methods: password,token\n  can_set_password: true\n  ssl_private_key: /etc/web/tls.key\n  hash_passwords: md5\n", "", "", ""},
	{"a password in the environment", deployment, command, command + "          env:\n            - {name: OS_DATABASE__PASSWORD, value: hunter2}\n", "env-secrets", "web/" + deployment + ":30:22: Deployment/web", "OS_DATABASE__PASSWORD"},
	{"a URL in the environment", deployment, command, command + "          env:\n            - {name: CONNECTION, value: \"mysql://web:hunter2@mariadb/web\"}\n", "env-secrets", "web/" + deployment, "CONNECTION"},
	{"a reference in the environment", deployment, command, command + "          env:\n            - {name: OS_NOVA__PASSWORD, value: $(SERVICE_PASSWORD)}\n", "", "", ""},
	{"a password in the command", deployment, command, "          command: [web, --password=hunter2]\n", "env-secrets", "web/" + deployment, "its command holds the value of password"},
	{"a default password", "values.yaml", "debug: false\n", "debug: false\n# -- Of the database.\npassword: hunter2\n", "values-secrets", "web/values.yaml", "a default for a secret"},
	{"a service without values", "services.yaml", "    workload: Deployment\n", "    workload: Deployment\n  worker:\n    workload: Deployment\n", "values-services", "web/values.yaml", `a service "worker"`},
	{"values without a service", "values.yaml", "  web:\n    enabled: true\n", "  worker:\n    enabled: true\n  web:\n    enabled: true\n", "values-services", "web/values.yaml", "no such service"},
	{"a value without a property", "values.yaml", "debug: false\n", "debug: false\n# -- Paint.\ncolour: red\n", "values-schema", "web/values.yaml", "colour: values.schema.json does not name it"},
	{"a property without a value", "values.schema.json", `"debug": {"type": "boolean"},`, `"debug": {"type": "boolean"}, "colour": {"type": "string"},`, "values-schema", "web/values.schema.json", "colour: values.yaml does not have it"},
	{"a property of old files", "values.schema.json", `"debug": {"type": "boolean"},`, `"debug": {"type": "boolean"}, "verbose": {"type": "boolean", "x-ccp-renamed": "debug"},`, "", "", ""},
	{"no comment", "values.yaml", "# -- Log at debug level.\n", "# Log at debug level.\n", "values-comments", "web/values.yaml", "debug: nothing says what it does"},
	{"an unknown key", "services.yaml", "workload: Deployment", "workload: Deployment\n    folows: [nova-api]", "services", "web/services.yaml:5:5: services.web.folows", "follows"},
	{"follows nobody", "services.yaml", "workload: Deployment", "workload: Deployment\n    follows: [nova-ap]", "services", "web/services.yaml:5:15: services.web.follows[0]", "nova-api"},
	{"a service of another chart's", "services.yaml", "  web:", "  nova-api:\n    workload: Deployment\n  web:", "services", "web/services.yaml:3:3: services.nova-api", "already"},
	{"a template that breaks", deployment, "$workload.replicas", "required \"a number\" nil", "render", "web/" + deployment + ":9:15: ", "a number"},
	{"broken values", "values.yaml", "debug: false", "debug: [", "files", "web/values.yaml: ", "yaml"},
}

// Of these checks' faults others have something to tell too.
var notAlone = []string{"workloads", "services", "render", "files", "values-secrets", "values-services", "values-schema"}

func TestFaults(t *testing.T) {
	t.Parallel()
	for _, test := range faults {
		t.Run(test.title, func(t *testing.T) {
			t.Parallel()
			folder := good(t, skeleton.Options{Workload: catalog.Deployment})
			edit(t, folder, test.file, test.old, test.text)
			lines := findings(t, folder)
			if test.check == "" {
				if len(lines) > 0 {
					t.Errorf("found:\n%s", strings.Join(lines, "\n"))
				}
				return
			}
			if !slices.ContainsFunc(lines, func(line string) bool {
				return strings.HasPrefix(line, test.at) && strings.Contains(line, test.says) && strings.HasSuffix(line, " ("+test.check+")")
			}) {
				t.Errorf("no finding of %s at %s that says %q in:\n%s", test.check, test.at, test.says, strings.Join(lines, "\n"))
			}
			for _, line := range lines {
				if !slices.Contains(notAlone, test.check) && !strings.HasSuffix(line, " ("+test.check+")") {
					t.Errorf("another check: %s", line)
				}
			}
		})
	}
}

// Where services.yaml says that there is no such service, there is none, and
// where values switch it off neither.
func TestHardCodedWorkload(t *testing.T) {
	t.Parallel()
	for title, test := range map[string]struct{ line, says string }{
		"the other network": {"network: [calico]", "is rendered with network openvswitch and OpenStack newton"},
		"an old release":    {"since: queens", "is rendered with network calico and OpenStack newton"},
		"a new release":     {"until: queens", "is rendered with network calico and OpenStack rocky"},
		"switched off":      {"instances: true", "is rendered though services.web.enabled is false"},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			folder := good(t, skeleton.Options{Workload: catalog.Deployment})
			edit(t, folder, "services.yaml", "workload: Deployment", "workload: Deployment\n    "+test.line)
			edit(t, folder, deployment, `include "common.workloads" (list $ "web") | fromJsonArray`,
				`list (dict "name" "web" "service" "web" "replicas" 3 "roles" (list "lint") "nodes" list "sets" list "not_sets" list)`)
			if lines := findings(t, folder); !slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, test.says) }) {
				t.Errorf("no finding %q in:\n%s", test.says, strings.Join(lines, "\n"))
			}
		})
	}
}

// A Service without a selector is for no pods, so it can't miss them.
func TestSelectorOf(t *testing.T) {
	t.Parallel()
	if selector := selectorOf(&object{typed: &corev1.Service{}}); selector != nil {
		t.Errorf("got %v", selector)
	}
}

// Every check has a fault that only it finds; without the check nobody would.
func TestEveryCheckHasAFault(t *testing.T) {
	t.Parallel()
	for _, check := range checks {
		if !slices.ContainsFunc(faults, func(f fault) bool { return f.check == check.name }) {
			t.Errorf("%s has none", check.name)
		}
	}
}

// Charts that are checked together may refer to each other; a library is
// passed over, and a missing file is told.
func TestTogether(t *testing.T) {
	t.Parallel()
	web := good(t, skeleton.Options{Workload: catalog.Deployment})
	edit(t, web, "services.yaml", "workload: Deployment", "workload: Deployment\n    needs: [shelf]")
	files, err := skeleton.Files(charts.FS, skeleton.Options{Service: "shelf", Workload: catalog.DaemonSet, Port: 1})
	if err != nil {
		t.Fatal(err)
	}
	shelf := &chart.Folder{Name: "shelf", Path: "shelf", Files: files}
	library := &chart.Folder{Name: "common", Path: "common", Library: true}
	err = fs.WalkDir(charts.FS, "common", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := charts.FS.ReadFile(name)
		library.Files = append(library.Files, &loader.BufferedFile{Name: strings.TrimPrefix(name, "common/"), Data: data})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if lines := findings(t, web, shelf, library); len(lines) > 0 {
		t.Errorf("found:\n%s", strings.Join(lines, "\n"))
	}
	if lines := findings(t, web); len(lines) != 1 || !strings.Contains(lines[0], `"shelf"`) {
		t.Errorf("without the other chart: %v", lines)
	}
	shelf.Files = slices.DeleteFunc(shelf.Files, func(f *loader.BufferedFile) bool { return f.Name == "values.schema.json" })
	if lines := findings(t, shelf); len(lines) != 1 || !strings.HasPrefix(lines[0], "shelf/values.schema.json: is missing") {
		t.Errorf("without a schema: %v", lines)
	}
}
