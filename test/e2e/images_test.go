package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/helm-ccp/helm-ccp/test/e2e/cluster"
)

// registry returns the host and port of the cluster's image registry.
func registry() string { return os.Getenv("CCP_E2E_REGISTRY") }

// imageBuilder returns the builder of images for the cluster.
func imageBuilder() cluster.Images {
	return cluster.Images{Storage: filepath.Join(os.Getenv("CCP_E2E_DIR"), "cache/buildah"), Registry: registry()}
}

// hookImage builds the image of ccp-hook with the recipe that users have, and
// pushes it to the cluster's registry.
func hookImage(t *testing.T) {
	t.Helper()
	own(t)
	binary, err := exec.LookPath("ccp-hook")
	if err != nil {
		t.Fatal("run make bin/ccp-hook: ", err)
	}
	context := t.TempDir() // of this file alone, as the context is read whole
	if err := os.Link(binary, filepath.Join(context, "ccp-hook")); err != nil {
		run(t, "", "cp", binary, context)
	}
	recipe := repository("build/images/ccp-hook/Containerfile")
	if err := imageBuilder().Push(t.Context(), "ccp/ccp-hook:latest", recipe, context); err != nil {
		t.Fatal(err)
	}
}

// debianImages builds and pushes images of build/images, on a Debian that is
// made from packages, since there is no registry to take one from.
func debianImages(t *testing.T, names ...string) {
	t.Helper()
	start := time.Now()
	rootfs := filepath.Join(os.Getenv("CCP_E2E_DIR"), "cache/debian/debian.tar")
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
		if err := imageBuilder().Push(t.Context(), name, containerfile, context, args...); err != nil {
			t.Fatal(err)
		}
	}
	push("debian:12", "testdata/debian.containerfile", filepath.Dir(rootfs))
	recipes := repository("build/images")
	push("ccp/base:latest", recipes+"/base/Containerfile", recipes, "--build-arg=DEBIAN="+registry()+"/debian:12")
	for _, name := range names {
		push("ccp/"+name+":latest", filepath.Join(recipes, name, "Containerfile"), recipes, "--build-arg=BASE="+registry()+"/ccp/base")
	}
	t.Logf("%4.0f s  images %s", time.Since(start).Seconds(), strings.Join(names, " "))
}
