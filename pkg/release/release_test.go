package release

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/action"
	helmchart "helm.sh/helm/v3/pkg/chart"
	helmrelease "helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage"
	"helm.sh/helm/v3/pkg/storage/driver"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/helm-ccp/helm-ccp/pkg/chart"
)

func TestAddKeys(t *testing.T) {
	t.Parallel()
	secret := func(kind corev1.SecretType, data map[string]string) *corev1.Secret {
		s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "s", Namespace: "ccp"}, Type: kind, StringData: data, Data: map[string][]byte{}}
		for key, value := range data {
			s.Data[key] = []byte(value)
		}
		return s
	}
	for name, test := range map[string]struct {
		kind         corev1.SecretType
		found, given map[string]string
		changed      bool
		fails        bool
	}{
		"the same":            {corev1.SecretTypeOpaque, map[string]string{"a": "1", "b": "2"}, map[string]string{"a": "1"}, false, false},
		"one more":            {corev1.SecretTypeOpaque, map[string]string{"a": "1"}, map[string]string{"b": "2"}, true, false},
		"an empty one":        {corev1.SecretTypeOpaque, map[string]string{"a": ""}, map[string]string{"a": "1"}, true, false},
		"another password":    {corev1.SecretTypeOpaque, map[string]string{"a": "old-one"}, map[string]string{"a": "new-one"}, false, true},
		"another registry's":  {corev1.SecretTypeDockerConfigJson, map[string]string{"a": "1"}, map[string]string{"a": "2"}, true, false},
		"a Secret of nothing": {corev1.SecretTypeOpaque, nil, map[string]string{"a": "1"}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := secret(test.kind, test.found)
			changed, err := addKeys(found, secret(test.kind, test.given))
			if changed != test.changed || (err != nil) != test.fails {
				t.Errorf("changed %v, %v", changed, err)
			}
			if err != nil && strings.Contains(err.Error(), "-one") {
				t.Errorf("the error tells a password: %v", err)
			}
			if err == nil && string(found.Data["a"]) != found.StringData["a"] && string(found.Data["a"]) != test.given["a"] {
				t.Errorf("data %q", found.Data)
			}
		})
	}
}

const deployed = `
apiVersion: v1
kind: ConfigMap
metadata: {name: nova, labels: {app.kubernetes.io/name: nova, app.kubernetes.io/component: nova}}
data: {old: "yes"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: nova-api, labels: {app.kubernetes.io/name: nova, app.kubernetes.io/component: nova-api}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: keystone, labels: {app.kubernetes.io/name: keystone, app.kubernetes.io/component: keystone}}
spec: {old: true}
---
apiVersion: batch/v1
kind: Job
metadata: {name: keystone-db-sync-1, labels: {app.kubernetes.io/name: keystone, app.kubernetes.io/component: keystone-db-sync}}
`

const wanted = `
apiVersion: v1
kind: ConfigMap
metadata: {name: nova, labels: {app.kubernetes.io/name: nova, app.kubernetes.io/component: nova}}
data: {new: "yes"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: nova-api, labels: {app.kubernetes.io/name: nova, app.kubernetes.io/component: nova-api}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: nova-conductor, labels: {app.kubernetes.io/name: nova, app.kubernetes.io/component: nova-conductor}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: keystone, labels: {app.kubernetes.io/name: keystone, app.kubernetes.io/component: keystone}}
spec: {new: true}
---
apiVersion: batch/v1
kind: Job
metadata: {name: ccp-credentials, labels: {app.kubernetes.io/name: openstack, app.kubernetes.io/component: ccp-credentials}}
`

// A part changes what is its own; the rest stays as it was, and what was not
// there is not made.
func TestPartial(t *testing.T) {
	t.Parallel()
	part := &chart.Part{Services: []string{"nova-api"}, Others: []string{"keystone", "nova-conductor"}, Charts: []string{"nova", "openstack"}, Needs: []string{"keystone", "mariadb"}}
	out, err := partial{part, deployed}.Run(bytes.NewBufferString(wanted))
	if err != nil {
		t.Fatal(err)
	}
	found, err := objects(out.String())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range found {
		names = append(names, o.String())
	}
	if got, want := strings.Join(names, " "), "ConfigMap/nova Deployment/nova-api Job/ccp-credentials Deployment/keystone Job/keystone-db-sync-1"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if text := out.String(); strings.Contains(text, "old: \"yes\"") || !strings.Contains(text, "spec: {old: true}") {
		t.Errorf("the wrong versions:\n%s", text)
	}
	if absent, err := missing(part, out.String()); err != nil || len(absent) != 1 || absent[0] != "mariadb" {
		t.Errorf("missing: %v, %v", absent, err)
	}
}

