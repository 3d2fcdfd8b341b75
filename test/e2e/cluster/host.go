package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// cgroup is the path, in each hierarchy, of the control group that has one child
// for each node.
const cgroup = "ccp-e2e"

// machineCgroup is where libvirt puts the control groups of its servers, in each
// hierarchy.
const machineCgroup = "machine"

// sysctls are the settings of the whole machine that a kubelet changes.
var sysctls = []string{
	"kernel/keys/root_maxbytes", "kernel/keys/root_maxkeys", "kernel/panic", "kernel/panic_on_oops",
	"vm/overcommit_memory", "vm/panic_on_oom",
}

// setUpHost makes what the nodes need outside their namespaces: the bridge,
// control groups, and a note of the sysctls.
func (c *Cluster) setUpHost(ctx context.Context) error {
	if err := c.saveSysctls(); err != nil {
		return err
	}
	for _, args := range []string{
		"link add " + bridge + " type bridge",
		"address add " + hostAddress + "/24 dev " + bridge,
		"link set " + bridge + " up",
		"link add " + tenantBridge + " type bridge",
		"link set " + tenantBridge + " up",
	} {
		if err := ip(ctx, args); err != nil {
			return err
		}
	}
	var without []string
	for _, hierarchy := range hierarchies() {
		if _, err := os.Stat(filepath.Join(hierarchy, machineCgroup)); errors.Is(err, fs.ErrNotExist) {
			without = append(without, hierarchy)
		}
	}
	if err := writeJSON(c.path("hierarchies"), without); err != nil {
		return err
	}
	for _, hierarchy := range hierarchies() {
		for _, name := range append([]string{""}, nodeNames()...) {
			if err := makeCgroup(filepath.Join(hierarchy, cgroup, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// plug gives the node whose init has this process id its interfaces: eth0 with
// the other end on the bridge, and eth1, without an address, on the one that only
// Open vSwitch uses.
func plug(ctx context.Context, node Node, pid int) error {
	for i, outer := range hostEnds(node) {
		for _, args := range []string{
			fmt.Sprintf("link add %s type veth peer name eth%d netns %d", outer, i, pid),
			"link set " + outer + " master " + []string{bridge, tenantBridge}[i] + " up",
		} {
			if err := ip(ctx, args); err != nil {
				return err
			}
		}
	}
	return nil
}

// hostEnds returns the names of the other ends of a node's eth0 and eth1.
func hostEnds(node Node) [2]string {
	return [2]string{bridge + "-" + node.Name, tenantBridge + "-" + node.Name}
}

// tearDownHost undoes setUpHost and plug, for as much of them as was done.
func (c *Cluster) tearDownHost() error {
	var errs []error
	for _, node := range Nodes {
		for _, outer := range hostEnds(node) {
			errs = append(errs, unlink(outer))
		}
	}
	errs = append(errs, unlink(bridge), unlink(tenantBridge))
	for _, hierarchy := range hierarchies() {
		errs = append(errs, removeCgroup(filepath.Join(hierarchy, cgroup)))
	}
	// Those of servers, where there were none before.
	var without []string
	data, err := os.ReadFile(c.path("hierarchies"))
	if err == nil {
		err = json.Unmarshal(data, &without)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		errs = append(errs, err)
	}
	for _, hierarchy := range without {
		errs = append(errs, removeCgroup(filepath.Join(hierarchy, machineCgroup)))
	}
	return errors.Join(append(errs, c.restoreSysctls())...)
}

// unlink removes an interface, or returns nil if there is none of that name.
func unlink(name string) error {
	if _, err := net.InterfaceByName(name); err != nil {
		return nil
	}
	err := ip(context.Background(), "link delete "+name)
	if _, gone := net.InterfaceByName(name); gone != nil {
		return nil // it went with the node's namespace
	}
	return err
}

// ip runs iproute2's ip with arguments that are separated by spaces.
func ip(ctx context.Context, args string) error {
	return run(exec.CommandContext(ctx, "ip", strings.Fields(args)...))
}

// hierarchies returns where the hierarchies of control groups are mounted: one
// for each controller in version 1, a single one in version 2.
func hierarchies() []string {
	table, _ := os.ReadFile("/proc/self/mounts")
	var found []string
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if (fields[2] == "cgroup" || fields[2] == "cgroup2") && strings.HasPrefix(fields[1], "/sys/fs/cgroup") {
			found = append(found, fields[1])
		}
	}
	return found
}

// makeCgroup makes a control group whose parent exists. In version 1 a new one
// has no processors and no memory nodes until it is given its parent's.
func makeCgroup(path string) error {
	if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		value, err := os.ReadFile(filepath.Join(filepath.Dir(path), name))
		if err != nil || strings.TrimSpace(string(value)) == "" {
			continue // not this controller, or version 2, which inherits
		}
		if err := os.WriteFile(filepath.Join(path, name), value, 0); err != nil {
			return err
		}
	}
	return nil
}

// removeCgroup removes a control group with those in it, if it exists. The
// kernel takes a moment to let go of one whose last process has ended.
func removeCgroup(path string) error {
	var groups []string
	filepath.WalkDir(path, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			groups = append(groups, path)
		}
		return nil
	})
	for _, group := range slices.Backward(groups) {
		err := wait(context.Background(), 10*time.Second, func() error {
			if err := syscall.Rmdir(group); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return &os.PathError{Op: "rmdir", Path: group, Err: err}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// saveSysctls writes down the machine's settings for restoreSysctls.
func (c *Cluster) saveSysctls() error {
	values := map[string]string{}
	for _, name := range sysctls {
		if value, err := os.ReadFile(filepath.Join("/proc/sys", name)); err == nil {
			values[name] = string(value)
		}
	}
	return writeJSON(c.path("sysctls"), values)
}

func (c *Cluster) restoreSysctls() error {
	data, err := os.ReadFile(c.path("sysctls"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var values map[string]string
	if err := json.Unmarshal(data, &values); err != nil {
		return fmt.Errorf("%s: %w", c.path("sysctls"), err)
	}
	var errs []error
	for name, value := range values {
		path := filepath.Join("/proc/sys", name)
		if now, err := os.ReadFile(path); err == nil && string(now) != value {
			errs = append(errs, os.WriteFile(path, []byte(value), 0))
		}
	}
	return errors.Join(errs...)
}
