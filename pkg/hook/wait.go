package hook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// waitOptions are the flags of `ccp-hook wait`.
type waitOptions struct {
	tcp, http, jobs, slices []string
	namespace               string
	timeout, interval       time.Duration
}

// condition is one thing that is waited for.
type condition struct {
	name string
	// check returns nil when it holds, and else why not.
	check func(ctx context.Context) error
}

func newWait(env *environment) *cobra.Command {
	o := &waitOptions{}
	cmd := &cobra.Command{
		Use: "wait", Short: "Wait until everything that is named is there", Args: noArgs,
		Example: "  ccp-hook wait --tcp mariadb:3306 --http http://keystone:5000/v3 --job keystone-bootstrap --timeout 30m",
		RunE: func(cmd *cobra.Command, _ []string) error {
			conditions, err := o.conditions(env)
			if err != nil {
				return err
			}
			return o.wait(cmd.Context(), env, conditions)
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&o.tcp, "tcp", nil, "`HOST:PORT` that takes connections")
	f.StringSliceVar(&o.http, "http", nil, "`URL` that answers with a status below 400")
	f.StringSliceVar(&o.jobs, "job", nil, "`NAME` of a Job that is complete; it need not exist yet")
	f.StringSliceVar(&o.slices, "endpointslice", nil, "`SERVICE` with a ready endpoint")
	f.StringVar(&o.namespace, "namespace", "", "`namespace` of the Jobs and Services (default the pod's)")
	f.DurationVar(&o.timeout, "timeout", 30*time.Minute, "give up after this time")
	f.DurationVar(&o.interval, "interval", 2*time.Second, "time between two looks")
	return cmd
}

// conditions returns what the flags ask for.
func (o *waitOptions) conditions(env *environment) ([]condition, error) {
	var all []condition
	var errs []error
	for _, address := range o.tcp {
		if _, _, err := net.SplitHostPort(address); err != nil {
			errs = append(errs, inputError{fmt.Errorf("--tcp %s: not HOST:PORT", address)})
		}
		all = append(all, condition{"tcp " + address, func(ctx context.Context) error { return checkTCP(ctx, address) }})
	}
	for _, url := range o.http {
		if !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
			errs = append(errs, inputError{fmt.Errorf("--http %s: not a URL with http:// or https://", url)})
		}
		all = append(all, condition{"http " + url, func(ctx context.Context) error { return checkHTTP(ctx, url) }})
	}
	if len(o.jobs)+len(o.slices) > 0 {
		kube, err := env.kube()
		if err != nil {
			return nil, errors.Join(append(errs, err)...)
		}
		namespace := first(o.namespace, kube.namespace)
		for _, name := range o.jobs {
			all = append(all, condition{"job " + name, func(ctx context.Context) error {
				return checkJob(ctx, kube, namespace, name)
			}})
		}
		for _, service := range o.slices {
			all = append(all, condition{"endpointslice " + service, func(ctx context.Context) error {
				return checkEndpoints(ctx, kube, namespace, service)
			}})
		}
	}
	if len(all) == 0 {
		errs = append(errs, inputError{errors.New("nothing to wait for; give --tcp, --http, --job or --endpointslice")})
	}
	return all, errors.Join(errs...)
}

// wait waits for all conditions at once. The error names each that does not
// hold, and why.
func (o *waitOptions) wait(ctx context.Context, env *environment, conditions []condition) error {
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("gave up after --timeout %s", o.timeout))
	defer cancel()
	errs := make([]error, len(conditions))
	var wg sync.WaitGroup
	for i, c := range conditions {
		wg.Go(func() { errs[i] = c.wait(ctx, env, o.interval) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// wait looks again and again, and logs each new reason to go on waiting.
func (c condition) wait(ctx context.Context, env *environment, interval time.Duration) error {
	env.log.Info("waiting", "for", c.name)
	start, last := time.Now(), ""
	for {
		attempt, cancel := context.WithTimeout(ctx, 10*time.Second)
		err := c.check(attempt)
		cancel()
		if err == nil {
			env.log.Info("there", "what", c.name, "after", time.Since(start).Round(time.Millisecond).String())
			return nil
		}
		if ctx.Err() == nil {
			if err.Error() != last {
				env.log.Info("still waiting", "for", c.name, "reason", err.Error())
			}
			last = err.Error()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: waiting for %s: %s", context.Cause(ctx), c.name, first(last, err.Error()))
		case <-time.After(interval):
		}
	}
}

func checkTCP(ctx context.Context, address string) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}

func checkHTTP(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(response.Body, 1<<20)); err != nil {
		return err
	}
	if response.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("answers %s", response.Status)
	}
	return nil
}

// checkJob looks at a Job. One that failed may be made anew, so it is waited
// for too, and its failure is the reason.
func checkJob(ctx context.Context, kube *kube, namespace, name string) error {
	object, err := kube.Resource(jobResource).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("there is no Job %s in %s yet", name, namespace)
	}
	if err != nil {
		return err
	}
	var job struct {
		Status struct {
			Active, Failed int
			Conditions     []struct{ Type, Status, Reason, Message string }
		}
	}
	if err := decode(object, &job); err != nil {
		return err
	}
	for _, c := range job.Status.Conditions {
		switch {
		case c.Status != "True":
		case c.Type == "Complete":
			return nil
		case c.Type == "Failed":
			return fmt.Errorf("the Job has failed (%s: %s); see: kubectl -n %s logs job/%s", c.Reason, c.Message, namespace, name)
		}
	}
	return fmt.Errorf("the Job is not complete: %d active, %d failed", job.Status.Active, job.Status.Failed)
}

func checkEndpoints(ctx context.Context, kube *kube, namespace, service string) error {
	list, err := kube.Resource(endpointSliceResource).Namespace(namespace).List(ctx, metav1.ListOptions{
		LabelSelector: "kubernetes.io/service-name=" + service,
	})
	if err != nil {
		return err
	}
	total := 0
	for i := range list.Items {
		var slice struct {
			Endpoints []struct{ Conditions struct{ Ready *bool } }
		}
		if err := decode(&list.Items[i], &slice); err != nil {
			return err
		}
		for _, endpoint := range slice.Endpoints {
			total++
			if endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready {
				return nil
			}
		}
	}
	return fmt.Errorf("the Service %s in %s has no ready endpoint (%d in all)", service, namespace, total)
}
