package hook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/helm-ccp/helm-ccp/pkg/calico"
)

// calicoOptions are the flags of `ccp-hook calico`.
type calicoOptions struct {
	dryRun, force, adopt    bool
	release, config, store  string
	endpoints               []string
	caFile, certFile, key   string
	username, passwordFile  string
	region, output, records string
	timeout                 time.Duration
	// job is removed after a revert.
	job string
	// prepares says that this comes before the first installation.
	prepares bool
	// unreached says why the chart's Service leads to no etcd.
	unreached error
}

func newCalico(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "calico",
		Short: "Change what OpenStack needs of Felix and BGP, and take it back",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			return inputError{errors.New("say prepare, apply, revert or status")}
		},
	}
	for _, verb := range []struct {
		name, short string
		run         func(*calico.Client, context.Context) (*calico.Report, error)
	}{
		{"prepare", "Write what Felix has to know before Neutron starts", (*calico.Client).Prepare},
		{"apply", "Write the settings, and record what was there before", (*calico.Client).Apply},
		{"revert", "Put back what was there before, and remove what OpenStack left", (*calico.Client).Revert},
		{"status", "Show what is wanted, found and recorded", (*calico.Client).Status},
	} {
		opts := &calicoOptions{prepares: verb.name == "prepare"}
		sub := &cobra.Command{
			Use: verb.name, Short: verb.short, Args: noArgs,
			Example: fmt.Sprintf("  ccp-hook calico %s --release ccp --store etcdv2 --etcd-endpoints http://127.0.0.1:2379", verb.name),
			RunE: func(cmd *cobra.Command, _ []string) error {
				return opts.run(cmd.Context(), env, verb.run)
			},
		}
		opts.bind(sub)
		if verb.name == "revert" {
			sub.Flags().StringVar(&opts.job, "remove-job", "", "`name` of a Job to remove afterwards, in the pod's namespace: that of apply, which stays for its last words")
			sub.Flags().BoolVar(&opts.adopt, "adopt", false, "where no release has a record, take values that are exactly the wanted ones for the guide's commands, and undo them")
		}
		cmd.AddCommand(sub)
	}
	return cmd
}

func (o *calicoOptions) bind(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&o.dryRun, "dry-run", false, "write nothing, show what would be written")
	f.BoolVar(&o.force, "force", false, "write also what was changed by hand since it was applied")
	f.StringVar(&o.release, "release", "ccp", "`name` under which the settings are recorded")
	f.StringVar(&o.config, "config", "", "YAML `file` with the settings; without it they are the guide's")
	f.StringVar(&o.store, "store", "", "auto, etcdv2, etcdv3 or kubernetes (default auto)")
	f.StringSliceVar(&o.endpoints, "etcd-endpoints", nil, "`URL`s of etcd, separated by commas")
	f.StringVar(&o.caFile, "etcd-ca-file", "", "certificates of who signs etcd's")
	f.StringVar(&o.certFile, "etcd-cert-file", "", "client certificate for etcd")
	f.StringVar(&o.key, "etcd-key-file", "", "key of the client certificate")
	f.StringVar(&o.username, "etcd-username", "", "user of etcd; the password comes from CCP_ETCD_PASSWORD or a file")
	f.StringVar(&o.passwordFile, "etcd-password-file", "", "`file` with the password of etcd's user")
	f.StringVar(&o.region, "region", "", "region whose Felix status keys revert removes too; "+calico.NoRegion+" for an OpenStack without one")
	f.StringVar(&o.records, "record-namespace", "kube-system", "`namespace` of the record with the store kubernetes")
	f.StringVarP(&o.output, "output", "o", "table", "table or json")
	f.DurationVar(&o.timeout, "timeout", 5*time.Minute, "give up after this time")
}

