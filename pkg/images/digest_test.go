package images

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestDigest(t *testing.T) {
	t.Parallel()
	digest := "sha256:" + strings.Repeat("0123456789abcdef", 4)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "me" || password != "secret" {
			w.Header().Set("WWW-Authenticate", `Basic realm="here"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if r.URL.Path != "/v2/site/ccp/keystone/manifests/zed" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		w.Header().Set("Docker-Content-Digest", digest)
		w.Header().Set("Content-Length", "2")
	}))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	known := Registry{Host: host + "/site", Username: "me", Password: "secret", Insecure: true}
	if got, err := known.Digest(t.Context(), host+"/site/ccp/keystone:zed"); got != digest || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	for name, test := range map[string]struct {
		registry Registry
		image    string
		want     string
	}{
		"no such image": {known, "/site/ccp/nova:zed", "the registry has no " + host + "/site/ccp/nova:zed: ccp build --push puts it there"},
		"no password":   {Registry{Host: host, Username: "me", Insecure: true}, "/site/ccp/keystone:zed", "missing username or password"},
		"TLS wanted":    {Registry{Host: host, Username: "me", Password: "secret"}, "/site/ccp/keystone:zed", "HTTP response to HTTPS client"},
	} {
		if _, err := test.registry.Digest(t.Context(), host+test.image); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
