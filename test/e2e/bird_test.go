package e2e

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/helm-ccp/helm-ccp/test/e2e/cluster"
)

// reflector is the address of the route reflector that the nodes of calico3 peer
// with. It is on the machine's side of the bridge.
const reflector = "10.210.1.99"

// birds are the BIRDs of the nodes, which share routes through a reflector. Their
// configuration is what Calico's confd would make of what is in etcd; the tests
// stand in for it, as there is no confd to be had.
type birds struct{ dir string }

// startBirds starts them, until the test ends.
func startBirds(t *testing.T) birds {
	t.Helper()
	own(t)
	b := birds{t.TempDir()}
	run(t, "", "ip", "address", "add", reflector+"/24", "dev", cluster.Bridge)
	t.Cleanup(func() { run(t, "", "ip", "address", "delete", reflector+"/24", "dev", cluster.Bridge) })
	write(t, b.file("reflector", "conf"), expand(t, reflectorConfig, object{"Nodes": cluster.Nodes, "Address": reflector}))
	log, err := os.Create(filepath.Join(os.Getenv("CCP_E2E_DIR"), "logs/reflector.log"))
	if err != nil {
		t.Fatal(err)
	}
	keepRunning(t, log, "bird", nil, func() ([]string, error) {
		return []string{"bird", "-f", "-c", b.file("reflector", "conf"), "-s", b.file("reflector", "ctl")}, nil
	})
	for _, node := range cluster.Nodes {
		write(t, b.file(node.Name, "conf"), standInForConfd(t, node, nil))
		t.Cleanup(func() { onNode(t, node.Name, "ip", "route", "flush", "proto", "bird") })
		startOnNode(t, node.Name, "bird", nil, "bird", "-f", "-c", b.file(node.Name, "conf"), "-s", b.file(node.Name, "ctl"))
	}
	return b
}

func (b birds) file(name, extension string) string {
	return filepath.Join(b.dir, name+"."+extension)
}

// follow gives each BIRD the configuration that is in etcd now.
func (b birds) follow(t *testing.T) {
	t.Helper()
	specs := etcdResources{}.specs(t)
	for _, node := range cluster.Nodes {
		config := standInForConfd(t, node, specs)
		if old, err := os.ReadFile(b.file(node.Name, "conf")); err != nil || string(old) == config {
			continue
		}
		write(t, b.file(node.Name, "conf"), config)
		out := run(t, "", "birdc", "-s", b.file(node.Name, "ctl"), "configure")
		if !strings.Contains(out, "Reconfigured") && !strings.Contains(out, "Reconfiguration in progress") {
			t.Fatalf("BIRD of %s: %s\n%s", node.Name, out, config)
		}
	}
}

// state returns what the BIRDs say of their peers.
func (b birds) state(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, name := range []string{"reflector", "node1", "node2", "node3"} {
		out, err := exec.Command("birdc", "-s", b.file(name, "ctl"), "show", "protocols").CombinedOutput()
		fmt.Fprintf(&all, "%s: %v\n%s", name, err, out)
	}
	return all.String()
}

// route waits until a node has a route to an address through another, or has none
// when via is empty.
func (b birds) route(t *testing.T, node, address, via string) {
	t.Helper()
	eventually(t, time.Minute, func() error {
		b.follow(t)
		got := strings.TrimSpace(onNode(t, node, "ip", "route", "show", address))
		if via == "" && got != "" || via != "" && !strings.HasPrefix(got, address+" via "+via+" ") {
			return fmt.Errorf("%s has the route %q to %s, want one via %q\n%s", node, got, address, via, b.state(t))
		}
		return nil
	})
}

// knows waits until a node's BIRD has a route to an address and talks with its
// peer, so that the route gets out unless the peer's filter keeps it in.
func (b birds) knows(t *testing.T, node, address string) {
	t.Helper()
	eventually(t, time.Minute, func() error {
		b.follow(t)
		routes := run(t, "", "birdc", "-s", b.file(node, "ctl"), "show", "route", "for", address)
		if !strings.Contains(routes, address+"/32") || !strings.Contains(b.state(t), "Established") {
			return fmt.Errorf("BIRD of %s has no route to %s, or no peer: %s\n%s", node, address, routes, b.state(t))
		}
		return nil
	})
}

