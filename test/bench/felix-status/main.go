// Command felix-status measures how long it takes to remove the keys that Felix
// reported its status into, from among many others: with ccp-hook, with a raw
// client that deletes the same keys in the largest transactions that etcd takes
// (told the keys, or listing them first), and with the guide's own command,
// measured on a few keys and extrapolated.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sync/errgroup"

	"github.com/helm-ccp/helm-ccp/test/etcd"
)

const txnOps = 128

func main() {
	status := flag.Int("status", 100_000, "keys of status")
	others := flag.Int("others", 1_000_000, "other keys")
	guide := flag.Int("guide", 200, "keys on which the guide's command is measured")
	hook := flag.String("ccp-hook", "bin/ccp-hook", "binary to measure")
	flag.Parse()
	log.SetFlags(0)
	if err := run(*status, *others, *guide, *hook); err != nil {
		log.Fatal(err)
	}
}

func run(status, others, guide int, hook string) error {
	ctx := context.Background()
	perKey, err := measureGuide(guide)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "ccp-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	members, err := etcd.Start(etcd.V37, dir, 1, "--quota-backend-bytes", "8000000000")
	if err != nil {
		return err
	}
	defer etcd.StopAll(members)
	client, err := etcd.Client(members)
	if err != nil {
		return err
	}
	defer client.Close()
	log.Printf("filling etcd with %d and %d keys", others, status)
	if err := fill(ctx, client, otherKeys(others)); err != nil {
		return err
	}
	if err := fill(ctx, client, statusKeys(status)); err != nil {
		return err
	}
	known, err := measureRaw(ctx, client, statusKeys(status))
	if err != nil {
		return err
	}
	if err := fill(ctx, client, statusKeys(status)); err != nil {
		return err
	}
	start := time.Now()
	found, err := list(ctx, client)
	if err != nil {
		return err
	}
	if _, err := measureRaw(ctx, client, found); err != nil {
		return err
	}
	raw := time.Since(start)
	if err := fill(ctx, client, statusKeys(status)); err != nil {
		return err
	}
	took, memory, err := measureHook(hook, members[0].Endpoint)
	if err != nil {
		return err
	}
	left, err := client.Get(ctx, "/calico/", clientv3.WithPrefix(), clientv3.WithCountOnly())
	if err != nil {
		return err
	}
	if left.Count != int64(others) {
		return fmt.Errorf("%d keys are left, want %d", left.Count, others)
	}
	guideAll := time.Duration(status) * perKey
	fmt.Printf("%d keys of status among %d others, one etcd 3.7 on this machine\n\n", status, others)
	fmt.Printf("| with | time | against the raw client |\n| --- | --- | --- |\n")
	for _, row := range []struct {
		name string
		took time.Duration
	}{
		{"raw client: one range of all keys, then 128 a transaction", raw},
		{"raw client that is told the keys, 128 a transaction", known},
		{"ccp-hook calico revert (finds them, and starts)", took},
		{fmt.Sprintf("guide: xargs -n1 etcdctl rm (%s a key on %d keys, extrapolated)", perKey.Round(100*time.Microsecond), guide), guideAll},
	} {
		fmt.Printf("| %s | %s | %.2f |\n", row.name, row.took.Round(10*time.Millisecond), row.took.Seconds()/raw.Seconds())
	}
	fmt.Printf("\nhighest memory of ccp-hook: %.0f MB\n", float64(memory)/1e6)
	return nil
}

// statusKeys and otherKeys call f for each of n keys, as Felix names them.
func statusKeys(n int) func(func(string)) {
	return func(f func(string)) {
		for i := range n {
			f(fmt.Sprintf("/calico/felix/v1/host/node%06d/%s", i/2, []string{"status", "last_reported_status"}[i%2]))
		}
	}
}

func otherKeys(n int) func(func(string)) {
	return func(f func(string)) {
		for i := range n {
			f(fmt.Sprintf("/calico/felix/v1/host/node%06d/workload/openstack/w%08d/endpoint/e", i/20, i))
		}
	}
}

