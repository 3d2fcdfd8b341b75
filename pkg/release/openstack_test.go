package release

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

// fakeOpenStack stands for Keystone, Nova, Glance and Neutron, which take minutes
// to come up (test/e2e has the real ones): it knows what the removal asks for,
// refuses what the real ones refuse while something is in use, and keeps the
// order of what goes.
type fakeOpenStack struct {
	mu        sync.Mutex
	resources map[string][]string // "servers" -> ids
	gone      []string
	lingers   int  // how many times a removed server is still listed
	keeps     bool // it says that it removes, and does not
	address   string
	without   string // a service that the catalog does not have
}

func (f *fakeOpenStack) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	kind := strings.TrimSuffix(parts[len(parts)-1], "detail")
	switch {
	case strings.HasSuffix(r.URL.Path, "/auth/tokens"):
		f.token(w, r)
	case r.Header.Get("X-Auth-Token") != "token":
		w.WriteHeader(http.StatusUnauthorized)
	case strings.HasSuffix(r.URL.Path, "/remove_router_interface"):
		fmt.Fprint(w, `{}`)
	case r.Method == http.MethodDelete:
		f.remove(w, parts[len(parts)-2], parts[len(parts)-1])
	case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/servers/detail"):
		f.list(w, "servers")
	case r.Method == http.MethodGet && f.resources[kind] != nil:
		f.list(w, kind)
	case r.Method == http.MethodGet && len(parts) > 1 && parts[len(parts)-2] == "images":
		fmt.Fprintf(w, `{"id": %q}`, parts[len(parts)-1])
	default:
		w.WriteHeader(http.StatusNotFound) // no router and no floating IP in Calico's network
	}
}

func (f *fakeOpenStack) token(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Auth struct {
			Identity struct {
				Password struct {
					User struct{ Name, Password string }
				}
			}
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Auth.Identity.Password.User.Password != "secret" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var catalog []any
	for kind, path := range map[string]string{"compute": "/compute/v2.1", "image": "/image/v2", "network": "/network/v2.0"} {
		if kind != f.without {
			catalog = append(catalog, map[string]any{"type": kind, "name": kind, "endpoints": []any{
				map[string]any{"interface": "public", "region": "RegionOne", "url": f.address + path},
			}})
		}
	}
	w.Header().Set("X-Subject-Token", "token")
	w.WriteHeader(http.StatusCreated)
	json.NewEncoder(w).Encode(map[string]any{"token": map[string]any{"catalog": catalog, "expires_at": "2099-01-01T00:00:00.000000Z"}})
}

func (f *fakeOpenStack) list(w http.ResponseWriter, kind string) {
	items := []any{}
	for _, id := range f.resources[kind] {
		items = append(items, map[string]any{"id": id, "device_owner": map[string]string{"dhcp": "network:dhcp"}[id]})
	}
	json.NewEncoder(w).Encode(map[string]any{kind: items})
}

func (f *fakeOpenStack) remove(w http.ResponseWriter, kind, id string) {
	switch {
	case !slices.Contains(f.resources[kind], id):
		w.WriteHeader(http.StatusNotFound)
	case kind == "networks" && slices.Contains(f.resources["ports"], "port"):
		w.WriteHeader(http.StatusConflict)
	case f.keeps:
		w.WriteHeader(http.StatusNoContent)
	case kind == "servers" && f.lingers > 0:
		f.lingers--
		w.WriteHeader(http.StatusConflict)
	default:
		f.gone = append(f.gone, id)
		f.resources[kind] = slices.DeleteFunc(f.resources[kind], func(i string) bool { return i == id })
		w.WriteHeader(http.StatusNoContent)
	}
}

// openStackClient is a client of a release whose openrc leads to the fake.
func openStackClient(t *testing.T, f *fakeOpenStack) (*Client, CleanupOptions) {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	f.address = server.URL
	openrc := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Name: "openrc", Namespace: "ccp", Labels: map[string]string{instanceLabel: "ccp", componentLabel: openrcComponent},
			Annotations: map[string]string{passwordAnnotation: "ccp-credentials/admin"},
		},
		Data: map[string]string{
			"OS_USERNAME": "admin", "OS_PROJECT_NAME": "admin", "OS_REGION_NAME": "RegionOne",
			"OS_USER_DOMAIN_NAME": "Default", "OS_PROJECT_DOMAIN_NAME": "Default",
		},
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "ccp-credentials", Namespace: "ccp"}, Data: map[string][]byte{"admin": []byte("secret")}}
	c := &Client{name: "ccp", namespace: "ccp", kube: fake.NewClientset(openrc, secret)}
	return c, CleanupOptions{OpenStack: &OpenStack{AuthURL: server.URL + "/v3"}, Timeout: 20 * time.Second}
}

