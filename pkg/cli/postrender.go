package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/helm-ccp/helm-ccp/pkg/postrender"
)

func newPostRender(streams Streams) *cobra.Command {
	in := &input{streams: streams}
	var opts postrender.Options
	cmd := &cobra.Command{
		Use:   "post-render",
		Short: "Make the manifests of any chart follow a ccp.yaml",
		Long: `post-render reads manifests from standard input and writes them to standard output,
changed so that they follow the ccp.yaml: workloads go to the nodes of their roles,
the other network's parts go and the chosen one's come, and images, replicas and the
namespace are the file's. All else is passed on as it is. Notes on what was removed,
added or left alone go to standard error.

Nothing is written unless all of it is good.`,
		Example: `  helm template nova openstack-helm/nova | ccp post-render -f ccp.yaml
  helm install nova openstack-helm/nova --post-renderer ccp --post-renderer-args post-render
  ccp post-render -f ccp.yaml --kustomization overlay --strict < manifests.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if slices.Contains(in.files, "-") || in.nodes == "-" {
				return wrongf("standard input is for the manifests: give the ccp.yaml and the nodes as files")
			}
			if info, err := os.Stat(opts.Kustomization); opts.Kustomization != "" && (err != nil || !info.IsDir()) {
				return wrongf("--kustomization: %s is not a folder", opts.Kustomization)
			}
			result, err := postRender(cmd, in, opts)
			if err != nil {
				return err
			}
			for _, note := range result.Notes {
				fmt.Fprintln(streams.Err, "note:", note)
			}
			if result.Empty() {
				// Helm refuses a post-renderer's output when it is empty.
				_, err = fmt.Fprintln(streams.Out, nothingLeft)
			} else {
				_, err = result.WriteTo(streams.Out)
			}
			if errors.Is(err, syscall.EPIPE) {
				return errors.New("standard output was closed before all manifests were written")
			} else if err != nil {
				return fmt.Errorf("writing the manifests: %w", err)
			}
			return nil
		},
	}
	in.addFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&opts.Kustomization, "kustomization", "", "folder with a kustomization.yaml that runs over the manifests last")
	flags.BoolVar(&opts.Strict, "strict", false, "fail when a workload has no place, instead of passing it on as it is")
	flags.StringVarP(&opts.Namespace, "namespace", "n", helmNamespace(), "namespace of the release (default: kubernetes.namespace of the file)")
	return cmd
}

// nothingLeft stands for manifests of which nothing is left.
const nothingLeft = "# ccp post-render: there is nothing here that the ccp.yaml's network needs"

// postRender rewrites the manifests of standard input, which it reads while
// the deployment is worked out.
func postRender(cmd *cobra.Command, in *input, opts postrender.Options) (*postrender.Result, error) {
	manifests := readAhead(in.streams.In)
	cfg, err := in.load()
	if err != nil {
		return nil, err
	}
	set, err := in.charts(cfg)
	if err != nil {
		return nil, err
	}
	deployment, err := in.build(cmd.Context())
	if err != nil {
		return nil, err
	}
	opts.Namespace = cmp.Or(opts.Namespace, deployment.Namespace)
	renderer, err := postrender.New(cfg, deployment, set.files, opts)
	if err != nil {
		return nil, err
	}
	stream, err := manifests()
	if err != nil {
		return nil, fmt.Errorf("reading the manifests: %w", err)
	}
	return renderer.Render(stream, "standard input")
}

// readAhead begins to read all of r, and returns what waits for it.
func readAhead(r io.Reader) func() ([]byte, error) {
	var data bytes.Buffer
	done := make(chan error, 1)
	go func() {
		if file, is := r.(*os.File); is {
			if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
				data.Grow(int(info.Size()) + bytes.MinRead)
			}
		}
		_, err := io.Copy(&data, r)
		done <- err
	}()
	return func() ([]byte, error) {
		err := <-done
		return data.Bytes(), err
	}
}