// fill writes the keys.
func fill(ctx context.Context, client *clientv3.Client, keys func(func(string))) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	eachBatch(keys, func(key string) clientv3.Op { return clientv3.OpPut(key, `{"status":"up"}`) }, func(ops []clientv3.Op) {
		group.Go(func() error {
			_, err := client.Txn(ctx).Then(ops...).Commit()
			return err
		})
	})
	return group.Wait()
}

func eachBatch(keys func(func(string)), op func(string) clientv3.Op, f func([]clientv3.Op)) {
	var ops []clientv3.Op
	keys(func(key string) {
		if ops = append(ops, op(key)); len(ops) == txnOps {
			f(ops)
			ops = nil
		}
	})
	if len(ops) > 0 {
		f(ops)
	}
}

// measureRaw deletes the keys one transaction after the other.
func measureRaw(ctx context.Context, client *clientv3.Client, keys func(func(string))) (time.Duration, error) {
	var failed error
	start := time.Now()
	eachBatch(keys, func(key string) clientv3.Op { return clientv3.OpDelete(key) }, func(ops []clientv3.Op) {
		if failed == nil {
			_, failed = client.Txn(ctx).Then(ops...).Commit()
		}
	})
	return time.Since(start), failed
}

// list reads all keys in one request and returns those of status.
func list(ctx context.Context, client *clientv3.Client) (func(func(string)), error) {
	resp, err := client.Get(ctx, "/calico/felix/v1/host/", clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil {
		return nil, err
	}
	return func(f func(string)) {
		for _, kv := range resp.Kvs {
			if strings.Contains(string(kv.Key), "status") {
				f(string(kv.Key))
			}
		}
	}, nil
}

// measureHook runs the binary as a Job would.
func measureHook(binary, endpoint string) (time.Duration, int64, error) {
	// Only what a release applied is taken back.
	apply := exec.Command(binary, "calico", "apply", "--store", "etcdv3", "--etcd-endpoints", endpoint)
	if out, err := apply.CombinedOutput(); err != nil {
		return 0, 0, fmt.Errorf("%s: %w", out, err)
	}
	cmd := exec.Command(binary, "calico", "revert", "--store", "etcdv3", "--etcd-endpoints", endpoint, "--force")
	cmd.Stderr = os.Stderr
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	// What the kernel says at the end counts this program's memory too, so the
	// peak is read while the other one runs.
	var memory int64
	for {
		select {
		case err := <-ended:
			return time.Since(start), memory, err
		case <-time.After(20 * time.Millisecond):
			if peak, err := etcd.ProcessMemory(cmd.Process.Pid); err == nil {
				memory = peak
			}
		}
	}
}

// measureGuide returns the time a key that the guide's command takes, with the
// real etcdctl and an etcd that serves the v2 API.
func measureGuide(n int) (time.Duration, error) {
	dir, err := os.MkdirTemp("", "ccp-bench-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	members, err := etcd.Start(etcd.V35, dir, 1)
	if err != nil {
		return 0, err
	}
	defer etcd.StopAll(members)
	sh := func(script string) error {
		cmd := exec.Command("sh", "-c", script)
		cmd.Env = append(os.Environ(), "ETCDCTL_API=2", "ETCDCTL_ENDPOINTS="+members[0].Endpoint)
		cmd.Stderr = os.Stderr
		return cmd.Run()
	}
	if err := sh(fmt.Sprintf("for i in $(seq %d); do etcdctl set /calico/felix/v1/host/node$i/status up; done", n)); err != nil {
		return 0, err
	}
	start := time.Now()
	if err := sh("etcdctl ls /calico/felix/v1/host -r | grep status | xargs -n1 etcdctl rm"); err != nil {
		return 0, err
	}
	return time.Since(start) / time.Duration(n), nil
}
