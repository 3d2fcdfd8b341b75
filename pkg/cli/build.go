package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	recipes "github.com/helm-ccp/helm-ccp/build/images"
	"github.com/helm-ccp/helm-ccp/pkg/catalog"
	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
	"github.com/helm-ccp/helm-ccp/pkg/chart"
	"github.com/helm-ccp/helm-ccp/pkg/images"
)

// usesEngine marks the command that needs a program that builds images, as
// usesCluster does.
var usesEngine = map[string]string{"engine": "true"}

// hookImage is the recipe that copies a program of ccp's own.
const hookImage = "ccp-hook"

// build are the flags of ccp build.
type build struct {
	input      *input
	components []string
	push       bool
	noCache    bool
	workers    int
	engine     string
	base       string
	platform   string
	recipes    string
	hook       string
}

func newBuild(streams Streams) *cobra.Command {
	b := &build{input: &input{streams: streams}}
	cmd := &cobra.Command{
		Annotations: usesEngine,
		Use:         "build",
		Short:       "Build the images that the deployment runs, and push them to its registry",
		Long: `Build the images that the deployment runs, with buildah, podman or docker, whichever
is there, and with --push push them to the registry that the ccp.yaml names. Names
and tags are those that the deployment asks for: ccp images.

The recipes are plain Containerfiles in this program; --recipes gives others. What
the engine has in its cache is not built again, so that the same command goes on
after a failure or an interruption. To push, log in before: buildah login REGISTRY,
podman login or docker login.`,
		Example: `  ccp build
  ccp build --push --workers 4
  ccp build -c keystone,nova-api --no-cache`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return b.run(cmd.Context(), cmd.Flags()) },
	}
	b.input.addFlags(cmd)
	flags := cmd.Flags()
	flags.StringSliceVarP(&b.components, "components", "c", nil, "build these images only, or those of these services")
	flags.BoolVar(&b.push, "push", false, "push the images to the registry of the ccp.yaml (default: its builder.push)")
	flags.BoolVar(&b.noCache, "no-cache", false, "build every layer again, on the newest Debian (default: builder.no_cache)")
	flags.IntVar(&b.workers, "workers", 0, "how many images are built at a time (default: builder.workers, or as many as there are processors, up to 4)")
	flags.StringVar(&b.engine, "engine", "", "buildah, podman or docker (default: the first that is there)")
	flags.StringVar(&b.base, "base", "", "image of a Debian that all are made on, instead of the one that goes with the release")
	flags.StringVar(&b.platform, "platform", "", "what the images are for, linux/amd64 or linux/arm64 (default: as this machine)")
	flags.StringVar(&b.recipes, "recipes", "", "folder of recipes; its folders NAME take the place of ccp's own, or come beside them")
	flags.StringVar(&b.hook, "ccp-hook", "", "the program of the image ccp-hook (default: the one beside ccp)")
	flags.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "release" {
			name = "openstack-release"
		}
		return pflag.NormalizedName(name)
	})
	return cmd
}

// check refuses flags that nothing can be made of.
func (b *build) check() error {
	if b.engine != "" {
		if err := oneOf("--engine", b.engine, images.EngineNames...); err != nil {
			return err
		}
	}
	if b.platform != "" {
		if err := oneOf("--platform", b.platform, "linux/amd64", "linux/arm64"); err != nil {
			return err
		}
	}
	if b.workers < 0 {
		return wrongf("--workers: want 1 or more, got %d", b.workers)
	}
	return nil
}

func (b *build) run(ctx context.Context, flags *pflag.FlagSet) error {
	if err := b.check(); err != nil {
		return err
	}
	deployment, err := b.input.build(ctx)
	if err != nil {
		return err
	}
	b.fromFile(flags)
	if b.push && deployment.ImageRegistry() == "" {
		return wrongf("--push: the ccp.yaml names no registry to push to: put registry: {address: HOST} into it")
	}
	work, err := os.MkdirTemp("", "ccp-build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	opts := images.Options{
		Context: filepath.Join(work, "images"), Contexts: map[string]string{},
		Platform: b.platform, NoCache: b.noCache, Workers: b.workers, Insecure: flag(b.input.loaded.Registry.Get("insecure")),
	}
	all, err := b.readRecipes(opts.Context)
	if err != nil {
		return err
	}
	wanted, err := b.wanted(deployment, all)
	if err != nil {
		return err
	}
	if opts.Args, err = b.args(deployment, all, wanted, opts.Context); err != nil {
		return err
	}
	if slices.ContainsFunc(wanted, func(i images.Image) bool { return i.Recipe.Name == hookImage }) {
		opts.Contexts[hookImage] = filepath.Join(work, hookImage)
		if err := b.addHook(opts.Contexts[hookImage]); err != nil {
			return err
		}
	}
	if opts.Engine, err = images.FindEngine(b.engine); err != nil {
		return err
	}
	opts.Labels = map[string]string{
		"org.opencontainers.image.version": chart.Version,
		"org.opencontainers.image.url":     "https://github.com/helm-ccp/helm-ccp",
		"ccp.openstack.org/release":        deployment.Topology.Release,
	}
	if opts.Logs, err = os.MkdirTemp("", "ccp-build-logs-"); err != nil {
		return err
	}
	return b.build(ctx, wanted, opts)
}

