// Package argocd_test asks a real argocd-cmp-server, over its own gRPC, for the
// manifests and parameters of the example application.
package argocd_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v3/cmd/argocd-cmp-server/commands"
	"github.com/argoproj/argo-cd/v3/cmpserver/apiclient"
	"github.com/argoproj/argo-cd/v3/util/cmp"
)

const repository = "../.."

// serverVariable makes this test binary the server, which so needs no building
// of its own.
const serverVariable = "CCP_TEST_CMP_SERVER"

func TestMain(m *testing.M) {
	if config := os.Getenv(serverVariable); config != "" {
		server := commands.NewCommand()
		server.SetArgs([]string{"--config-dir-path", config})
		if err := server.Execute(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// start starts a server with the example's plugin.yaml and bin/ccp on its
// PATH, and returns a client of it.
func start(t *testing.T) apiclient.ConfigManagementPluginServiceClient {
	t.Helper()
	bin, err := filepath.Abs(filepath.Join(repository, "bin"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(bin, "ccp")); err != nil {
		t.Fatalf("%v: make bin/ccp builds it", err)
	}
	config, err := filepath.Abs(filepath.Join(repository, "examples", "argocd", "install"))
	if err != nil {
		t.Fatal(err)
	}
	// A socket's path has to be short.
	sockets, err := os.MkdirTemp("", "cmp")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(sockets) })
	var log strings.Builder
	server := exec.Command(os.Args[0])
	server.Env = append(os.Environ(), serverVariable+"="+config, "ARGOCD_PLUGINSOCKFILEPATH="+sockets, "TMPDIR="+t.TempDir(), "PATH="+bin)
	server.Stdout, server.Stderr = &log, &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		server.Wait() // it is killed
		close(done)
	}()
	t.Cleanup(func() {
		server.Process.Kill() // on an interrupt it closes its socket and stays
		<-done
		if t.Failed() {
			t.Log(log.String())
		}
	})
	socket := filepath.Join(sockets, "ccp.sock")
	for limit := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(socket); err == nil {
			break
		}
		select {
		case <-done:
			t.Fatalf("the server ended:\n%s", log.String())
		default:
		}
		if time.Now().After(limit) {
			t.Fatal("the server does not listen")
		}
	}
	closer, client, err := apiclient.NewConfigManagementPluginClientSet(socket).NewConfigManagementPluginClient()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closer.Close() })
	return client
}

// checkout is a repository with the guide's ccp.yaml in the folder openstack.
func checkout(t *testing.T) (root, app string) {
	t.Helper()
	root = t.TempDir()
	app = filepath.Join(root, "openstack")
	data, err := os.ReadFile(filepath.Join(repository, "examples", "calico", "ccp.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(app, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(app, "ccp.yaml"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	return root, app
}

func environment(parameters string) []string {
	return []string{"ARGOCD_APP_NAME=ccp", "ARGOCD_APP_NAMESPACE=ccp", "ARGOCD_APP_SOURCE_PATH=openstack", "ARGOCD_APP_PARAMETERS=" + parameters}
}

func TestApplication(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	client := start(t)
	root, app := checkout(t)

	match, err := client.MatchRepository(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmp.SendRepoStream(ctx, app, root, match, environment("[]"), nil); err != nil {
		t.Fatal(err)
	}
	if found, err := match.CloseAndRecv(); err != nil || !found.IsSupported || !found.IsDiscoveryEnabled {
		t.Errorf("the repository is not discovered: %v, %v", found, err)
	}

	for network, want := range map[string]string{"calico": "calico-dhcp-agent", "openvswitch": "neutron-openvswitch-agent"} {
		manifests, err := generate(ctx, client, root, app, `[{"name":"network","string":"`+network+`"}]`)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(manifests, func(m string) bool { return strings.Contains(m, `"name":"`+want+`"`) }) {
			t.Errorf("%s: none of %d objects is %s", network, len(manifests), want)
		}
	}
	if _, err := generate(ctx, client, root, app, `[{"name":"files","array":["../../../etc/passwd"]}]`); err == nil || !strings.Contains(err.Error(), "outside") {
		t.Errorf("a file outside of the repository: %v", err)
	}

	announce, err := client.GetParametersAnnouncement(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmp.SendRepoStream(ctx, app, root, announce, environment("[]"), nil); err != nil {
		t.Fatal(err)
	}
	announced, err := announce.CloseAndRecv()
	if err != nil {
		t.Fatal(err)
	}
	defaults := map[string]string{}
	for _, parameter := range announced.ParameterAnnouncements {
		defaults[parameter.Name] = parameter.String_ + strings.Join(parameter.Array, ",")
	}
	for name, want := range map[string]string{"files": "ccp.yaml", "network": "calico", "release": "zed", "placement": "label"} {
		if defaults[name] != want {
			t.Errorf("the parameter %s is %q, want %q", name, defaults[name], want)
		}
	}
}

func generate(ctx context.Context, client apiclient.ConfigManagementPluginServiceClient, root, app, parameters string) ([]string, error) {
	stream, err := client.GenerateManifest(ctx)
	if err != nil {
		return nil, err
	}
	if err := cmp.SendRepoStream(ctx, app, root, stream, environment(parameters), nil); err != nil {
		return nil, err
	}
	response, err := stream.CloseAndRecv()
	if err != nil {
		return nil, err
	}
	return response.Manifests, nil
}
