// Package release runs the life of a deployment in a cluster: it installs and
// upgrades the chart that pkg/chart makes, tells how far it is and what it
// waits for, writes the openrc of its administrator, and takes everything away
// again. A release is an ordinary one of Helm's: `helm list`, `history` and
// `rollback` see it.
package release

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/cli"
	"helm.sh/helm/v3/pkg/kube"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// Options name a release and its cluster.
type Options struct {
	// Name is that of the release, Namespace where it is.
	Name, Namespace string
	// KubeConfig and KubeContext choose the cluster as kubectl's flags of
	// these names do, when they are not empty; Helm's environment variables
	// hold too.
	KubeConfig, KubeContext string
	// Reporter is told what happens.
	Reporter Reporter
}

// Reporter hears of the progress of long work. Both functions are called from
// one goroutine at a time.
type Reporter struct {
	// Step is told of what has been done, or begins.
	Step func(line string)
	// Waiting is told of the services again and again while they are awaited.
	Waiting func(Status)
}

// Client works on one release.
type Client struct {
	name, namespace string
	report          Reporter
	flags           *genericclioptions.ConfigFlags
	config          *rest.Config
	kube            kubernetes.Interface
	dynamic         dynamic.Interface
}

// New returns a client for a release, which need not exist. It reads the
// kubeconfig, and makes no connection.
func New(opts Options) (*Client, error) {
	c := &Client{name: opts.Name, namespace: opts.Namespace, report: opts.Reporter, flags: configFlags(opts)}
	config, err := c.flags.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("the kubeconfig: %w", err)
	}
	c.config = config
	if c.kube, err = kubernetes.NewForConfig(config); err != nil {
		return nil, err
	}
	if c.dynamic, err = dynamic.NewForConfig(config); err != nil {
		return nil, err
	}
	return c, nil
}

// Dynamic is a client of the release's cluster.
func (c *Client) Dynamic() dynamic.Interface { return c.dynamic }

// configFlags takes what Helm's environment says about the cluster, and what
// opts say instead.
func configFlags(opts Options) *genericclioptions.ConfigFlags {
	env := cli.New()
	if opts.KubeConfig != "" {
		env.KubeConfig = opts.KubeConfig
	}
	if opts.KubeContext != "" {
		env.KubeContext = opts.KubeContext
	}
	return &genericclioptions.ConfigFlags{
		Namespace:        &opts.Namespace,
		KubeConfig:       &env.KubeConfig,
		Context:          &env.KubeContext,
		BearerToken:      &env.KubeToken,
		APIServer:        &env.KubeAPIServer,
		CAFile:           &env.KubeCaFile,
		TLSServerName:    &env.KubeTLSServerName,
		Insecure:         &env.KubeInsecureSkipTLSVerify,
		Impersonate:      &env.KubeAsUser,
		ImpersonateGroup: &env.KubeAsGroups,
		WrapConfigFn: func(config *rest.Config) *rest.Config {
			config.QPS, config.Burst = 100, 200
			config.Wrap(func(next http.RoundTripper) http.RoundTripper { return patient{next} })
			return config
		},
	}
}

// patient waits for an API server that refuses connections, as one does that is
// restarted. Nothing was sent then, so any request can be made again.
type patient struct{ next http.RoundTripper }

const patience = time.Minute

func (p patient) RoundTrip(request *http.Request) (*http.Response, error) {
	end := time.Now().Add(patience)
	for {
		response, err := p.next.RoundTrip(request)
		if !errors.Is(err, syscall.ECONNREFUSED) || time.Now().After(end) {
			return response, err
		}
		if request.Body != nil && request.GetBody == nil {
			return response, err
		}
		select {
		case <-request.Context().Done():
			return response, err
		case <-time.After(time.Second):
		}
		if request.Body != nil {
			if request.Body, err = request.GetBody(); err != nil {
				return nil, err
			}
		}
	}
}

// helm returns what Helm's actions work with. What they wait for, they wait for
// through the waiter.
func (c *Client) helm(w *waiter) (*action.Configuration, error) {
	config := &action.Configuration{}
	if err := config.Init(c.flags, c.namespace, os.Getenv("HELM_DRIVER"), func(string, ...any) {}); err != nil {
		return nil, err
	}
	if w != nil {
		w.Client = config.KubeClient.(*kube.Client)
		config.KubeClient = w
	}
	return config, nil
}

// stepf reports one step.
func (c *Client) stepf(format string, args ...any) {
	if c.report.Step != nil {
		c.report.Step(fmt.Sprintf(format, args...))
	}
}

// reachable says in few words that the cluster does not answer.
func (c *Client) reachable(ctx context.Context) error {
	if _, err := c.kube.Discovery().ServerVersion(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("the cluster at %s does not answer: %w", strings.TrimSuffix(c.config.Host, "/"), err)
	}
	return nil
}
