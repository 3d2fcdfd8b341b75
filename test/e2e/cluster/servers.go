package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// cniPlugins is where Debian's containernetworking-plugins has them.
const cniPlugins = "/usr/lib/cni"

type object = map[string]any

// writeNode writes what a node's init and its servers read.
func (c *Cluster) writeNode(node Node) error {
	dir := c.path("nodes", node.Name)
	spec := nodeSpec{Node: node, Folders: filepath.Join(dir, "own"), Logs: c.path("logs", node.Name),
		Routes: map[string]string{}}
	for _, other := range Nodes {
		if other != node {
			spec.Routes[other.PodCIDR] = other.Address
		}
	}
	if node == Nodes[0] {
		spec.Servers = c.controlPlane(dir)
	}
	spec.Servers = append(spec.Servers, c.worker(node, dir)...)
	for _, folder := range []string{spec.Folders, spec.Logs, filepath.Join(dir, "cni"), c.path("cache")} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
	}
	if err := makeVolumes(spec.Folders); err != nil {
		return err
	}
	for name, text := range map[string]string{
		"containerd.toml": containerdConfig(dir), "resolv.conf": "# no servers\n", "registry.yml": c.registryConfig(),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	for name, value := range map[string]any{
		"node.json": spec, "cni/pods.conflist": cniConfig(node), "kubelet.json": c.kubeletConfig(node, dir),
		"kube-proxy.json": c.proxyConfig(node),
	} {
		if err := writeJSON(filepath.Join(dir, name), value); err != nil {
			return err
		}
	}
	return nil
}

// kubernetes returns the command line of one of Kubernetes' servers.
func (c *Cluster) kubernetes(name string, args ...string) server {
	return server{name, append([]string{filepath.Join(c.Bin, "kubernetes"), name}, args...)}
}

// controlPlane returns the servers that the first node alone has.
func (c *Cluster) controlPlane(dir string) []server {
	pki := func(name string) string { return c.path("pki", name) }
	address := Nodes[0].Address
	return []server{
		{"registry", []string{"docker-registry", "serve", filepath.Join(dir, "registry.yml")}},
		c.kubernetes("kube-apiserver",
			"--etcd-servers=http://127.0.0.1:2379",
			"--advertise-address="+address,
			"--service-cluster-ip-range="+serviceCIDR,
			"--allow-privileged=true",
			"--authorization-mode=Node,RBAC",
			"--enable-admission-plugins=NodeRestriction",
			"--client-ca-file="+pki("ca.crt"),
			"--tls-cert-file="+pki("apiserver.crt"),
			"--tls-private-key-file="+pki("apiserver.key"),
			"--kubelet-certificate-authority="+pki("ca.crt"),
			"--kubelet-client-certificate="+pki("apiserver-kubelet.crt"),
			"--kubelet-client-key="+pki("apiserver-kubelet.key"),
			"--kubelet-preferred-address-types=InternalIP",
			"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
			"--service-account-key-file="+pki("service-account.pub"),
			"--service-account-signing-key-file="+pki("service-account.key")),
		c.kubernetes("kube-controller-manager",
			"--kubeconfig="+pki("controller-manager.kubeconfig"),
			"--leader-elect=false",
			// As for large clusters: the default of 20 requests a second is a minute for a thousand pods.
			"--kube-api-qps=200", "--kube-api-burst=400",
			// Nor does a node that is late on a busy machine lose its pods at once.
			"--node-monitor-grace-period=160s",
			// With it, each status that is written before the last one was read back counts as a failure, and puts
			// the next off by up to a quarter of an hour: with a thousand nodes on two cores, that is the rule.
			"--feature-gates=StaleControllerConsistencyDaemonSet=false",
			"--use-service-account-credentials=true",
			"--root-ca-file="+pki("ca.crt"),
			"--service-account-private-key-file="+pki("service-account.key")),
		c.kubernetes("kube-scheduler",
			"--kubeconfig="+pki("scheduler.kubeconfig"),
			"--leader-elect=false"),
	}
}

// worker returns the servers that every node has.
func (c *Cluster) worker(node Node, dir string) []server {
	return []server{
		c.etcd(node, filepath.Join(dir, "etcd")),
		{"containerd", []string{"containerd", "--config=" + filepath.Join(dir, "containerd.toml")}},
		c.kubernetes("kubelet",
			"--config="+filepath.Join(dir, "kubelet.json"),
			"--kubeconfig="+c.path("pki", node.Name+".kubeconfig"),
			"--node-ip="+node.Address,
			"--hostname-override="+node.Name),
		c.kubernetes("kube-proxy", "--config="+filepath.Join(dir, "kube-proxy.json")),
		// The bridge plugin knows no NetworkPolicies; of kube-router only what enforces them runs.
		{"kube-router", []string{filepath.Join(c.Bin, "kube-router"),
			"--kubeconfig=" + c.path("pki", "kube-router.kubeconfig"), "--hostname-override=" + node.Name,
			"--service-cluster-ip-range=" + serviceCIDR,
			"--run-firewall", "--run-router=false", "--run-service-proxy=false", "--health-port=0"}},
	}
}

