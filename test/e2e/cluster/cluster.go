// Package cluster runs a real Kubernetes on one machine, for tests: three nodes,
// each in namespaces of its own (processes, mounts, network, host name), on a
// bridge. Each has a member of one etcd; the first is the control plane, and has
// an image registry.
//
// All that a node runs are children of one process, its init. When that is
// killed the kernel ends the node's processes and takes its mounts and
// interfaces away, so taking the cluster down can leave nothing behind but what
// the host side made: the bridge, the cgroups and a few sysctls, and Down
// removes or restores these.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// What is known about the cluster from outside.
const (
	// Etcd is the client endpoint, on the first node, of the etcd. It is
	// Kubernetes' and Calico's, in both dialects, without TLS.
	Etcd = "http://10.210.1.11:2379"
	// Registry is the host and port of the image registry, without TLS.
	Registry = "10.210.1.11:5000"
	// Bridge joins the nodes' first interfaces, on the machine's side.
	Bridge = "ccp-e2e"
)

const (
	apiServer = "https://10.210.1.11:6443"
	bridge    = Bridge
	// tenantBridge joins the nodes' second interfaces.
	tenantBridge = "ccp-ten"
	hostAddress  = "10.210.1.1"
	serviceCIDR  = "10.96.0.0/16"
	firstIP      = "10.96.0.1" // of the Service kubernetes
	dnsIP        = "10.96.0.10"
	podCIDR      = "10.244.0.0/16"
	pauseImage   = Registry + "/pause:1"
	dnsImage     = Registry + "/coredns:1"
)

// Node is one node of the cluster.
type Node struct {
	// Name is the node's name and host name.
	Name string
	// Address is its IPv4 address on the bridge, a /24.
	Address string
	// PodCIDR is the subnet of its pods.
	PodCIDR string
}

// Nodes are the nodes of the guide, at the addresses that it gives them. The
// first is the control plane.
var Nodes = []Node{
	{Name: "node1", Address: "10.210.1.11", PodCIDR: "10.244.1.0/24"},
	{Name: "node2", Address: "10.210.1.12", PodCIDR: "10.244.2.0/24"},
	{Name: "node3", Address: "10.210.1.13", PodCIDR: "10.244.3.0/24"},
}

// Cluster says where a cluster keeps its files. There is one cluster on a
// machine at a time, as its addresses are fixed.
type Cluster struct {
	// Dir is the folder of its state, an absolute path. Down empties it except
	// for logs (of the last run) and cache (images).
	Dir string
	// Bin is the folder of the binaries that make builds, an absolute path.
	Bin string
	// Log is told each step in one line.
	Log func(line string)
}

// Kubeconfig returns the path of the administrator's kubeconfig.
func (c *Cluster) Kubeconfig() string { return filepath.Join(c.Dir, "kubeconfig") }

// Environment returns what a command needs to use the cluster and the tests to
// know it by, as NAME=value.
func (c *Cluster) Environment() []string {
	return []string{
		"KUBECONFIG=" + c.Kubeconfig(),
		"KUBECACHEDIR=" + c.path("kubectl"), // what clients remember of it, else in the home folder
		"TMPDIR=" + c.path("tmp"),           // what a command that is killed leaves there goes too
		"CCP_E2E_DIR=" + c.Dir, "CCP_E2E_BIN=" + c.Bin, "CCP_E2E_ETCD=" + Etcd, "CCP_E2E_REGISTRY=" + Registry,
	}
}

func (c *Cluster) path(elem ...string) string {
	return filepath.Join(append([]string{c.Dir}, elem...)...)
}

// Up brings the cluster up and returns when all nodes are ready and names are
// resolved. What was left of an earlier one goes first. When it fails, or ctx
// ends, it takes everything down again.
func (c *Cluster) Up(ctx context.Context) error {
	if err := c.Missing(); err != nil {
		return err
	}
	if err := c.Down(); err != nil {
		return err
	}
	err := c.up(ctx)
	if err != nil {
		err = errors.Join(err, c.Down())
	}
	return err
}