// fromFile takes what the flags don't say from the ccp.yaml.
func (b *build) fromFile(flags *pflag.FlagSet) {
	if builder := b.input.loaded.Root.Get("builder"); builder != nil {
		if !flags.Changed("push") {
			b.push = flag(builder.Get("push"))
		}
		if !flags.Changed("no-cache") {
			b.noCache = flag(builder.Get("no_cache"))
		}
		if workers, ok := builder.Get("workers").Interface().(int64); ok && !flags.Changed("workers") {
			b.workers = int(workers)
		}
	}
}

// readRecipes puts ccp's recipes and those of --recipes into the folder dir,
// and reads them.
func (b *build) readRecipes(dir string) (images.Recipes, error) {
	if err := images.AddContext(dir, recipes.FS); err != nil {
		return nil, err
	}
	if b.recipes != "" {
		if info, err := os.Stat(b.recipes); err != nil || !info.IsDir() {
			return nil, wrongf("--recipes: %s is not a folder", b.recipes)
		}
		own := os.DirFS(b.recipes)
		if found, err := fs.Glob(own, "*/Containerfile"); err != nil || len(found) == 0 {
			return nil, wrongf("--recipes: there is no NAME/Containerfile in %s", b.recipes)
		}
		if err := images.Replace(dir, own); err != nil {
			return nil, fmt.Errorf("--recipes: %w", err)
		}
	}
	return images.ReadRecipes(os.DirFS(dir))
}

// wanted returns the images to build, each after the one that it is made on.
func (b *build) wanted(deployment *chart.Deployment, all images.Recipes) ([]images.Image, error) {
	list, err := imagesOf(deployment)
	if err != nil {
		return nil, err
	}
	services := map[string][]string{} // service -> images
	var names []string
	for _, image := range list {
		name := image.ShortName()
		for _, service := range image.Services {
			services[service] = append(services[service], name)
		}
		switch {
		case all[name] != nil:
			names = append(names, name)
		case len(b.components) == 0:
			fmt.Fprintf(b.input.streams.Err, "note: there is no recipe for %s: build it yourself, or give a folder with %s/Containerfile by --recipes\n", image.Name, name)
		}
	}
	if len(b.components) > 0 {
		names = nil
		for _, component := range b.components {
			switch {
			case all[component] != nil:
				names = append(names, component)
			case services[component] != nil:
				names = append(names, services[component]...)
			default:
				known := all.Names()
				for service := range services {
					known = append(known, service)
				}
				return nil, wrongf("--components: there is no image %q, and no role holds a service of that name%s", component, catalog.Suggest(component, known))
			}
		}
	}
	needed, err := all.With(names...)
	if err != nil {
		return nil, errWrong{err}
	}
	var wanted []images.Image
	for _, recipe := range needed {
		wanted = append(wanted, images.Image{
			Recipe: recipe, Name: deployment.ImageName(recipe.Name), Push: b.push && slices.Contains(names, recipe.Name),
		})
	}
	return wanted, nil
}

// args returns the build arguments: those that go with the release and the
// network, --base, and the sources of the ccp.yaml, whose folders are put into
// the context dir.
func (b *build) args(deployment *chart.Deployment, all images.Recipes, wanted []images.Image, dir string) (map[string]string, error) {
	defaults, err := images.ReadDefaults(recipes.FS)
	if err != nil {
		return nil, err
	}
	release, network := deployment.Topology.Release, deployment.Topology.Network
	args, known := map[string]string{}, map[string]string{} // known -> the release that it is known for
	for _, d := range defaults {
		for arg, value := range d.Args {
			if d.Network != "" && d.Network != network {
				continue
			}
			known[arg] = d.Release
			if d.Release == release {
				args[arg] = value
			}
		}
	}
	const debian = "DEBIAN"
	if b.base != "" {
		args[debian] = b.base
	}
	if err := b.addSources(all, args, dir); err != nil {
		return nil, err
	}
	for arg, other := range known {
		if args[arg] != "" || !slices.ContainsFunc(wanted, func(i images.Image) bool { return slices.Contains(i.Recipe.Args, arg) }) {
			continue
		}
		if arg == debian {
			return nil, wrongf("it is not known which Debian has the packages of %s (that of %s is known): give an image of one by --base", release, other)
		}
		source := strings.ToLower(strings.ReplaceAll(arg, "_", "-"))
		return nil, wrongf("it is not known which %s goes with %s (that of %s is known): say where it is in sources.%s of the ccp.yaml", source, release, other, source)
	}
	return args, nil
}

