package e2e

import (
	"encoding/base64"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestIdentity runs the infrastructure and Keystone for real, from images that
// are built out of Debian's packages with the recipes that users have: the Jobs
// finish, a pod gets a token, data outlive their pods, and an upgrade restarts
// what it changes and nothing else.
func TestIdentity(t *testing.T) {
	hookImage(t)
	debianImages(t, "etcd", "keystone", "mariadb", "memcached", "openstackclient", "rabbitmq")
	// The policies know node3, and no other node.
	node3 := strings.TrimSpace(run(t, "", "kubectl", "get", "node", "node3", `--output=jsonpath={.status.addresses[?(@.type=="InternalIP")].address}`))
	known := filepath.Join(t.TempDir(), "known.yaml")
	write(t, known, "configs: {network: {node_networks: ["+node3+"/32]}}\n")
	install := installation{namespace: "e2e-identity", nodes: nodes(t), flags: []string{"-f", "testdata/identity.yaml", "-f", known}}
	install.up(t)
	install.complete(t)
	install.token(t)

	t.Run("passwords are those of the Secret", func(t *testing.T) {
		install.kubectl(t, "exec", "mariadb-0", "--", "sh", "-c", `mariadb --host=mariadb --user=root --execute="SELECT 1"`)
		if _, err := install.try(t, "exec", "mariadb-0", "--", "sh", "-c",
			`MYSQL_PWD= mariadb --socket=/run/mysqld/mysqld.sock --user=root --execute="SELECT 1"`); err == nil {
			t.Error("MariaDB lets root in without a password")
		}
		install.kubectl(t, "exec", "rabbitmq-0", "--", "sh", "-c",
			`/usr/lib/rabbitmq/bin/rabbitmqctl authenticate_user openstack "$RABBITMQ_DEFAULT_PASS"`)
	})
	t.Run("Keystone uses memcached", func(t *testing.T) {
		stats := install.kubectl(t, "exec", "deployment/keystone", "--container=keystone", "--", "python3", "-c", `
import socket
s = socket.create_connection(("memcached", 11211))
s.sendall(b"stats\r\nquit\r\n")
print(s.makefile().read())`)
		if !strings.Contains(stats, "STAT total_items ") || strings.Contains(stats, "STAT total_items 0\n") {
			t.Error("nothing is cached:\n" + stats)
		}
	})
	t.Run("who may connect", install.policies)
	t.Run("data outlive their pods", func(t *testing.T) {
		etcd := "/api/v1/namespaces/" + install.namespace + "/services/etcd:client/proxy/v3/kv/"
		key := base64.StdEncoding.EncodeToString([]byte("kept"))
		run(t, fmt.Sprintf(`{"key": %q, "value": %q}`, key, key), "kubectl", "create", "--raw", etcd+"put", "-f", "-")
		install.kubectl(t, "delete", "pods", "etcd-0", "mariadb-0", "rabbitmq-0", "--wait")
		install.ready(t)
		got := run(t, fmt.Sprintf(`{"key": %q}`, key), "kubectl", "create", "--raw", etcd+"range", "-f", "-")
		if !strings.Contains(got, `"count":"1"`) {
			t.Errorf("etcd lost a key: %s", got)
		}
		install.token(t)
	})
	t.Run("an upgrade restarts what it changes", func(t *testing.T) {
		before, jobs := install.podIDs(t), install.kubectl(t, "get", "jobs", "--output=name")
		changed := install
		changed.flags = append(slices.Clone(install.flags), "-f", "testdata/debug.yaml")
		changed.upgrade(t)
		install.kubectl(t, "rollout", "status", "deployment/keystone", "--timeout=3m")
		install.complete(t)
		after := install.podIDs(t)
		for _, service := range slices.Sorted(maps.Keys(after)) {
			if restarted := after[service] != before[service]; restarted != (service == "keystone") {
				t.Errorf("%s: restarted is %v, pods were %s, are %s", service, restarted, before[service], after[service])
			}
		}
		if now := install.kubectl(t, "get", "jobs", "--output=name"); now != jobs {
			t.Errorf("Jobs were\n%sand are\n%s", jobs, now)
		}
		install.token(t)
	})
	t.Run("a changed image runs the migrations first", func(t *testing.T) {
		before := install.podIDs(t)
		tag(t, "ccp/keystone", "latest", "second")
		l := life{namespace: install.namespace, dir: t.TempDir(), file: absolute(t, "testdata/identity.yaml")}
		l.must(t, "deploy", l.with(t, "images: {image_specs: {keystone: {tag: second}}}")...)
		if after := install.podIDs(t); after["keystone"] == before["keystone"] || after["mariadb"] != before["mariadb"] {
			t.Errorf("pods were %v, are %v", before, after)
		}
		migrated := finished(t, install, "keystone-db-sync")
		started := install.kubectl(t, "get", "pods", "--selector=app.kubernetes.io/component=keystone",
			"--output=jsonpath={.items[0].status.containerStatuses[0].state.running.startedAt}")
		if migrated == "" || migrated > started {
			t.Errorf("the migrations of the new image ended at %q, the pod began at %q", migrated, started)
		}
		install.token(t)
	})
	install.down(t)
}

// finished returns when the Job of the image with the tag second ended.
func finished(t *testing.T, install installation, component string) string {
	t.Helper()
	return strings.TrimSpace(install.kubectl(t, "get", "jobs", "--selector=app.kubernetes.io/component="+component,
		`--output=jsonpath={.items[?(@.spec.template.spec.containers[0].image=="`+registry()+`/ccp/keystone:second")].status.completionTime}`))
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// try runs kubectl in the release's namespace.
func (i installation) try(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return try(t, "", "kubectl", append([]string{"--namespace", i.namespace}, args...)...)
}

// kubectl is try for a command that must succeed.
func (i installation) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := i.try(t, args...)
	if err != nil {
		t.Fatalf("%v\n%s", err, i.state(t))
	}
	return out
}

// complete waits until the deployment is ready as the guide has it: all Jobs are
// complete. Then no pod may be far from ready either.
func (i installation) complete(t *testing.T) {
	t.Helper()
	i.kubectl(t, "wait", "--for=condition=Complete", "jobs", "--all", "--timeout=6m")
	i.ready(t)
}

func (i installation) ready(t *testing.T) {
	t.Helper()
	i.kubectl(t, "wait", "--for=condition=Ready", "pods", "--selector=!job-name", "--timeout=3m")
}

// token gets a token with what ccp openrc writes.
func (i installation) token(t *testing.T) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "openrc")
	write(t, file, run(t, "", "ccp", "openrc", "--namespace", i.namespace, "--output", "-"))
	user := strings.TrimSpace(i.openstack(t, file, "openstack token issue --format=value --column=user_id"))
	if len(user) != 32 {
		t.Errorf("the token's user is %q, want an id", user)
	}
}

