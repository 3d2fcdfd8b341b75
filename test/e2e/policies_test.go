package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// port is one port of a service, and who may connect to it: "anybody", the
// "deployment", this and the "nodes" that it knows, or nobody but the service's
// own "members".
type port struct {
	service string
	number  int
	users   string
}

// ports are those of the infrastructure and of Keystone.
var ports = []port{
	{"etcd", 2379, "deployment"}, {"etcd", 2380, "members"},
	{"keystone", 5000, "anybody"},
	{"mariadb", 3306, "deployment"},
	{"memcached", 11211, "deployment"},
	{"rabbitmq", 4369, "deployment"}, {"rabbitmq", 5672, "nodes"}, {"rabbitmq", 15672, "deployment"},
	{"rabbitmq", 25672, "deployment"},
}

// connect prints for each HOST:PORT whether it can be connected to.
const connect = `
import socket, sys
for target in sys.argv[1:]:
    host, port = target.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=3).close()
        print(target, "open")
    except OSError as error:
        print(target, "refused", error)
`

// policies tries from pods what the release's NetworkPolicies allow and refuse;
// kube-router enforces them in the test cluster. All that the deployment itself
// needs is tried by its being ready.
func (i installation) policies(t *testing.T) {
	t.Helper()
	const elsewhere = "e2e-elsewhere"
	namespace(t, elsewhere)
	addresses := map[string]string{}
	for _, port := range ports {
		ip := i.kubectl(t, "get", "pods", "--selector=!job-name,app.kubernetes.io/component="+port.service,
			"--output=jsonpath={.items[0].status.podIP}")
		addresses[port.service] = strings.TrimSpace(ip)
	}
	i.kubectl(t, "exec", "etcd-0", "--", "bash", "-c", "exec 3<>/dev/tcp/"+addresses["etcd"]+"/2380") // it listens
	for _, from := range []struct {
		pod, namespace, labels, spec string
		may                          []string
	}{
		{"ours", i.namespace, "app.kubernetes.io/part-of=openstack", "{}", []string{"anybody", "deployment", "nodes"}},
		{"stranger", i.namespace, "app.kubernetes.io/part-of=else", "{}", []string{"anybody"}},
		{"foreigner", elsewhere, "app.kubernetes.io/part-of=openstack", "{}", []string{"anybody"}},
		{"node-known", i.namespace, "app.kubernetes.io/part-of=else", `{"hostNetwork": true, "nodeName": "node3"}`, []string{"anybody", "nodes"}},
		{"node-unknown", i.namespace, "app.kubernetes.io/part-of=openstack", `{"hostNetwork": true, "nodeName": "node2"}`, []string{"anybody"}},
	} {
		t.Run(from.pod, func(t *testing.T) {
			inside := installation{namespace: from.namespace}
			inside.kubectl(t, "run", from.pod, "--image="+registry()+"/ccp/openstackclient:latest", "--labels="+from.labels,
				"--restart=Never", `--overrides={"apiVersion": "v1", "spec": `+from.spec+"}", "--command", "--", "sleep", "infinity")
			defer inside.kubectl(t, "delete", "pod", from.pod, "--now")
			inside.kubectl(t, "wait", "--for=condition=Ready", "pod/"+from.pod, "--timeout=2m")
			exec := []string{"exec", from.pod, "--", "python3", "-c", connect}
			var want []string
			for _, port := range ports {
				target := fmt.Sprintf("%s:%d", addresses[port.service], port.number)
				exec = append(exec, target)
				outcome := "refused"
				if slices.Contains(from.may, port.users) {
					outcome = "open"
				}
				want = append(want, target+" "+outcome)
			}
			// A policy follows a new pod's address a moment after the pod is there.
			eventually(t, time.Minute, func() error {
				var got []string
				for line := range strings.Lines(inside.kubectl(t, exec...)) {
					got = append(got, strings.Join(strings.Fields(line)[:2], " "))
				}
				if !slices.Equal(got, want) {
					return fmt.Errorf("it got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
				return nil
			})
		})
	}
}
