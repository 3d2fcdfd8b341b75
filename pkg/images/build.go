package images

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// Image is one that is to be built.
type Image struct {
	Recipe *Recipe
	// Name is the whole name that it gets: registry.example.org/ccp/keystone:zed.
	Name string
	// Push says that the registry gets it too.
	Push bool
}

// Options say how images are built.
type Options struct {
	Engine *Engine
	// Context is the folder of the recipes. Contexts are other folders that
	// some recipes copy from, by name.
	Context  string
	Contexts map[string]string
	// Args are values of build arguments, for the recipes that declare them.
	Args map[string]string
	// Labels are labels of all images. Title, description and base come of the recipe.
	Labels map[string]string
	// Platform is what the images are for, such as linux/arm64; empty: the
	// engine's own.
	Platform string
	// NoCache builds every layer again, on the newest of what the recipes are
	// made on.
	NoCache bool
	// Insecure lets pushes go without TLS, or without a certificate that is
	// trusted. docker has a setting of its own for that.
	Insecure bool
	// Workers is how many images are built at a time; 0: as many as there are
	// processors, up to four.
	Workers int
	// Logs is an existing folder for what the engine says of each image.
	Logs string
	// Report is told how far all images are, in the order of the call, when
	// that changes and each second. It is called by one goroutine at a time.
	Report func([]Status)
}

// State is what becomes of an image.
type State string

// The states of an image. Failed, Skipped (what it is made on is missing),
// Stopped (the build was ended from outside) and Done are the last ones.
const (
	Waiting  State = "waiting"
	Building State = "building"
	Pushing  State = "pushing"
	Done     State = "done"
	Failed   State = "failed"
	Skipped  State = "skipped"
	Stopped  State = "stopped"
)

// Status is how far an image is.
type Status struct {
	Image
	State State
	// Unchanged says that the engine had it already.
	Unchanged bool
	// Digest is what the registry knows it by, once that has it.
	Digest string
	// Line is what the engine said last.
	Line string
	// Began is when the engine took it up, Took how long it took.
	Began time.Time
	Took  time.Duration
	// Verb is what failed, build or push, Err why, Log the file with all that
	// the engine said, and Lines the last of it.
	Verb  string
	Err   error
	Log   string
	Lines []string
}

// Build builds images, each after the one that it is made on, and pushes those
// that are to be pushed. One that fails takes along only those that are made on
// it: the error is then a *Failure. When ctx ends, Build ends what it started
// and returns the error of ctx; what was done then is not done again.
func Build(ctx context.Context, images []Image, opts Options) ([]Status, error) {
	work, err := os.MkdirTemp("", "ccp-build-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	b := &builder{Options: opts, work: work, statuses: make([]Status, len(images))}
	workers := cmp.Or(opts.Workers, min(runtime.NumCPU(), 4))
	slots := make(chan struct{}, workers)
	built := map[string]chan struct{}{} // by recipe, closed when the image is there or won't be
	for i, image := range images {
		b.statuses[i] = Status{Image: image, State: Waiting, Log: filepath.Join(opts.Logs, image.Recipe.Name+".log")}
		built[image.Recipe.Name] = make(chan struct{})
	}
	var jobs sync.WaitGroup
	for i, image := range images {
		jobs.Go(func() {
			there := sync.OnceFunc(func() { close(built[image.Recipe.Name]) })
			defer there()
			base := slices.IndexFunc(images, func(other Image) bool { return other.Recipe.Name == image.Recipe.Base })
			if base >= 0 {
				<-built[image.Recipe.Base]
				if b.missing(base) {
					b.update(i, func(s *Status) { s.State = Skipped })
					return
				}
			}
			select {
			case slots <- struct{}{}:
				defer func() { <-slots }()
			case <-ctx.Done():
			}
			if ctx.Err() != nil {
				b.update(i, func(s *Status) { s.State = Stopped })
				return
			}
			b.make(ctx, i, base, there)
		})
	}
	ended := make(chan struct{})
	var ticks sync.WaitGroup
	ticks.Go(func() { b.tick(ended) })
	jobs.Wait()
	close(ended)
	ticks.Wait()
	if err := ctx.Err(); err != nil {
		return b.statuses, err
	}
	return b.statuses, failure(b.statuses)
}

// builder holds what the jobs of Build share.
type builder struct {
	Options
	work     string // a folder of its own for each image
	mu       sync.Mutex
	statuses []Status
}

// update changes the status of an image and tells of it.
func (b *builder) update(i int, change func(*Status)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(&b.statuses[i])
	b.report()
}

func (b *builder) report() {
	if b.Report != nil {
		b.Report(slices.Clone(b.statuses))
	}
}

// tick tells each second how far all are.
func (b *builder) tick(ended <-chan struct{}) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			b.mu.Lock()
			b.report()
			b.mu.Unlock()
		case <-ended:
			return
		}
	}
}

// missing says that there is no image that others could be made on.
func (b *builder) missing(i int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.statuses[i]
	return s.State == Skipped || s.State == Stopped || s.State == Failed && s.Verb == "build"
}

