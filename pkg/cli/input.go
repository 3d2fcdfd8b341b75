package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
	"github.com/helm-ccp/helm-ccp/pkg/chart"
	"github.com/helm-ccp/helm-ccp/pkg/topology"
)

// input are the flags of every command that reads a ccp.yaml.
type input struct {
	streams   Streams
	root      string // folder that no file may lie outside of; empty: none
	files     []string
	network   string
	release   string
	placement string
	match     string
	nodes     string
	cluster   bool
	kube      clientcmd.ConfigOverrides
	config    string          // of kubectl
	loaded    *ccpfile.Config // the ccp.yaml that build has read
}

func (in *input) addFileFlag(flags *pflag.FlagSet) {
	flags.StringArrayVarP(&in.files, "config-file", "f", nil, "ccp.yaml to read, - for standard input; may be repeated, later ones win (default: the first of ./ccp.yaml, ~/.ccp.yaml, ~/.ccp/ccp.yaml, /etc/ccp.yaml, /etc/ccp/ccp.yaml)")
}

func (in *input) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	in.addFileFlag(flags)
	flags.StringVar(&in.network, "network", "", "OpenStack's network, calico or openvswitch, instead of the file's")
	flags.StringVar(&in.release, "openstack-release", "", "OpenStack release, newton … gazpacho, instead of the file's")
	flags.StringVar(&in.placement, "placement", "", "label or hostname, instead of the file's")
	flags.StringVar(&in.match, "node-match", string(topology.Whole), "whole: a pattern has to match a whole node name; prefix: its beginning, as the first ccp did")
	flags.StringVar(&in.nodes, "nodes", "", "file with the cluster's nodes: one name a line, or Kubernetes Nodes in YAML or JSON; - for standard input")
	flags.BoolVar(&in.cluster, "kube", false, "ask the cluster for its nodes")
	in.addKubeFlags(flags)
}

// addKubeFlags adds the flags that choose a cluster.
func (in *input) addKubeFlags(flags *pflag.FlagSet) {
	flags.StringVar(&in.config, "kubeconfig", "", "kubeconfig of the cluster (default: as kubectl)")
	flags.StringVar(&in.kube.CurrentContext, "kube-context", os.Getenv("HELM_KUBECONTEXT"), "context of the kubeconfig (default: its current one)")
}

// helmNamespace is the namespace that --namespace gives to `helm ccp`: Helm
// takes that flag for itself, and tells plugins "default" when nobody gave one.
func helmNamespace() string {
	if namespace := os.Getenv("HELM_NAMESPACE"); namespace != "default" {
		return namespace
	}
	return ""
}

// load reads the ccp.yaml.
func (in *input) load() (*ccpfile.Config, error) {
	files := in.files
	if len(files) == 0 {
		file, err := ccpfile.DefaultFile()
		if err != nil {
			return nil, wrongf("%w; give one with --config-file", err)
		}
		files = []string{file}
	}
	cfg, err := ccpfile.Load(files, ccpfile.Options{Stdin: in.streams.In, Root: in.root})
	var unreadable *fs.PathError
	if errors.As(err, &unreadable) {
		return nil, errWrong{err}
	}
	return cfg, err
}

// build reads the ccp.yaml and works out the deployment. What is worth
// telling goes to standard error.
func (in *input) build(ctx context.Context) (*chart.Deployment, error) {
	cfg, loadErr := in.load()
	if cfg == nil {
		return nil, loadErr
	}
	in.loaded = cfg
	inventory, err := in.inventory(ctx)
	if err != nil {
		return nil, err
	}
	if in.match != string(topology.Whole) && in.match != string(topology.Prefix) {
		return nil, wrongf("--node-match: want whole or prefix, got %q", in.match)
	}
	set, err := in.charts(cfg)
	if err != nil {
		return nil, together(loadErr, err)
	}
	deployment, err := set.build(cfg, chart.Options{Options: topology.Options{
		Network:   in.network,
		Release:   in.release,
		Placement: in.placement,
		NodeMatch: topology.Match(in.match),
		Inventory: inventory,
	}})
	if err := together(loadErr, err); err != nil {
		return nil, err
	}
	for _, notice := range deployment.Notices {
		fmt.Fprintln(in.streams.Err, "note:", notice.Error())
	}
	for _, dropped := range deployment.Topology.Dropped {
		fmt.Fprintf(in.streams.Err, "dropped: %s: %s\n", dropped.Service, dropped.Reason)
	}
	return deployment, nil
}

// together joins the faults of the file's shape with those of its meaning,
// where the latter are not of a place that has one already.
func together(shape, meaning error) error {
	var first, second ccpfile.Problems
	if !errors.As(shape, &first) || !errors.As(meaning, &second) {
		return cmp.Or(shape, meaning)
	}
	said := map[ccpfile.Position]bool{}
	for _, problem := range first {
		said[problem.Pos] = true
	}
	all := slices.Clone(first)
	for _, problem := range second {
		if !said[problem.Pos] {
			all = append(all, problem)
		}
	}
	return all.Err()
}

// inventory returns the cluster's nodes, or nil when none were asked for.
func (in *input) inventory(ctx context.Context) (*topology.Inventory, error) {
	switch {
	case in.cluster && in.nodes != "":
		return nil, wrongf("--nodes and --kube both say which nodes there are; give one of them")
	case in.cluster:
		return in.askCluster(ctx)
	case in.nodes == "-":
		if slices.Contains(in.files, "-") {
			return nil, wrongf("--nodes and --config-file can't both be standard input")
		}
		return topology.ReadInventory(in.streams.In, "standard input")
	case in.nodes != "":
		file, err := in.open(in.nodes)
		if err != nil {
			return nil, errWrong{err}
		}
		defer file.Close()
		return topology.ReadInventory(io.Reader(file), in.nodes)
	default:
		return nil, nil
	}
}

// open opens a file, in the root folder when there is one.
func (in *input) open(name string) (*os.File, error) {
	if in.root == "" {
		return os.Open(name)
	}
	relative, err := insideRoot(in.root, name)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(in.root)
	if err != nil {
		return nil, err
	}
	defer root.Close() // nothing was written to it
	if err := regular(root.FS(), relative); err != nil {
		return nil, err
	}
	return root.Open(relative)
}

func (in *input) askCluster(ctx context.Context) (*topology.Inventory, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = in.config
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &in.kube).ClientConfig()
	if err != nil {
		return nil, wrongf("the kubeconfig: %w", err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("the cluster: %w", err)
	}
	inventory := &topology.Inventory{}
	page := metav1.ListOptions{Limit: 500}
	for {
		list, err := client.CoreV1().Nodes().List(ctx, page)
		if err != nil {
			return nil, fmt.Errorf("listing the nodes: %w", err)
		}
		for _, node := range list.Items {
			hostname := node.Labels["kubernetes.io/hostname"]
			if hostname == "" {
				hostname = node.Name
			}
			known := topology.Node{Name: node.Name, Hostname: hostname}
			for _, a := range node.Status.Addresses {
				if a.Type == corev1.NodeInternalIP {
					known.Addresses = append(known.Addresses, a.Address)
				}
			}
			inventory.Nodes = append(inventory.Nodes, known)
		}
		if page.Continue = list.Continue; page.Continue == "" {
			return inventory, nil
		}
	}
}
