package e2e

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestStores installs and uninstalls a small deployment on each of Calico's
// datastores, and with each Helm. Helm 3 is told which datastore it is, Helm 4's
// hook has to see it.
func TestStores(t *testing.T) {
	hookImage(t)
	for _, test := range []struct{ store, client string }{
		{"etcdv2", "helm3"}, {"etcdv3", "helm4"},
		// Calico's resources are in the one group or, in newer installations, in the other.
		{"kubernetes/crd.projectcalico.org", "helm3"}, {"kubernetes/projectcalico.org", "helm4"},
	} {
		t.Run(test.store+"/"+test.client, func(t *testing.T) {
			store, _, _ := strings.Cut(test.store, "/")
			if test.client == "helm4" {
				store = "auto"
			}
			chosen := filepath.Join(t.TempDir(), "store.yaml")
			write(t, chosen, "configs: {calico: {store: "+store+"}}\n")
			install := installation{namespace: "e2e-stores", nodes: nodes(t), client: test.client,
				flags: []string{"-f", "testdata/stores.yaml", "-f", chosen}}
			calico := newFabric(t, test.store)
			install.up(t)
			calico.told(t)
			install.upgrade(t)
			calico.told(t)
			install.down(t)
			calico.untouched(t)
		})
	}
}
