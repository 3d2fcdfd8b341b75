package images

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// EngineNames are the programs that build images, in the order in which they
// are looked for.
var EngineNames = []string{"buildah", "podman", "docker"}

// Engine is a program that builds images and keeps them.
type Engine struct {
	// Name is one of EngineNames, Path the program.
	Name, Path string
}

// FindEngine looks for the named program on PATH, or for the first of all when
// name is empty.
func FindEngine(name string) (*Engine, error) {
	if name != "" {
		path, err := exec.LookPath(name)
		if err != nil {
			return nil, fmt.Errorf("%s is not on PATH: install it, or take another of %s", name, strings.Join(EngineNames, ", "))
		}
		return &Engine{name, path}, nil
	}
	for _, name := range EngineNames {
		if path, err := exec.LookPath(name); err == nil {
			return &Engine{name, path}, nil
		}
	}
	return nil, fmt.Errorf("images are built by buildah, podman or docker, and none of them is on PATH: install one (Debian: apt-get install buildah)")
}

// grace is how long a program may take to end by itself when it is told to.
const grace = 500 * time.Millisecond

// run runs the program, and ends it with all that it has started when ctx ends.
func (e *Engine) run(ctx context.Context, out io.Writer, args ...string) error {
	cmd := exec.CommandContext(ctx, e.Path, args...)
	cmd.Stdout, cmd.Stderr = out, out
	// A group of its own: a terminal's Ctrl-C is for ccp, which passes it on.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = grace
	err := cmd.Run()
	if ctx.Err() != nil && cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // there may be nobody left
	}
	return err
}

// id returns the identity of an image that the engine keeps, or "".
func (e *Engine) id(ctx context.Context, name string) string {
	args := []string{"image", "inspect", "--format", "{{.Id}}", name}
	if e.Name == "buildah" {
		args = []string{"inspect", "--type", "image", "--format", "{{.FromImageID}}", name}
	}
	out, err := exec.CommandContext(ctx, e.Path, args...).Output()
	if err != nil {
		return ""
	}
	return plainID(out)
}

func plainID(text []byte) string { return strings.TrimPrefix(string(bytes.TrimSpace(text)), "sha256:") }

// build builds an image and returns its identity.
func (e *Engine) build(ctx context.Context, out io.Writer, dir string, args ...string) (string, error) {
	idFile := filepath.Join(dir, "id")
	all := []string{"build"}
	if e.Name == "buildah" {
		all = append(all, "--layers") // the others use what they built before by themselves
	}
	if err := e.run(ctx, out, append(append(all, "--iidfile", idFile), args...)...); err != nil {
		return "", err
	}
	id, err := os.ReadFile(idFile)
	return plainID(id), err
}

var pushedDigest = regexp.MustCompile(`digest: (sha256:[0-9a-f]{64})`)

// push pushes an image and returns the digest that the registry has it by.
func (e *Engine) push(ctx context.Context, out io.Writer, dir, name string, insecure bool) (string, error) {
	if e.Name == "docker" {
		var said bytes.Buffer
		if err := e.run(ctx, io.MultiWriter(out, &said), "push", name); err != nil {
			return "", err
		}
		match := pushedDigest.FindSubmatch(said.Bytes())
		if match == nil {
			return "", errors.New("docker push says no digest")
		}
		return string(match[1]), nil
	}
	file := filepath.Join(dir, "digest")
	args := []string{"push", "--digestfile", file}
	if insecure {
		args = append(args, "--tls-verify=false")
	}
	if err := e.run(ctx, out, append(args, name)...); err != nil {
		return "", err
	}
	digest, err := os.ReadFile(file)
	return string(bytes.TrimSpace(digest)), err
}
