// Command render measures ccp as whole processes, against helm in the same run,
// and how the time and memory of placing services grow with the nodes. Its
// figures are for reading; it asserts nothing.
package main

import (
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/helm-ccp/helm-ccp/test/bench/process"
)

// runs is how often each command is measured, after one run to warm up.
const runs = 7

func main() {
	log.SetFlags(0)
	if len(os.Args) != 4 {
		log.Fatal("usage: render CCP HELM CCP.YAML")
	}
	ccp, helm, example := os.Args[1], os.Args[2], os.Args[3]
	work, err := os.MkdirTemp("", "ccp-bench-")
	if err != nil {
		log.Fatal(err)
	}
	err = bench(work, ccp, helm, example)
	if removed := os.RemoveAll(work); err == nil {
		err = removed
	}
	if err != nil {
		log.Fatal(err)
	}
}

func bench(work, ccp, helm, example string) error {
	dir := filepath.Join(work, "openstack")
	if err := exec.Command(ccp, "generate", "-f", example, "-o", dir).Run(); err != nil {
		return fmt.Errorf("ccp generate: %w", err)
	}
	fmt.Printf("Rendering %s, median of %d runs, one after the other\n", example, runs)
	commands := []process.Command{
		{What: "ccp template (from the ccp.yaml)", Args: []string{ccp, "template", "-f", example}},
		{What: "helm template (of the generated chart)", Args: []string{helm, "template", "ccp", dir, "--namespace", "ccp"}},
	}
	figures, err := process.Measure(runs, commands...)
	if err != nil {
		return err
	}
	for i, c := range commands {
		fmt.Printf("%-42s %v\n", c.What, figures[i])
	}
	fmt.Printf("%-42s %7.2f    %7.2f    %7.2f\n\n", "ratio ccp / helm", float64(figures[0].Wall)/float64(figures[1].Wall),
		float64(figures[0].CPU)/float64(figures[1].CPU), float64(figures[0].Memory)/float64(figures[1].Memory))

	fmt.Println("Compiling (ccp values): 200 patterns over N nodes, placed for both networks")
	file := filepath.Join(work, "many.yaml")
	if err := os.WriteFile(file, []byte(manyPatterns()), 0o600); err != nil {
		return err
	}
	for _, count := range []int{1_000, 10_000, 100_000} {
		nodes := filepath.Join(work, fmt.Sprint(count))
		if err := os.WriteFile(nodes, []byte(nodeNames(count)), 0o600); err != nil {
			return err
		}
		figures, err := process.Measure(runs, process.Command{Args: []string{ccp, "values", "-f", file, "--nodes", nodes}})
		if err != nil {
			return err
		}
		fmt.Printf("%-42s %v\n", fmt.Sprintf("%d nodes", count), figures[0])
	}
	return nil
}

// manyPatterns is a ccp.yaml with 200 keys under nodes: three controllers, and
// 199 racks of compute nodes, written as a class of digits or as alternatives.
func manyPatterns() string {
	var out strings.Builder
	out.WriteString("roles:\n  controller: [mariadb, rabbitmq, memcached, keystone, glance-api, neutron-server, nova-api, nova-conductor, nova-scheduler]\n" +
		"  compute: [nova-compute, nova-libvirt]\n  agents: [neutron-metadata-agent]\n" +
		"configs: {neutron: {plugin_agent: calico}}\nnodes:\n  controller[1-3]: {roles: [controller, agents]}\n")
	for rack := range 199 {
		if rack%2 == 0 {
			fmt.Fprintf(&out, "  rack%d-node[0-9]+: {roles: [compute]}\n", rack)
		} else {
			fmt.Fprintf(&out, "  rack(%d|x%d)-node([0-9]|[1-9][0-9]+): {roles: [compute]}\n", rack, rack)
		}
	}
	return out.String()
}

func nodeNames(count int) string {
	var out strings.Builder
	for i := range count {
		if i < 3 {
			fmt.Fprintf(&out, "controller%d\n", i+1)
			continue
		}
		fmt.Fprintf(&out, "rack%d-node%d\n", i%199, i/199)
	}
	return out.String()
}
