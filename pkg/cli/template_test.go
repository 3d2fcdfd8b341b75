package cli_test

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

var update = flag.Bool("update", false, "write the golden files")

// namesOf finds any mention of the other network.
var namesOf = map[string]*regexp.Regexp{
	"calico":      regexp.MustCompile(`(?i).*calico.*`),
	"openvswitch": regexp.MustCompile(`(?i).*(openvswitch|ovs|vswitchd|l3-agent|l3_agent|neutron-dhcp-agent).*`),
}

func TestGuideOnCalico(t *testing.T) {
	t.Parallel()
	manifests := ok(t, "template", "-f", example).stdout
	if found := namesOf["openvswitch"].FindString(manifests); found != "" {
		t.Errorf("Open vSwitch is mentioned: %s", found)
	}
	objects := decode(t, manifests)
	for object, role := range map[string]string{
		"DaemonSet calico-dhcp-agent": "calico",
		"DaemonSet nova-compute":      "compute",
		"Deployment neutron-server":   "controller",
		"Deployment placement-api":    "controller",
	} {
		if got := place(find(t, objects, object)); got != role {
			t.Errorf("%s is placed on %q, want the role %q", object, got, role)
		}
	}
	find(t, objects, "Service etcd-k8s")
	find(t, objects, "EndpointSlice etcd-k8s-ipv4")
}

func TestGuideOnOpenvswitch(t *testing.T) {
	t.Parallel()
	manifests := ok(t, "template", "-f", example, "--network", "openvswitch").stdout
	if found := namesOf["calico"].FindString(manifests); found != "" {
		t.Errorf("Calico is mentioned: %s", found)
	}
	objects := decode(t, manifests)
	for _, service := range []string{"openvswitch-db", "openvswitch-vswitchd", "neutron-openvswitch-agent", "neutron-dhcp-agent", "neutron-l3-agent", "neutron-metadata-agent"} {
		find(t, objects, "DaemonSet "+service)
	}
	if got := place(find(t, objects, "DaemonSet neutron-openvswitch-agent")); got != "compute | neutron-agents" {
		t.Errorf("neutron-openvswitch-agent is placed on %q", got)
	}
}

type topologyJSON struct {
	Network, Release string
	Nodes            map[string][]string
	Services         map[string]struct {
		Chart, Workload string
		Replicas        int
		Roles, Nodes    []string
	}
	Dropped []struct{ Service, Reason string }
}

func TestGuideTopology(t *testing.T) {
	t.Parallel()
	controller := []string{
		"etcd", "glance-api", "glance-registry", "heat-api", "heat-engine", "horizon", "keystone", "mariadb", "memcached",
		"neutron-server", "nova-api", "nova-conductor", "nova-consoleauth", "nova-novncproxy", "nova-scheduler", "rabbitmq",
	}
	for release, gone := range map[string][]string{"newton": nil, "stein": nil, "zed": {"glance-registry", "nova-consoleauth"}} {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			r := ok(t, "topology", "-f", example, "--nodes", threeNodes(t), "-o", "json", "--openstack-release", release)
			var got topologyJSON
			if err := json.Unmarshal([]byte(r.stdout), &got); err != nil {
				t.Fatal(err)
			}
			if got.Network != "calico" || got.Release != release {
				t.Errorf("network %s, release %s", got.Network, got.Release)
			}
			for _, service := range controller {
				placed, there := slices.Contains(got.Nodes["node1"], service), !slices.Contains(gone, service)
				if placed != there {
					t.Errorf("%s on node1: %v, want %v", service, placed, there)
				}
				if said := strings.Contains(r.stderr, "dropped: "+service+":"); said == there {
					t.Errorf("standard error names %s as dropped: %v\n%s", service, said, r.stderr)
				}
			}
			for node, want := range map[string][]string{"node2": {"calico-dhcp-agent", "nova-compute", "nova-libvirt", "nova-metadata"}, "node3": {"calico-dhcp-agent", "nova-compute", "nova-libvirt", "nova-metadata"}} {
				if !slices.Equal(got.Nodes[node], want) {
					t.Errorf("%s has %v, want %v", node, got.Nodes[node], want)
				}
			}
			if agent := "dropped: neutron-metadata-agent: network backend calico does not use it (openvswitch only)"; !strings.Contains(r.stderr, agent) {
				t.Errorf("standard error lacks %q:\n%s", agent, r.stderr)
			}
			if len(got.Dropped) != len(gone)+1 {
				t.Errorf("dropped: %v", got.Dropped)
			}
			if s := got.Services["mariadb"]; s.Chart != "mariadb" || s.Workload != "StatefulSet" || s.Replicas != 1 || !slices.Equal(s.Roles, []string{"controller"}) || !slices.Equal(s.Nodes, []string{"node1"}) {
				t.Errorf("mariadb: %+v", s)
			}
		})
	}
}

// Every object that any network and release renders is one that the
// Kubernetes API knows, field by field, and its pods keep the house's rules.
func TestObjects(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"calico", "openvswitch"} {
		for _, release := range []string{"newton", "queens", "stein", "zed", "2026.1"} {
			for _, placement := range []string{"label", "hostname"} {
				t.Run(strings.Join([]string{network, release, placement}, "/"), func(t *testing.T) {
					t.Parallel()
					r := ok(t, "template", "-f", example, "--network", network, "--openstack-release", release, "--placement", placement, "--nodes", threeNodes(t))
					for _, object := range decode(t, r.stdout) {
						if name(object) == "Secret" {
							t.Errorf("%s is rendered", name(object))
						}
						checkPod(t, object)
						checkPlacementRules(t, object)
					}
				})
			}
		}
	}
}

