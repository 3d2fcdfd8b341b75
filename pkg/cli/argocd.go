package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"helm.sh/helm/v3/pkg/chartutil"

	"github.com/helm-ccp/helm-ccp/pkg/chart"
	"github.com/helm-ccp/helm-ccp/pkg/postrender"
	"github.com/helm-ccp/helm-ccp/pkg/render"
	"github.com/helm-ccp/helm-ccp/pkg/topology"
)

func newArgoCD(streams Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "argocd",
		Short: "What Argo CD's config management plugin calls",
		Long: `The commands of a config management plugin: Argo CD runs them in the folder of an
application and tells them in the environment what to do. ccp.yaml is read there; the
parameters that "ccp argocd parameters" lists may be given in an Application as
spec.source.plugin.parameters, or in plugin.env as CCP_NETWORK and so on.

The repository is not trusted: no file outside of it is read, and nothing is written.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newArgoCDGenerate(streams), newArgoCDParameters(streams))
	return cmd
}

func newArgoCDGenerate(streams Streams) *cobra.Command {
	return &cobra.Command{
		Use:     "generate",
		Short:   "Print the manifests of an application",
		Example: `  ccp argocd generate`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			app, err := readArgoApp(os.Getenv)
			if err != nil {
				return err
			}
			in := app.input(streams)
			deployment, err := in.build(cmd.Context())
			if err != nil {
				return err
			}
			manifests, err := app.manifests(in, deployment)
			if err != nil {
				return err
			}
			_, err = streams.Out.Write(manifests)
			return err
		},
	}
}

func newArgoCDParameters(streams Streams) *cobra.Command {
	return &cobra.Command{
		Use:     "parameters",
		Short:   "Print the parameters that an application takes, as Argo CD's UI wants them",
		Example: `  ccp argocd parameters`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			app, err := readArgoApp(os.Getenv)
			if err != nil {
				return err
			}
			// Of a ccp.yaml with faults, which generate tells, the parameters are shown without what they are now.
			deployment, err := app.input(Streams{In: streams.In, Out: streams.Out, Err: io.Discard}).build(cmd.Context())
			if err != nil {
				fmt.Fprintln(streams.Err, err)
			}
			return json.NewEncoder(streams.Out).Encode(app.announce(deployment))
		},
	}
}

// argoApp is what Argo CD tells a config management plugin in its environment.
type argoApp struct {
	name, namespace             string
	root                        string   // the copy of the repository
	files                       []string // relative to the application's folder, as all others
	network, release, placement string
	nodes, chart                string
	values                      []string // of chart
	kubeVersion                 string   // of the cluster that the application goes to; may be empty
	apiVersions                 []string // that it has
}

// argoParameter is how Argo CD announces a parameter, and how it hands over
// the value of one.
type argoParameter struct {
	Name           string   `json:"name"`
	Title          string   `json:"title,omitempty"`
	Tooltip        string   `json:"tooltip,omitempty"`
	CollectionType string   `json:"collectionType,omitempty"`
	String         string   `json:"string,omitempty"`
	Array          []string `json:"array,omitempty"`
}

// announce lists the parameters; their defaults are what holds now, where that
// is known.
func (a *argoApp) announce(deployment *chart.Deployment) []argoParameter {
	var network, release, placement string
	if deployment != nil {
		global, _ := deployment.Values["global"].(map[string]any)
		network, release = deployment.Topology.Network, deployment.Topology.Release
		placement, _ = global["placement"].(string)
	}
	return []argoParameter{
		{Name: "release_name", Title: "Name of the release", Tooltip: "that of the Application, if not given", String: a.name},
		{Name: "files", Title: "ccp.yaml files", Tooltip: "read in order, later ones win", CollectionType: "array", Array: a.files},
		{Name: "network", Title: "Network", Tooltip: "calico or openvswitch", String: network},
		{Name: "release", Title: "OpenStack release", Tooltip: "newton … gazpacho", String: release},
		{Name: "placement", Title: "Placement", Tooltip: "label or hostname", String: placement},
		{Name: "nodes", Title: "Nodes", Tooltip: "file with the names of the cluster's nodes", String: a.nodes},
		{Name: "chart", Title: "Chart", Tooltip: "folder of a chart to render instead, and to make follow the ccp.yaml", String: a.chart},
		{Name: "values", Title: "Values of the chart", Tooltip: "values files of that chart, later ones win", CollectionType: "array", Array: a.values},
	}
}

// readArgoApp reads the environment. A parameter of the Application wins over
// its plugin.env. Faults of either are errors of the call.
func readArgoApp(getenv func(string) string) (*argoApp, error) {
	folder, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	app := &argoApp{
		namespace: getenv("ARGOCD_APP_NAMESPACE"),
		root:      repositoryOf(folder, getenv("ARGOCD_APP_SOURCE_PATH")),
		files:     []string{"ccp.yaml"},
	}
	if err := app.readCluster(getenv); err != nil {
		return nil, err
	}
	texts := map[string]*string{"release_name": &app.name, "network": &app.network, "release": &app.release, "placement": &app.placement, "nodes": &app.nodes, "chart": &app.chart}
	lists := map[string]*[]string{"files": &app.files, "values": &app.values}
	for name, to := range texts {
		*to = getenv("ARGOCD_ENV_CCP_" + strings.ToUpper(name))
	}
	for name, to := range lists {
		if value := getenv("ARGOCD_ENV_CCP_" + strings.ToUpper(name)); value != "" {
			*to = namesOf(strings.Split(value, ","))
		}
	}
	var given []argoParameter
	if text := getenv("ARGOCD_APP_PARAMETERS"); text != "" {
		if err := json.Unmarshal([]byte(text), &given); err != nil {
			return nil, wrongf("ARGOCD_APP_PARAMETERS: %w", err)
		}
	}
	for _, parameter := range given {
		text, list := texts[parameter.Name], lists[parameter.Name]
		switch {
		case text != nil && parameter.Array == nil:
			*text = parameter.String
		case list != nil && parameter.String == "":
			*list = namesOf(parameter.Array)
		case text == nil && list == nil:
			return nil, wrongf("the Application's plugin parameter %q is unknown; there are release_name, files, network, release, placement, nodes, chart, values", parameter.Name)
		default:
			return nil, wrongf("the Application's plugin parameter %q: want %s", parameter.Name, map[bool]string{true: "a string", false: "an array"}[text != nil])
		}
	}
	if len(app.files) == 0 {
		return nil, wrongf("CCP_FILES, or the parameter files, names no file: leave it out for ccp.yaml")
	}
	app.name = cmp.Or(app.name, applicationName(getenv("ARGOCD_APP_NAME")), "ccp")
	return app, nil
}

// applicationName returns the name of an Application. Argo CD puts its namespace
// before it, with _ between, where it is not Argo CD's own ("applications in any
// namespace"), and cuts that off itself where it calls Helm.
func applicationName(instance string) string {
	if _, name, elsewhere := strings.Cut(instance, "_"); elsewhere {
		return name
	}
	return instance
}

// namesOf returns the names in a list without the blanks around them, and
// without those that are empty.
func namesOf(list []string) []string {
	var names []string
	for _, name := range list {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// apiVersion is a version of the API of Kubernetes, or a kind of one: v1,
// apps/v1, apps/v1/Deployment.
var apiVersion = regexp.MustCompile(`^([a-z0-9.-]+/)?v[a-z0-9]+(/[A-Za-z0-9]+)?$`)

// readCluster reads what Argo CD says about the cluster: KUBE_VERSION, and
// KUBE_API_VERSIONS with commas.
func (a *argoApp) readCluster(getenv func(string) string) error {
	if a.kubeVersion = getenv("KUBE_VERSION"); a.kubeVersion != "" {
		if _, err := chartutil.ParseKubeVersion(a.kubeVersion); err != nil {
			return wrongf("KUBE_VERSION: %w: want a version as 1.36 or v1.36.3", err)
		}
	}
	list := getenv("KUBE_API_VERSIONS")
	if list == "" {
		return nil
	}
	a.apiVersions = strings.Split(list, ",")
	for _, version := range a.apiVersions {
		if !apiVersion.MatchString(version) {
			return wrongf("KUBE_API_VERSIONS: %q is no version of an API: want v1, apps/v1 or apps/v1/Deployment, with commas between them", version)
		}
	}
	return nil
}

// repositoryOf returns the root of the repository whose folder path is: the
// folder without path at its end, or the folder when it does not end so.
func repositoryOf(folder, path string) string {
	if path = filepath.Clean(path); path == "." || !filepath.IsLocal(path) {
		return folder
	}
	if root, is := strings.CutSuffix(folder, string(filepath.Separator)+path); is {
		return root
	}
	return folder
}

func (a *argoApp) input(streams Streams) *input {
	return &input{
		streams: streams, root: a.root, files: a.files, nodes: a.nodes, match: string(topology.Whole),
		network: a.network, release: a.release, placement: a.placement,
	}
}

// manifests renders the deployment or, when the application names a chart of
// its own, that chart, changed so that it follows the ccp.yaml.
func (a *argoApp) manifests(in *input, deployment *chart.Deployment) ([]byte, error) {
	opts := render.Options{
		ReleaseName: a.name, Namespace: cmp.Or(a.namespace, deployment.Namespace),
		KubeVersion: a.kubeVersion, APIVersions: a.apiVersions,
	}
	if a.chart == "" {
		chrt, err := deployment.Chart()
		if err != nil {
			return nil, err
		}
		manifests, err := render.Manifests(chrt, nil, opts)
		if err != nil {
			return nil, errWrong{err}
		}
		return []byte(manifests), nil
	}
	manifests, err := a.foreign(opts)
	if err != nil {
		return nil, errWrong{err}
	}
	cfg, err := in.load()
	if err != nil {
		return nil, err
	}
	set, err := in.charts(cfg)
	if err != nil {
		return nil, err
	}
	renderer, err := postrender.New(cfg, deployment, set.files, postrender.Options{Namespace: opts.Namespace})
	if err != nil {
		return nil, err
	}
	result, err := renderer.Render([]byte(manifests), a.chart)
	if err != nil {
		return nil, err
	}
	for _, note := range result.Notes {
		fmt.Fprintln(in.streams.Err, "note:", note)
	}
	return result.Bytes(), nil
}
