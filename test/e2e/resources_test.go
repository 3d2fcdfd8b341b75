package e2e

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// kinds are the kinds of calico3, by their plurals.
var kinds = map[string]string{
	"bgpconfigurations": "BGPConfiguration", "bgpfilters": "BGPFilter", "bgppeers": "BGPPeer",
	"clusterinformations": "ClusterInformation", "felixconfigurations": "FelixConfiguration", "ippools": "IPPool",
}

// etcdResources are Calico's resources in etcd.
type etcdResources struct{}

const resourcesPrefix = "/calico/resources/v3/projectcalico.org/"

func (etcdResources) put(t *testing.T, name, spec string) {
	t.Helper()
	plural, single, _ := strings.Cut(name, "/")
	etcdctl(t, 3, marshal(t, object{
		"kind": kinds[plural], "apiVersion": "projectcalico.org/v3",
		"metadata": object{"name": single, "uid": "6d0bc5d8-4fa1-4a41-8d4c-1f3a5e2a7c10", "creationTimestamp": "2026-01-01T00:00:00Z"},
		"spec":     decode(t, spec),
	}), "put", resourcesPrefix+name)
}

func (etcdResources) specs(t *testing.T) map[string]any {
	t.Helper()
	specs := map[string]any{}
	lines := strings.Split(etcdctl(t, 3, "", "get", "--prefix", resourcesPrefix), "\n")
	for pair := range slices.Chunk(lines, 2) {
		specs[strings.TrimPrefix(pair[0], resourcesPrefix)] = decode(t, pair[1]).(object)["spec"]
	}
	return specs
}

// customResources are Calico's resources in the Kubernetes API, in the group.
type customResources string

// newCustomResources installs the definitions of Calico's resources, Calico
// 3.30's own. Those of the group projectcalico.org, which no module brings, are
// the same with the other group and version.
func newCustomResources(t *testing.T, group string) customResources {
	t.Helper()
	manifests, err := os.ReadFile(repository("bin/calico.yaml"))
	if err != nil {
		t.Fatal("run make bin/calico.yaml: ", err)
	}
	var definitions []string
	for _, document := range documents(string(manifests)) {
		plural, _, _ := strings.Cut(field(document, "  name"), ".")
		if field(document, "kind") == "CustomResourceDefinition" && kinds[plural] != "" {
			definitions = append(definitions, document)
		}
	}
	if len(definitions) != len(kinds) {
		t.Fatalf("there are %d definitions, want %d", len(definitions), len(kinds))
	}
	list, version := strings.Join(definitions, "\n---\n"), "v1"
	if group == "projectcalico.org" {
		version = "v3"
		list = strings.NewReplacer("crd.projectcalico.org", group, "\n  - name: v1\n", "\n  - name: v3\n").Replace(list)
	}
	t.Cleanup(func() { run(t, list, "kubectl", "delete", "--ignore-not-found", "-f", "-") })
	run(t, list, "kubectl", "apply", "-f", "-")
	run(t, list, "kubectl", "wait", "--for=condition=Established", "--timeout=1m", "-f", "-")
	return customResources(group + "/" + version)
}

func (c customResources) put(t *testing.T, name, spec string) {
	t.Helper()
	plural, single, _ := strings.Cut(name, "/")
	run(t, marshal(t, object{
		"apiVersion": string(c), "kind": kinds[plural], "metadata": object{"name": single}, "spec": decode(t, spec),
	}), "kubectl", "create", "-f", "-")
}

func (c customResources) specs(t *testing.T) map[string]any {
	t.Helper()
	group, _, _ := strings.Cut(string(c), "/")
	specs := map[string]any{}
	for _, plural := range slices.Sorted(maps.Keys(kinds)) {
		list := get[struct {
			Items []struct {
				Metadata struct{ Name string }
				Spec     any
			}
		}](t, plural+"."+group)
		for _, item := range list.Items {
			specs[plural+"/"+item.Metadata.Name] = item.Spec
		}
	}
	return specs
}