// checkPod checks a pod's containers: requests, an image with a tag, and no
// privilege without the host's network.
func checkPod(t *testing.T, object runtime.Object) {
	spec := podSpec(object)
	if spec == nil {
		return
	}
	for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
		if c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() {
			t.Errorf("%s: container %s has no requests", name(object), c.Name)
		}
		if !strings.Contains(c.Image, ":") {
			t.Errorf("%s: container %s: image %q has no tag", name(object), c.Name, c.Image)
		}
		if sc := c.SecurityContext; sc == nil || !spec.HostNetwork && !hardened(sc) {
			t.Errorf("%s: container %s may more than it needs", name(object), c.Name)
		}
	}
}

// checkPlacementRules checks what the first ccp did for every workload: one
// with hostNetwork or anti-affinity updates without a surge, and a Job runs
// only on nodes that take part (a hook Job comes before nodes are labelled).
func checkPlacementRules(t *testing.T, object runtime.Object) {
	switch o := object.(type) {
	case *appsv1.Deployment:
		pod := o.Spec.Template.Spec
		apart := pod.HostNetwork || pod.Affinity != nil && pod.Affinity.PodAntiAffinity != nil
		if update := o.Spec.Strategy.RollingUpdate; apart && o.Spec.Strategy.Type != appsv1.RecreateDeploymentStrategyType &&
			(update == nil || update.MaxSurge.String() != "0" || update.MaxUnavailable.String() != "50%") {
			t.Errorf("%s: strategy %+v, want maxSurge 0, maxUnavailable 50%%", name(object), o.Spec.Strategy)
		}
	case *batchv1.Job:
		if o.Annotations["helm.sh/hook"] == "" && place(object) == "" {
			t.Errorf("%s may run anywhere", name(object))
		}
	}
}

func hardened(sc *corev1.SecurityContext) bool {
	return sc.ReadOnlyRootFilesystem != nil && *sc.ReadOnlyRootFilesystem &&
		sc.AllowPrivilegeEscalation != nil && !*sc.AllowPrivilegeEscalation &&
		sc.Capabilities != nil && slices.Equal(sc.Capabilities.Drop, []corev1.Capability{"ALL"})
}

// The objects of the guide's deployment with their places, and Neutron's
// configuration, are what the switch is about: they are written out.
func TestGolden(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"calico", "openvswitch"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			var lines []string
			var files strings.Builder
			for _, object := range decode(t, ok(t, "template", "-f", example, "--network", network).stdout) {
				lines = append(lines, strings.TrimSpace(name(object)+"  "+place(object)))
				if config, is := object.(*corev1.ConfigMap); is && config.Name == "neutron" {
					for _, file := range []string{"neutron.conf", "ml2_conf.ini"} {
						files.WriteString("\n== " + file + "\n" + config.Data[file] + "\n")
					}
				}
			}
			slices.Sort(lines)
			golden(t, network+".golden", strings.Join(lines, "\n")+"\n"+files.String())
		})
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
		t.Errorf("%s differs (go test ./pkg/cli -run TestGolden -update writes it); got\n%s", file, got)
	}
}

// helm3 is the real client, built by make.
func helm3(t *testing.T, args ...string) string {
	t.Helper()
	binary := os.Getenv("CCP_HELM3")
	if binary == "" {
		binary = "../../bin/helm3"
	}
	if _, err := os.Stat(binary); err != nil {
		t.Fatalf("%v: make bin/helm3 builds it", err)
	}
	cmd := exec.Command(binary, args...)
	home := t.TempDir()
	cmd.Env = append(os.Environ(), "HELM_CONFIG_HOME="+home, "HELM_CACHE_HOME="+home, "HELM_DATA_HOME="+home)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("helm %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

// `ccp template` prints what the real helm prints for the generated chart, and
// the one value switches the network there as --network does here.
func TestTemplateIsHelmTemplate(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "openstack")
	ok(t, "generate", "-f", example, "-o", dir)
	for _, network := range []string{"calico", "openvswitch"} {
		ours := ok(t, "template", "-f", example, "--network", network).stdout
		theirs := helm3(t, "template", "ccp", dir, "--namespace", "ccp", "--set", "global.network.backend="+network)
		if ours != theirs {
			t.Errorf("%s: ccp template and helm template differ (%d and %d bytes)", network, len(ours), len(theirs))
		}
	}
}

func TestSameBytesTwice(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"template", "values", "topology"} {
		if first, second := ok(t, verb, "-f", example), ok(t, verb, "-f", example); first != second {
			t.Errorf("ccp %s: two runs differ", verb)
		}
	}
	var trees [2]map[string]string
	for i := range trees {
		dir := filepath.Join(t.TempDir(), "openstack")
		ok(t, "generate", "-f", example, "-o", dir)
		trees[i] = readTree(t, dir)
	}
	for file := range trees[0] {
		if trees[0][file] != trees[1][file] {
			t.Errorf("%s differs", file)
		}
	}
}

func readTree(t *testing.T, dir string) map[string]string {
	t.Helper()
	tree := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		tree[strings.TrimPrefix(path, dir+"/")] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}
