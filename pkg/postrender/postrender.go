// Package postrender rewrites manifests that any chart made so that they
// follow a ccp.yaml: each workload goes to the nodes of its roles, the other
// network's objects and settings go and the chosen one's come, images,
// replicas, labels and namespace are the file's, and a kustomization of the
// user's own has the last word.
//
// The work is a pipeline of kustomize's filters and of small ones of the same
// form, functions from nodes to nodes (Renderer.filters is the list). What
// none of them changes is passed on as its own bytes; in a document that is
// changed, only the lines of what changed are written anew.
package postrender

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"slices"
	"sync"

	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/helm-ccp/helm-ccp/pkg/catalog"
	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
	"github.com/helm-ccp/helm-ccp/pkg/chart"
)

// Options say what is to be done beyond what the ccp.yaml says.
type Options struct {
	// Kustomization is a folder with a kustomization that runs over the
	// manifests last; empty for none.
	Kustomization string
	// Strict makes an error of a workload that has no place.
	Strict bool
	// Namespace is where the objects that are added live.
	Namespace string
}

// Renderer rewrites manifests for one ccp.yaml.
type Renderer struct {
	deployment *chart.Deployment
	catalog    *catalog.Catalog
	config     *ccpfile.Config
	own        *own
	recognizer *recognizer
	extension  extension
	opts       Options
}

// New returns a Renderer for the deployment that chart.Build made of cfg from
// the charts in fsys. The error is ccpfile.Problems when x-post-render of the
// ccp.yaml is at fault.
func New(cfg *ccpfile.Config, deployment *chart.Deployment, fsys fs.FS, opts Options) (*Renderer, error) {
	cat, err := catalog.Load(fsys)
	if err != nil {
		return nil, err
	}
	ext, err := readExtension(cfg, cat, deployment.Topology)
	if err != nil {
		return nil, err
	}
	return &Renderer{
		deployment: deployment, catalog: cat, config: cfg, extension: ext, opts: opts,
		own:        newOwn(deployment, cat, opts.Namespace),
		recognizer: newRecognizer(cat, deployment.Topology, ext),
	}, nil
}

// Result is a stream of manifests, and what is worth telling about it.
type Result struct {
	// Notes say what was removed, added or left alone, in the stream's order.
	Notes  []string
	chunks [][]byte
}

