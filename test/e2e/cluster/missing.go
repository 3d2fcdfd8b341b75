package cluster

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// packages has for each command that the cluster and the images of its tests
// need the Debian package that brings it.
var packages = map[string]string{
	"bird":            "bird",
	"buildah":         "buildah",
	"conntrack":       "conntrack",
	"containerd":      "containerd",
	"docker-registry": "docker-registry",
	"etcdctl":         "etcd-client",
	"ip":              "iproute2",
	"ipset":           "ipset",
	"iptables":        "iptables",
	"mmdebstrap":      "mmdebstrap",
	"runc":            "runc",
}

// Missing returns an error that says all that is missing to run a cluster, of
// this machine and of what make builds, and how to get it, or nil.
func (c *Cluster) Missing() error {
	errs := []error{c.MachineLacks()}
	for _, name := range []string{"kubernetes", "coredns", "etcd35", "kube-router", "pause"} {
		if _, err := os.Stat(filepath.Join(c.Bin, name)); err != nil {
			errs = append(errs, fmt.Errorf("%s is missing: make bin/%s", filepath.Join(c.Bin, name), name))
		}
	}
	return errors.Join(errs...)
}

// MachineLacks returns an error that says all that this machine lacks to run a
// cluster and how to get it, or nil. It is worth asking before Kubernetes is
// built.
func (c *Cluster) MachineLacks() error {
	var errs []error
	if os.Geteuid() != 0 {
		errs = append(errs, errors.New("it makes namespaces and interfaces: run it as root"))
	}
	var wanted []string
	for command, name := range packages {
		if _, err := exec.LookPath(command); err != nil {
			wanted = append(wanted, name)
		}
	}
	if _, err := os.Stat(filepath.Join(cniPlugins, "bridge")); err != nil {
		wanted = append(wanted, "containernetworking-plugins")
	}
	if len(wanted) > 0 {
		slices.Sort(wanted)
		errs = append(errs, fmt.Errorf("packages of Debian are missing: apt-get install --no-install-recommends %s",
			strings.Join(wanted, " ")))
	}
	filesystems, _ := os.ReadFile("/proc/filesystems")
	for _, name := range []string{"overlay", "tmpfs"} {
		if !slices.Contains(strings.Fields(string(filesystems)), name) {
			errs = append(errs, fmt.Errorf("the kernel has no %s filesystem: modprobe %s", name, name))
		}
	}
	if len(hierarchies()) == 0 {
		errs = append(errs, errors.New("no control groups are mounted under /sys/fs/cgroup"))
	}
	return errors.Join(append(errs, subnetTaken(), masked(c.Dir), masked(c.Bin))...)
}

// subnetTaken returns an error when an interface other than the cluster's own
// has an address in the nodes' subnet.
func subnetTaken() error {
	_, subnet, err := net.ParseCIDR(hostAddress + "/24")
	if err != nil {
		return err
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		return err
	}
	for _, i := range interfaces {
		addresses, err := i.Addrs()
		if err != nil {
			return err
		}
		for _, a := range addresses {
			if ip, ok := a.(*net.IPNet); ok && subnet.Contains(ip.IP) && i.Name != bridge {
				return fmt.Errorf("%s of the nodes is taken: %s has %s", subnet, i.Name, a)
			}
		}
	}
	return nil
}

// masked returns an error when a path is in a folder that each node has its own
// of, and so would not see.
func masked(path string) error {
	for _, own := range ownFolders {
		if strings.HasPrefix(path, own+"/") {
			return fmt.Errorf("%s cannot be used: each node has its own %s", path, own)
		}
	}
	return nil
}
