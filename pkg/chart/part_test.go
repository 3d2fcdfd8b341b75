package chart

import (
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
	for network, want := range map[string][]string{"calico": {"compute", "calico"}, "openvswitch": {"compute"}} {
		groups := guideDeployment(t, network).RoleGroups()
		if got := groups[1].Roles; groups[1].Pattern != "node[2-3]" || !slices.Equal(got, want) {
			t.Errorf("%s: %+v", network, groups)
		}
	}
}
