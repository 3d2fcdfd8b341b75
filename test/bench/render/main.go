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
	"slices"
	"strings"
	"syscall"
	"time"
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
	figures, err := measure(
		[]string{ccp, "template", "-f", example},
		[]string{helm, "template", "ccp", dir, "--namespace", "ccp"},
	)
	if err != nil {
		return err
	}
	print("ccp template (from the ccp.yaml)", figures[0])
	print("helm template (of the generated chart)", figures[1])
	fmt.Printf("%-42s %7.2f    %7.2f    %7.2f\n\n", "ratio ccp / helm", float64(figures[0].wall)/float64(figures[1].wall),
		float64(figures[0].cpu)/float64(figures[1].cpu), float64(figures[0].memory)/float64(figures[1].memory))

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
		figures, err := measure([]string{ccp, "values", "-f", file, "--nodes", nodes})
		if err != nil {
			return err
		}
		print(fmt.Sprintf("%d nodes", count), figures[0])
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

type figure struct {
	wall, cpu time.Duration
	memory    int64 // the process's peak, in bytes
}

func print(what string, f figure) {
	fmt.Printf("%-42s %7.0f ms %7.0f ms CPU %5.0f MB\n", what, ms(f.wall), ms(f.cpu), float64(f.memory)/1e6)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// measure runs the commands in turn and returns the medians of each.
func measure(commands ...[]string) ([]figure, error) {
	all := make([][]figure, len(commands))
	for round := range runs + 1 {
		for i, args := range commands {
			f, err := once(args)
			if err != nil {
				return nil, err
			}
			if round > 0 {
				all[i] = append(all[i], f)
			}
		}
	}
	medians := make([]figure, len(commands))
	for i, figures := range all {
		medians[i] = figure{
			wall:   median(figures, func(f figure) time.Duration { return f.wall }),
			cpu:    median(figures, func(f figure) time.Duration { return f.cpu }),
			memory: median(figures, func(f figure) int64 { return f.memory }),
		}
	}
	return medians, nil
}

func once(args []string) (figure, error) {
	cmd := exec.Command(args[0], args[1:]...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return figure{}, fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return figure{
		wall:   time.Since(start),
		cpu:    cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
		memory: usage.Maxrss * 1024, // Linux counts kilobytes
	}, nil
}

func median[T int64 | time.Duration](figures []figure, of func(figure) T) T {
	values := make([]T, len(figures))
	for i, f := range figures {
		values[i] = of(f)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
