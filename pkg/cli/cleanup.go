package cli

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/helm-ccp/helm-ccp/pkg/release"
)

// cleanup are the flags of ccp cleanup.
type cleanup struct {
	target
	yes, skipOpenStack, noHooks, insecure bool
	authURL, caFile                       string
	timeout                               time.Duration
}

func newCleanup(streams Streams) *cobra.Command {
	c := &cleanup{target: target{input: &input{streams: streams}}}
	cmd := &cobra.Command{
		Annotations: usesCluster,
		Use:         "cleanup",
		Short:       "Take the deployment away, with everything that users made in it",
		Long: `Take the deployment away: servers, images and networks in OpenStack, Calico's
settings, the Helm release, the passwords, the labels of the nodes, and the namespace
with its volumes. It asks before it begins, and is repeated after an interruption.`,
		Example: `  ccp cleanup
  ccp cleanup --yes --skip-os-cleanup`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context()) },
	}
	c.addClusterFlags(cmd)
	flags := cmd.Flags()
	flags.BoolVarP(&c.yes, "yes", "y", false, "don't ask")
	flags.BoolVar(&c.skipOpenStack, "skip-os-cleanup", false, "leave alone what users made in OpenStack; servers then keep running on their nodes")
	flags.StringVar(&c.authURL, "auth-url", "", "address of Keystone (default: through the API server of Kubernetes)")
	flags.StringVar(&c.caFile, "ca-cert", "", "certificate to check OpenStack's with, with --auth-url")
	flags.BoolVar(&c.insecure, "insecure", false, "don't check OpenStack's certificate, with --auth-url")
	flags.BoolVar(&c.noHooks, "no-hooks", false, "leave what the hooks did, such as Calico's settings, for when they can't run any more")
	flags.DurationVar(&c.timeout, "timeout", 10*time.Minute, "how long each step may take")
	return cmd
}

func (c *cleanup) run(ctx context.Context) error {
	if (c.caFile != "" || c.insecure) && c.authURL == "" {
		return wrongf("--ca-cert and --insecure are for --auth-url")
	}
	if err := c.findNamespace(); err != nil {
		return err
	}
	opts := release.CleanupOptions{NoHooks: c.noHooks, Timeout: c.timeout}
	if !c.skipOpenStack {
		opts.OpenStack = &release.OpenStack{AuthURL: c.authURL, Insecure: c.insecure}
		if c.caFile != "" {
			cert, err := os.ReadFile(c.caFile)
			if err != nil {
				return errWrong{err}
			}
			opts.OpenStack.CACert = cert
		}
	}
	if err := c.ask(); err != nil {
		return err
	}
	progress := newProgress(c.input.streams.Err)
	client, err := c.client(progress.reporter())
	if err != nil {
		return err
	}
	defer changing(ctx)()
	err = client.Cleanup(ctx, opts)
	progress.end()
	return interrupted(ctx, "cleanup", err)
}

// ask lets a person at a terminal confirm.
func (c *cleanup) ask() error {
	if c.yes {
		return nil
	}
	terminal, ok := c.input.streams.In.(*os.File)
	if !ok || !term.IsTerminal(int(terminal.Fd())) {
		return wrongf("nobody is there to be asked: give --yes to remove the release %s and the namespace %s", c.name, c.namespace)
	}
	fmt.Fprintf(c.input.streams.Err, "This removes the release %s and the namespace %s with all databases, images and volumes in it.\nType the name of the namespace to go on: ", c.name, c.namespace)
	line, err := bufio.NewReader(terminal).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != c.namespace {
		return wrongf("nothing was removed")
	}
	return nil
}
