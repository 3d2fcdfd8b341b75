package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestOpenvswitch runs Open vSwitch itself: the switch makes a bridge, and has it
// again when both pods have been replaced.
func TestOpenvswitch(t *testing.T) {
	hookImage(t)
	debianImages(t, "openvswitch")
	l := newLife(t, "e2e-openvswitch", "testdata/openvswitch.yaml")
	l.must(t, "deploy").expect(t, 0, "labelled 1 of 3 nodes", "everything is ready")

	kubectl := installation{namespace: l.namespace}.kubectl
	vsctl := func(args ...string) string {
		t.Helper()
		call := []string{"exec", "daemonset/openvswitch-vswitchd", "--container=ovs-vswitchd", "--",
			"ovs-vsctl", "--db=unix:/run/openvswitch/db.sock", "--timeout=30"}
		return strings.TrimSpace(kubectl(t, append(call, args...)...))
	}
	// ovs-vsctl waits until the switch has done it.
	vsctl("add-br", "br-e2e", "--", "set", "bridge", "br-e2e", "datapath_type=netdev")
	works := func() {
		t.Helper()
		if got := strings.Fields(vsctl("get", "interface", "br-e2e", "ofport", "error")); strings.Join(got, " ") != "65534 []" {
			t.Errorf("port and error of the bridge: %v", got)
		}
	}
	works()

	before := l.podIDs(t)
	kubectl(t, "delete", "pods", "--all", "--wait")
	eventually(t, time.Minute, func() error {
		after := l.podIDs(t)
		for _, service := range []string{"openvswitch-db", "openvswitch-vswitchd"} {
			if after[service] == "" || after[service] == before[service] {
				return fmt.Errorf("pods before %v, after %v", before, after)
			}
		}
		return nil
	})
	kubectl(t, "wait", "pods", "--selector=!job-name", "--for=condition=Ready", "--timeout=1m")
	works()
	vsctl("del-br", "br-e2e")
	l.must(t, "cleanup", "--yes")
}
