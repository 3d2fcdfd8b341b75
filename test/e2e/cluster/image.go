package cluster

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Images builds images and puts them into a registry that speaks plain HTTP.
type Images struct {
	// Storage is buildah's folder, whose layers are used again.
	Storage string
	// Registry is the registry's host and port.
	Registry string
}

// Images returns the builder of the images for this cluster.
func (c *Cluster) Images() Images { return Images{c.path("cache", "buildah"), Registry} }

// Push builds the image of a Containerfile and pushes it under a name without
// the registry, such as pause:1. Paths in the Containerfile are relative to the
// context folder. Further flags go to buildah build.
func (i Images) Push(ctx context.Context, name, containerfile, contextDir string, flags ...string) error {
	reference := i.Registry + "/" + name
	args := append([]string{"build", "--quiet", "--isolation=chroot", "--layers", "--pull=false", "--tag=" + reference,
		"--file=" + containerfile}, flags...)
	if err := i.buildah(ctx, append(args, contextDir)...); err != nil {
		return err
	}
	return i.buildah(ctx, "push", "--quiet", "--tls-verify=false", reference, "docker://"+reference)
}

// buildah runs in a mount namespace of its own, as it leaves its storage
// mounted.
func (i Images) buildah(ctx context.Context, args ...string) error {
	if err := os.MkdirAll(i.Storage, 0o700); err != nil {
		return err
	}
	args = append([]string{"--root=" + i.Storage, "--runroot=" + i.Storage + "-run", "--storage-driver=overlay"}, args...)
	cmd := exec.CommandContext(ctx, "buildah", args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	return run(cmd)
}

// pushImages makes the images that the cluster itself needs, of one binary each.
func (c *Cluster) pushImages(ctx context.Context) error {
	err := wait(ctx, time.Minute, func() error {
		response, err := http.Get("http://" + Registry + "/v2/")
		if err == nil {
			response.Body.Close()
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("the registry does not answer (see %s): %w", c.path("logs", Nodes[0].Name), err)
	}
	for _, name := range []string{"pause", "coredns"} {
		file := c.path("nodes", name+".containerfile")
		text := fmt.Sprintf("FROM scratch\nCOPY %s /%s\nUSER 65532:65532\nENTRYPOINT [\"/%s\"]\n", name, name, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return err
		}
		context := c.path("nodes", name)
		if err := os.MkdirAll(context, 0o700); err != nil {
			return err
		}
		if err := run(exec.CommandContext(ctx, "cp", filepath.Join(c.Bin, name), context)); err != nil {
			return err
		}
		if err := c.Images().Push(ctx, name+":1", file, context); err != nil {
			return err
		}
	}
	return nil
}
