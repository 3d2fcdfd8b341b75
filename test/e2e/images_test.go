package e2e

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
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
	recipes := t.TempDir()
	run(t, "", "cp", "--archive", repository("build/images")+"/.", networkingCalico(t), recipes)
	push("ccp/base:latest", recipes+"/base/Containerfile", recipes, "--build-arg=DEBIAN="+registry()+"/debian:12")
	push("ccp/openstack:latest", recipes+"/openstack/Containerfile", recipes, "--build-arg=BASE="+registry()+"/ccp/base")
	// Two at a time: one downloads while the other unpacks.
	var builds sync.WaitGroup
	slots, errs := make(chan struct{}, 2), make([]error, len(names))
	for i, name := range names {
		builds.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			recipe := filepath.Join(recipes, name, "Containerfile")
			errs[i] = imageBuilder().Push(t.Context(), "ccp/"+name+":latest", recipe, recipes,
				"--build-arg=BASE="+registry()+"/"+baseOf(t, recipe), "--build-arg=NETWORKING_CALICO=/context/networking-calico")
		})
	}
	builds.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	t.Logf("%4.0f s  images %s", time.Since(start).Seconds(), strings.Join(names, " "))
}

// baseOf returns the image that a recipe's image is made on, as the recipe has it.
func baseOf(t *testing.T, recipe string) string {
	t.Helper()
	data, err := os.ReadFile(recipe)
	if err != nil {
		t.Error(err)
	}
	_, after, _ := strings.Cut(string(data), "\nARG BASE=")
	base, _, _ := strings.Cut(after, "\n")
	return base
}

// networkingCalico returns the folder of the networking-calico that is put into
// the image of Neutron: the one of E2E_NETWORKING_CALICO, or the stand-in.
func networkingCalico(t *testing.T) string {
	t.Helper()
	folder := os.Getenv("E2E_NETWORKING_CALICO")
	if folder == "" {
		return "testdata/networking-calico"
	}
	if filepath.Base(folder) != "networking-calico" {
		t.Fatalf("E2E_NETWORKING_CALICO is %s, want a folder of the name networking-calico", folder)
	}
	return folder
}

// tag gives an image of the cluster's registry one more tag.
func tag(t *testing.T, image, from, to string) {
	t.Helper()
	const manifest = "application/vnd.oci.image.manifest.v1+json"
	do := func(method, tag string, body io.Reader, want int) []byte {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, "http://"+registry()+"/v2/"+image+"/manifests/"+tag, body)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Accept", manifest)
		request.Header.Set("Content-Type", manifest)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		data, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != want {
			t.Fatalf("%s %s:%s: %s %s (%v)", method, image, tag, response.Status, data, err)
		}
		return data
	}
	do(http.MethodPut, to, bytes.NewReader(do(http.MethodGet, from, nil, http.StatusOK)), http.StatusCreated)
}