// make builds an image, calls there, and pushes it.
func (b *builder) make(ctx context.Context, i, base int, there func()) {
	status := b.statuses[i]
	b.update(i, func(s *Status) { s.State, s.Began = Building, time.Now() })
	log, err := newLog(status.Log, func(line string) {
		b.mu.Lock()
		b.statuses[i].Line = line
		b.mu.Unlock()
	})
	verb, digest, unchanged := "build", "", false
	if err == nil {
		unchanged, err = b.build(ctx, log, status.Image, base)
	}
	if err == nil && status.Push {
		there()
		verb = "push"
		b.update(i, func(s *Status) { s.State = Pushing })
		digest, err = b.Engine.push(ctx, log, b.folder(status.Image), status.Name, b.Insecure)
	}
	var lines []string
	if log != nil {
		var closing error
		if lines, closing = log.close(); err == nil {
			err = closing
		}
	}
	b.update(i, func(s *Status) {
		s.Took, s.Unchanged = time.Since(s.Began), unchanged
		switch {
		case err == nil:
			s.State, s.Digest = Done, digest
		case ctx.Err() != nil:
			s.State = Stopped
		default:
			s.State, s.Verb, s.Err, s.Lines = Failed, verb, err, lines
		}
	})
}

// folder is where the engine writes what it has to say of an image to ccp.
func (b *builder) folder(image Image) string { return filepath.Join(b.work, image.Recipe.Name) }

// build builds an image, and says whether it was there before.
func (b *builder) build(ctx context.Context, log *log, image Image, base int) (unchanged bool, err error) {
	dir := b.folder(image)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return false, err
	}
	before := b.Engine.id(ctx, image.Name)
	id, err := b.Engine.build(ctx, log, dir, b.args(image, base)...)
	return err == nil && id == before, err
}

// args are the arguments of the engine's command build.
func (b *builder) args(image Image, base int) []string {
	recipe := image.Recipe
	args := []string{"--file", filepath.Join(b.Context, recipe.Name, recipeFile), "--tag", image.Name}
	labels := map[string]string{
		"org.opencontainers.image.title":       recipe.Name,
		"org.opencontainers.image.description": recipe.Title,
	}
	for key, value := range b.Labels {
		labels[key] = value
	}
	given := map[string]string{}
	for _, arg := range recipe.Args {
		if value, ok := b.Args[arg]; ok {
			given[arg] = value
		}
	}
	if base >= 0 {
		given["BASE"] = b.statuses[base].Name
		labels["org.opencontainers.image.base.name"] = given["BASE"]
	}
	for _, flag := range []struct {
		name   string
		values map[string]string
	}{{"--build-arg", given}, {"--label", labels}} {
		for key, value := range sorted(flag.values) {
			args = append(args, flag.name, key+"="+value)
		}
	}
	if b.Platform != "" {
		args = append(args, "--platform", b.Platform)
	}
	if b.NoCache {
		args = append(args, "--no-cache")
	}
	// What is made here is in no registry yet.
	args = append(args, fmt.Sprintf("--pull=%t", b.NoCache && base < 0))
	return append(args, cmp.Or(b.Contexts[recipe.Name], b.Context))
}

// Failure are the images that could not be built or pushed, and those that are
// made on them.
type Failure struct {
	Failed, Skipped []Status
	Done            int
}

func failure(statuses []Status) error {
	f := &Failure{}
	for _, s := range statuses {
		switch s.State {
		case Failed:
			f.Failed = append(f.Failed, s)
		case Skipped:
			f.Skipped = append(f.Skipped, s)
		default:
			f.Done++
		}
	}
	if len(f.Failed) == 0 {
		return nil
	}
	return f
}

// Error says what failed, with the last lines of it, what else there is not
// because of it, and what to do.
func (f *Failure) Error() string {
	var text strings.Builder
	total := f.Done + len(f.Failed) + len(f.Skipped)
	fmt.Fprintf(&text, "%d of %d images failed", len(f.Failed), total)
	for _, s := range f.Failed {
		fmt.Fprintf(&text, "\n\n%s: the %s failed (%v). ", s.Recipe.Name, s.Verb, s.Err)
		if len(s.Lines) == 0 {
			fmt.Fprintf(&text, "Nothing was said; the log would be %s", s.Log)
			continue
		}
		fmt.Fprintf(&text, "The last lines of %s:", s.Log)
		for _, line := range s.Lines {
			fmt.Fprintf(&text, "\n    %s", line)
		}
	}
	text.WriteString("\n\n")
	if len(f.Skipped) > 0 {
		fmt.Fprintf(&text, "not built, for they are made on what failed: %s\n", names(f.Skipped))
	}
	fmt.Fprintf(&text, "done: %d images. When the cause is mended, run ccp build again: what is done is not built again", f.Done)
	return text.String()
}

func names(statuses []Status) string {
	var all []string
	for _, s := range statuses {
		all = append(all, s.Recipe.Name)
	}
	return strings.Join(all, ", ")
}