func TestCleanupOpenStack(t *testing.T) {
	t.Parallel()
	f := &fakeOpenStack{lingers: 1, resources: map[string][]string{
		"servers": {"server"}, "images": {"image"}, "ports": {"port", "dhcp"}, "networks": {"network"},
	}}
	c, opts := openStackClient(t, f)
	var steps []string
	c.report.Step = func(line string) { steps = append(steps, line) }
	if err := c.cleanupOpenStack(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(f.gone, " "), "server image port network"; got != want {
		t.Errorf("removed %q, want %q", got, want)
	}
	if len(steps) != 4 || steps[0] != "removed 1 servers in OpenStack" {
		t.Errorf("steps: %q", steps)
	}
}

func TestCleanupOpenStackFaults(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*fakeOpenStack, *Client, *CleanupOptions)
		want   string
	}{
		"it hangs": {
			func(f *fakeOpenStack, _ *Client, o *CleanupOptions) { f.lingers, o.Timeout = 1000, 3*time.Second },
			"removing OpenStack's servers: 1 are left after 3s: server",
		},
		"it takes for ever": {
			func(f *fakeOpenStack, _ *Client, o *CleanupOptions) { f.keeps, o.Timeout = true, 2*time.Second },
			"removing OpenStack's servers: 1 are left after 2s: server\n",
		},
		"nobody answers": {
			func(_ *fakeOpenStack, _ *Client, o *CleanupOptions) { o.OpenStack.AuthURL = "http://127.0.0.1:1/v3" },
			"logging in to Keystone",
		},
		"not a certificate": {
			func(_ *fakeOpenStack, _ *Client, o *CleanupOptions) { o.OpenStack.CACert = []byte("x") },
			"the CA certificate is not one in PEM",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fakeOpenStack{resources: map[string][]string{"servers": {"server"}}}
			c, opts := openStackClient(t, f)
			test.change(f, c, &opts)
			err := c.cleanupOpenStack(t.Context(), opts)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "--skip-os-cleanup") {
				t.Errorf("got %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "%!") {
				t.Errorf("got %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

// A deployment without compute service has no servers, and one without Keystone
// has nobody who could have made anything.
func TestCleanupOpenStackOfAPart(t *testing.T) {
	t.Parallel()
	f := &fakeOpenStack{without: "compute", resources: map[string][]string{"images": {"image"}}}
	c, opts := openStackClient(t, f)
	if err := c.cleanupOpenStack(t.Context(), opts); err != nil || !slices.Equal(f.gone, []string{"image"}) {
		t.Errorf("removed %v, %v", f.gone, err)
	}
	c = &Client{name: "ccp", namespace: "ccp", kube: fake.NewClientset()}
	if err := c.cleanupOpenStack(t.Context(), opts); err != nil {
		t.Error(err)
	}
}

func TestOpenrc(t *testing.T) {
	t.Parallel()
	c, _ := openStackClient(t, &fakeOpenStack{})
	env, _, err := c.openrc(t.Context())
	if err != nil || env["OS_PASSWORD"] != "secret" || env["OS_USERNAME"] != "admin" || len(slices.Sorted(maps.Keys(env))) != 6 {
		t.Errorf("%v, %v", env, err)
	}
}
