package cli_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/helm-ccp/helm-ccp/charts"
	"github.com/helm-ccp/helm-ccp/pkg/catalog"
	"github.com/helm-ccp/helm-ccp/pkg/chart"
)

// A ccp.yaml that gives every password there is: none of them is seen
// anywhere but in the output of `ccp secret`.
func TestPasswordsGoToSecretsOnly(t *testing.T) {
	t.Parallel()
	cat, err := catalog.Load(charts.FS)
	if err != nil {
		t.Fatal(err)
	}
	text := "registry: {address: 'registry.example:5000', username: puller, password: hidden-registry-0}\n"
	paths := chart.SecretPaths(cat)
	if len(paths) < 15 {
		t.Fatalf("only %d passwords: %v", len(paths), paths)
	}
	for i, path := range paths {
		keys := strings.Split(path, ".")
		value := fmt.Sprintf("hidden-%d", i+1)
		if keys[len(keys)-1] == "credential_key" {
			value = strings.Repeat("hidden--", 5) + "key="
		}
		text += "---\n" + strings.Join(keys, ": {") + ": '" + value + "'" + strings.Repeat("}", len(keys)-1) + "\n"
	}
	file := write(t, "more.yaml", text)
	dir := filepath.Join(t.TempDir(), "chart")
	var seen []string
	for _, args := range [][]string{{"template"}, {"values"}, {"topology"}, {"validate"}, {"config", "dump"}, {"generate", "-o", dir}} {
		r := ok(t, append(args, "-f", example, "-f", file)...)
		seen = append(seen, r.stdout, r.stderr)
	}
	for name, text := range readTree(t, dir) {
		seen = append(seen, name, text)
	}
	for _, text := range seen {
		if i := strings.Index(text, "hidden-"); i >= 0 {
			t.Errorf("a password is shown: %.200s", text[max(0, i-80):])
		}
	}
	r := ok(t, "secret", "-f", example, "-f", file)
	secrets := map[string]*corev1.Secret{}
	for _, object := range decode(t, r.stdout) {
		secrets[object.(*corev1.Secret).Name] = object.(*corev1.Secret)
	}
	if got := secrets["ccp-credentials"].StringData["keystone-admin-password"]; !strings.HasPrefix(got, "hidden-") {
		t.Errorf("keystone-admin-password is %q", got)
	}
	if got := secrets["ccp-registry"]; got == nil || got.Type != corev1.SecretTypeDockerConfigJson {
		t.Errorf("the pull secret is %v", got)
	}
	if strings.Count(r.stdout, "hidden-") < len(paths) {
		t.Errorf("passwords are missing:\n%s", r.stdout)
	}
}

// A file of the field, with every key that the first implementation had, is
// read; what is not used is named.
func TestFileOfTheField(t *testing.T) {
	t.Parallel()
	r := ok(t, "validate", "-f", "testdata/field.yaml")
	for _, unused := range []string{"configs.keystone.ldap", "configs.neutron.dpdk", "configs.nova.tls", "secret_configs.security", "configs.percona.force_bootstrap"} {
		if strings.Count(r.stderr, " "+unused+": not used: ") != 1 {
			t.Errorf("standard error does not name %s once:\n%s", unused, r.stderr)
		}
	}
}
