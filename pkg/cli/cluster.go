package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/helm-ccp/helm-ccp/pkg/chart"
	"github.com/helm-ccp/helm-ccp/pkg/release"
)

// target are the flags of every command that works on a release in a cluster.
type target struct {
	input     *input
	name      string
	namespace string
}

func (t *target) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&t.name, "name", "ccp", "name of the release")
	flags.StringVarP(&t.namespace, "namespace", "n", helmNamespace(), "namespace of the release (default: kubernetes.namespace of the file)")
}

// addClusterFlags is for commands that need no more of the ccp.yaml than its
// namespace.
func (t *target) addClusterFlags(cmd *cobra.Command) {
	t.addFlags(cmd)
	flags := cmd.Flags()
	t.input.addFileFlag(flags)
	t.input.addKubeFlags(flags)
}

// findNamespace reads the namespace from the ccp.yaml when no flag gives it.
func (t *target) findNamespace() error {
	if t.namespace != "" {
		return nil
	}
	cfg, err := t.input.load()
	if cfg == nil {
		return err
	}
	t.namespace = chart.Namespace(cfg)
	return nil
}

// client connects to the release.
func (t *target) client(reporter release.Reporter) (*release.Client, error) {
	client, err := release.New(release.Options{
		Name: t.name, Namespace: t.namespace,
		KubeConfig: t.input.config, KubeContext: t.input.kube.CurrentContext, Reporter: reporter,
	})
	if err != nil {
		return nil, errWrong{err}
	}
	return client, nil
}

// interrupted says what an interruption left behind.
func interrupted(ctx context.Context, verb string, err error) error {
	if err != nil && ctx.Err() != nil {
		return errors.New("interrupted; run ccp " + verb + " again to go on from there")
	}
	return err
}

// usesCluster marks the commands that work on a cluster, so that nothing tries
// their examples where there is none to try them on.
var usesCluster = map[string]string{"cluster": "true"}

// errNotReady ends a command that has told all there is to tell.
var errNotReady = errors.New("not ready")

// oneOf refuses the value of a flag that is none of those it takes.
func oneOf(flag, value string, values ...string) error {
	if !slices.Contains(values, value) {
		return wrongf("%s: want %s, got %q", flag, strings.Join(values, " or "), value)
	}
	return nil
}

func printJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}
