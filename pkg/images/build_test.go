package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// site is a stand-in engine with recipes to build.
type site struct {
	dir  string
	opts Options
}

// newSite makes recipes of texts by name, and a stand-in for the named engine.
func newSite(t *testing.T, engine string, recipes map[string]string) *site {
	t.Helper()
	standIn, err := filepath.Abs("testdata/stand-in-engine")
	if err != nil {
		t.Fatal(err)
	}
	s := &site{dir: t.TempDir()}
	s.opts = Options{Engine: &Engine{engine, filepath.Join(s.dir, engine)}, Context: filepath.Join(s.dir, "images"), Workers: 1, Logs: t.TempDir()}
	if err := os.Symlink(standIn, s.opts.Engine.Path); err != nil {
		t.Fatal(err)
	}
	for name, text := range recipes {
		s.write(t, name, text)
	}
	return s
}

func (s *site) write(t *testing.T, name, text string) {
	t.Helper()
	folder := filepath.Join(s.opts.Context, name)
	if err := errors.Join(os.MkdirAll(folder, 0o755), os.WriteFile(filepath.Join(folder, recipeFile), []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// build builds all recipes of the site.
func (s *site) build(t *testing.T, ctx context.Context) (map[string]Status, error) {
	t.Helper()
	recipes, err := ReadRecipes(os.DirFS(s.opts.Context))
	if err != nil {
		t.Fatal(err)
	}
	ordered, err := recipes.With(recipes.Names()...)
	if err != nil {
		t.Fatal(err)
	}
	var all []Image
	for _, recipe := range ordered {
		all = append(all, Image{Recipe: recipe, Name: "reg/ccp/" + recipe.Name + ":1", Push: !strings.HasPrefix(recipe.Name, "base")})
	}
	statuses, err := Build(ctx, all, s.opts)
	by := map[string]Status{}
	for _, status := range statuses {
		by[status.Recipe.Name] = status
	}
	return by, err
}

// calls returns the calls that the engine got, with the test's own paths left out.
func (s *site) calls(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(s.dir, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(data), s.opts.Context, "CONTEXT")
	return regexp.MustCompile(`\S*/ccp-build-[0-9]+/`).ReplaceAllString(text, "")
}

const (
	onDebian = "# The base.\nARG DEBIAN=debian\nFROM ${DEBIAN}\n"
	onBase   = "# Keystone, an API.\n# Of OpenStack.\nARG BASE=ccp/base\nFROM ${BASE}\nARG SOURCE=\n"
)

// Each engine gets the calls that it knows.
func TestBuild(t *testing.T) {
	t.Parallel()
	for engine, want := range map[string]string{
		"docker": `
image inspect --format {{.Id}} reg/ccp/base:1
build --iidfile base/id --file CONTEXT/base/Containerfile --tag reg/ccp/base:1 --build-arg DEBIAN=debian:13 --label a=b --label org.opencontainers.image.description=The base --label org.opencontainers.image.title=base --platform linux/arm64 --no-cache --pull=true CONTEXT
image inspect --format {{.Id}} reg/ccp/keystone:1
build --iidfile keystone/id --file CONTEXT/keystone/Containerfile --tag reg/ccp/keystone:1 --build-arg BASE=reg/ccp/base:1 --build-arg SOURCE=git --label a=b --label org.opencontainers.image.base.name=reg/ccp/base:1 --label org.opencontainers.image.description=Keystone, an API --label org.opencontainers.image.title=keystone --platform linux/arm64 --no-cache --pull=false CONTEXT
push reg/ccp/keystone:1
`,
		"buildah": `
inspect --type image --format {{.FromImageID}} reg/ccp/base:1
build --layers --iidfile base/id --file CONTEXT/base/Containerfile --tag reg/ccp/base:1 --build-arg DEBIAN=debian:13 --label a=b --label org.opencontainers.image.description=The base --label org.opencontainers.image.title=base --platform linux/arm64 --no-cache --pull=true CONTEXT
inspect --type image --format {{.FromImageID}} reg/ccp/keystone:1
build --layers --iidfile keystone/id --file CONTEXT/keystone/Containerfile --tag reg/ccp/keystone:1 --build-arg BASE=reg/ccp/base:1 --build-arg SOURCE=git --label a=b --label org.opencontainers.image.base.name=reg/ccp/base:1 --label org.opencontainers.image.description=Keystone, an API --label org.opencontainers.image.title=keystone --platform linux/arm64 --no-cache --pull=false CONTEXT
push --digestfile keystone/digest --tls-verify=false reg/ccp/keystone:1
`,
		"podman": `
image inspect --format {{.Id}} reg/ccp/base:1
build --iidfile base/id --file CONTEXT/base/Containerfile --tag reg/ccp/base:1 --build-arg DEBIAN=debian:13 --label a=b --label org.opencontainers.image.description=The base --label org.opencontainers.image.title=base --platform linux/arm64 --no-cache --pull=true CONTEXT
image inspect --format {{.Id}} reg/ccp/keystone:1
build --iidfile keystone/id --file CONTEXT/keystone/Containerfile --tag reg/ccp/keystone:1 --build-arg BASE=reg/ccp/base:1 --build-arg SOURCE=git --label a=b --label org.opencontainers.image.base.name=reg/ccp/base:1 --label org.opencontainers.image.description=Keystone, an API --label org.opencontainers.image.title=keystone --platform linux/arm64 --no-cache --pull=false CONTEXT
push --digestfile keystone/digest --tls-verify=false reg/ccp/keystone:1
`,
	} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, engine, map[string]string{"base": onDebian, "keystone": onBase})
			s.opts.Args = map[string]string{"DEBIAN": "debian:13", "SOURCE": "git", "OTHER": "x"}
			s.opts.Labels = map[string]string{"a": "b"}
			s.opts.Platform, s.opts.NoCache, s.opts.Insecure = "linux/arm64", true, true
			statuses, err := s.build(t, t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := s.calls(t); got != want[1:] {
				t.Errorf("got\n%s\nwant%s", got, want)
			}
			keystone := statuses["keystone"]
			if keystone.State != Done || keystone.Unchanged || !regexp.MustCompile(`^sha256:[0-9a-f]{64}$`).MatchString(keystone.Digest) {
				t.Errorf("%+v", keystone)
			}
		})
	}
}

