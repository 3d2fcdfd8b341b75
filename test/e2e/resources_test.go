package e2e

import (
	"maps"
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

// newCustomResources installs definitions of Calico's resources. They are not
// Calico's own, which no module brings: of the fields only those that ccp-hook
// writes have their types, the rest is taken as it comes.
func newCustomResources(t *testing.T, group string) customResources {
	t.Helper()
	rules := object{"type": "array", "items": object{
		"type": "object", "required": []string{"action"}, "x-kubernetes-preserve-unknown-fields": true,
		"properties": object{
			"action": object{"type": "string", "enum": []string{"Accept", "Reject"}},
			"cidr":   object{"type": "string"}, "interface": object{"type": "string"},
		},
	}}
	fields := map[string]object{
		"bgpfilters": {"exportV4": rules, "exportV6": rules, "importV4": rules, "importV6": rules},
		"bgppeers":   {"filters": object{"type": "array", "items": object{"type": "string"}}},
		"felixconfigurations": {"reportingInterval": object{
			"type": "string", "pattern": `^([0-9]+(\.[0-9]+)?(ms|s|m|h))*$`,
		}},
		"ippools": {"cidr": object{"type": "string"}, "disabled": object{"type": "boolean"}},
	}
	version := map[string]string{"crd.projectcalico.org": "v1", "projectcalico.org": "v3"}[group]
	var definitions []object
	for plural, kind := range kinds {
		spec := object{"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": fields[plural]}
		definitions = append(definitions, object{
			"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
			"metadata": object{"name": plural + "." + group},
			"spec": object{
				"group": group, "scope": "Cluster",
				"names": object{"kind": kind, "listKind": kind + "List", "plural": plural, "singular": strings.ToLower(kind)},
				"versions": []object{{
					"name": version, "served": true, "storage": true,
					"schema": object{"openAPIV3Schema": object{"type": "object", "properties": object{"spec": spec}}},
				}},
			},
		})
	}
	list := marshal(t, object{"apiVersion": "v1", "kind": "List", "items": definitions})
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
