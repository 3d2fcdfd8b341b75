// Command e2e-cluster runs a Kubernetes of three nodes on this machine, see
// package cluster.
//
//	e2e-cluster check           say what this machine lacks for it
//	e2e-cluster up              bring it up, and print its kubeconfig's path
//	e2e-cluster down            take it down
//	e2e-cluster run COMMAND...  run a command on it, and take it down after
//
// With KUBECONFIG in the environment, run uses that cluster as it is, and check
// asks for nothing. The command finds the binaries that make builds on its PATH.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/helm-ccp/helm-ccp/test/e2e/cluster"
)

const usage = `usage: e2e-cluster check | up | down | restart NODE | run COMMAND [ARGUMENT]...
The cluster's state is in CCP_E2E_DIR (_out/e2e), binaries are in CCP_E2E_BIN (bin)`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := command(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "e2e-cluster:", err)
		os.Exit(1)
	}
}

func command(ctx context.Context, args []string) error {
	if len(args) == 2 && args[0] == "node" { // how the cluster starts itself inside a node
		return cluster.Init(args[1], os.Stdin)
	}
	c, err := fromEnvironment()
	if err != nil {
		return err
	}
	switch {
	case len(args) == 1 && args[0] == "check":
		if os.Getenv("KUBECONFIG") != "" {
			return nil
		}
		return c.MachineLacks()
	case len(args) == 1 && args[0] == "up":
		if err := c.Up(ctx); err != nil {
			return err
		}
		fmt.Println(c.Kubeconfig())
		return nil
	case len(args) == 1 && args[0] == "down":
		return c.Down()
	case len(args) == 2 && args[0] == "restart":
		return c.Restart(ctx, args[1])
	case len(args) > 1 && args[0] == "run":
		return run(ctx, c, args[1:])
	}
	return errors.New(usage)
}

func fromEnvironment() (*cluster.Cluster, error) {
	start := time.Now()
	c := &cluster.Cluster{Log: func(line string) {
		fmt.Fprintf(os.Stderr, "%4.0fs  %s\n", time.Since(start).Seconds(), line)
	}}
	for variable, setting := range map[string]struct {
		path  *string
		value string
	}{"CCP_E2E_DIR": {&c.Dir, "_out/e2e"}, "CCP_E2E_BIN": {&c.Bin, "bin"}} {
		value := os.Getenv(variable)
		if value == "" {
			value = setting.value
		}
		var err error
		if *setting.path, err = filepath.Abs(value); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// run runs a command on a new cluster, or on the one that KUBECONFIG names. When
// ctx ends, all processes of the command are told by SIGINT, and killed if they
// stay.
func run(ctx context.Context, c *cluster.Cluster, args []string) (err error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "PATH="+c.Bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	given := os.Getenv("KUBECONFIG")
	if given == "" {
		if err := c.Up(ctx); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, c.Down()) }()
	}
	if absolute, err := filepath.Abs(given); err == nil && given != "" {
		given = absolute // the command may run in another folder
		cmd.Env = append(cmd.Env, "KUBECONFIG="+given)
	}
	if given == "" || given == c.Kubeconfig() {
		cmd.Env = append(cmd.Env, c.Environment()...)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = 30 * time.Second
	if err := cmd.Start(); err != nil {
		return err
	}
	err = cmd.Wait()
	syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // whom the command left behind
	return err
}
