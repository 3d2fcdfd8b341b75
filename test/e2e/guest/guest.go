// Package guest makes the system of the tests' servers, out of Debian's packages:
// a kernel, and an initrd with busybox that boots in 128 MB. It asks for an
// address by DHCP, fetches its metadata, reads its config drive and tells all of
// it on the console, where each such line begins with GUEST. Then it goes on
// telling that it is up, answers pings, and HTTP on port 80, where
// /cgi-bin/ping?ADDRESS has it ping another.
package guest

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Files are the paths of a system's files, and of the busybox in it.
type Files struct{ Kernel, Initrd, Busybox string }

//go:embed *.sh
var scripts embed.FS

// modules are the kernel's modules that a server loads, in this order: for its
// network, and for its config drive, which is a CD.
var modules = []string{
	"failover", "net_failover", "virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev",
	"virtio_pci", "virtio_net",
	"scsi_common", "scsi_mod", "libata", "ata_piix", "cdrom", "sr_mod", "isofs",
}

// Make returns the files, made in the folder unless they are there.
func Make(ctx context.Context, dir string) (Files, error) {
	var recipe bytes.Buffer
	fmt.Fprintln(&recipe, modules)
	names, err := fs.Glob(scripts, "*")
	if err != nil {
		return Files{}, err
	}
	for _, name := range names {
		data, err := scripts.ReadFile(name)
		if err != nil {
			return Files{}, err
		}
		fmt.Fprintln(&recipe, name, string(data))
	}
	made := filepath.Join(dir, fmt.Sprintf("%.12x", sha256.Sum256(recipe.Bytes())))
	files := Files{filepath.Join(made, "kernel"), filepath.Join(made, "initrd"), filepath.Join(made, "busybox")}
	if _, err := os.Stat(made); err == nil {
		return files, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Files{}, err
	}
	work, err := os.MkdirTemp(dir, "new-")
	if err != nil {
		return Files{}, err
	}
	defer os.RemoveAll(work)
	if err := build(ctx, work); err != nil {
		return Files{}, err
	}
	return files, os.Rename(filepath.Join(work, "made"), made)
}

// build makes the files in made, below the folder.
func build(ctx context.Context, work string) error {
	if download(ctx, work) != nil {
		// Its lists are missing, or older than what there is.
		if _, err := output(ctx, work, "apt-get", "update", "-qq"); err != nil {
			return err
		}
		if err := download(ctx, work); err != nil {
			return err
		}
	}
	packages, err := filepath.Glob(filepath.Join(work, "*.deb"))
	if err != nil || len(packages) != 2 {
		return fmt.Errorf("apt-get brought %v, want a kernel and busybox (%w)", packages, err)
	}
	for _, file := range packages {
		if _, err := output(ctx, work, "dpkg-deb", "--extract", file, "root"); err != nil {
			return err
		}
	}
	made, root := filepath.Join(work, "made"), filepath.Join(work, "root")
	initrd, err := archive(root)
	if err != nil {
		return err
	}
	images, err := filepath.Glob(filepath.Join(root, "boot/vmlinuz-*"))
	if err != nil || len(images) != 1 {
		return fmt.Errorf("the kernels are %v, want one (%w)", images, err)
	}
	if err := os.Mkdir(made, 0o755); err != nil {
		return err
	}
	return errors.Join(
		os.Rename(images[0], filepath.Join(made, "kernel")),
		os.Rename(filepath.Join(root, "bin/busybox"), filepath.Join(made, "busybox")),
		os.WriteFile(filepath.Join(made, "initrd"), initrd, 0o644),
	)
}

// download brings the packages into a folder.
func download(ctx context.Context, dir string) error {
	depends, err := output(ctx, dir, "apt-cache", "depends", "--no-recommends", "--no-suggests", "linux-image-cloud-amd64")
	if err != nil {
		return err
	}
	_, kernel, found := strings.Cut(depends, "Depends: ")
	if !found {
		return fmt.Errorf("linux-image-cloud-amd64 does not say which package has its kernel: %q", depends)
	}
	_, err = output(ctx, dir, "apt-get", "download", "-qq", "-oAPT::Sandbox::User=root", strings.TrimSpace(kernel), "busybox-static")
	return err
}

// archive returns the initrd, out of the folder with what the packages hold.
func archive(root string) ([]byte, error) {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	a := cpio{out: zip}
	for _, folder := range []string{"bin", "dev", "drive", "modules", "proc", "sys", "www", "www/cgi-bin"} {
		a.folder(folder)
	}
	for _, file := range []struct{ name, script string }{
		{"init", "init.sh"}, {"lease.sh", "lease.sh"}, {"uuid.sh", "uuid.sh"}, {"www/cgi-bin/ping", "ping.sh"},
	} {
		data, err := scripts.ReadFile(file.script)
		if err != nil {
			return nil, err
		}
		a.file(file.name, data)
	}
	paths := map[string]string{}
	err := filepath.WalkDir(filepath.Join(root, "lib/modules"), func(path string, _ fs.DirEntry, err error) error {
		paths[filepath.Base(path)] = path
		return err
	})
	if err != nil {
		return nil, err
	}
	busybox, err := os.ReadFile(filepath.Join(root, "bin/busybox"))
	if err != nil {
		return nil, err
	}
	a.file("bin/busybox", busybox)
	for i, module := range modules {
		data, err := os.ReadFile(paths[module+".ko"])
		if err != nil {
			return nil, fmt.Errorf("the kernel's module %s: %w", module, err)
		}
		a.file(fmt.Sprintf("modules/%02d-%s.ko", i, module), data)
	}
	a.end()
	err = errors.Join(a.err, zip.Close())
	return out.Bytes(), err
}

func output(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return string(out), err
}
