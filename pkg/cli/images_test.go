package cli_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/helm-ccp/helm-ccp/pkg/render"
)

// TestImages holds the list against the words "image:" in what is installed.
func TestImages(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"calico", "openvswitch"} {
		flags := []string{"-f", example, "--network", network}
		var want []string
		for _, match := range regexp.MustCompile(`(?m)^ +(?:- )?image: "?([^\s"]+)`).FindAllStringSubmatch(ok(t, append([]string{"template"}, flags...)...).stdout, -1) {
			want = append(want, match[1])
		}
		slices.Sort(want)
		want = slices.Compact(want)
		if got := strings.Fields(ok(t, append([]string{"images"}, flags...)...).stdout); len(got) < 10 || !slices.Equal(got, want) {
			t.Errorf("%s\ngot  %v\nwant %v", network, got, want)
		}
	}
}

func TestImagesJSON(t *testing.T) {
	t.Parallel()
	special := write(t, "special.yaml", "images: {image_specs: {memcached: {tag: special, namespace: null, digest: null}, mariadb: {tag: null}, nova: null}}")
	var images []render.Image
	if err := json.Unmarshal([]byte(ok(t, "images", "-f", example, "-f", special, "-o", "json").stdout), &images); err != nil {
		t.Fatal(err)
	}
	for user, name := range map[string]string{
		"Deployment/memcached":           "memcached:special",
		"StatefulSet/mariadb":            "mariadb:latest",
		"CronJob/keystone-fernet-rotate": "ccp-hook:latest",
		"Job/ccp-hook-calico-revert":     "ccp-hook:latest", // a hook of Helm's
		"DaemonSet/nova-compute":         "ccp-hook:latest", // in an init container
	} {
		i := slices.IndexFunc(images, func(i render.Image) bool { return strings.HasSuffix(i.Name, "/"+name) })
		if i < 0 || !slices.Contains(images[i].UsedBy, user) {
			t.Errorf("%s does not run %s in %+v", user, name, images)
		}
	}
	if r := run(t, "", "images", "-f", example, "-o", "xml"); r.code != 2 || !strings.Contains(r.stderr, `want text or json or yaml, got "xml"`) {
		t.Errorf("%+v", r)
	}
}

// A registry says which digests it has, and those are what is deployed then.
func TestImagesDigests(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		w.Header().Set("Docker-Content-Digest", fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(r.URL.Path))))
		w.Header().Set("Content-Length", "2")
	}))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	site := write(t, "site.yaml", "registry: {address: '"+host+"', insecure: true}")
	keystone := fmt.Sprintf("@sha256:%x", sha256.Sum256([]byte("/v2/ccp/keystone/manifests/latest")))
	if got := ok(t, "images", "-f", example, "-f", site, "--digests").stdout; !strings.Contains(got, host+"/ccp/keystone:latest"+keystone+"\n") {
		t.Errorf("got %s", got)
	}
	digests := write(t, "images.yaml", ok(t, "images", "-f", example, "-f", site, "--digests", "-o", "yaml").stdout)
	images := strings.Fields(ok(t, "images", "-f", example, "-f", site, "-f", digests).stdout)
	for _, image := range images {
		if !strings.Contains(image, "@sha256:") {
			t.Errorf("%s has no digest", image)
		}
	}
	if !slices.Contains(images, host+"/ccp/keystone"+keystone) {
		t.Errorf("got %v", images)
	}
}

// TestImagesHaveRecipes says that there is a recipe for every image.
func TestImagesHaveRecipes(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"calico", "openvswitch"} {
		for image := range strings.FieldsSeq(ok(t, "images", "-f", example, "--network", network).stdout) {
			name, _, _ := strings.Cut(path.Base(image), ":")
			if _, err := os.Stat("../../build/images/" + name + "/Containerfile"); err != nil {
				t.Error(err)
			}
		}
	}
}
