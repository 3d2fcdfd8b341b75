package cli_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// hookProgram writes the header of a program for linux on amd64.
func hookProgram(t *testing.T) string {
	t.Helper()
	header := make([]byte, 64)
	copy(header, "\x7fELF\x02\x01\x01")
	for offset, value := range map[int]uint16{16: 2, 18: 62, 20: 1, 52: 64, 54: 56, 58: 64} {
		binary.LittleEndian.PutUint16(header[offset:], value)
	}
	return write(t, "ccp-hook", string(header))
}

// standInDocker puts a stand-in for docker alone on PATH beside the shell's own
// programs, and returns its folder.
func standInDocker(t *testing.T) string {
	t.Helper()
	program, err := filepath.Abs("../images/testdata/stand-in-engine")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(program, filepath.Join(dir, "docker")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return dir
}

// ownRecipes writes recipes that run nothing, in the place of all that ccp has.
func ownRecipes(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	built, err := filepath.Glob("../../build/images/*/Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range built {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		folder := filepath.Join(dir, filepath.Base(filepath.Dir(file)))
		text = []byte(strings.Join(regexp.MustCompile(`(?m)^(#|ARG|FROM).*\n`).FindAllString(string(text), -1), ""))
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "Containerfile"), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestBuild(t *testing.T) {
	dir, recipes, hook := standInDocker(t), ownRecipes(t), hookProgram(t)
	site := write(t, "site.yaml", `
registry: {address: "reg.local:5000"}
images: {tag: "1.0", image_specs: {keystone: {tag: "1.1"}}}
builder: {push: yes}
`)
	deployed := write(t, "images.yaml", `images: {image_specs: {keystone: {digest: "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}}}`)
	common := []string{"build", "-f", example, "-f", site, "-f", deployed, "--engine", "docker", "--platform", "linux/amd64", "--ccp-hook", hook, "--recipes", recipes}
	calls := func() string {
		t.Helper()
		name := filepath.Join(dir, "calls")
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		return string(data)
	}

	r := ok(t, common...)
	said := calls()
	for _, want := range []string{
		"--tag reg.local:5000/ccp/keystone:1.1 --build-arg BASE=reg.local:5000/ccp/openstack:1.0 ",
		"--label ccp.openstack.org/release=zed", "--label org.opencontainers.image.title=keystone",
		"--build-arg DEBIAN=docker.io/library/debian:12-slim ",
		"--build-arg NETWORKING_CALICO=git+https://github.com/projectcalico/calico@v3.30.0#subdirectory=networking-calico ",
		"\npush reg.local:5000/ccp/ccp-hook:1.0\n", "\npush reg.local:5000/ccp/keystone:1.1\n",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("there is no %q in\n%s", want, said)
		}
	}
	if strings.Contains(said, "push reg.local:5000/ccp/base") || strings.Contains(said, "/ccp/openvswitch:") {
		t.Errorf("what the deployment does not run was pushed or built:\n%s", said)
	}
	// What is built is what is run.
	images := strings.Fields(ok(t, "images", "-f", example, "-f", site).stdout)
	for _, image := range images {
		if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(image) + `@sha256:[0-9a-f]{64}$`).MatchString(r.stdout) {
			t.Errorf("%s was not pushed:\n%s", image, r.stdout)
		}
	}

	r = ok(t, append(common, "-c", "nova-api,etcd", "--push=false", "--workers", "1", "--release", "zed", "--base", "debian:x")...)
	if want := "reg.local:5000/ccp/base:1.0 reg.local:5000/ccp/openstack:1.0 reg.local:5000/ccp/nova:1.0 reg.local:5000/ccp/etcd:1.0"; strings.Join(strings.Fields(r.stdout), " ") != want {
		t.Errorf("got %s", r.stdout)
	}
	if said = calls(); !strings.Contains(said, "DEBIAN=debian:x ") || strings.Contains(said, "push") || strings.Count(r.stderr, "there already") != 4 {
		t.Errorf("%s\n%s", said, r.stderr)
	}

	folder := t.TempDir()
	source := write(t, "source.yaml", "sources: {openstack/networking-calico: {source_dir: "+folder+"}}")
	ok(t, append(common, "-f", source, "-c", "neutron")...)
	if said = calls(); !strings.Contains(said, "--build-arg NETWORKING_CALICO=/context/networking-calico ") {
		t.Error(said)
	}

	if err := os.WriteFile(filepath.Join(recipes, "openstack", "Containerfile"), []byte("ARG BASE=ccp/base\nRUN echo broken; exit 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r = run(t, "", append(common, "-c", "keystone,etcd")...)
	log := regexp.MustCompile(`\S+/openstack\.log`).FindString(r.stderr)
	t.Cleanup(func() { os.RemoveAll(filepath.Dir(log)) })
	if r.code != 1 || !strings.Contains(r.stderr, "openstack: the build failed (exit status 1)") || !strings.Contains(r.stderr, "    broken\n") ||
		!strings.Contains(r.stdout, "/ccp/etcd:1.0@") || log == "" {
		t.Errorf("%+v", r)
	}
	if data, err := os.ReadFile(log); err != nil || string(data) != "broken\n" {
		t.Errorf("the log: %q, %v", data, err)
	}
}

func TestBuildRefuses(t *testing.T) {
	t.Parallel()
	hook := hookProgram(t)
	source := func(text string) string { return write(t, "source.yaml", "sources: {"+text+"}") }
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"--engine", "make"}, `--engine: want buildah or podman or docker, got "make"`},
		{[]string{"--platform", "linux/s390x"}, `--platform: want linux/amd64 or linux/arm64`},
		{[]string{"--workers", "-1"}, "--workers: want 1 or more"},
		{[]string{"--push"}, "--push: the ccp.yaml names no registry"},
		{[]string{"-c", "keyston"}, `no image "keyston", and no role holds a service of that name (did you mean "keystone"?)`},
		{[]string{"-c", "keystone", "--release", "epoxy"}, "not known which Debian has the packages of epoxy (that of zed is known): give an image of one by --base"},
		{[]string{"-c", "neutron", "--release", "epoxy", "--base", "x"}, "say where it is in sources.networking-calico"},
		{[]string{"-c", "ccp-hook", "--platform", "linux/arm64", "--ccp-hook", hook}, "is for another processor than arm64; give --ccp-hook the bin/ccp-hook of a release for linux-arm64"},
		{[]string{"-c", "ccp-hook", "--ccp-hook", "none"}, "there is no none; give --ccp-hook"},
		{[]string{"--recipes", "none"}, "--recipes: none is not a folder"},
		{[]string{"--recipes", t.TempDir()}, "--recipes: there is no NAME/Containerfile in "},
		{[]string{"-f", source("x: {source_dir: /}")}, "1:11: sources.x: no recipe has a line ARG X"},
		{[]string{"-f", source("networking-calico: {source_dir: none}")}, "/none is not a folder"},
		{[]string{"-f", source("networking-calico: {git_ref: v1}")}, "sources.networking-calico: say where it is"},
	} {
		if r := run(t, "", append([]string{"build", "-f", example}, test.args...)...); r.code != 2 || !strings.Contains(r.stderr, test.want) {
			t.Errorf("%v: exit code %d, want 2 and %q\n%s", test.args, r.code, test.want, r.stderr)
		}
	}
	for want, args := range map[string][]string{
		"--digests: the ccp.yaml names no registry": {"--digests"},
		"it needs --digests":                        {"-o", "yaml"},
	} {
		if r := run(t, "", append([]string{"images", "-f", example}, args...)...); r.code != 2 || !strings.Contains(r.stderr, want) {
			t.Errorf("%+v", r)
		}
	}
}

