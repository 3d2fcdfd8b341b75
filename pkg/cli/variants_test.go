package cli_test

import (
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/selection"

	"github.com/helm-ccp/helm-ccp/pkg/topology"
)

// overriding has node groups that overlap: node3 is in two of them.
const overriding = `roles:
  controller: [mariadb, rabbitmq, memcached, keystone, neutron-server, nova-api, nova-conductor, nova-scheduler, glance-api]
  compute: [nova-compute, nova-libvirt]
  agents: [neutron-metadata-agent]
configs: {neutron: {plugin_agent: calico}, nova: {virt_type: kvm}}
nodes:
  node1: {roles: [controller, agents]}
  node[2-5]: {roles: [compute]}
  node[3-4]: {configs: {nova: {virt_type: qemu}}}
  node3: {configs: {nova: {debug: true}}}
  node1$: {configs: {keystone: {debug: true}}}
`

// virtTypes is what each node's nova-compute has to be configured with.
var virtTypes = map[string]string{"node2": "kvm", "node3": "qemu debug", "node4": "qemu", "node5": "kvm"}

// Each compute node gets exactly one nova-compute, the one with its own
// configuration, by the labels that label-nodes gives it or by its name, and
// whether or not the nodes were known when the chart was made.
func TestOverridesGiveOneWorkloadEach(t *testing.T) {
	t.Parallel()
	nodes := write(t, "nodes.txt", "node1\nnode2\nnode3\nnode4\nnode5\n")
	for title, args := range map[string][]string{
		"labels":                      {"--nodes", nodes},
		"labels, the nodes not known": {},
		"host names":                  {"--nodes", nodes, "--placement", "hostname"},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			file := write(t, "ccp.yaml", overriding)
			objects := decode(t, ok(t, append([]string{"template", "-f", file}, args...)...).stdout)
			for node, want := range virtTypes {
				var matching []*appsv1.DaemonSet
				for _, object := range objects {
					if d, is := object.(*appsv1.DaemonSet); is && strings.HasPrefix(d.Name, "nova-compute") && accepts(t, d.Spec.Template.Spec.Affinity, labelsOf(node)) {
						matching = append(matching, d)
					}
				}
				if len(matching) != 1 {
					t.Errorf("%s: %d workloads accept it", node, len(matching))
					continue
				}
				if got := novaSettings(t, objects, matching[0]); got != want {
					t.Errorf("%s: its nova.conf says %q, want %q", node, got, want)
				}
			}
		})
	}
}

// labelsOf are the labels of a node, as the hook that labels nodes sets them.
func labelsOf(node string) labels.Set {
	matcher, err := topology.NewMatcher([]topology.Group{
		{Pattern: "node1", Roles: []string{"controller", "agents"}},
		{Pattern: "node[2-5]", Roles: []string{"compute"}},
		{Pattern: "node[3-4]", Overrides: true},
		{Pattern: "node3", Overrides: true},
		{Pattern: "node1$", Overrides: true},
	}, topology.Whole)
	if err != nil {
		panic(err)
	}
	roles, set, err := matcher.Labels(node)
	if err != nil {
		panic(err)
	}
	out := labels.Set{"kubernetes.io/hostname": node}
	for _, role := range roles {
		out["role.ccp.openstack.org/"+role] = "true"
	}
	if set != "" {
		out["config.ccp.openstack.org/overrides"] = set
	}
	return out
}

// accepts says whether the scheduler would let a pod onto a node.
func accepts(t *testing.T, affinity *corev1.Affinity, node labels.Set) bool {
	t.Helper()
	return slices.ContainsFunc(affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms, func(term corev1.NodeSelectorTerm) bool {
		for _, e := range term.MatchExpressions {
			operator := map[corev1.NodeSelectorOperator]selection.Operator{corev1.NodeSelectorOpIn: selection.In, corev1.NodeSelectorOpNotIn: selection.NotIn}[e.Operator]
			requirement, err := labels.NewRequirement(e.Key, operator, e.Values)
			if err != nil {
				t.Fatal(err)
			}
			if !requirement.Matches(node) {
				return false
			}
		}
		return true
	})
}

// novaSettings is what a nova-compute's nova.conf says of virt_type and debug.
func novaSettings(t *testing.T, objects []runtime.Object, d *appsv1.DaemonSet) string {
	t.Helper()
	for _, volume := range d.Spec.Template.Spec.Volumes {
		if volume.ConfigMap == nil {
			continue
		}
		config := find(t, objects, "ConfigMap "+volume.ConfigMap.Name).(*corev1.ConfigMap).Data["nova.conf"]
		var said []string
		for line := range strings.Lines(config) {
			if value, is := strings.CutPrefix(strings.TrimSpace(line), "virt_type = "); is {
				said = append(said, value)
			}
			if strings.TrimSpace(line) == "debug = true" {
				said = append(said, "debug")
			}
		}
		slices.Sort(said)
		slices.Reverse(said)
		return strings.Join(said, " ")
	}
	return ""
}

// Two databases: keystone has its own, the rest share the other.
func TestInstances(t *testing.T) {
	t.Parallel()
	file := write(t, "ccp.yaml", `services:
  database: {service_def: galera}
  keystone-db: {service_def: mariadb}
  keystone: {service_def: keystone, mapping: {database: keystone-db}}
roles: {controller: [database, keystone-db, keystone, glance-api, rabbitmq, memcached]}
nodes: {node1: {roles: [controller]}, node2: {roles: [controller]}, node3: {roles: [controller]}}
replicas: {database: 3}
`)
	manifests := ok(t, "template", "-f", file).stdout
	objects := decode(t, manifests)
	if got := *find(t, objects, "StatefulSet database").(*appsv1.StatefulSet).Spec.Replicas; got != 3 {
		t.Errorf("database has %d replicas, want 3", got)
	}
	find(t, objects, "StatefulSet keystone-db")
	find(t, objects, "Service keystone-db")
	for _, want := range []string{"@keystone-db:3306/keystone", "@database:3306/glance"} {
		if !strings.Contains(manifests, want) {
			t.Errorf("nobody connects to %s", want)
		}
	}
}
