// Command postrender measures `ccp post-render` as a whole process over about
// 1.5 MB of manifests (some 500 objects in the manner of openstack-helm),
// against `kustomize build` with a label and a patch in the same run, what one
// more filter costs, and the memory that 50 MB take. Its figures are for
// reading; it asserts nothing.
package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/helm-ccp/helm-ccp/test/bench/process"
)

// runs is how often each command is measured, after one run to warm up.
const runs = 5

func main() {
	log.SetFlags(0)
	if len(os.Args) != 4 {
		log.Fatal("usage: postrender CCP KUSTOMIZE CCP.YAML")
	}
	work, err := os.MkdirTemp("", "ccp-bench-")
	if err != nil {
		log.Fatal(err)
	}
	err = bench(work, os.Args[1], os.Args[2], os.Args[3])
	if removed := os.RemoveAll(work); err == nil {
		err = removed
	}
	if err != nil {
		log.Fatal(err)
	}
}

func bench(work, ccp, kustomize, example string) error {
	stream := manifests(36)
	small := filepath.Join(work, "manifests.yaml")
	labelled, err := withExtension(work, "x-post-render: {labels: {team: cloud}}\n")
	if err != nil {
		return err
	}
	empty := filepath.Join(work, "empty.yaml")
	large := filepath.Join(work, "large.yaml")
	for file, content := range map[string]string{
		small: stream, empty: "roles: {}\n",
		filepath.Join(work, "kustomization.yaml"): "resources: [manifests.yaml]\nlabels: [{pairs: {team: cloud}}]\npatches:\n" +
			"  - target: {kind: Deployment}\n    patch: |\n      apiVersion: apps/v1\n      kind: Deployment\n      metadata: {name: any}\n      spec: {template: {spec: {nodeSelector: {role.ccp.openstack.org/controller: \"true\"}}}}\n",
	} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			return err
		}
	}
	fmt.Printf("%.1f MB, %d objects, median of %d runs, one after the other\n", float64(len(stream))/1e6, strings.Count(stream, "\n---\n")+1, runs)
	commands := []process.Command{
		{What: "ccp post-render (everything)", Args: []string{ccp, "post-render", "-f", example}, Stdin: small},
		{What: "ccp post-render (and a label on each)", Args: []string{ccp, "post-render", "-f", example, "-f", labelled}, Stdin: small},
		{What: "ccp post-render (an empty topology)", Args: []string{ccp, "post-render", "-f", empty}, Stdin: small},
		{What: "kustomize build (a label and a patch)", Args: []string{kustomize, "build", work}},
	}
	figures, err := process.Measure(runs, commands...)
	if err != nil {
		return err
	}
	for i, c := range commands {
		fmt.Printf("%-40s %v\n", c.What, figures[i])
	}
	last := figures[len(figures)-1]
	fmt.Printf("%-40s %7.1f    %7.1f\n", "kustomize / ccp with a label", float64(last.Wall)/float64(figures[1].Wall), float64(last.CPU)/float64(figures[1].CPU))
	fmt.Printf("%-40s %7.0f ms %7.0f ms CPU\n\n", "one more filter (the label)", process.Milliseconds(figures[1].Wall-figures[0].Wall), process.Milliseconds(figures[1].CPU-figures[0].CPU))

	if err := repeat(large, stream, 50_000_000); err != nil {
		return err
	}
	info, err := os.Stat(large)
	if err != nil {
		return err
	}
	big, err := process.Measure(1, process.Command{Args: []string{ccp, "post-render", "-f", example}, Stdin: large})
	if err != nil {
		return err
	}
	fmt.Printf("%-40s %v\n", fmt.Sprintf("ccp post-render of %.0f MB", float64(info.Size())/1e6), big[0])
	fmt.Printf("%-40s %7.1f\n", "memory / input", float64(big[0].Memory)/float64(info.Size()))
	return nil
}

// repeat writes text to a file again and again. It never holds all of it: what
// this process holds counts as memory of those that it starts.
func repeat(file, text string, size int) error {
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	for written := 0; written < size; written += len(text) {
		if _, err := out.WriteString(text); err != nil {
			return err
		}
	}
	return out.Close()
}

// withExtension writes a second ccp.yaml that goes over the first.
func withExtension(work, text string) (string, error) {
	file := filepath.Join(work, "extension.yaml")
	return file, os.WriteFile(file, []byte(text), 0o600)
}

// manifests are count times the objects of one small chart: a Deployment, a
// DaemonSet, a Job, a Secret with an ini file, a ConfigMap with scripts, and
// what comes with them.
func manifests(count int) string {
	var out strings.Builder
	services := []string{"keystone/api", "glance/api", "heat/api", "heat/engine", "nova/conductor", "nova/scheduler", "placement/api", "horizon/server"}
	for i := range count {
		application, component, _ := strings.Cut(services[i%len(services)], "/")
		name := fmt.Sprintf("%s-%s-%d", application, component, i)
		labels := fmt.Sprintf("{application: %s, component: %s, release_group: r%d}", application, component, i)
		script := strings.Repeat("    # what the chart's authors have to say, at length\n    echo \"a line of a script\" && sleep 1\n", 110)
		fmt.Fprintf(&out, "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s-bin\ndata:\n  start.sh: |\n%s", name, script)
		fmt.Fprintf(&out, "---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: %s-etc\ndata:\n  app.conf: %s\n", name, strings.Repeat("W0RFRkFVTFRdCmRlYnVnID0gdHJ1ZQ", 300))
		for _, kind := range []string{"Deployment", "DaemonSet", "StatefulSet"} {
			fmt.Fprintf(&out, "---\napiVersion: apps/v1\nkind: %s\nmetadata:\n  name: %s\n  labels: %s\nspec:\n  selector:\n    matchLabels: %s\n  template:\n    metadata:\n      labels: %s\n    spec:\n      nodeSelector:\n        openstack-control-plane: enabled\n      containers:\n",
				kind, name, labels, labels, labels)
			for c := range 2 {
				fmt.Fprintf(&out, "        - name: c%d\n          image: docker.io/openstackhelm/%s:2024.1\n          env:\n", c, application)
				for e := range 20 {
					fmt.Fprintf(&out, "            - name: VARIABLE_%d\n              value: \"%d\"\n", e, e)
				}
				out.WriteString("          volumeMounts:\n")
				for m := range 12 {
					fmt.Fprintf(&out, "            - name: etc\n              mountPath: /etc/app/file%d.conf\n              subPath: file%d.conf\n              readOnly: true\n", m, m)
				}
			}
		}
		for _, kind := range []string{"Service", "ServiceAccount", "Role", "RoleBinding", "PodDisruptionBudget", "Ingress", "NetworkPolicy", "HorizontalPodAutoscaler", "PersistentVolumeClaim"} {
			fmt.Fprintf(&out, "---\napiVersion: example.org/v1\nkind: %s\nmetadata:\n  name: %s\n  labels: %s\nspec:\n  ports:\n    - name: api\n      port: 80\n", kind, name, labels)
		}
	}
	return out.String()
}