func (c *Cluster) up(ctx context.Context) error {
	if err := os.RemoveAll(c.path("logs")); err != nil {
		return err
	}
	if err := os.MkdirAll(c.path("tmp"), 0o755); err != nil {
		return err
	}
	if err := c.writeCredentials(); err != nil {
		return err
	}
	c.Log("network, control groups and nodes")
	if err := c.setUpHost(ctx); err != nil {
		return err
	}
	for _, node := range Nodes {
		if err := c.startNode(ctx, node); err != nil {
			return fmt.Errorf("%s: %w", node.Name, err)
		}
	}
	c.Log("images for pods and DNS")
	if err := c.pushImages(ctx); err != nil {
		return err
	}
	c.Log("API server")
	ready := func() error { return c.kubectl(ctx, "", "get", "--raw", "/readyz") }
	if err := wait(ctx, 2*time.Minute, ready); err != nil {
		return fmt.Errorf("the API server is not ready (see %s): %w", c.path("logs"), err)
	}
	c.Log("DNS and volumes")
	for _, manifest := range []string{dnsManifest(), storageManifest()} {
		if err := c.kubectl(ctx, manifest, "apply", "-f", "-"); err != nil {
			return err
		}
	}
	for _, node := range Nodes {
		exists := func() error { return c.kubectl(ctx, "", "get", "node", node.Name) }
		if err := wait(ctx, time.Minute, exists); err != nil {
			return fmt.Errorf("%s did not register (see %s): %w", node.Name, c.path("logs", node.Name), err)
		}
	}
	c.Log("nodes ready")
	if err := c.kubectl(ctx, "", "wait", "--for=condition=Ready", "nodes", "--all", "--timeout=2m"); err != nil {
		return err
	}
	c.Log("DNS ready")
	return c.kubectl(ctx, "", "--namespace=kube-system", "rollout", "status", "deployment/coredns", "--timeout=2m")
}

// Restart stops a node as a power cut does, and starts it again: what was in its
// memory is gone, as /run is, and what was on its disk is there. It returns when
// the node is ready, which the API server may say of it from before, too.
func (c *Cluster) Restart(ctx context.Context, name string) error {
	for _, node := range Nodes {
		if node.Name != name {
			continue
		}
		if err := c.stopNode(node); err != nil {
			return err
		}
		for _, end := range hostEnds(node) { // they go with the node, but not at once
			if err := unlink(end); err != nil {
				return err
			}
		}
		if err := os.RemoveAll(c.path("nodes", name, "own", "run")); err != nil {
			return err
		}
		for _, hierarchy := range hierarchies() {
			path := filepath.Join(hierarchy, cgroup, name)
			if err := errors.Join(removeCgroup(path), makeCgroup(path)); err != nil {
				return err
			}
		}
		if err := c.startNode(ctx, node); err != nil {
			return err
		}
		return c.kubectl(ctx, "", "wait", "--for=condition=Ready", "node/"+name, "--timeout=2m")
	}
	return fmt.Errorf("there is no node %s", name)
}

// Down takes the cluster down: nodes with all they run, interfaces, control
// groups, sysctls. It returns an error that names what remains. Nothing to take
// down is no error.
func (c *Cluster) Down() error {
	var errs []error
	for _, node := range Nodes {
		if err := c.stopNode(node); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", node.Name, err))
		}
	}
	errs = append(errs, c.tearDownHost())
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if mounts := mountsUnder(c.Dir); len(mounts) > 0 {
		return fmt.Errorf("still mounted: %s", strings.Join(mounts, ", "))
	}
	for _, name := range []string{"nodes", "pki", "kubectl", "kubeconfig", "sysctls", "hierarchies", "tmp"} {
		errs = append(errs, os.RemoveAll(c.path(name)))
	}
	return errors.Join(errs...)
}

// kubectl runs kubectl as the administrator. Its output is part of the error.
func (c *Cluster) kubectl(ctx context.Context, stdin string, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(c.Bin, "kubernetes"), append([]string{"kubectl"}, args...)...)
	cmd.Env = append(os.Environ(), c.Environment()...)
	cmd.Stdin = strings.NewReader(stdin)
	return run(cmd)
}

// run runs a command; what it printed is part of the error.
func run(cmd *exec.Cmd) error {
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// wait repeats try until it returns nil, for at most limit, and returns its last
// error.
func wait(ctx context.Context, limit time.Duration, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// mountsUnder returns the mount points in this process's namespace that are dir
// or in it.
func mountsUnder(dir string) []string {
	table, _ := os.ReadFile("/proc/self/mounts")
	var found []string
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		point, err := strconv.Unquote(`"` + fields[1] + `"`) // a space is \040 there
		if err == nil && (point == dir || strings.HasPrefix(point, dir+"/")) {
			found = append(found, point)
		}
	}
	return found
}