// etcd returns a node's member of the etcd, of the last release that has the v2
// API too. Its patience suits a machine that is busy with other things.
func (c *Cluster) etcd(node Node, data string) server {
	var members []string
	for _, n := range Nodes {
		members = append(members, n.Name+"=http://"+n.Address+":2380")
	}
	client, peer := "http://"+node.Address+":2379", "http://"+node.Address+":2380"
	return server{"etcd", []string{filepath.Join(c.Bin, "etcd35"), "--name=" + node.Name, "--data-dir=" + data, "--enable-v2",
		"--listen-client-urls=http://127.0.0.1:2379," + client, "--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer,
		"--initial-cluster=" + strings.Join(members, ","), "--heartbeat-interval=500", "--election-timeout=5000"}}
}

func (c *Cluster) kubeletConfig(node Node, dir string) object {
	return object{
		"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
		"address":                  node.Address,
		"containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
		"cgroupDriver":             "cgroupfs",
		"cgroupRoot":               "/" + cgroup + "/" + node.Name,
		"failCgroupV1":             false,
		"enforceNodeAllocatable":   []string{},
		"failSwapOn":               false,
		"oomScoreAdj":              0, // less needs a capability that not every machine gives
		"clusterDNS":               []string{dnsIP},
		"clusterDomain":            "cluster.local",
		"resolvConf":               filepath.Join(dir, "resolv.conf"),
		"volumePluginDir":          "/var/lib/kubelet/volumeplugins",
		"evictionHard":             object{"memory.available": "100Mi"},
		"tlsCertFile":              c.path("pki", node.Name+".crt"),
		"tlsPrivateKeyFile":        c.path("pki", node.Name+".key"),
		"authentication": object{
			"anonymous": object{"enabled": false}, "webhook": object{"enabled": true},
			"x509": object{"clientCAFile": c.path("pki", "ca.crt")},
		},
		"authorization": object{"mode": "Webhook"},
		// One pull does not wait for another, nor are they counted: the registry is on this machine.
		"serializeImagePulls": false,
		"registryPullQPS":     0,
	}
}

func (c *Cluster) proxyConfig(node Node) object {
	return object{
		"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration",
		"clientConnection": object{"kubeconfig": c.path("pki", "proxy.kubeconfig")},
		"hostnameOverride": node.Name,
		"bindAddress":      node.Address,
		"clusterCIDR":      podCIDR,
		"mode":             "iptables",
		"oomScoreAdj":      0,
		// Zero leaves the machine's limits as they are.
		"conntrack": object{"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
	}
}

// cniConfig puts the pods of a node on a bridge. Their addresses are routed
// between the nodes, without translation.
func cniConfig(node Node) object {
	return object{
		"cniVersion": "0.4.0", "name": "pods",
		"plugins": []object{
			{
				"type": "bridge", "bridge": "pods", "isGateway": true, "hairpinMode": true,
				"ipam": object{
					"type": "host-local", "dataDir": "/run/cni",
					"ranges": [][]object{{{"subnet": node.PodCIDR}}},
					"routes": []object{{"dst": "0.0.0.0/0"}},
				},
			},
			{"type": "portmap", "capabilities": object{"portMappings": true}},
		},
	}
}

// containerdConfig returns the configuration of Debian's containerd 1.6.
func containerdConfig(dir string) string {
	return fmt.Sprintf(`version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
# It would make a folder in /opt.
disabled_plugins = ["io.containerd.internal.v1.opt"]

[grpc]
address = "/run/containerd/containerd.sock"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = %q
# Without CAP_SYS_RESOURCE nothing may be lowered; runc fails when it tries.
restrict_oom_score_adj = true

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = %q
conf_dir = %q

[plugins."io.containerd.grpc.v1.cri".registry.mirrors.%q]
endpoint = ["http://%s"]
`, pauseImage, cniPlugins, filepath.Join(dir, "cni"), Registry, Registry)
}

// registryConfig returns the configuration of Debian's docker-registry. Its
// images outlive the cluster.
func (c *Cluster) registryConfig() string {
	return fmt.Sprintf(`version: 0.1
log: {level: warn}
storage:
  filesystem: {rootdirectory: %q}
  delete: {enabled: true}
http: {addr: %q}
`, c.path("cache", "registry"), Registry)
}
