package hook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/helm-ccp/helm-ccp/pkg/calico"
)

// Exit codes of ccp-hook.
const (
	ExitDone   = 0
	ExitFailed = 1
	// ExitInput says that the call or its configuration is wrong: trying again
	// will not help.
	ExitInput = 2
)

// Version is what `ccp-hook version` prints. The linker sets it.
var Version = "dev"

// environment is what the commands get from outside.
type environment struct {
	stdout io.Writer
	log    *slog.Logger
	getenv func(string) string
	// kube connects to Kubernetes.
	kube func() (*kube, error)
}

// Main runs ccp-hook with the arguments of the process and returns its exit
// code. SIGTERM and SIGINT end it between two requests.
func Main() int {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		s := <-signals
		signal.Stop(signals)
		cancel(fmt.Errorf("stopped by the signal %q: run again to finish, or revert to undo", s.String()))
	}()
	return Run(ctx, os.Args[1:], os.Stdout, os.Stderr, os.Getenv)
}

// Run runs one command of ccp-hook and returns its exit code.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer, getenv func(string) string) int {
	words := newLastWords(newLog(stderr).Handler())
	defer words.write(terminationLog)
	env := &environment{stdout: stdout, log: slog.New(words), getenv: getenv, kube: connect}
	return run(ctx, env, args, stderr)
}

func run(ctx context.Context, env *environment, args []string, stderr io.Writer) int {
	root := newRoot(env)
	root.SetArgs(args)
	root.SetOut(env.stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return ExitDone
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w (%w)", cause, err)
	}
	code := exitCode(err)
	for line := range strings.Lines(err.Error()) {
		env.log.Error(strings.TrimSpace(line), "exit", code)
	}
	return code
}

// inputError is an error of the call or of the configuration.
type inputError struct{ error }

func (e inputError) Unwrap() error { return e.error }

func exitCode(err error) int {
	var input inputError
	var problems calico.Problems
	if errors.As(err, &input) || errors.As(err, &problems) {
		return ExitInput
	}
	return ExitFailed
}

func newRoot(env *environment) *cobra.Command {
	root := &cobra.Command{
		Use:   "ccp-hook",
		Short: "Do inside the cluster what a chart cannot",
		Long: "ccp-hook is run by the Jobs and init containers of the charts.\n" +
			"Every flag can also be given in the environment: --etcd-endpoints is CCP_HOOK_ETCD_ENDPOINTS.\n" +
			"Exit codes: 0 done, 1 failed, 2 the call or its configuration is wrong.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return inputError{errors.New("no command; ccp-hook --help lists them")}
		},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return fromEnvironment(cmd.Flags(), env.getenv)
		},
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return inputError{err} })
	root.AddCommand(newCalico(env), newWait(env), newCredentials(env), newLabelNodes(env), newVersion(env))
	return root
}

func newVersion(env *environment) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Example: "  ccp-hook version", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(env.stdout, Version)
			return err
		},
	}
}

// noArgs refuses arguments that are no flags.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return inputError{fmt.Errorf("%s takes no argument %q", cmd.CommandPath(), args[0])}
	}
	return nil
}

// fromEnvironment sets the flags that were not given from CCP_HOOK_NAME.
func fromEnvironment(flags *pflag.FlagSet, getenv func(string) string) error {
	var errs []error
	flags.VisitAll(func(f *pflag.Flag) {
		name := "CCP_HOOK_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value := getenv(name)
		if f.Changed || value == "" {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			errs = append(errs, inputError{fmt.Errorf("%s: %w", name, err)})
		}
	})
	return errors.Join(errs...)
}

// required says which of the flags are missing.
func required(flags *pflag.FlagSet, names ...string) error {
	var missing []string
	for _, name := range names {
		if f := flags.Lookup(name); f.Value.String() == "" || f.Value.String() == "[]" {
			missing = append(missing, "--"+name)
		}
	}
	if len(missing) > 0 {
		return inputError{fmt.Errorf("%s is missing", strings.Join(missing, ", "))}
	}
	return nil
}

// newLog logs text to a terminal and JSON to anything else.
func newLog(w io.Writer) *slog.Logger {
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return slog.New(slog.NewTextHandler(w, nil))
		}
	}
	return slog.New(slog.NewJSONHandler(w, nil))
}
