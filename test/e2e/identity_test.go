package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/helm-ccp/helm-ccp/test/e2e/cluster"
)

// TestIdentity runs the infrastructure and Keystone for real, from images that
// are built out of Debian's packages with the recipes that users have: the Jobs
// finish, and a pod gets a token.
func TestIdentity(t *testing.T) {
	hookImage(t)
	debianImages(t, "mariadb", "memcached", "rabbitmq", "keystone", "openstackclient")
	install := installation{namespace: "e2e-identity", nodes: nodes(t), flags: []string{"-f", "testdata/identity.yaml"}}
	install.up(t)
	inside := []string{"--namespace", install.namespace}
	run(t, "", "kubectl", append(inside, "wait", "--for=condition=Complete", "jobs", "--all", "--timeout=8m")...)
	run(t, "", "kubectl", append(inside, "wait", "--for=condition=Ready", "pods", "--selector=!job-name", "--timeout=4m")...)

	run(t, "", "kubectl", append(inside, "apply", "-f", "testdata/token.yaml")...)
	run(t, "", "kubectl", append(inside, "wait", "--for=condition=Complete", "job/token", "--timeout=2m")...)
	if user := strings.TrimSpace(run(t, "", "kubectl", append(inside, "logs", "job/token")...)); len(user) != 32 {
		t.Errorf("the token's user is %q, want an id", user)
	}

	t.Run("the database is kept over its pod's death", func(t *testing.T) {
		run(t, "", "kubectl", append(inside, "delete", "job", "token")...)
		run(t, "", "kubectl", append(inside, "delete", "pod", "mariadb-0", "--wait")...)
		eventually(t, 2*time.Minute, func() error {
			_, err := try(t, "", "kubectl", append(inside, "wait", "--for=condition=Ready", "pod/mariadb-0", "--timeout=1m")...)
			return err
		})
		run(t, "", "kubectl", append(inside, "apply", "-f", "testdata/token.yaml")...)
		run(t, "", "kubectl", append(inside, "wait", "--for=condition=Complete", "job/token", "--timeout=2m")...)
	})
	install.down(t)
}

// debianImages builds and pushes images of build/images, on a Debian that is
// made from packages, since there is no registry to take one from.
func debianImages(t *testing.T, names ...string) {
	t.Helper()
	cache := filepath.Join(os.Getenv("CCP_E2E_DIR"), "cache")
	images := cluster.Images{Storage: filepath.Join(cache, "buildah"), Registry: os.Getenv("CCP_E2E_REGISTRY")}
	rootfs := filepath.Join(cache, "debian", "debian.tar")
	if _, err := os.Stat(rootfs); err != nil {
		if err := os.MkdirAll(filepath.Dir(rootfs), 0o755); err != nil {
			t.Fatal(err)
		}
		run(t, "", "mmdebstrap", "--quiet", "--variant=minbase", "--include=ca-certificates", "bookworm", rootfs+".new")
		if err := os.Rename(rootfs+".new", rootfs); err != nil {
			t.Fatal(err)
		}
	}
	push := func(name, containerfile, context string, args ...string) {
		t.Helper()
		if err := images.Push(t.Context(), name, containerfile, context, args...); err != nil {
			t.Fatal(err)
		}
	}
	push("debian:12", "testdata/debian.containerfile", filepath.Dir(rootfs))
	recipes := repository("build/images")
	push("ccp/base:latest", recipes+"/base/Containerfile", recipes, "--build-arg=DEBIAN="+images.Registry+"/debian:12")
	for _, name := range names {
		push("ccp/"+name+":latest", filepath.Join(recipes, name, "Containerfile"), recipes,
			"--build-arg=BASE="+images.Registry+"/ccp/base")
	}
}
