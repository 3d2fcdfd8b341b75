package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// ownFolders are what each node has of its own of the file system; the rest is
// the machine's.
var ownFolders = []string{"/run", "/var/lib", "/var/log"}

// nodeSpec is what a node's init does.
type nodeSpec struct {
	Node
	// Folders is where the node's own folders are kept.
	Folders string
	// Logs is the folder of the servers' logs.
	Logs string
	// Routes has the other nodes' addresses by the subnets of their pods.
	Routes map[string]string
	// Servers are kept running, started in this order.
	Servers []server
}

// server is a command line under the name of its log.
type server struct {
	Name string
	Args []string
}

// Init is the first process of a node, in the node's new namespaces: it sets
// these up, then keeps the servers running and collects orphans. It reads the
// nodeSpec from the named file, begins when it reads something from start, and
// returns only on an error.
func Init(file string, start io.Reader) error {
	if n, _ := start.Read(make([]byte, 2)); n == 0 {
		return fmt.Errorf("the one who started this has gone")
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var spec nodeSpec
	if err := json.Unmarshal(data, &spec); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if err := syscall.Sethostname([]byte(spec.Name)); err != nil {
		return err
	}
	if err := spec.mount(); err != nil {
		return err
	}
	if err := spec.network(); err != nil {
		return err
	}
	return spec.supervise()
}

// mount gives the node its own /proc and folders. Mounts made here are seen by
// everything on the node, and not outside.
func (s *nodeSpec) mount() error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mount / private: %w", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	for _, path := range ownFolders {
		own := filepath.Join(s.Folders, path)
		if err := os.MkdirAll(own, 0o755); err != nil {
			return err
		}
		if err := syscall.Mount(own, path, "", syscall.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount %s: %w", path, err)
		}
	}
	if err := os.MkdirAll("/run/lock", 0o755); err != nil {
		return err
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_SHARED, ""); err != nil {
		return fmt.Errorf("mount / shared: %w", err)
	}
	return nil
}

// network configures the node's interfaces, and lets it forward between its
// pods and the others.
func (s *nodeSpec) network() error {
	commands := []string{
		"link set lo up",
		"address add " + s.Address + "/24 dev eth0",
		"link set eth0 up",
		"link set eth1 up",
		// Nothing answers there, but an address of a Service needs some route
		// before it is translated.
		"route add default via " + hostAddress,
	}
	for subnet, address := range s.Routes {
		commands = append(commands, "route add "+subnet+" via "+address)
	}
	for _, args := range commands {
		if err := ip(context.Background(), args); err != nil {
			return err
		}
	}
	for _, name := range []string{"net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables"} {
		if err := os.WriteFile(filepath.Join("/proc/sys", name), []byte("1"), 0); err != nil {
			return err
		}
	}
	return nil
}

// supervise starts the servers, and starts each again a second after it ended,
// as an init with Restart=always does.
func (s *nodeSpec) supervise() error {
	running := map[int]server{}
	restart := make(chan server, len(s.Servers))
	ended := make(chan int)
	go reap(ended)
	for _, server := range s.Servers {
		restart <- server
	}
	for {
		select {
		case server := <-restart:
			pid, err := s.start(server)
			if err != nil {
				return err
			}
			running[pid] = server
			fmt.Printf("%s started\n", server.Name)
		case pid := <-ended:
			server, ok := running[pid]
			if !ok {
				continue // an orphan
			}
			delete(running, pid)
			fmt.Printf("%s ended\n", server.Name)
			time.AfterFunc(time.Second, func() { restart <- server })
		}
	}
}

// reap collects every process that ends, and tells which.
func reap(ended chan<- int) {
	for {
		pid, err := syscall.Wait4(-1, nil, 0, nil)
		switch err {
		case nil:
			ended <- pid
		case syscall.ECHILD:
			time.Sleep(100 * time.Millisecond) // nothing runs at this moment
		}
	}
}

func (s *nodeSpec) start(server server) (int, error) {
	log, err := os.OpenFile(filepath.Join(s.Logs, server.Name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	cmd := exec.Command(server.Args[0], server.Args[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("%s: %w", server.Name, err)
	}
	pid := cmd.Process.Pid // Release forgets it
	return pid, cmd.Process.Release()
}