const reflectorConfig = `log stderr all;
router id {{.Address}};
listen bgp address {{.Address}};
protocol device { scan time 2; }
{{range .Nodes}}
protocol bgp {{.Name}} {
  local {{$.Address}} as 64512;
  neighbor {{.Address}} as 64512;
  direct;
  rr client;
  connect delay time 1;
  connect retry time 2;
  error wait time 1, 2;
  import all;
  export all;
}
{{end}}`

const birdConfig = `log stderr all;
router id {{.Node.Address}};
listen bgp address {{.Node.Address}};
protocol device { scan time 2; }
protocol kernel {
  learn;
  scan time 2;
  import all;
  export where source = RTS_BGP;
}
{{range .Peers}}
protocol bgp {
  local {{$.Node.Address}} as {{$.AS}};
  neighbor {{.IP}} as {{.AS}};
  direct;
  connect delay time 1;
  connect retry time 2;
  error wait time 1, 2;
  import all;
  export filter {
    if ! defined(ifname) then reject;
{{- range .Rules}}
    {{.}}
{{- end}}
{{- range $.Pools}}
    if net ~ {{.}} && (ifname ~ "cali*" || ifname ~ "tap*") then accept;
{{- end}}
    reject;
  };
}
{{end}}`

// standInForConfd returns a node's bird.conf: its peers, with what each is told. These
// are the rules of the peer's filters and then the routes to workloads in pools.
// specs are of Calico's resources, by PLURAL/NAME.
func standInForConfd(t *testing.T, node cluster.Node, specs map[string]any) string {
	t.Helper()
	type peer struct {
		IP, AS any
		Rules  []string
	}
	values := struct {
		Node  cluster.Node
		AS    any
		Peers []peer
		Pools []any
	}{Node: node, AS: 64512}
	for _, name := range slices.Sorted(maps.Keys(specs)) {
		spec, _ := specs[name].(object)
		switch plural, _, _ := strings.Cut(name, "/"); plural {
		case "bgpconfigurations":
			if mesh, set := spec["nodeToNodeMeshEnabled"]; !set || mesh == true {
				t.Fatal("the stand-in for confd knows no full mesh")
			}
			values.AS = spec["asNumber"]
		case "ippools":
			values.Pools = append(values.Pools, spec["cidr"])
		case "bgppeers":
			if spec["nodeSelector"] != nil || spec["peerSelector"] != nil || spec["node"] != nil {
				t.Fatalf("the stand-in for confd knows global peers only: %s is %v", name, spec)
			}
			p := peer{IP: spec["peerIP"], AS: spec["asNumber"]}
			filters, _ := spec["filters"].([]any)
			for _, filter := range filters {
				p.Rules = append(p.Rules, filterRules(t, specs[fmt.Sprint("bgpfilters/", filter)])...)
			}
			values.Peers = append(values.Peers, p)
		}
	}
	return expand(t, birdConfig, values)
}

// filterRules returns what a BGPFilter says of exported routes as statements of
// BIRD.
func filterRules(t *testing.T, filter any) []string {
	t.Helper()
	spec, _ := filter.(object)
	rules, _ := spec["exportV4"].([]any)
	var statements []string
	for _, rule := range rules {
		rule := rule.(object)
		conditions := []string{"true"}
		if name := rule["interface"]; name != nil {
			conditions = append(conditions, fmt.Sprintf("ifname ~ %q", name))
		}
		if cidr := rule["cidr"]; cidr != nil {
			operator := map[any]string{"Equal": "=", "NotEqual": "!=", "In": "~", "NotIn": "!~"}[rule["matchOperator"]]
			conditions = append(conditions, fmt.Sprintf("net %s %s", operator, cidr))
		}
		if rule["source"] != nil {
			t.Fatalf("the stand-in for confd does not know this rule: %v", rule)
		}
		statements = append(statements, fmt.Sprintf("if %s then %s;", strings.Join(conditions, " && "), strings.ToLower(fmt.Sprint(rule["action"]))))
	}
	return statements
}

// expand fills in a template.
func expand(t *testing.T, text string, values any) string {
	t.Helper()
	var out strings.Builder
	if err := template.Must(template.New("").Parse(text)).Execute(&out, values); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
