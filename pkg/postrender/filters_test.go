package postrender

import (
	"os"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/helm-ccp/helm-ccp/charts"
	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
	"github.com/helm-ccp/helm-ccp/pkg/chart"
	"github.com/helm-ccp/helm-ccp/pkg/topology"
)

// forTest makes a Renderer for a topology of a few services and more.
func forTest(t *testing.T, more, placement string) *Renderer {
	t.Helper()
	return forNetwork(t, more, placement, "calico")
}

func forNetwork(t *testing.T, more, placement, network string) *Renderer {
	t.Helper()
	file := t.TempDir() + "/ccp.yaml"
	const few = "nodes:\n  node1: {roles: [controller]}\n  node2: {roles: [compute]}\nroles:\n" +
		"  controller: [mariadb, rabbitmq, memcached, keystone, neutron-server, nova-api, nova-conductor]\n  compute: [nova-compute, nova-libvirt]\n"
	if err := os.WriteFile(file, []byte(few+more), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := ccpfile.Load([]string{file}, ccpfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	deployment, err := chart.Build(cfg, charts.FS, chart.Options{Options: topology.Options{Network: network, Placement: placement}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(cfg, deployment, charts.FS, Options{Namespace: "ccp"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// through sends one object through a filter.
func through(t *testing.T, filter kio.Filter, in string) string {
	t.Helper()
	out, err := filter.Filter([]*yaml.RNode{yaml.MustParse(in)})
	if err != nil {
		t.Fatal(err)
	}
	text, err := kio.StringAll(out)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// pods is a workload with a pod spec.
func pods(kind, name, labels, spec string) string {
	return "apiVersion: apps/v1\nkind: " + kind + "\nmetadata: {name: " + name + ", labels: {" + labels + "}}\nspec: {template: {spec: {" + spec + "}}}\n"
}

func TestFilters(t *testing.T) {
	t.Parallel()
	term := func(expressions string) string {
		return "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [" + expressions + "]}}}"
	}
	tests := map[string]struct {
		more, placement string
		filter          func(*Renderer) kio.Filter
		in, want        string // want "" for nothing left
	}{
		"placement by label": {
			filter: (*Renderer).placementForTest, in: pods("Deployment", "keystone", "", "nodeSelector: {a: b}"),
			want: term(`{matchExpressions: [{key: role.ccp.openstack.org/controller, operator: In, values: ["true"]}]}`),
		},
		"placement by hostname": {
			placement: "hostname", filter: (*Renderer).placementForTest, in: pods("DaemonSet", "nova-compute", "", ""),
			want: term("{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [node2]}]}"),
		},
		"facts about the machine stay": {
			filter: (*Renderer).placementForTest, in: pods("Deployment", "keystone", "", "nodeSelector: {kubernetes.io/os: linux}, "+term("{matchExpressions: [{key: kubernetes.io/arch, operator: In, values: [arm64]}, {key: disk, operator: Exists}]}")),
			want: `[{key: role.ccp.openstack.org/controller, operator: In, values: ["true"]}, {key: kubernetes.io/arch, operator: In, values: [arm64]}]`,
		},
		"the other network's workload": {filter: (*Renderer).removalForTest, in: pods("DaemonSet", "x", "application: neutron, component: neutron-ovs-agent", "")},
		"Kubernetes' own Calico is not ours": {
			filter: (*Renderer).removalForTest, in: pods("DaemonSet", "calico-node", "k8s-app: calico-node, application: calico, component: node", ""), want: "calico-node",
		},
		"another CRD": {filter: (*Renderer).removalForTest, in: "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: openvswitch}\n", want: "CustomResourceDefinition"},
		"replicas": {
			more: "replicas: {keystone: 1}\n", filter: (*Renderer).replicas, in: strings.Replace(pods("Deployment", "keystone", "", ""), "spec: {", "spec: {replicas: 7, ", 1), want: "replicas: 1",
		},
		"replicas that are not listed": {
			filter: (*Renderer).replicas, in: strings.Replace(pods("Deployment", "keystone", "", ""), "spec: {", "spec: {replicas: 7, ", 1), want: "replicas: 7",
		},
		"a label":     {more: "x-post-render: {labels: {team: cloud}}\n", filter: (*Renderer).labels, in: "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {a: b}}\n", want: "team: cloud"},
		"a namespace": {more: "kubernetes: {namespace: own}\n", filter: (*Renderer).namespaceForTest, in: "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n", want: "namespace: own"},
		"no namespace on what has none": {
			more: "kubernetes: {namespace: own}\n", filter: (*Renderer).namespaceForTest, in: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: a}\n", want: "metadata: {name: a}\n",
		},
		"a namespace that is said": {more: "kubernetes: {namespace: own}\n", filter: (*Renderer).namespaceForTest, in: "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: b}\n", want: "namespace: b"},
		"x-post-render names a service": {
			more: "x-post-render: {services: {nova-compute: [hyper/*]}}\n", filter: (*Renderer).placementForTest,
			in: pods("DaemonSet", "x", "app.kubernetes.io/name: hyper, app.kubernetes.io/component: visor", ""), want: "role.ccp.openstack.org/compute",
		},
		"x-post-render ignores": {
			more: "x-post-render: {ignore: [keystone]}\n", filter: (*Renderer).placementForTest, in: pods("Deployment", "keystone", "", "nodeSelector: {a: b}"), want: "nodeSelector: {a: b}",
		},
	}
	for title, test := range tests {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			r := forTest(t, test.more, test.placement)
			got := through(t, test.filter(r), test.in)
			if !strings.Contains(got, test.want) || test.want == "" && got != "" {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

func (r *Renderer) namespaceForTest() kio.Filter { return r.namespace(newFindings(nil)) }
func (r *Renderer) placementForTest() kio.Filter { return r.placement(newFindings(nil)) }
func (r *Renderer) removalForTest() kio.Filter   { return r.removal(newFindings(nil)) }

func TestImages(t *testing.T) {
	t.Parallel()
	digest := strings.Repeat("0123456789abcdef", 4)
	for _, test := range []struct{ more, image, want string }{
		{"registry: {address: 'mirror:5000'}\n", "docker.io/openstackhelm/nova:2024.1", "mirror:5000/openstackhelm/nova:2024.1"},
		{"registry: {address: mirror}\n", "mirror/a/nova", "mirror/a/nova"},
		{"registry: {address: mirror}\n", "redis@sha256:0123", "mirror/redis@sha256:0123"},
		{"images: {namespace: own, tag: v2}\n", "docker.io/openstackhelm/nova:2024.1", "docker.io/own/nova:v2"},
		{"images: {namespace: own, tag: v2}\n", "quay.io/airshipit/kubernetes-entrypoint:v1", "quay.io/airshipit/kubernetes-entrypoint:v1"},
		{"images: {tag: v2, image_specs: {redis: {tag: '7'}}}\n", "redis:6", "redis:7"},
		{"images: {tag: v2, image_specs: {nova: {namespace: mine}}}\n", "localhost:5000/nova", "localhost:5000/mine/nova:v2"},
		{"images: {tag: v2, image_specs: {nova: {digest: 'sha256:" + digest + "'}}}\n", "mirror/nova:2024.1", "mirror/nova@sha256:" + digest},
	} {
		r := forTest(t, test.more, "")
		once := through(t, r.images(), pods("Deployment", "x", "", "containers: [{name: a, image: '"+test.image+"'}]"))
		if !strings.Contains(once, "'"+test.want+"'") {
			t.Errorf("%s: %s became %s, want %s", test.more, test.image, once, test.want)
		}
		if twice := through(t, r.images(), once); twice != once {
			t.Errorf("%s: twice is not once: %s", test.more, twice)
		}
	}
	r := forTest(t, "registry: {address: mirror, username: u, password: p}\n", "")
	if got := through(t, r.images(), pods("Deployment", "x", "", "containers: [{name: a, image: b}]")); strings.Count(got, "imagePullSecrets") != 1 {
		t.Errorf("no pull secret: %s", got)
	}
}

func TestSettingsApply(t *testing.T) {
	t.Parallel()
	value := func(s string) *string { return &s }
	s := settings{
		"ml2": {"drivers": value("calico"), "types": value("local")}, "ovs": {"": nil}, "agent": {"tunnels": nil}, "calico": {"host": value("etcd")},
	}
	const in = "# top\n[DEFAULT]\na = 1\n\n[ml2]\n# what drives it\ndrivers: ovs,\n  l2pop\nkeep = x\n\n[ovs]\n# gone\nbridge = br\n\n# of the agent\n[agent]\nroot = sudo\ntunnels = vxlan\n"
	const want = "# top\n[DEFAULT]\na = 1\n\n[ml2]\n# what drives it\ndrivers = calico\nkeep = x\ntypes = local\n\n# of the agent\n[agent]\nroot = sudo\n\n[calico]\nhost = etcd\n"
	got := s.apply(in)
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if again := s.apply(got); again != got {
		t.Errorf("twice is not once:\n%s", again)
	}
	if got := s.apply("no ini file\n"); got != "no ini file\n" {
		t.Errorf("a file without sections became %q", got)
	}
}

func TestSplitIsTheStream(t *testing.T) {
	t.Parallel()
	for stream, want := range map[string]int{
		"": 0, "a: 1": 1, "---\n---\n": 2, "# c\n---\na: 1\n": 2, "%YAML 1.2\n---\na: 1\n": 1, "a: 1\n...\n%YAML 1.2\n---\nb: 1\n": 2,
		"a: |\n  ---\n  b\n": 1, "--- |\n text\n--- {a: 1}\n": 2, "---a: 1\n": 1, "a: 1\r\n---\r\nb: 2\r\n": 2,
	} {
		documents := split([]byte(stream))
		var whole strings.Builder
		for _, d := range documents {
			whole.Write(d.raw)
		}
		if len(documents) != want || whole.String() != stream {
			t.Errorf("%q: %d documents, want %d: %q", stream, len(documents), want, whole.String())
		}
	}
}

// Workloads of one service that part its nodes go on doing so, within its roles,
// however far from each other they stand in the stream; what all of them ask for
// goes, and what is taken away is named.
func TestWorkloadsOfOneServicePartItsNodes(t *testing.T) {
	t.Parallel()
	affinity := func(part, expressions string) string {
		return "nodeSelector: {openstack-compute-node: enabled}, affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{" + part + ": [" + expressions + "]}]}}}"
	}
	const (
		notNode3 = "{key: kubernetes.io/hostname, operator: NotIn, values: [node3]}"
		node3    = "{key: kubernetes.io/hostname, operator: In, values: [node3]}"
		ssd      = "{key: disk, operator: In, values: [ssd, nvme]}"
		role     = `{key: role.ccp.openstack.org/compute, operator: In, values: ["true"]}`
	)
	compute := func(name, spec string) string {
		return pods("DaemonSet", name, "application: nova, component: compute", spec)
	}
	far := strings.Repeat("---\napiVersion: v1\nkind: Secret\nmetadata: {name: x}\n", 2*batchSize/50)
	for title, test := range map[string]struct {
		stream  string
		want    []string
		wantNot string
		notes   []string
	}{
		"by name": {
			compute("a", affinity("matchExpressions", notNode3+", "+ssd)) + far + "---\n" + compute("b", affinity("matchExpressions", node3+", "+ssd)),
			[]string{"[" + role + ", " + notNode3 + "]", "[" + role + ", " + node3 + "]"}, "disk",
			[]string{
				"DaemonSet a): node affinity disk In nvme, ssd removed", "DaemonSet a): node selector openstack-compute-node=enabled removed",
				"DaemonSet b): node affinity disk In nvme, ssd removed",
			},
		},
		"by a label": {
			compute("a", affinity("matchExpressions", ssd)) + "---\n" + compute("b", "nodeSelector: {disk: hdd}"),
			[]string{"[" + role + ", " + ssd + "]", "nodeSelector: {disk: hdd}", "nodeSelector: {openstack-compute-node: enabled}"}, "\x00", nil,
		},
		"one alone": {
			compute("a", affinity("matchExpressions", node3)),
			[]string{"[" + role + "]"}, "hostname", []string{"node affinity kubernetes.io/hostname In node3 removed"},
		},
		"another kind": {
			compute("a", affinity("matchExpressions", node3)) + "---\n" + strings.Replace(compute("b", ""), "DaemonSet", "StatefulSet", 1),
			nil, "hostname", []string{"node affinity kubernetes.io/hostname In node3 removed"},
		},
		"a field": {
			compute("a", affinity("matchFields", "{key: metadata.name, operator: In, values: [node3]}")),
			[]string{"[" + role + "]"}, "metadata.name", []string{"node affinity metadata.name In node3 removed"},
		},
		"the node's name": {
			compute("a", "nodeName: node3"), []string{"[" + role + "]"}, "nodeName", []string{"node name node3 removed"},
		},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			r := forTest(t, "", "")
			result, err := r.Render([]byte(test.stream), "stdin")
			if err != nil {
				t.Fatal(err)
			}
			got, notes := string(result.Bytes()), strings.Join(result.Notes, "\n")
			for _, want := range test.want {
				if !strings.Contains(got, want) {
					t.Errorf("there is no %s in\n%.2000s", want, got)
				}
			}
			if strings.Contains(got, test.wantNot) {
				t.Errorf("there is %s in\n%.2000s", test.wantNot, got)
			}
			for _, want := range test.notes {
				if !strings.Contains(notes, want) {
					t.Errorf("no note says %q:\n%s", want, notes)
				}
			}
			again, err := r.Render(result.Bytes(), "stdin")
			if err != nil || string(again.Bytes()) != got || strings.Contains(strings.Join(again.Notes, "\n"), "removed") {
				t.Errorf("the second time it changes again: %v, %v", err, again.Notes)
			}
		})
	}
}

// openstack-helm's neutron has its RPC server beside the API's, and its Open
// vSwitch both servers in one pod.
func TestWorkloadsThatOpenstackHelmPartsOtherwise(t *testing.T) {
	t.Parallel()
	r := forNetwork(t, "services: {}\n", "", "openvswitch")
	stream := pods("Deployment", "neutron-rpc-server", "application: neutron, component: rpc_server, release_group: neutron", "") + "---\n" +
		pods("DaemonSet", "openvswitch", "application: openvswitch, component: server", "containers: [{name: openvswitch-db}, {name: openvswitch-vswitchd}]")
	result, err := r.Render([]byte(stream), "stdin")
	if err != nil {
		t.Fatal(err)
	}
	if got := string(result.Bytes()); !strings.Contains(got, "role.ccp.openstack.org/controller") {
		t.Errorf("neutron-rpc-server is not where neutron-server is:\n%s", got)
	}
	for _, note := range result.Notes {
		if strings.Contains(note, "no such service") || strings.Contains(note, "missing: openvswitch") {
			t.Error(note)
		}
	}
}

func TestKindsWithoutNamespaces(t *testing.T) {
	t.Parallel()
	r := forTest(t, "kubernetes: {namespace: own}\n", "")
	custom := func(group, kind string) string {
		return "apiVersion: " + group + "/v1\nkind: " + kind + "\nmetadata: {name: " + strings.ToLower(kind) + "}\n---\n"
	}
	definition := func(kind, scope string) string {
		return "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: " + strings.ToLower(kind) + "s.example.org}\n" +
			"spec: {group: example.org, scope: " + scope + ", names: {kind: " + kind + "}}\n---\n"
	}
	var stream strings.Builder
	want := map[string]bool{}
	for _, test := range []struct {
		group, kind string
		namespaced  bool
	}{
		{"example.org", "Rack", false}, {"example.org", "Car", true}, {"example.org", "ClusterThing", true}, {"other.example.org", "Rack", true},
		{"crd.projectcalico.org", "BGPPeer", false}, {"projectcalico.org", "Tier", false}, {"crd.projectcalico.org", "NetworkPolicy", true},
		{"cert-manager.io", "ClusterIssuer", false}, {"cert-manager.io", "Issuer", true}, {"cluster.x-k8s.io", "Cluster", true},
		{"rbac.authorization.k8s.io", "ClusterRole", false}, {"networking.k8s.io", "NetworkPolicy", true},
	} {
		stream.WriteString(custom(test.group, test.kind))
		want[test.group+"/"+test.kind] = test.namespaced
	}
	// A definition tells wherever it stands.
	stream.WriteString(strings.Repeat(custom("example.org", "Car"), batchSize/40) + definition("Rack", "Cluster") + definition("ClusterThing", "Namespaced"))
	result, err := r.Render([]byte(stream.String()), "stdin")
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range split(result.Bytes()) {
		tree, err := document.parse()
		if err != nil || tree == nil {
			continue
		}
		object := tree.Content[0]
		group, _, _ := strings.Cut(text(object, "apiVersion"), "/")
		kind := text(object, "kind")
		if namespaced, asked := want[group+"/"+kind]; asked && (text(object, "metadata", "namespace") == "own") != namespaced {
			t.Errorf("%s of %s: %s", kind, group, document.raw)
		}
	}
}

// What somebody has set for the network that is chosen stays, also where the file
// that tells stands far away; on the way to the other one it goes.
func TestSettingsOfTheChosenNetworkStay(t *testing.T) {
	t.Parallel()
	const neutron = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: neutron-etc}\ndata:\n" +
		"  neutron.conf: |\n    [DEFAULT]\n    core_plugin = ml2\n    l3_ha = true\n    service_plugins = router,qos,trunk\n" +
		"  ml2_conf.ini: |\n    [ml2]\n    mechanism_drivers = openvswitch, l2population\n    [ml2_type_flat]\n    flat_networks = external\n"
	const nova = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: nova-etc}\ndata:\n  nova.conf: |\n    [neutron]\n    ovs_bridge = br-int\n"
	far := strings.Repeat("---\napiVersion: v1\nkind: Secret\nmetadata: {name: x}\n", 2*batchSize/50)
	stream := nova + far + "---\n" + neutron
	for network, stays := range map[string]bool{"openvswitch": true, "calico": false} {
		r := forNetwork(t, "services: {}\n", "", network)
		result, err := r.Render([]byte(stream), "stdin")
		if err != nil {
			t.Fatal(err)
		}
		got := string(result.Bytes())
		for _, text := range []string{"l3_ha = true", "router,qos,trunk", "openvswitch, l2population", "flat_networks = external"} {
			if strings.Contains(got, text) != stays {
				t.Errorf("%s: %q is there: %t, want %t", network, text, !stays, stays)
			}
		}
		if stays && strings.Contains(got, "service_metadata_proxy") {
			t.Errorf("%s: an option more in nova.conf", network)
		}
	}
}

func TestObjectsThatKustomizeCantTake(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/kustomization.yaml", []byte("commonAnnotations: {seen: by-kustomize}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := forTest(t, "kubernetes: {namespace: ccp}\n", "")
	r.opts.Kustomization = dir
	const job = "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: nova-}\n"
	const hook = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: keystone, annotations: {helm.sh/hook: pre-install}}\n"
	stream := hook + "---\n" + job + "---\n" + strings.Replace(hook, ", annotations: {helm.sh/hook: pre-install}", "", 1)
	result, err := r.Render([]byte(stream), "stdin")
	if err != nil {
		t.Fatal(err)
	}
	got, notes := string(result.Bytes()), strings.Join(result.Notes, "\n")
	if strings.Count(got, "kind: ConfigMap") != 2 || strings.Count(got, "generateName: nova-") != 1 || strings.Count(got, "by-kustomize") != 1 || strings.Count(got, "namespace: ccp") != 3 {
		t.Errorf("want all three objects, one of them through kustomize, got\n%s", got)
	}
	for _, note := range []string{"document 2 (Job): led around the kustomization: it has no name", "document 1 (ConfigMap keystone): led around the kustomization: there is another one"} {
		if !strings.Contains(notes, note) {
			t.Errorf("no note says %q: %s", note, notes)
		}
	}
}

// Kustomizations work as over the same stream with kustomize, and lose nothing
// without a word.
func TestKustomizations(t *testing.T) {
	t.Parallel()
	const service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: keystone}\nspec: {ports: [{port: 5000}]}\n"
	stream := pods("Deployment", "keystone", "", "containers: [{name: a, image: \"a:1\"}]") + service
	const patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: keystone}\nspec: {paused: true}\n"
	for title, test := range map[string]struct {
		files   map[string]string
		note    string
		objects int
		fails   string
	}{
		"a patch without a namespace": {files: map[string]string{"kustomization.yaml": "patches: [{path: p.yaml}]\n", "p.yaml": patch}, objects: 2},
		"a patch with the namespace": {
			files:   map[string]string{"kustomization.yaml": "patches: [{path: p.yaml}]\n", "p.yaml": strings.Replace(patch, "keystone}", "keystone, namespace: ccp}", 1)},
			objects: 2,
		},
		"resources of nothing":         {files: map[string]string{"kustomization.yaml": "resources:\npatches: [{path: p.yaml}]\n", "p.yaml": patch}, objects: 2},
		"the stream as a resource":     {files: map[string]string{"kustomization.yaml": "resources: [all.yaml]\npatches: [{path: p.yaml}]\n", "p.yaml": patch}, objects: 2},
		"the stream under its name":    {files: map[string]string{"kustomization.yaml": "resources: [cm.yaml, helm-output.yml]\npatches: [{path: p.yaml}]\n", "p.yaml": patch, "cm.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cm}\n"}, objects: 3},
		"a deletion":                   {files: map[string]string{"kustomization.yaml": "patches:\n  - {path: p.yaml}\n  - patch: '{apiVersion: v1, kind: Service, metadata: {name: keystone}, $patch: delete}'\n", "p.yaml": patch}, objects: 1, note: "document 2 (Service keystone): deleted by the kustomization"},
		"a patch of nothing":           {files: map[string]string{"kustomization.yaml": "patches: [{path: p.yaml}]\n", "p.yaml": strings.Replace(patch, "keystone}", "other}", 1)}, fails: "no matches for Id"},
		"two files that are not there": {files: map[string]string{"kustomization.yaml": "resources: [a.yaml, b.yaml]\n"}, fails: "a.yaml"},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, text := range test.files {
				if err := os.WriteFile(dir+"/"+name, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			r := forTest(t, "kubernetes: {namespace: ccp}\n", "")
			r.opts.Kustomization = dir
			result, err := r.Render([]byte(stream), "stdin")
			if test.fails != "" {
				if err == nil || !strings.Contains(err.Error(), test.fails) {
					t.Errorf("error %v, want %q", err, test.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := string(result.Bytes())
			if n := strings.Count(got, "kind: "); n != test.objects || strings.Count(got, "namespace: ccp") != test.objects || !strings.Contains(got, "paused: true") {
				t.Errorf("want %d objects, all in ccp, and the patch, got\n%s", test.objects, got)
			}
			if notes := strings.Join(result.Notes, "\n"); !strings.Contains(notes, test.note) {
				t.Errorf("no note says %q: %s", test.note, notes)
			}
		})
	}
}
