package catalog

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
)

func load(t *testing.T) *Catalog {
	t.Helper()
	c, err := Load(os.DirFS("testdata/charts"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLoad(t *testing.T) {
	t.Parallel()
	c := load(t)
	if got, want := len(c.Services), 28; got != want {
		t.Errorf("%d services, want %d", got, want)
	}
	if got, want := c.Backends, []string{"calico", "openvswitch"}; !slices.Equal(got, want) {
		t.Errorf("backends %v, want %v", got, want)
	}
	if got, want := len(c.Releases), 20; got != want {
		t.Errorf("%d releases, want %d", got, want)
	}
	agent := c.Services["neutron-openvswitch-agent"]
	if agent.Chart != "neutron" || agent.Workload != DaemonSet || !slices.Equal(agent.Follows, []string{"nova-compute", "neutron-dhcp-agent", "neutron-l3-agent"}) {
		t.Errorf("neutron-openvswitch-agent is %+v", agent)
	}
	if got := c.Services["openvswitch-db"].Network; !slices.Equal(got, []string{"openvswitch"}) {
		t.Errorf("openvswitch-db has network %v, want that of its chart", got)
	}
	calico := c.Charts["calico"]
	if len(calico.Services) != 0 || !slices.Equal(calico.Accompanies, []string{"neutron-server"}) {
		t.Errorf("calico is %+v", calico)
	}
	if got := c.Charts["keystone"].KeyRepositories["keystone-credential-keys"]; got != "secret_configs.keystone.credential_key" {
		t.Errorf("keystone-credential-keys come from %q", got)
	}
	if got := c.Charts["nova"]; !slices.Equal(got.Certificates, []string{"nova-vnc-tls"}) || !slices.Equal(got.SSHKeys, []string{"nova-ssh"}) {
		t.Errorf("nova has the certificates %v and the SSH keys %v", got.Certificates, got.SSHKeys)
	}
	if got, want := c.Providers("database"), []string{"galera", "mariadb"}; !slices.Equal(got, want) {
		t.Errorf("database is provided by %v, want %v", got, want)
	}
}

func TestReleasesOfTheTestAreThoseOfTheCharts(t *testing.T) {
	t.Parallel()
	ours, err := os.ReadFile("testdata/charts/" + ReleasesFile)
	if err != nil {
		t.Fatal(err)
	}
	real, err := os.ReadFile("../../charts/" + ReleasesFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(ours) != string(real) {
		t.Error("copy charts/common/releases.yaml to testdata")
	}
}

func TestRelease(t *testing.T) {
	t.Parallel()
	c := load(t)
	for name, want := range map[string]string{"zed": "zed", "2023.1": "antelope", "gazpacho": "gazpacho", "2026.1": "gazpacho"} {
		if r, err := c.Release(name); err != nil || r.Name != want {
			t.Errorf("Release(%q) = %v, %v, want %s", name, r, err, want)
		}
	}
	for name, want := range map[string]string{
		"stien": `no OpenStack release "stien" (did you mean "stein"?)`,
		"":      "no OpenStack release is named",
		"x":     `no OpenStack release "x"`,
	} {
		if _, err := c.Release(name); err == nil || err.Error() != want {
			t.Errorf("Release(%q): %v, want %s", name, err, want)
		}
	}
}

func TestHas(t *testing.T) {
	t.Parallel()
	c := load(t)
	for _, test := range []struct {
		service, release string
		want             bool
	}{
		{"glance-registry", "stein", true}, {"glance-registry", "train", false},
		{"placement-api", "newton", false}, {"placement-api", "ocata", true},
		{"keystone", "newton", true}, {"keystone", "2026.1", true},
	} {
		r, err := c.Release(test.release)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Has(c.Services[test.service], r); got != test.want {
			t.Errorf("Has(%s, %s) = %v", test.service, test.release, got)
		}
	}
}

func TestLoadProblems(t *testing.T) {
	t.Parallel()
	const service = "services: {a: {workload: Deployment}, d: {workload: DaemonSet, provides: [db]}}\n"
	for _, test := range []struct{ name, file, want string }{
		{"unknown key", "clams: [x]", `x/services.yaml:1:1: clams: unknown key (did you mean "claims"?)`},
		{"not a mapping", "- a", "x/services.yaml:1:1: must be a mapping"},
		{"not YAML", "a: [", "x/services.yaml: line 1: did not find expected node content"},
		{"no workload", "services: {b: {}}", "x/services.yaml:1:12: services.b: workload is missing: DaemonSet, Deployment or StatefulSet"},
		{"unknown workload", "services: {b: {workload: Daemonset}}", `services.b.workload: no workload "Daemonset", only DaemonSet, Deployment, StatefulSet (did you mean "DaemonSet"?)`},
		{"unknown key of a service", "services: {b: {workload: Deployment, need: [a]}}", `x/services.yaml:1:38: services.b.need: unknown key (did you mean "needs"?)`},
		{"name of a service", "services: {B_: {workload: Deployment}}", `services.B_: "B_" can't name a Kubernetes object`},
		{"service of another chart", "services: {a: {workload: Deployment}}", `services.a: service "a" is defined at base/services.yaml:1:12 already`},
		{"key twice", "claims: [v]\nclaims: [w]", "x/services.yaml:2:1: claims: key \"claims\" stands here twice"},
		{"item twice", "accompanies: [a, a]", `x/services.yaml:1:18: accompanies[1]: "a" stands here twice`},
		{"not a list", "accompanies: a", "x/services.yaml:1:14: accompanies: must be a list"},
		{"not a string", "accompanies: [1]", "x/services.yaml:1:15: accompanies[0]: must be a string"},
		{"accompanies nobody", "accompanies: [aa]", `accompanies[0]: no service "aa"`},
		{"follows nobody", "services: {bb: {workload: Deployment, follows: [bx]}}", `services.bb.follows[0]: no service "bx"`},
		{"follows itself", "services: {bb: {workload: Deployment, follows: [bb]}}", `services.bb.follows[0]: a service can't name itself here`},
		{"needs nobody", "services: {bb: {workload: Deployment, needs: [d, db, dd]}}", `services.bb.needs[2]: no service and no abstract name "dd"`},
		{"needs a Deployment on its node", "services: {bb: {workload: DaemonSet, needs_on_node: [d, a]}}", `services.bb.needs_on_node[1]: a is a Deployment: only a DaemonSet is on each node of its roles`},
		{"provides a service", "services: {bb: {workload: Deployment, provides: [a]}}", `services.bb.provides[0]: "a" is the name of a service`},
		{"unknown release", "services: {bb: {workload: Deployment, since: ocatta}}", `services.bb.since: no OpenStack release "ocatta" (did you mean "ocata"?)`},
		{"until before since", `services: {bb: {workload: Deployment, since: "2023.1", until: ocata}}`, `services.bb: until (ocata) is before since (antelope)`},
		{"instances", "services: {bb: {workload: Deployment, instances: many}}", `services.bb.instances: must be true or false`},
		{"network beyond the chart's", "network: [calico]\nservices: {bb: {workload: Deployment, network: [openvswitch]}}", `services.bb: network openvswitch is not one of the chart's (calico)`},
		{"claim of another chart", "claims: [db]", `claims: "db" is claimed by the chart base already`},
		{"claim of a chart's name", "claims: [base]", `claims: "base" is the name of a chart`},
		{"conflict without a reason", "conflicts: [{value: v, is: [w], services: [a]}]", `x/services.yaml:1:13: conflicts[0]: a conflict has value, is, services and because`},
		{"conflict with nobody", "conflicts: [{value: v, is: [w], services: [aa], because: b}]", `conflicts[0].services[0]: no service "aa"`},
		{"password elsewhere", "credentials: {passwords: {p: secret_configs.q}}", `credentials.passwords.p: another chart takes p from "secret_configs.p", not from "secret_configs.q"`},
		{"password's place", "credentials: {passwords: {q: secrets.q}}", `credentials.passwords.q: "secrets.q" is not a path in a ccp.yaml`},
		{"password's key", `credentials: {passwords: {Q: ""}}`, `credentials.passwords.Q: "Q" can't name a key`},
		{"certificate's name", "credentials: {certificates: [tls, Tls]}", `credentials.certificates[1]: "Tls" can't name a Secret`},
		{"SSH keys as a mapping", `credentials: {ssh_keys: {ssh: ""}}`, "credentials.ssh_keys: must be a list"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := Load(fstest.MapFS{
				ReleasesFile:         {Data: []byte("- {name: newton}\n- {name: ocata}\n- {name: antelope, alias: '2023.1'}\n")},
				"base/services.yaml": {Data: []byte(service + "claims: [db]\ncredentials: {passwords: {p: secret_configs.p}}\n")},
				"x/services.yaml":    {Data: []byte(test.file)},
			})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
			if problems := (ccpfile.Problems{}); !errors.As(err, &problems) || len(problems) != 1 {
				t.Errorf("want one problem, got %v", err)
			}
		})
	}
}

func TestLoadGivesAllProblemsOfAllFiles(t *testing.T) {
	t.Parallel()
	_, err := Load(fstest.MapFS{
		ReleasesFile:      {Data: []byte("- {alias: x}\n- {name: ocata}\n- {name: ocata, year: 2017}\n")},
		"a/services.yaml": {Data: []byte("services: {a: {}}\nx: 1\n")},
		"b/services.yaml": {Data: []byte("services: {b: {workload: Job, follows: [c]}}\n")},
	})
	want := strings.Join([]string{
		"a/services.yaml:1:12: services.a: workload is missing: DaemonSet, Deployment or StatefulSet",
		"a/services.yaml:2:1: x: unknown key",
		`b/services.yaml:1:26: services.b.workload: no workload "Job", only DaemonSet, Deployment, StatefulSet`,
		`b/services.yaml:1:41: services.b.follows[0]: no service "c"`,
		"common/releases.yaml:1:3: [0]: the release has no name",
		`common/releases.yaml:3:10: [2].name: release "ocata" stands here twice`,
		"common/releases.yaml:3:17: [2].year: unknown key",
	}, "\n")
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestLoadWithoutReleases(t *testing.T) {
	t.Parallel()
	if _, err := Load(fstest.MapFS{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want that the file is missing", err)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("services: {a: {workload: Deployment, needs: [b]}}\nclaims: [c]\n", "- {name: newton, alias: x}\n")
	f.Add("a: &a [*a]\n", "- &a {name: *a}")
	f.Fuzz(func(t *testing.T, services, releases string) {
		c, err := Load(fstest.MapFS{ReleasesFile: {Data: []byte(releases)}, "x/services.yaml": {Data: []byte(services)}})
		if (c == nil) == (err == nil) {
			t.Errorf("a catalog and an error, or neither: %v, %v", c, err)
		}
	})
}
