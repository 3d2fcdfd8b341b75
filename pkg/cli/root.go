// Package cli is the command ccp: flags in, one call, output out. Data goes to
// standard output, everything else to standard error.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/klog/v2"

	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
	"github.com/helm-ccp/helm-ccp/pkg/chart"
)

// Exit codes of ccp.
const (
	exitDone   = 0
	exitFailed = 1 // the work could not be done
	exitWrong  = 2 // the input or the call is wrong
)

// Streams are where a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// errWrong marks an error as one of the input or the call.
type errWrong struct{ error }

func (e errWrong) Unwrap() error { return e.error }

func wrongf(format string, args ...any) error { return errWrong{fmt.Errorf(format, args...)} }

// Run runs ccp with args and returns its exit code.
func Run(args []string, streams Streams) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	// A second Ctrl-C ends the process at once; not the same one that a parent passes on, too.
	context.AfterFunc(ctx, func() { time.AfterFunc(time.Second, stop) })
	klog.SetLogger(logr.Discard()) // what client-go tells is for its developers
	cmd := newRoot(streams)
	cmd.SetArgs(verbFirst(cmd, args))
	cmd.SetIn(streams.In)
	cmd.SetOut(streams.Out)
	cmd.SetErr(streams.Err)
	err := interruptible(ctx, cmd.ExecuteContext)
	var problems ccpfile.Problems
	var wrong errWrong
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errNotReady):
		return exitFailed
	case errors.As(err, &problems):
		fmt.Fprintln(streams.Err, problems.Error())
		return exitWrong
	case errors.As(err, &wrong):
		fmt.Fprintln(streams.Err, "ccp:", err)
		return exitWrong
	default:
		fmt.Fprintln(streams.Err, "ccp:", err)
		return exitFailed
	}
}

func newRoot(streams Streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "ccp",
		Short: "OpenStack on Kubernetes from a ccp.yaml, on Calico or Open vSwitch",
		Long: `ccp reads a ccp.yaml (which nodes play which roles, which services a role holds,
how each service is configured) and turns it into Helm values, a chart and manifests.

One word in the file, configs.neutron.plugin_agent, decides whether OpenStack's
network is Calico or Open vSwitch.`,
		Version:       chart.Version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return wrongf("%w (see %s --help)", err, cmd.CommandPath())
	})
	root.AddCommand(
		newValidate(streams), newTopology(streams), newValues(streams), newGenerate(streams),
		newTemplate(streams), newImages(streams), newBuild(streams), newSecret(streams), newConfig(streams), newVersion(streams), newPostRender(streams),
		newGetter(streams), newArgoCD(streams), newCreate(streams), newLint(streams),
		newDeploy(streams), newStatus(streams), newOpenrc(streams), newCleanup(streams), newLabelNodes(streams),
	)
	markUsage(root)
	return root
}

// markUsage makes a wrong number of arguments an error of the call.
func markUsage(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			err := check(cmd, args)
			var wrong errWrong
			if err != nil && !errors.As(err, &wrong) {
				return wrongf("%w (see %s --help)", err, cmd.CommandPath())
			}
			return err
		}
	}
	for _, sub := range cmd.Commands() {
		markUsage(sub)
	}
}
