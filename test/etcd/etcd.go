// Package etcd runs real etcd servers for tests, benchmarks and the demo: on
// free ports of 127.0.0.1, with their data in a folder that the caller gives,
// stopped by process id.
package etcd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// Version is one of the servers that the tests know.
type Version struct {
	// Name is the version as people say it.
	Name string
	// V2 says whether it serves the v2 API.
	V2 bool

	env, file, target string
}

// The servers. V34 is the distribution's, the others are built by make.
var (
	V34 = Version{Name: "3.4", V2: true, env: "CCP_ETCD34", file: "/usr/bin/etcd", target: "install etcd-server"}
	V35 = Version{Name: "3.5", V2: true, env: "CCP_ETCD35", file: "bin/etcd35", target: "run make bin/etcd35"}
	V37 = Version{Name: "3.7", V2: false, env: "CCP_ETCD37", file: "bin/etcd37", target: "run make bin/etcd37"}
)

// Binary returns the path of the server's binary, or an error that says how to
// get one.
func (v Version) Binary() (string, error) {
	path := os.Getenv(v.env)
	if path == "" {
		path = v.file
		if !filepath.IsAbs(path) {
			root, err := repository()
			if err != nil {
				return "", err
			}
			path = filepath.Join(root, path)
		}
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("no etcd %s: %s, or set %s: %w", v.Name, v.target, v.env, err)
	}
	return path, nil
}

// repository returns the project's folder: the nearest above the working
// directory, which a test has in its package, with a Makefile.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "Makefile")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("run this inside the project")
		}
		dir = filepath.Dir(dir)
	}
}

// Member is one running server.
type Member struct {
	// Endpoint is the URL for clients.
	Endpoint string

	binary string
	args   []string
	log    string
	cmd    *exec.Cmd
	exited chan struct{}
}

// Start runs a cluster of n members with their data under dir, and waits until
// each answers. More arguments go to every server. Stop them all when done.
func Start(v Version, dir string, n int, args ...string) ([]*Member, error) {
	binary, err := v.Binary()
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(2 * n)
	if err != nil {
		return nil, err
	}
	var cluster []string
	for i := range n {
		cluster = append(cluster, fmt.Sprintf("m%d=http://127.0.0.1:%d", i, ports[n+i]))
	}
	scheme := "http"
	if strings.Contains(strings.Join(args, " "), "--cert-file") {
		scheme = "https"
	}
	var members []*Member
	for i := range n {
		m := &Member{Endpoint: fmt.Sprintf("%s://127.0.0.1:%d", scheme, ports[i]), binary: binary,
			log: filepath.Join(dir, fmt.Sprintf("m%d.log", i))}
		peer := fmt.Sprintf("http://127.0.0.1:%d", ports[n+i])
		m.args = append([]string{
			"--name", fmt.Sprintf("m%d", i), "--data-dir", filepath.Join(dir, fmt.Sprintf("m%d", i)),
			"--listen-client-urls", m.Endpoint, "--advertise-client-urls", m.Endpoint,
			"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
			"--initial-cluster", strings.Join(cluster, ","),
		}, args...)
		if v.V2 {
			m.args = append(m.args, "--enable-v2")
		}
		members = append(members, m)
		if err := m.launch(); err != nil {
			StopAll(members)
			return nil, err
		}
	}
	for _, m := range members {
		if err := m.waitReady(30 * time.Second); err != nil {
			StopAll(members)
			return nil, err
		}
	}
	return members, nil
}

// StopAll kills the members and waits until they are gone.
func StopAll(members []*Member) {
	for _, m := range members {
		m.Kill()
	}
}

// Endpoints returns the URLs of the members.
func Endpoints(members []*Member) []string {
	var urls []string
	for _, m := range members {
		urls = append(urls, m.Endpoint)
	}
	return urls
}

// Restart starts a member that was killed, with its data, and waits until it
// answers.
func (m *Member) Restart() error {
	if err := m.launch(); err != nil {
		return err
	}
	return m.waitReady(30 * time.Second)
}

// Kill ends the member at once, as a crash would. Its data stay.
func (m *Member) Kill() {
	if m.cmd == nil {
		return
	}
	m.cmd.Process.Signal(syscall.SIGCONT)
	m.cmd.Process.Kill()
	<-m.exited
	m.cmd = nil
}

// Pause stops the member without closing a connection: it hangs.
func (m *Member) Pause() error { return m.cmd.Process.Signal(syscall.SIGSTOP) }

// Continue ends a Pause.
func (m *Member) Continue() error { return m.cmd.Process.Signal(syscall.SIGCONT) }

// Memory returns the resident memory of the member in bytes.
func (m *Member) Memory() (int64, error) { return ProcessMemory(m.cmd.Process.Pid) }

func (m *Member) launch() error {
	log, err := os.OpenFile(m.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	m.cmd = exec.Command(m.binary, m.args...)
	m.cmd.Stdout, m.cmd.Stderr = log, log
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := m.cmd.Start(); err != nil {
		return err
	}
	m.exited = make(chan struct{})
	go func(cmd *exec.Cmd, exited chan struct{}) {
		cmd.Wait()
		close(exited)
	}(m.cmd, m.exited)
	return nil
}

// waitReady waits until the member answers, with the log's end as the error.
func (m *Member) waitReady(limit time.Duration) error {
	deadline := time.Now().Add(limit)
	for time.Now().Before(deadline) {
		select {
		case <-m.exited:
			return m.failure("ended")
		case <-time.After(20 * time.Millisecond):
		}
		if m.answers() {
			return nil
		}
	}
	return m.failure("does not answer")
}

// answers says whether the member serves. With TLS it only listens for sure:
// the caller has the certificates.
func (m *Member) answers() bool {
	address := m.Endpoint[strings.LastIndex(m.Endpoint, "/")+1:]
	if strings.HasPrefix(m.Endpoint, "https://") {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}
	client := &http.Client{Timeout: 2 * time.Second}
	resp, err := client.Get(m.Endpoint + "/health")
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func (m *Member) failure(what string) error {
	data, _ := os.ReadFile(m.log)
	lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	return fmt.Errorf("etcd %s: %s", what, bytes.Join(lines[max(0, len(lines)-5):], []byte("\n")))
}

// Client returns a plain client of the v3 API of http members.
func Client(members []*Member) (*clientv3.Client, error) {
	return clientv3.New(clientv3.Config{Endpoints: Endpoints(members), DialTimeout: 5 * time.Second, Logger: zap.NewNop()})
}

// Revision returns the revision of the whole store, which moves with each write.
func Revision(ctx context.Context, client *clientv3.Client) (int64, error) {
	resp, err := client.Get(ctx, "revision-of-the-store")
	if err != nil {
		return 0, err
	}
	return resp.Header.Revision, nil
}

// ProcessMemory returns the highest resident memory of a process in bytes.
func ProcessMemory(pid int) (int64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
			return kib * 1024, nil
		}
	}
	return 0, errors.New("no VmHWM")
}

// freePorts returns n ports that nobody listens on.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