// What did not change is told as such.
func TestBuildAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t, "docker", map[string]string{"base": onDebian, "keystone": onBase, "etcd": onBase})
	if _, err := s.build(t, t.Context()); err != nil {
		t.Fatal(err)
	}
	s.write(t, "etcd", onBase+"RUN true\n")
	statuses, err := s.build(t, t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"base": true, "keystone": true, "etcd": false} {
		if got := statuses[name].Unchanged; got != want {
			t.Errorf("%s: unchanged is %t, want %t", name, got, want)
		}
	}
}

// An image that fails takes along those that are made on it, and no others.
func TestBuildFails(t *testing.T) {
	t.Parallel()
	s := newSite(t, "docker", map[string]string{
		"base":      onDebian,
		"openstack": "ARG BASE=ccp/base\nRUN for i in $(seq 25); do echo line-$i; done; exit 3\n",
		"keystone":  "ARG BASE=ccp/openstack\n",
		"nova":      "ARG BASE=ccp/keystone\n",
		"etcd":      onBase,
		"mariadb":   onBase,
		"rabbitmq":  "ARG BASE=ccp/mariadb\n",
	})
	if err := os.WriteFile(filepath.Join(s.dir, "closed-reg_ccp_mariadb_1"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	statuses, err := s.build(t, t.Context())
	var failure *Failure
	if !errors.As(err, &failure) || len(failure.Failed) != 2 || len(failure.Skipped) != 2 || failure.Done != 3 {
		t.Fatalf("%v", err)
	}
	for name, want := range map[string]State{
		"base": Done, "openstack": Failed, "keystone": Skipped, "nova": Skipped, "etcd": Done, "mariadb": Failed, "rabbitmq": Done,
	} {
		if got := statuses[name].State; got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	var lines []string
	for i := 6; i <= 25; i++ {
		lines = append(lines, fmt.Sprintf("    line-%d\n", i))
	}
	logFile := filepath.Join(s.opts.Logs, "openstack.log")
	for _, want := range []string{
		"2 of 7 images failed\n",
		"\nopenstack: the build failed (exit status 3). The last lines of " + logFile + ":\n" + strings.Join(lines, ""),
		"\nmariadb: the push failed (exit status 1). The last lines of ", "    unauthorized: authentication required\n",
		"not built, for they are made on what failed: keystone, nova\n", "run ccp build again",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("there is no %q in\n%s", want, err)
		}
	}
	if strings.Contains(err.Error(), "line-5\n") {
		t.Errorf("more than the last lines:\n%s", err)
	}
	if data, err := os.ReadFile(logFile); err != nil || !strings.HasPrefix(string(data), "line-1\n") {
		t.Errorf("the log: %q, %v", data, err)
	}
}

// fifo makes a pipe with a name.
func fifo(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// Two images are built at a time: each of these waits for the other.
func TestBuildParallel(t *testing.T) {
	t.Parallel()
	pipe := fifo(t)
	s := newSite(t, "docker", map[string]string{"a": "RUN echo x > " + pipe + "\n", "b": "RUN read x < " + pipe + "\n"})
	s.opts.Workers = 2
	if _, err := s.build(t, t.Context()); err != nil {
		t.Error(err)
	}
}

// An interruption ends what was started, even what does not listen, and the
// next call goes on.
func TestBuildInterrupted(t *testing.T) {
	t.Parallel()
	for name, trap := range map[string]string{"obedient": "", "deaf": `trap "" TERM; `} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pipe := fifo(t)
			// Whatever runs below it holds the pipe open.
			s := newSite(t, "docker", map[string]string{
				"base": onDebian, "keystone": onBase + "RUN " + trap + "exec 3>" + pipe + "; echo >&3; sleep 600; true\n", "nova": "ARG BASE=ccp/keystone\n",
			})
			ctx, cancel := context.WithCancel(t.Context())
			took := make(chan time.Duration)
			go func() {
				reader, err := os.Open(pipe)
				if err == nil {
					_, err = reader.Read(make([]byte, 1))
				}
				began := time.Now()
				cancel()
				if err == nil {
					_, err = io.ReadAll(reader)
				}
				if err != nil {
					t.Error(err)
				}
				took <- time.Since(began)
			}()
			statuses, err := s.build(t, ctx)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%v", err)
			}
			if d := <-took; d > 10*time.Second {
				t.Errorf("the engine went on for %s", d)
			}
			for name, want := range map[string]State{"base": Done, "keystone": Stopped, "nova": Skipped} {
				if s := statuses[name]; s.State != want || s.Digest != "" {
					t.Errorf("%s is %s, want %s", name, s.State, want)
				}
			}
			s.write(t, "keystone", onBase)
			if statuses, err = s.build(t, t.Context()); err != nil || !statuses["base"].Unchanged || statuses["nova"].Digest == "" {
				t.Errorf("again: %v, %+v", err, statuses)
			}
		})
	}
}

// A report tells of each state, once it is there.
func TestReport(t *testing.T) {
	t.Parallel()
	s := newSite(t, "docker", map[string]string{"keystone": onDebian + "RUN echo said\n"})
	var states []string
	s.opts.Report = func(statuses []Status) {
		states = append(states, string(statuses[0].State)+" "+statuses[0].Line)
	}
	if _, err := s.build(t, t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"building ", "pushing said", "done "} {
		if !slices.ContainsFunc(states, func(s string) bool { return strings.HasPrefix(s, want) }) {
			t.Errorf("there is no %q in %q", want, states)
		}
	}
}
