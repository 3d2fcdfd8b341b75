package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// ofTheHost are the workloads that need their node: its network, its devices or
// its processes. The others keep to the baseline of Pod Security.
var ofTheHost = []string{
	"calico-dhcp-agent", "neutron-dhcp-agent", "neutron-l3-agent", "neutron-metadata-agent",
	"neutron-openvswitch-agent", "nova-compute", "nova-libvirt", "nova-metadata", "openvswitch-db", "openvswitch-vswitchd",
}

// TestAccepted shows every object of the guide's deployment to the API server
// and its admission, for both networks and both ways to place.
func TestAccepted(t *testing.T) {
	nodes := nodes(t)
	for _, network := range []string{"calico", "openvswitch"} {
		for _, placement := range []string{"label", "hostname"} {
			t.Run(network+"/"+placement, func(t *testing.T) {
				manifests := run(t, nodes, "ccp", "template", "-f", guide, "--network", network,
					"--placement", placement, "--nodes", "-")
				accept(t, fmt.Sprintf("e2e-accepted-%s-%s", network, placement), manifests)
			})
		}
	}
}

// accept applies manifests without effect to a new namespace, and fails the test
// with each that is refused, and each that breaks the baseline and may not.
func accept(t *testing.T, name, manifests string) {
	namespace(t, name, "pod-security.kubernetes.io/warn=baseline")
	dir, config := t.TempDir(), inNamespace(t, name)
	var ofHost, others []string
	for _, document := range documents(manifests) {
		switch {
		case field(document, "kind") == "":
		case slices.Contains(ofTheHost, field(document, "  name")):
			ofHost = append(ofHost, document)
		default:
			others = append(others, document)
		}
	}
	for file, chosen := range map[string][]string{dir + "/host.yaml": ofHost, dir + "/others.yaml": others} {
		write(t, file, strings.Join(chosen, "\n---\n"))
		out, warnings, err := capture(t, "kubectl", "--kubeconfig", config, "apply", "--server-side", "--dry-run=server", "-f", file)
		if err != nil {
			t.Errorf("%v\n%s", err, warnings)
		}
		if got := strings.Count(out, "\n"); got != len(chosen) {
			t.Errorf("%d of %d objects were accepted", got, len(chosen))
		}
		if file == dir+"/others.yaml" && strings.Contains(warnings, "would violate PodSecurity") {
			t.Error(warnings)
		}
	}
}

// inNamespace returns a kubeconfig whose current namespace is another. A
// namespace by flag would be for every object, and the hook has some in
// kube-system.
func inNamespace(t *testing.T, name string) string {
	t.Helper()
	config := t.TempDir() + "/kubeconfig"
	write(t, config, run(t, "", "kubectl", "config", "view", "--raw", "--flatten"))
	run(t, "", "kubectl", "--kubeconfig", config, "config", "set-context", "--current", "--namespace", name)
	return config
}

// documents splits manifests.
func documents(manifests string) []string {
	return regexp.MustCompile(`(?m)^---$`).Split(manifests, -1)
}

// field returns the value of the first line of a document that begins with the
// key.
func field(document, key string) string {
	match := regexp.MustCompile(`(?m)^` + key + `: (.*)$`).FindStringSubmatch(document)
	if match == nil {
		return ""
	}
	return strings.Trim(match[1], `"`)
}
