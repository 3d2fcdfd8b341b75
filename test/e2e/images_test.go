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
	"github.com/helm-ccp/helm-ccp/test/e2e/guest"
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

// TestNeutronImage builds Neutron's recipe with one networking-calico after the
// other: what is in the image is what is in the folder now. Its base has stand-ins
// for apt-get and pip3, so that only the recipe counts.
func TestNeutronImage(t *testing.T) {
	own(t)
	files, err := guest.Make(t.Context(), filepath.Join(os.Getenv("CCP_E2E_DIR"), "cache/guest"))
	if err != nil {
		t.Fatal(err)
	}
	base := t.TempDir()
	run(t, "", "cp", files.Busybox, filepath.Join(base, "busybox"))
	write(t, filepath.Join(base, "apt-get"), "#!/bin/sh\n")
	write(t, filepath.Join(base, "pip3"), "#!/bin/sh\nfor folder; do :; done\ncp -r \"$folder\" /installed\n")
	write(t, filepath.Join(base, "Containerfile"), `FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
COPY --chmod=755 apt-get pip3 /bin/
RUN mkdir -p /etc/neutron /var/log/neutron
`)
	if err := imageBuilder().Push(t.Context(), "e2e/recipes:1", filepath.Join(base, "Containerfile"), base); err != nil {
		t.Fatal(err)
	}
	recipe := repository("build/images/neutron/Containerfile")
	built := func(version string, args ...string) string {
		t.Helper()
		context := t.TempDir()
		run(t, "", "cp", "--archive", repository("build/images/neutron"), context)
		if version != "" {
			run(t, "", "mkdir", filepath.Join(context, "networking-calico"))
			write(t, filepath.Join(context, "networking-calico/version"), version)
		}
		args = append(args, "--build-arg=BASE="+registry()+"/e2e/recipes:1")
		if err := imageBuilder().Push(t.Context(), "e2e/neutron:1", recipe, context, args...); err != nil {
			t.Fatal(err)
		}
		return string(manifest(t, http.MethodGet, "e2e/neutron", "1", nil, http.StatusOK))
	}
	folder := "--build-arg=NETWORKING_CALICO=/context/networking-calico"
	one := built("one", folder)
	if again := built("one", folder); again != one {
		t.Errorf("the same folder makes another image:\n%s\nbefore\n%s", again, one)
	}
	if two := built("two", folder); two == one {
		t.Errorf("another networking-calico makes the same image:\n%s", two)
	}
	if none := built(""); none == one {
		t.Errorf("without networking-calico the image is the same:\n%s", none)
	}
}

// manifest asks the cluster's registry for the manifest of an image's tag, or
// gives it one, and returns the answer's body.
func manifest(t *testing.T, method, image, tag string, body io.Reader, want int) []byte {
	t.Helper()
	const kind = "application/vnd.oci.image.manifest.v1+json"
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+registry()+"/v2/"+image+"/manifests/"+tag, body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", kind)
	request.Header.Set("Content-Type", kind)
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

// tag gives an image of the cluster's registry one more tag.
func tag(t *testing.T, image, from, to string) {
	t.Helper()
	data := manifest(t, http.MethodGet, image, from, nil, http.StatusOK)
	manifest(t, http.MethodPut, image, to, bytes.NewReader(data), http.StatusCreated)
}