func TestSwitches(t *testing.T) {
	t.Parallel()
	with := func(backend string) *helmchart.Chart {
		return &helmchart.Chart{Metadata: &helmchart.Metadata{Name: "openstack"}, Values: map[string]any{"global": map[string]any{"network": map[string]any{"backend": backend}}}}
	}
	last := &helmrelease.Release{Chart: with("calico"), Manifest: deployed}
	if refused, err := switches(Deployment{Chart: with("calico")}, last, wanted); refused != nil || err != nil {
		t.Errorf("the same network: %v, %v", refused, err)
	}
	refused, err := switches(Deployment{Chart: with("openvswitch")}, last, "")
	if err != nil || refused == nil {
		t.Fatalf("another network: %v, %v", refused, err)
	}
	for _, text := range []string{"network calico", "to openvswitch", "Deployment/nova-api", "--force-network-switch"} {
		if !strings.Contains(refused.Error(), text) {
			t.Errorf("no %q in %v", text, refused)
		}
	}
	if strings.Contains(refused.Error(), "Job/") {
		t.Errorf("a Job is no loss: %v", refused)
	}
}

func TestRolesOf(t *testing.T) {
	t.Parallel()
	values := map[string]any{
		"global": map[string]any{"placement": "label", "network": map[string]any{"backend": "openvswitch"}},
		"label_nodes": map[string]any{
			"match": "whole", "idle_roles": map[string]any{"openvswitch": []any{"calico"}},
			"nodes": []any{map[string]any{"pattern": "node1", "roles": []any{"controller", "calico"}}},
		},
	}
	release := &helmrelease.Release{Chart: &helmchart.Chart{Metadata: &helmchart.Metadata{Name: "openstack"}, Values: values}}
	roles, err := rolesOf(release)
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := roles.Labels("node1"); err != nil || len(got) != 1 || got[0] != "controller" {
		t.Errorf("node1 has %v (%v)", got, err)
	}
	release.Config = map[string]any{"global": map[string]any{"placement": "hostname"}}
	if roles, err := rolesOf(release); roles != nil || err != nil {
		t.Errorf("by hostname: %v, %v", roles, err)
	}
}

func TestShell(t *testing.T) {
	t.Parallel()
	got := Shell(map[string]string{"OS_USERNAME": "admin", "OS_PASSWORD": `it's $HOME`})
	if want := "export OS_PASSWORD='it'\\''s $HOME'\nexport OS_USERNAME='admin'\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A cleanup leaves the namespace to the other releases in it, also when the name
// that it is given is a wrong one.
func TestOtherNames(t *testing.T) {
	t.Parallel()
	config := &action.Configuration{Releases: storage.Init(driver.NewMemory())}
	for _, name := range []string{"ccp", "logging"} {
		if err := config.Releases.Create(&helmrelease.Release{Name: name, Version: 1, Info: &helmrelease.Info{Status: helmrelease.StatusDeployed}}); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"ccp": "logging", "cpc": "ccp logging"} {
		if got, err := otherNames(config, name); err != nil || strings.Join(got, " ") != want {
			t.Errorf("beside %s: %v, %v", name, got, err)
		}
	}
}

// What stays on the nodes is told of the services that ran.
func TestLeftovers(t *testing.T) {
	t.Parallel()
	web := &helmchart.Chart{Metadata: &helmchart.Metadata{Name: "web"}, Files: []*helmchart.File{{Name: "services.yaml", Data: []byte(`
services:
  tap: {workload: DaemonSet, leaves_on_node: [/var/lib/tap, a bridge], of_another_version: true}
  plug: {workload: DaemonSet, leaves_on_node: [/var/lib/tap]}
  other: {workload: DaemonSet, leaves_on_node: [/var/lib/other]}
`)}}}
	umbrella := &helmchart.Chart{Metadata: &helmchart.Metadata{Name: "openstack"}}
	umbrella.AddDependency(web)
	daemonSet := func(component, chart string) string {
		return "---\nkind: DaemonSet\nmetadata: {name: " + component + ", labels: {app.kubernetes.io/component: " + component + ", app.kubernetes.io/name: " + chart + "}}\n"
	}
	release := &helmrelease.Release{Chart: umbrella, Manifest: daemonSet("tap-ab12", "web") + daemonSet("plug", "web") + daemonSet("other", "else")}
	got, err := leftovers(release)
	if want := []string{"/var/lib/tap (of plug, tap)", "a bridge (of tap)"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q (%v), want %q", got, err, want)
	}
}