// run reads the configuration, runs one method and prints its report.
func (o *calicoOptions) run(ctx context.Context, env *environment, method func(*calico.Client, context.Context) (*calico.Report, error)) error {
	if o.output != "table" && o.output != "json" {
		return inputError{fmt.Errorf("--output %s: table or json", o.output)}
	}
	if o.release == "" {
		return inputError{errors.New("--release is empty")}
	}
	var cfg calicoConfig
	var source *file
	if o.config != "" {
		var err error
		if source, err = readFile(o.config, &cfg); err != nil {
			return err
		}
	}
	if o.region != "" {
		cfg.Region = o.region
	}
	client := &calico.Client{
		Release: o.release, Settings: cfg.settings(), DryRun: o.dryRun, Force: o.force, Adopt: o.adopt, Log: env.log,
	}
	if err := client.Settings.Validate(); err != nil {
		return source.locate(err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("gave up after --timeout %s", o.timeout))
	defer cancel()
	if err := o.choose(ctx, env, &cfg, client); err != nil {
		return source.locate(err)
	}
	report, err := method(client, ctx)
	if err != nil {
		return source.locate(err)
	}
	logReport(env, report)
	o.removeJob(ctx, env)
	if o.output == "json" {
		enc := json.NewEncoder(env.stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(report)
	}
	return printTable(env.stdout, report)
}

// removeJob removes a finished Job with its pods. Helm keeps no eye on hooks, and
// leaves those that are not removed by their own policy. The revert is done
// without it, so that it can't be is a warning.
func (o *calicoOptions) removeJob(ctx context.Context, env *environment) {
	if o.job == "" || o.dryRun {
		return
	}
	kube, err := env.kube()
	if err == nil {
		background := metav1.DeletePropagationBackground
		err = kube.Resource(jobResource).Namespace(kube.namespace).Delete(ctx, o.job, metav1.DeleteOptions{PropagationPolicy: &background})
	}
	if err != nil && !apierrors.IsNotFound(err) {
		env.log.Warn("the finished Job stays: remove it with kubectl delete job", "job", o.job, "reason", err.Error())
	}
}

// etcd returns how to reach etcd: flags first, then the file.
func (o *calicoOptions) etcd(env *environment, cfg *calicoConfig) calico.Etcd {
	e := calico.Etcd{
		Endpoints: cfg.Etcd.Endpoints,
		CAFile:    first(o.caFile, cfg.Etcd.CAFile), CertFile: first(o.certFile, cfg.Etcd.CertFile),
		KeyFile: first(o.key, cfg.Etcd.KeyFile), Username: first(o.username, cfg.Etcd.Username),
		Password: env.getenv("CCP_ETCD_PASSWORD"), PasswordFile: o.passwordFile,
	}
	if len(o.endpoints) > 0 {
		e.Endpoints = o.endpoints
	}
	return e
}

// choose gives the client its store, looking for it where none is named.
func (o *calicoOptions) choose(ctx context.Context, env *environment, cfg *calicoConfig, client *calico.Client) error {
	etcd := o.etcd(env, cfg)
	name := first(o.store, cfg.Store, calico.StoreAuto)
	if o.prepares && cfg.Etcd.Service && len(o.endpoints) == 0 && name != calico.StoreKubernetes {
		if err := o.reachService(env, &etcd, name); err != nil {
			return err
		}
	}
	all := []calico.Candidate{
		{Name: calico.StoreEtcdV2, Open: func(ctx context.Context) (calico.Store, error) { return calico.OpenEtcdV2(ctx, etcd) }},
		{Name: calico.StoreEtcdV3, Open: func(ctx context.Context) (calico.Store, error) { return calico.OpenEtcdV3(ctx, etcd) }},
		{Name: calico.StoreKubernetes, Open: func(ctx context.Context) (calico.Store, error) {
			kube, err := env.kube()
			if err != nil {
				return nil, err
			}
			return calico.OpenKubernetes(ctx, kube, o.records)
		}},
	}
	var chosen calico.Candidate
	if name == calico.StoreAuto {
		var err error
		if chosen, err = o.detect(ctx, env, etcd, all); err != nil {
			return err
		}
	} else {
		i := slices.IndexFunc(all, func(c calico.Candidate) bool { return c.Name == name })
		if i < 0 {
			return inputError{fmt.Errorf("no store %q; there are auto, etcdv2, etcdv3 and kubernetes", name)}
		}
		chosen = all[i]
	}
	if chosen.Name != calico.StoreKubernetes {
		if err := etcd.Validate(); err != nil {
			return err
		}
	} else if len(etcd.Endpoints) > 0 {
		client.OpenStatus = all[1].Open
	}
	client.Open = chosen.Open
	return nil
}

// reachService looks whether the chart's Service leads to etcd. Before the first
// installation there is none. Where Calico may be in Kubernetes, that is looked
// at alone then.
func (o *calicoOptions) reachService(env *environment, etcd *calico.Etcd, store string) error {
	cause := etcd.Reach()
	if cause == nil {
		return nil
	}
	var dns *net.DNSError
	gone := errors.As(cause, &dns) && dns.IsNotFound
	err := fmt.Errorf("nothing says where Calico's etcd is: %s leads nowhere (%w), as the chart's Service has no addresses or is not there before the first installation; "+
		"give the addresses of etcd's nodes as etcd_proxy.endpoints, or URLs as etcd.endpoints (in a ccp.yaml below configs.calico)", etcd.Endpoints[0], cause)
	if gone {
		err = inputError{err}
	}
	if store == calico.StoreAuto {
		if kube, kubeErr := env.kube(); kubeErr == nil && inKubernetes(kube) {
			etcd.Endpoints, o.unreached = nil, err
			return nil
		}
	}
	return err
}

// inKubernetes says whether Calico's resources are in Kubernetes.
func inKubernetes(kube *kube) bool {
	store, err := calico.OpenKubernetes(context.Background(), kube, "")
	if err != nil {
		return false
	}
	return store.Close() == nil
}

// detect finds out which store the cluster uses, among those that can be
// reached from here.
func (o *calicoOptions) detect(ctx context.Context, env *environment, etcd calico.Etcd, all []calico.Candidate) (calico.Candidate, error) {
	var candidates []calico.Candidate
	if len(etcd.Endpoints) > 0 {
		candidates = append(candidates, all[:2]...)
	}
	if _, err := env.kube(); err == nil {
		candidates = append(candidates, all[2])
	} else {
		env.log.Info("not looking for Calico in Kubernetes", "reason", err.Error())
	}
	chosen, how, err := calico.Detect(ctx, candidates)
	if err != nil {
		return chosen, errors.Join(err, o.unreached)
	}
	env.log.Info("found Calico's datastore", "store", chosen.Name, "how", how)
	return chosen, nil
}

// logReport logs what a person should know even if nobody reads the table.
func logReport(env *environment, r *calico.Report) {
	for _, notice := range r.Notices {
		env.log.Info(notice)
	}
	for _, warning := range r.Warnings {
		env.log.Warn(warning)
	}
	counts := map[calico.State]int{}
	for _, l := range r.Lines {
		counts[l.State]++
		if l.State == calico.StateByHand {
			env.log.Warn("changed by hand since it was applied, kept: use --force to write it all the same",
				"key", l.Key, "path", l.Path, "found", text(l.Found), "wanted", text(l.Wanted))
		}
	}
	env.log.Info("done", "store", r.Store, "release", r.Release, "written", counts[calico.StateWritten],
		"differ", counts[calico.StateDiffers], "kept", counts[calico.StateByHand], "removed", r.Removed)
}

// printTable prints wanted, found and recorded side by side.
func printTable(w io.Writer, r *calico.Report) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tw, "STORE\t%s\n", r.Store)
	fmt.Fprintf(tw, "RELEASES\t%s\n", strings.Join(r.Releases, ", "))
	if r.Removed > 0 {
		fmt.Fprintf(tw, "REMOVED KEYS\t%d\n", r.Removed)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(tw, "\nSETTING\tWANTED\tFOUND\tRECORDED\tBEFORE\tSTATE")
	for _, l := range r.Lines {
		setting := l.Key
		if l.Path != "" {
			setting += " " + l.Path
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\n", setting, text(l.Wanted), text(l.Found), text(l.Recorded), text(l.Before), l.State)
	}
	return tw.Flush()
}

// text shows a value on one line; "-" means that there is none.
func text(value *string) string {
	if value == nil {
		return "-"
	}
	return strings.Join(strings.Fields(*value), " ")
}

// first returns the first text that is not empty.
func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
