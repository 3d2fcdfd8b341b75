package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
)

func get(t *testing.T, url string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Run([]string{"getter", "", "", "", url}, Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
	return out.String(), errs.String(), code
}

// The getter prints the chart that generate writes, the same bytes each time.
func TestGetterChart(t *testing.T) {
	t.Parallel()
	first, stderr, code := get(t, "ccp://../../examples/calico/ccp.yaml?network=openvswitch&release=stein")
	if code != exitDone {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	if second, _, _ := get(t, "ccp://../../examples/calico/ccp.yaml/name.tgz?network=openvswitch&release=stein"); second != first {
		t.Error("two runs differ")
	}
	chrt, err := loader.LoadArchive(strings.NewReader(first))
	if err != nil {
		t.Fatal(err)
	}
	global := chrt.Values["global"].(map[string]any)
	if network := global["network"].(map[string]any)["backend"]; chrt.Name() != "openstack" || network != "openvswitch" || chrt.AppVersion() != "stein" {
		t.Errorf("got the chart %s of %s for %v", chrt.Name(), chrt.AppVersion(), network)
	}
}

func TestGetterRefuses(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"ccp://":                            "want ccp://FOLDER/FILE",
		"ccp:ccp.yaml":                      "want ccp://FOLDER/FILE",
		"https://example.org/ccp.yaml":      "want ccp://FOLDER/FILE",
		"ccp://./none.yaml":                 "none.yaml",
		"ccp://../cli":                      "../cli",
		"ccp://./ccp.yaml?netwrok=calico":   `unknown parameter "netwrok"; there are network, nodes, placement, release`,
		"ccp://./ccp.yaml?network=a;b":      "semicolon",
		"ccp://./ccp.yaml?network=&network": "given 2 times",
		"ccp+values://../../examples/calico/ccp.yaml?network=flat": "flat",
	} {
		if stdout, stderr, code := get(t, url); code != exitWrong || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, %q, %q; want %q", url, code, stdout, stderr, want)
		}
	}
}

// Which of Helm's commands would write over the ccp.yaml.
func TestSavesOver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "ccp.yaml")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	for args, want := range map[string]bool{
		"helm pull URL -d " + dir:                 true,
		"helm fetch URL --destination " + dir:     true,
		"helm pull --destination=" + dir + " URL": true,
		"helm --debug pull URL -d" + dir:          true,
		"helm pull URL --untar -d " + dir:         false,
		"helm pull URL -d " + other:               false,
		"helm pull URL":                           false, // here is no ccp.yaml
		"helm template r URL --output-dir " + dir: false,
		"": false,
	} {
		if got := savesOver(strings.Fields(args), "ccp.yaml", file); got != want {
			t.Errorf("%s: %v", args, got)
		}
	}
	if savesOver([]string{"helm", "pull", "URL", "-d", dir}, "openstack.tgz", file) {
		t.Error("a name of its own is over the file")
	}
}
