package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process names a process for good: a process id is used again, but not with the
// same start.
type process struct {
	PID   int
	Start string // in clock ticks since the machine started
}

// startNode starts a node's init in namespaces of its own, and writes down its
// process id, gives it its interface and lets it go on.
func (c *Cluster) startNode(ctx context.Context, node Node) error {
	if err := c.writeNode(node); err != nil {
		return err
	}
	log, err := os.Create(c.path("logs", node.Name, "init.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	init := exec.Command(self, "node", c.path("nodes", node.Name, "node.json"))
	init.Stdout, init.Stderr = log, log
	init.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS |
			syscall.CLONE_NEWIPC,
		Setsid: true, // what ends the driver by Ctrl-C must not end the node before Down does
	}
	goOn, err := init.StdinPipe()
	if err != nil {
		return err
	}
	defer goOn.Close() // without having been told to go on, the init ends
	if err := init.Start(); err != nil {
		return err
	}
	go init.Wait() // so that it does not stay as a zombie
	start, err := startOf(init.Process.Pid)
	if err != nil {
		return fmt.Errorf("its init ended at once, see %s: %w", log.Name(), err)
	}
	if err := writeJSON(c.path("nodes", node.Name, "init"), process{init.Process.Pid, start}); err != nil {
		return err
	}
	if err := plug(ctx, node, init.Process.Pid); err != nil {
		return err
	}
	_, err = goOn.Write([]byte("go"))
	return err
}

// stopNode kills a node's init, and by that all processes of the node, and waits
// until they are gone.
func (c *Cluster) stopNode(node Node) error {
	data, err := os.ReadFile(c.path("nodes", node.Name, "init"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var init process
	if err := json.Unmarshal(data, &init); err != nil {
		return err
	}
	return wait(context.Background(), 30*time.Second, func() error {
		if start, err := startOf(init.PID); err != nil || start != init.Start {
			return nil
		}
		syscall.Kill(init.PID, syscall.SIGKILL)
		return fmt.Errorf("process %d does not end", init.PID)
	})
}

// startOf returns when a process started, and an error for one that has ended.
func startOf(pid int) (string, error) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return "", err
	}
	// Behind the command's name in parentheses: the state, and as the 20th the start.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if fields[0] == "Z" || fields[0] == "X" {
		return "", os.ErrProcessDone
	}
	return fields[19], nil
}