// Calls as the first ccp's guide has them are answered with those of today, and
// flags mean the same before and behind the verb.
func TestOldCalls(t *testing.T) {
	t.Parallel()
	for call, want := range map[string]string{
		"deploy --config-file ccp.yaml build":          "call ccp build --config-file=ccp.yaml\n",
		"deploy --config-file ccp.yaml deploy":         "call ccp deploy --config-file=ccp.yaml\n",
		"deploy -f a -f b config dump":                 "call ccp config dump --config-file=a --config-file=b\n",
		"deploy nonsense":                              `unknown command "nonsense" for "ccp deploy" (see ccp deploy --help)`,
		"--push -f " + example + " build":              "--push: the ccp.yaml names no registry",
		"-f" + example + " --push build":               "--push: the ccp.yaml names no registry",
		"--kube --nodes x -f " + example + " topology": "--nodes and --kube both say",
		"--nonsense validate":                          "unknown flag: --nonsense",
	} {
		if r := run(t, "", strings.Fields(call)...); r.code != 2 || !strings.Contains(r.stderr, want) {
			t.Errorf("%s: exit code %d, want 2 and %q\n%s", call, r.code, want, r.stderr)
		}
	}
	behind := ok(t, "config", "dump", "-f", example, "-f", write(t, "x.yaml", "images: {tag: x}"))
	before := ok(t, "-f", example, "--config-file", write(t, "x.yaml", "images: {tag: x}"), "config", "dump")
	if before.stdout != behind.stdout || !strings.Contains(before.stdout, "tag: x") {
		t.Errorf("got %s", before.stdout)
	}
}
