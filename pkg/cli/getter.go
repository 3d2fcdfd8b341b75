package cli

import (
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/helm-ccp/helm-ccp/pkg/chart"
	"github.com/helm-ccp/helm-ccp/pkg/topology"
)

// The protocols for which plugin.yaml names ccp as the getter.
const (
	chartScheme  = "ccp"
	valuesScheme = "ccp+values"
)

func newGetter(streams Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "getter CERT KEY CA URL",
		Short: "Print the chart or the values that a URL of Helm's stands for",
		Long: `getter is what Helm calls for ccp:// and ccp+values:// URLs. It prints the packed chart
that a ccp.yaml means for ccp://FOLDER/FILE, and its values for ccp+values://FOLDER/FILE.
FOLDER may be ".". CERT, KEY and CA are Helm's and not used.

A URL may say what else flags say: ?network=, ?release=, ?placement=, ?nodes=. An
element NAME.tgz at the end of its path is the name that helm pull saves the chart under.`,
		Example: `  ccp getter - - - ccp://./ccp.yaml > openstack.tgz
  ccp getter - - - ccp+values://./ccp.yaml?network=openvswitch`,
		Hidden: true,
		Args:   cobra.ExactArgs(4),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := &input{streams: streams, match: string(topology.Whole)}
			get, err := in.readURL(args[3])
			if err != nil {
				return err
			}
			deployment, err := in.build(cmd.Context())
			if err != nil {
				return err
			}
			data, err := get(deployment)
			if err != nil {
				return err
			}
			_, err = streams.Out.Write(data)
			return err
		},
	}
}

// readURL takes the flags of in from a URL, and returns what the URL wants of
// the deployment.
func (in *input) readURL(text string) (func(*chart.Deployment) ([]byte, error), error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errWrong{err}
	}
	get, known := map[string]func(*chart.Deployment) ([]byte, error){
		chartScheme:  (*chart.Deployment).Archive,
		valuesScheme: (*chart.Deployment).ValuesYAML,
	}[u.Scheme]
	file := u.Host + u.Path
	if !known || file == "" {
		return nil, wrongf("%s: want %s://FOLDER/FILE or %s://FOLDER/FILE, such as ccp://./ccp.yaml", text, chartScheme, valuesScheme)
	}
	if path.Ext(file) == ".tgz" {
		file = path.Dir(file)
	}
	if u.Scheme == chartScheme && savesOver(parentArgs(), path.Base(u.Path), file) {
		return nil, wrongf("helm pull would save the chart as %s, over the file it is made of; name the archive, %s://%s/%s.tgz, or give another --destination", path.Base(file), chartScheme, file, chart.Name)
	}
	in.files = []string{file}
	return get, in.readQuery(text, u.RawQuery)
}

func (in *input) readQuery(text, raw string) error {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return wrongf("%s: %w", text, err)
	}
	flags := map[string]*string{"network": &in.network, "nodes": &in.nodes, "placement": &in.placement, "release": &in.release}
	for _, key := range slices.Sorted(maps.Keys(query)) {
		flag, known := flags[key]
		if !known {
			return wrongf("%s: unknown parameter %q; there are %s", text, key, strings.Join(slices.Sorted(maps.Keys(flags)), ", "))
		}
		if len(query[key]) > 1 {
			return wrongf("%s: the parameter %s is given %d times", text, key, len(query[key]))
		}
		*flag = query[key][0]
	}
	return nil
}