// WriteTo writes the manifests.
func (r *Result) WriteTo(w io.Writer) (int64, error) {
	var written int64
	for _, chunk := range r.chunks {
		n, err := w.Write(chunk)
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// Bytes returns the manifests.
func (r *Result) Bytes() []byte { return slices.Concat(r.chunks...) }

// Empty says whether there is nothing in the manifests but blanks.
func (r *Result) Empty() bool {
	return !slices.ContainsFunc(r.chunks, func(chunk []byte) bool { return len(bytes.TrimSpace(chunk)) > 0 })
}

// Render rewrites the manifests of stream; name is what errors call it. The
// error is ccpfile.Problems, with all that is wrong, when the stream is at
// fault. The Result shares memory with stream.
func (r *Renderer) Render(stream []byte, name string) (*Result, error) {
	if r.opts.Kustomization == "" {
		return r.render(stream, name, r.namespace)
	}
	// As kustomize over the same stream has it, objects are in no namespace of ours yet; a patch that names that one
	// finds them afterwards.
	result, err := r.render(stream, name, nil)
	if err != nil {
		return nil, err
	}
	kustomized, err := r.kustomize(result.Bytes(), name)
	if err != nil {
		placed, again := r.render(stream, name, r.namespace)
		if again != nil {
			return nil, again
		}
		if kustomized, again = r.kustomize(placed.Bytes(), name); again != nil {
			return nil, err
		}
	}
	last, _, err := r.run(kustomized.Bytes(), name, func(f *findings) []kio.Filter {
		if len(r.deployment.Topology.Services) == 0 {
			return nil
		}
		f.scopes = scopes(stream)
		return []kio.Filter{r.namespace(f)}
	})
	if err != nil {
		return nil, err
	}
	last.Notes = slices.Concat(result.Notes, kustomized.Notes, last.Notes)
	return last, nil
}

// render is Render without the kustomization; last is the last filter, which may
// be nil.
func (r *Renderer) render(stream []byte, name string, last func(*findings) kio.Filter) (*Result, error) {
	custom := scopes(stream)
	var splits map[string]map[string]bool
	settled := false
	filters := func(f *findings) []kio.Filter {
		f.scopes, f.splits, f.settled = custom, splits, settled
		all := r.filters(f)
		if last != nil && len(all) > 0 {
			all = append(all, last(f))
		}
		return all
	}
	result, found, err := r.run(stream, name, filters)
	if err != nil {
		return nil, err
	}
	splits, settled = found.shares(), found.settledOn(r.deployment.Topology.Network)
	if len(splits) > 0 || settled {
		// Only all of the stream tells that several workloads part the nodes of a service, and which network it is on.
		if result, found, err = r.run(stream, name, filters); err != nil {
			return nil, err
		}
	}
	if err := r.check(found); err != nil {
		return nil, err
	}
	return result, r.add(result, found, filters)
}

// filters is the pipeline but for the namespaces. An empty topology changes nothing at all.
func (r *Renderer) filters(f *findings) []kio.Filter {
	if len(r.deployment.Topology.Services) == 0 {
		return nil
	}
	return []kio.Filter{
		r.removal(f),
		r.inventory(f),
		r.waits(),
		r.settings(f),
		r.placement(f),
		r.images(),
		r.replicas(),
		r.labels(),
	}
}

// batchSize is about how many bytes of a stream are worked on at a time: few,
// for a tree takes some twenty times the memory of its text.
const batchSize = 32 << 10

// run sends a stream through the filters, a batch of documents at a time, as
// many batches at once as there are processors. The output is in the order of
// the stream, whichever batch is done first.
func (r *Renderer) run(stream []byte, name string, filters func(*findings) []kio.Filter) (*Result, *findings, error) {
	batches := batch(split(stream))
	outputs := make([]output, len(batches))
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(runtime.GOMAXPROCS(0), len(batches)) {
		wg.Go(func() {
			for i := range next {
				outputs[i] = process(batches[i], name, filters)
			}
		})
	}
	for i := range batches {
		next <- i
	}
	close(next)
	wg.Wait()
	result, all := &Result{}, newFindings(nil)
	var problems ccpfile.Problems
	var failed error
	for _, o := range outputs {
		result.chunks = append(result.chunks, o.chunks...)
		all.merge(o.findings)
		problems = append(problems, o.problems...)
		failed = errors.Join(failed, o.err)
	}
	if failed != nil {
		return nil, nil, failed
	}
	if err := problems.Err(); err != nil {
		return nil, nil, err
	}
	result.Notes = all.notes
	return result, all, nil
}

func batch(documents []document) [][]document {
	var batches [][]document
	size := 0
	for i, start := 0, 0; i < len(documents); i++ {
		size += len(documents[i].raw)
		if size >= batchSize || i == len(documents)-1 {
			batches = append(batches, documents[start:i+1])
			start, size = i+1, 0
		}
	}
	return batches
}

// output is what became of a batch.
type output struct {
	chunks   [][]byte
	findings *findings
	problems ccpfile.Problems // of the stream
	err      error
}

// entry is a document in the making.
type entry struct {
	document
	origin *yaml.Node // as it was written; nil for a document without content
	tree   *yaml.Node // what the filters change
	listed bool       // it holds objects
}

func process(documents []document, stream string, filters func(*findings) []kio.Filter) (out output) {
	entries := make([]entry, len(documents))
	found := map[*yaml.Node]document{}
	var nodes []*yaml.RNode
	for i := range documents {
		e := &entries[i]
		e.document = documents[i]
		if err := e.read(); err != nil {
			out.problems = append(out.problems, e.problem(stream, err))
			continue
		}
		if e.tree == nil {
			continue
		}
		for _, object := range objects(e.tree) {
			e.listed = true
			found[object] = e.document
			nodes = append(nodes, yaml.NewRNode(object))
		}
	}
	out.findings = newFindings(found)
	if len(out.problems) > 0 {
		return out
	}
	for _, filter := range filters(out.findings) {
		var err error
		if nodes, err = filter.Filter(nodes); err != nil {
			out.err = fault(stream, err)
			return out
		}
	}
	out.err = out.write(entries, nodes, stream)
	out.findings.documents = nil // lets go of the trees
	return out
}

// fault says of which stream an error is; one of the input says it itself.
func fault(stream string, err error) error {
	if problems := (ccpfile.Problems{}); errors.As(err, &problems) {
		return problems
	}
	return fmt.Errorf("%s: %w", stream, err)
}

func (e *entry) read() (err error) {
	if e.origin, err = e.parse(); err != nil || e.origin == nil {
		return err
	}
	if twice := twice(e.origin); twice != nil {
		return fmt.Errorf("yaml: line %d: the key %q is there already: remove one (for Kubernetes the last one counts)", twice.Line, twice.Value)
	}
	e.tree, err = expand(e.origin)
	return err
}

// write puts the documents together again: those that no filter changed as
// they were, and new objects at the end.
func (o *output) write(entries []entry, nodes []*yaml.RNode, stream string) error {
	kept := make(map[*yaml.Node]bool, len(nodes))
	for _, node := range nodes {
		kept[node.YNode()] = true
	}
	for i := range entries {
		e := &entries[i]
		if e.listed && !prune(e.tree, kept) {
			continue
		}
		chunk := e.raw
		if e.tree != nil && !same(e.origin, e.tree) {
			var err error
			if chunk, err = rewrite(e.raw, e.origin, e.tree); err != nil {
				return fmt.Errorf("%s:%d: document %d: %w", stream, e.line, e.number, err)
			}
		}
		o.chunks = append(o.chunks, chunk)
	}
	for _, node := range nodes {
		if _, old := o.findings.documents[node.YNode()]; old {
			continue
		}
		text, err := yaml.String(node.YNode())
		if err != nil {
			return fmt.Errorf("%s: %w", title(node.YNode()), err)
		}
		o.chunks = append(o.chunks, []byte("---\n"+text))
	}
	return nil
}
