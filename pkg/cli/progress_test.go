package cli

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/helm-ccp/helm-ccp/pkg/release"
)

// statusOf is one of two services and a Job.
func statusOf(keystone, job string) release.Status {
	return release.Status{
		Services: []release.Service{
			{Name: "keystone", Chart: "keystone", PodsWanted: 1, Ready: keystone == "", Waiting: keystone},
			{Name: "mariadb", PodsReady: 1, PodsWanted: 1, Ready: true},
		},
		Jobs: []release.Job{{Name: "keystone-db-sync", Chart: "keystone", Done: job == "", Waiting: job}},
	}
}

func TestProgressLines(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := newProgress(&out)
	report := p.reporter()
	report.Step("installing")
	report.Waiting(statusOf("job keystone-db-sync", "running"))
	report.Waiting(statusOf("job keystone-db-sync", "running"))
	report.Waiting(statusOf("pods start", ""))
	report.Waiting(statusOf("", ""))
	p.end()
	got := regexp.MustCompile(`(?m)^ +[0-9]+s  `).ReplaceAllString(out.String(), "")
	want := `installing
keystone: job keystone-db-sync
Job keystone-db-sync: running
keystone: pods start
Job keystone-db-sync: done
keystone: ready
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// On a terminal the table takes the place of the one before, fits, and is gone
// when a step is told.
func TestProgressOnATerminal(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := newProgress(&out)
	p.terminal, p.size = true, func() (int, int) { return 30, 5 }
	status := statusOf("no node takes the pod: none of three is free", "not begun")
	for _, name := range []string{"a", "b", "c"} {
		status.Services = append(status.Services, release.Service{Name: name})
	}
	p.waiting(status)
	for line := range strings.Lines(out.String()) {
		if width := len([]rune(strings.TrimSuffix(line, "\n"))); width > 29 {
			t.Errorf("%q is %d wide", line, width)
		}
	}
	if p.lines != 4 || !strings.Contains(out.String(), "… and ") {
		t.Errorf("%d lines:\n%s", p.lines, out.String())
	}
	out.Reset()
	p.step("done")
	if !strings.HasPrefix(out.String(), "\x1b[4F\x1b[J") || p.lines != 0 {
		t.Errorf("%q", out.String())
	}
}

func TestStatusText(t *testing.T) {
	t.Parallel()
	s := &status{format: "table"}
	now := statusOf("pods start", "running")
	now.Release, now.Namespace, now.Revision, now.State = "ccp", "ccp", 2, "deployed"
	now.Services[0].JobsWanted = 1
	now.Services[1].Links = []string{"https://db.example.net"}
	got, err := s.text(now)
	want := `ccp in ccp: revision 2, deployed
SERVICE   PODS  JOBS  READY  LINKS, OR WHAT IT WAITS FOR
keystone  0/1   0/1   no     pods start
mariadb   1/1   -     yes    https://db.example.net
Job keystone-db-sync: running
`
	if err != nil || got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got, _ := (&status{short: true, format: "table"}).text(now); got != "not ready\n" {
		t.Errorf("short: %q", got)
	}
	one, err := only(now, []string{"mariadb"})
	if err != nil || !one.Ready || len(one.Services) != 1 || len(one.Jobs) != 0 {
		t.Errorf("mariadb alone: %+v, %v", one, err)
	}
	if _, err := only(now, []string{"nova"}); err == nil {
		t.Error("a service that is not there is shown")
	}
}

// What is wrong with a call is told before anything is asked of a cluster.
func TestClusterCommandsBadCalls(t *testing.T) {
	t.Setenv("KUBECONFIG", t.TempDir()+"/none")
	for call, want := range map[string]string{
		"deploy -o yaml -f ../../examples/calico/ccp.yaml":             "--output: want table or json",
		"status -o yaml -n ccp":                                        "--output: want table or json",
		"cleanup -n ccp":                                               "nobody is there to be asked: give --yes",
		"cleanup -n ccp --yes --insecure":                              "--ca-cert and --insecure are for --auth-url",
		"cleanup -n ccp --yes --auth-url http://x --ca-cert not/there": "not/there",
		"deploy keystone -f ../../examples/calico/ccp.yaml":            "unknown command",
		"openrc -f not/there.yaml":                                     "not/there.yaml",
	} {
		var stdout, stderr bytes.Buffer
		began := time.Now()
		code := Run(strings.Fields(call), Streams{In: strings.NewReader(""), Out: &stdout, Err: &stderr})
		if code != exitWrong || !strings.Contains(stderr.String(), want) || stdout.Len() > 0 {
			t.Errorf("ccp %s: exit code %d after %s, %s%s", call, code, time.Since(began), stdout.String(), stderr.String())
		}
	}
}
