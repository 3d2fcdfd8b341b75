package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/helm-ccp/helm-ccp/pkg/chart"
	"github.com/helm-ccp/helm-ccp/pkg/release"
	"github.com/helm-ccp/helm-ccp/pkg/topology"
)

// deploy are the flags of ccp deploy.
type deploy struct {
	target
	components []string
	dryRun     bool
	force      bool
	format     string
	timeout    time.Duration
}

func newDeploy(streams Streams) *cobra.Command {
	d := &deploy{target: target{input: &input{streams: streams}}}
	cmd := &cobra.Command{
		Annotations: usesCluster,
		Use:         "deploy",
		Short:       "Install the deployment, or change the running one, and wait until it is ready",
		Long: `Install the deployment, or change the running one to what the ccp.yaml says, and
wait until every service is ready: namespace, labels of the nodes, passwords, Helm
release, openrc. The release is an ordinary one of Helm's.

The API server is asked first whether it would take each object; when it would not,
nothing is changed. An upgrade that fails is rolled back. After an interruption the
same command goes on. A running release is not switched to the other network, unless
--force-network-switch says so.`,
		Example: `  ccp deploy
  ccp deploy --dry-run
  ccp deploy -c keystone,horizon`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := oldCall(cmd, args); err != nil {
				return err
			}
			return cobra.NoArgs(cmd, args)
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return d.run(cmd.Context()) },
	}
	d.input.addFlags(cmd)
	d.addFlags(cmd)
	flags := cmd.Flags()
	flags.StringSliceVarP(&d.components, "components", "c", nil, "install or change these services only, and leave the others as they are")
	flags.BoolVar(&d.dryRun, "dry-run", false, "ask the API server whether it takes every object, print what would change, and change nothing")
	flags.StringVarP(&d.format, "output", "o", "table", "format of --dry-run: table or json")
	flags.BoolVar(&d.force, "force-network-switch", false, "change the network of a running release: servers lose their network")
	flags.DurationVar(&d.timeout, "timeout", 30*time.Minute, "how long the services may take to become ready")
	return cmd
}

func (d *deploy) run(ctx context.Context) error {
	if err := oneOf("--output", d.format, "table", "json"); err != nil {
		return err
	}
	d.input.cluster = d.input.nodes == "" // the labels and names have to be those of its nodes
	deployment, err := d.input.build(ctx)
	if err != nil {
		return err
	}
	d.namespace = cmp.Or(d.namespace, deployment.Namespace)
	progress := newProgress(d.input.streams.Err)
	client, err := d.client(progress.reporter())
	if err != nil {
		return err
	}
	wanted, err := d.wanted(deployment)
	if err != nil {
		return err
	}
	var refused *release.NetworkSwitchError
	if d.dryRun {
		changes, err := client.DryRun(ctx, wanted)
		if errors.As(err, &refused) {
			return errWrong{err}
		} else if err != nil {
			return err
		}
		return d.printChanges(changes)
	}
	end := changing(ctx)
	err = client.Deploy(ctx, wanted)
	end()
	progress.end()
	if errors.As(err, &refused) {
		return errWrong{err}
	}
	if err != nil {
		return interrupted(ctx, "deploy", err)
	}
	err = writeOpenrc(ctx, client, openrcFile(d.namespace), d.input.streams)
	if errors.Is(err, release.ErrNoOpenrc) {
		return nil
	}
	return err
}

// wanted is the deployment as pkg/release takes it.
func (d *deploy) wanted(deployment *chart.Deployment) (release.Deployment, error) {
	out := release.Deployment{
		Secrets: deployment.Secrets(d.namespace), ForceNetworkSwitch: d.force, Timeout: d.timeout,
	}
	var err error
	if out.Chart, err = deployment.Chart(); err != nil {
		return out, err
	}
	if len(d.components) > 0 {
		if out.Part, err = deployment.Part(d.components); err != nil {
			return out, errWrong{fmt.Errorf("--components: %w", err)}
		}
	}
	if deployment.Topology.Placement == topology.PlacementLabel {
		out.Roles, err = topology.NewMatcher(deployment.RoleGroups(), deployment.Topology.NodeMatch)
	}
	return out, err
}

func (d *deploy) printChanges(changes []release.Change) error {
	if d.format == "json" {
		return printJSON(d.input.streams.Out, changes)
	}
	w := tabwriter.NewWriter(d.input.streams.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ACTION\tKIND\tNAME")
	for _, change := range changes {
		if change.Action != "keep" {
			fmt.Fprintf(w, "%s\t%s\t%s\n", change.Action, change.Kind, change.Name)
		}
	}
	return w.Flush()
}
