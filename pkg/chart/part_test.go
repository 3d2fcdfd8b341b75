package chart

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/helm-ccp/helm-ccp/charts"
	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
)

func guideDeployment(t *testing.T, network string) *Deployment {
	t.Helper()
	cfg, err := ccpfile.Load([]string{"../../examples/calico/ccp.yaml"}, ccpfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	opts := Options{}
	opts.Network = network
	d, err := Build(cfg, charts.FS, opts)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestPart(t *testing.T) {
	t.Parallel()
	d := guideDeployment(t, "calico")
	part, err := d.Part([]string{"neutron-server", "keystone", "keystone"})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(part.Services, []string{"keystone", "neutron-server"}) {
		t.Errorf("services %v", part.Services)
	}
	if !slices.Equal(part.Charts, []string{"calico", "keystone", "neutron", "openstack"}) {
		t.Errorf("charts %v", part.Charts)
	}
	for _, need := range []string{"mariadb", "memcached", "rabbitmq"} {
		if !slices.Contains(part.Needs, need) {
			t.Errorf("needs %v lack %s", part.Needs, need)
		}
	}
	if slices.Contains(part.Needs, "keystone") || len(part.Others)+len(part.Services) != len(d.Topology.Services) {
		t.Errorf("needs %v, others %v", part.Needs, part.Others)
	}
	_, err = d.Part([]string{"keyston", "glance-registry"})
	if err == nil || !strings.Contains(err.Error(), `"glance-registry"`) || !strings.Contains(err.Error(), `"keyston" (did you mean "keystone"?)`) {
		t.Errorf("got %v", err)
	}
}

// Nodes get no label for a role that holds nothing in the chosen network.
func TestRoleGroups(t *testing.T) {
	t.Parallel()
	for network, want := range map[string][2][]string{
		"calico":      {{"controller"}, {"compute", "calico"}},
		"openvswitch": {{"controller", "neutron-agents"}, {"compute"}},
	} {
		d := guideDeployment(t, network)
		groups := d.RoleGroups()
		if len(groups) != 2 || !slices.Equal(groups[0].Roles, want[0]) || !slices.Equal(groups[1].Roles, want[1]) {
			t.Errorf("%s: %+v, want the roles %v", network, groups, want)
		}
		idle := map[string]any{"calico": []string{"neutron-agents"}, "openvswitch": []string{"calico"}}
		if got := d.Values["label_nodes"].(map[string]any)["idle_roles"]; !reflect.DeepEqual(got, idle) {
			t.Errorf("%s: idle roles %v, want %v", network, got, idle)
		}
	}
}
