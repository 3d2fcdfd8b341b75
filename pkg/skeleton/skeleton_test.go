package skeleton

import (
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"

	"github.com/helm-ccp/helm-ccp/charts"
	"github.com/helm-ccp/helm-ccp/pkg/catalog"
	"github.com/helm-ccp/helm-ccp/pkg/render"
)

func TestFiles(t *testing.T) {
	t.Parallel()
	always := []string{
		"Chart.yaml", "services.yaml", "values.yaml", "values.schema.json", "charts/common/Chart.yaml", "templates/_conf.tpl",
		"templates/configmap.yaml", "templates/credentials.yaml", "templates/networkpolicy.yaml", "templates/serviceaccount.yaml",
	}
	served := []string{"templates/service.yaml", "templates/poddisruptionbudget.yaml"}
	for workload, own := range map[catalog.Workload][]string{
		catalog.Deployment:  append([]string{"templates/deployment.yaml"}, served...),
		catalog.StatefulSet: append([]string{"templates/statefulset.yaml"}, served...),
		catalog.DaemonSet:   {"templates/daemonset.yaml"},
	} {
		files, err := Files(charts.FS, Options{Service: "web", Workload: workload, Port: 8080})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, file := range files {
			if !strings.HasPrefix(file.Name, "charts/common/") || file.Name == "charts/common/Chart.yaml" {
				names = append(names, file.Name)
			}
			if text := string(file.Data); strings.Contains(text, "<%") || strings.Contains(text, "%>") || !strings.HasSuffix(text, "\n") || strings.HasSuffix(text, "\n\n") {
				t.Errorf("%s of a %s is not what a person would write:\n%s", file.Name, workload, text)
			}
		}
		want := slices.Concat(always, own)
		slices.Sort(names)
		slices.Sort(want)
		if !slices.Equal(names, want) {
			t.Errorf("%s has %v, want %v", workload, names, want)
		}
		again, err := Files(charts.FS, Options{Service: "web", Workload: workload, Port: 8080})
		if err != nil || !slices.EqualFunc(files, again, func(a, b *loader.BufferedFile) bool { return a.Name == b.Name && string(a.Data) == string(b.Data) }) {
			t.Errorf("%s: two runs differ: %v", workload, err)
		}
	}
}

// What is asked for is in the chart that Helm reads.
func TestOptions(t *testing.T) {
	t.Parallel()
	files, err := Files(charts.FS, Options{Service: "web", Workload: catalog.Deployment, Port: 9001, Network: []string{"calico"}, Follows: []string{"nova-api", "keystone"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if file.Name != "services.yaml" {
			continue
		}
		for _, want := range []string{"workload: Deployment", "network: [calico]", "follows: [nova-api, keystone]"} {
			if !strings.Contains(string(file.Data), want) {
				t.Errorf("services.yaml has no %q:\n%s", want, file.Data)
			}
		}
	}
	chrt, err := loader.LoadFiles(files)
	if err != nil {
		t.Fatal(err)
	}
	for network, want := range map[string]int{"calico": 1, "openvswitch": 0} {
		values := map[string]any{"global": map[string]any{"network": map[string]any{"backend": network}}}
		manifests, err := render.Manifests(chrt, values, render.Options{ReleaseName: "web", Namespace: "default"})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(manifests, "port: 9001"); got != want {
			t.Errorf("%s: the Service's port is there %d times, want %d", network, got, want)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	fine := Options{Service: "web", Workload: catalog.Deployment, Port: 80}
	for title, test := range map[string]struct {
		change func(*Options)
		says   string
	}{
		"no name":               {func(o *Options) { o.Service = "" }, "can't name"},
		"capitals":              {func(o *Options) { o.Service = "Web" }, "can't name"},
		"a path":                {func(o *Options) { o.Service = "../web" }, "can't name"},
		"a digit first":         {func(o *Options) { o.Service = "1web" }, "a letter first"},
		"a dash last":           {func(o *Options) { o.Service = "web-" }, "can't name"},
		"a dot":                 {func(o *Options) { o.Service = "web.api" }, "can't name"},
		"too long":              {func(o *Options) { o.Service = strings.Repeat("w", 53) }, "at most 52"},
		"a word of YAML's":      {func(o *Options) { o.Service = "null" }, "YAML"},
		"another of YAML's":     {func(o *Options) { o.Service = "on" }, "YAML"},
		"a service's name":      {func(o *Options) { o.Service = "nova-api" }, "chart nova"},
		"a chart's name":        {func(o *Options) { o.Service = "nova" }, "already"},
		"a claimed key":         {func(o *Options) { o.Service = "percona" }, "already"},
		"an abstract name":      {func(o *Options) { o.Service = "database" }, "already"},
		"a key of global":       {func(o *Options) { o.Service = "ingress" }, "already"},
		"the library's name":    {func(o *Options) { o.Service = "common" }, "already"},
		"no port":               {func(o *Options) { o.Port = 0 }, "port"},
		"too high a port":       {func(o *Options) { o.Port = 65536 }, "65535"},
		"no kind":               {func(o *Options) { o.Workload = "Job" }, "DaemonSet"},
		"no network":            {func(o *Options) { o.Network = []string{"calicoo"} }, `did you mean "calico"?`},
		"no service to go with": {func(o *Options) { o.Follows = []string{"nova-ap"} }, `did you mean "nova-api"?`},
	} {
		opts := fine
		test.change(&opts)
		if files, err := Files(charts.FS, opts); err == nil || !strings.Contains(err.Error(), test.says) || files != nil {
			t.Errorf("%s: got %v, want an error that says %q", title, err, test.says)
		}
	}
	for _, name := range []string{"web", "w", "designate-api", strings.Repeat("w", 52)} {
		opts := fine
		opts.Service = name
		if _, err := Files(charts.FS, opts); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