// addSources adds the build arguments of the ccp.yaml's `sources`.
func (b *build) addSources(all images.Recipes, args map[string]string, dir string) error {
	node := b.input.loaded.Sources
	if node == nil {
		return nil
	}
	var problems ccpfile.Problems
	for _, key := range node.Keys {
		at := node.Fields[key]
		source := images.Source{
			Name: path.Base(key), // the first ccp's names have a folder before them
			Dir:  text(at.Get("source_dir")), GitURL: text(at.Get("git_url")), GitRef: text(at.Get("git_ref")),
		}
		value, err := source.Value()
		if len(all.Takes(source.Arg())) == 0 {
			err = fmt.Errorf("no recipe has a line ARG %s, so that nothing is made of this", source.Arg())
		}
		if err == nil && source.Dir != "" {
			folder := folderOf(ccpfile.Ref{Name: source.Dir, Pos: at.Get("source_dir").Pos})
			err = copySource(filepath.Join(dir, source.Name), folder)
		}
		if err != nil {
			problems = append(problems, ccpfile.Problem{Pos: at.KeyPos, Path: ccpfile.JoinPath("sources", key), Message: err.Error()})
			continue
		}
		args[source.Arg()] = value
	}
	return problems.Err()
}

// copySource puts the folder of a source into the context.
func copySource(to, folder string) error {
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return fmt.Errorf("source_dir: %s is not a folder", folder)
	}
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return images.AddContext(to, os.DirFS(folder))
}

// addHook puts the program ccp-hook into the context dir.
func (b *build) addHook(dir string) error {
	arch := runtime.GOARCH
	if b.platform != "" {
		arch = path.Base(b.platform)
	}
	file := b.hook
	if file == "" {
		program, err := os.Executable()
		if err != nil {
			return err
		}
		file = filepath.Join(filepath.Dir(program), hookImage)
	}
	if err := images.CheckBinary(file, arch); err != nil {
		return wrongf("the image %s: %w; give --ccp-hook the bin/ccp-hook of a release for linux-%s", hookImage, err, arch)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, hookImage), data, 0o755); err != nil {
		return err
	}
	return images.Normalize(dir)
}

// build builds the images and says what became of them.
func (b *build) build(ctx context.Context, wanted []images.Image, opts images.Options) error {
	streams := b.input.streams
	progress := newProgress(streams.Err)
	progress.step(fmt.Sprintf("%d images with %s", len(wanted), opts.Engine.Path))
	opts.Report = progress.images
	end := changing(ctx) // the engine is ended before ccp is
	statuses, err := images.Build(ctx, wanted, opts)
	end()
	progress.end()
	for _, s := range statuses {
		switch {
		case s.State != images.Done:
		case s.Digest != "":
			fmt.Fprintf(streams.Out, "%s@%s\n", s.Name, s.Digest)
		default:
			fmt.Fprintln(streams.Out, s.Name)
		}
	}
	var failure *images.Failure
	if !errors.As(err, &failure) {
		err = errors.Join(err, os.RemoveAll(opts.Logs))
	}
	return interrupted(ctx, "build", err)
}

// images shows how far images are.
func (p *progress) images(statuses []images.Status) {
	if p.terminal {
		p.show(p.imageTable(statuses))
		return
	}
	for _, s := range statuses {
		if s.State != images.Waiting {
			p.change(s.Recipe.Name, imageState(s), false)
		}
	}
}

// imageState says in words how far an image is.
func imageState(s images.Status) string {
	took := s.Took.Round(time.Second)
	switch {
	case s.State == images.Failed:
		return fmt.Sprintf("the %s failed after %s", s.Verb, took)
	case s.State == images.Skipped:
		return "not built, as " + s.Recipe.Base + " is missing"
	case s.State != images.Done:
		return string(s.State)
	case s.Digest != "":
		return "pushed, " + s.Digest
	case s.Unchanged:
		return "there already"
	default:
		return "built in " + took.String()
	}
}

// imageTable has what the engine works on first, with what it says.
func (p *progress) imageTable(statuses []images.Status) string {
	var out strings.Builder
	order := []images.State{images.Failed, images.Building, images.Pushing, images.Waiting, images.Skipped, images.Stopped, images.Done}
	statuses = slices.SortedStableFunc(slices.Values(statuses), func(a, b images.Status) int {
		return cmp.Compare(slices.Index(order, a.State), slices.Index(order, b.State))
	})
	done := 0
	for _, s := range statuses {
		if s.State == images.Done {
			done++
		}
	}
	fmt.Fprintf(&out, "%d of %d images done, %s\n", done, len(statuses), p.elapsed())
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	for _, s := range statuses {
		state, line := imageState(s), ""
		if s.State == images.Building || s.State == images.Pushing {
			state, line = state+" "+time.Since(s.Began).Round(time.Second).String(), s.Line
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\n", s.Recipe.Name, state, line)
	}
	w.Flush()
	return out.String()
}