// openstack runs a script of OpenStack's client in a pod that sources the
// openrc, and returns what it printed.
func (i installation) openstack(t *testing.T, openrc, script string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "script")
	write(t, file, script)
	i.try(t, "delete", "secret", "openrc", "--ignore-not-found")
	i.kubectl(t, "create", "secret", "generic", "openrc", "--from-file=openrc="+openrc, "--from-file="+file)
	i.kubectl(t, "apply", "-f", "testdata/openstack.yaml")
	i.kubectl(t, "wait", "--for=condition=Complete", "job/openstack", "--timeout=2m")
	out := i.kubectl(t, "logs", "job/openstack")
	i.kubectl(t, "delete", "job", "openstack", "--wait")
	return out
}

// podIDs returns the pods of each service, without those of Jobs.
func (i installation) podIDs(t *testing.T) map[string]string {
	t.Helper()
	var list struct {
		Items []struct {
			Metadata struct {
				UID               string
				Labels            map[string]string
				DeletionTimestamp string
			}
		}
	}
	unmarshal(t, i.kubectl(t, "get", "pods", "--selector=!job-name", "--output=json"), &list)
	ids := map[string][]string{}
	for _, item := range list.Items {
		if item.Metadata.DeletionTimestamp != "" {
			continue // it ends, while its successor is ready
		}
		service := item.Metadata.Labels["app.kubernetes.io/component"]
		ids[service] = append(ids[service], item.Metadata.UID)
	}
	found := map[string]string{}
	for service, uids := range ids {
		slices.Sort(uids)
		found[service] = strings.Join(uids, " ")
	}
	return found
}
