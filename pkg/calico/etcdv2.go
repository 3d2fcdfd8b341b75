package calico

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	clientv2 "go.etcd.io/etcd/client/v2"
	"golang.org/x/sync/errgroup"
)

// etcdV2 is the store of Calico 1 and 2: etcd's v2 API.
type etcdV2 struct {
	keys      clientv2.KeysAPI
	transport *http.Transport
	timeout   time.Duration
}

var (
	errNoV2      = errors.New("no v2 API")
	errDirectory = errors.New("it is a directory, not a value")
)

// OpenEtcdV2 returns the store of Calico 1 and 2 in an etcd that serves the
// v2 API. It makes no request yet.
func OpenEtcdV2(_ context.Context, cfg Etcd) (Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	tlsConfig, err := cfg.tlsConfig()
	if err != nil {
		return nil, err
	}
	password, err := cfg.password()
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: cfg.timeout()}).DialContext,
		TLSClientConfig:     tlsConfig,
		TLSHandshakeTimeout: cfg.timeout(),
		MaxIdleConnsPerHost: 2 * statusInFlight,
	}
	client, err := clientv2.New(clientv2.Config{
		Endpoints: cfg.Endpoints, Transport: transport,
		Username: cfg.Username, Password: password,
		HeaderTimeoutPerRequest: cfg.timeout(),
	})
	if err != nil {
		return nil, explainV2("connecting to etcd", err)
	}
	return &etcdV2{clientv2.NewKeysAPI(client), transport, cfg.timeout() * time.Duration(len(cfg.Endpoints)+1)}, nil
}

func (s *etcdV2) Name() string     { return StoreEtcdV2 }
func (s *etcdV2) Dialect() Dialect { return Text }
func (s *etcdV2) Atomic() int      { return 1 }

func (s *etcdV2) Close() error {
	s.transport.CloseIdleConnections()
	return nil
}

func (s *etcdV2) Get(ctx context.Context, key string) (Entry, error) {
	node, err := s.node(ctx, key, false)
	switch {
	case err != nil:
		return Entry{}, err
	case node == nil:
		return Entry{Key: key}, nil
	case node.Dir:
		return Entry{}, fmt.Errorf("reading %s: %w", key, errDirectory)
	}
	return Entry{key, []byte(node.Value), strconv.FormatUint(node.ModifiedIndex, 10)}, nil
}

// node reads one node of etcd, with all below it if asked; nil when missing.
func (s *etcdV2) node(ctx context.Context, key string, all bool) (*clientv2.Node, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	resp, err := s.keys.Get(ctx, key, &clientv2.GetOptions{Quorum: true, Recursive: all})
	if clientv2.IsKeyNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, explainV2("reading "+key, err)
	}
	return resp.Node, nil
}

// List has nothing to list: this dialect has no resources.
func (s *etcdV2) List(context.Context, string) ([]Entry, error) { return nil, nil }

func (s *etcdV2) Swap(ctx context.Context, entries ...Entry) ([]Entry, error) {
	if len(entries) != 1 {
		return nil, errors.New("etcd's v2 API changes one key at a time")
	}
	e := entries[0]
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	index, err := strconv.ParseUint("0"+e.Version, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%s: version: %w", e.Key, err)
	}
	var resp *clientv2.Response
	switch {
	case e.Value == nil && e.Version == "":
		return entries, nil
	case e.Value == nil:
		_, err = s.keys.Delete(ctx, e.Key, &clientv2.DeleteOptions{PrevIndex: index})
	case e.Version == "":
		resp, err = s.keys.Set(ctx, e.Key, string(e.Value), &clientv2.SetOptions{PrevExist: clientv2.PrevNoExist})
	default:
		resp, err = s.keys.Set(ctx, e.Key, string(e.Value), &clientv2.SetOptions{PrevIndex: index})
	}
	if err != nil {
		return nil, explainV2("writing "+e.Key, err)
	}
	e.Version = ""
	if resp != nil {
		e.Version = strconv.FormatUint(resp.Node.ModifiedIndex, 10)
	}
	return []Entry{e}, nil
}

// RemoveStatus reads the keys of one host after the other, and removes those
// of status a few at a time: the v2 API takes one key a request.
func (s *etcdV2) RemoveStatus(ctx context.Context, prefixes []string, dryRun bool) (int, error) {
	var removed atomic.Int64
	for _, prefix := range prefixes {
		hosts, err := s.node(ctx, strings.TrimSuffix(prefix, "/"), false)
		if err != nil || hosts == nil {
			if err != nil {
				return int(removed.Load()), err
			}
			continue
		}
		sort.Sort(hosts.Nodes)
		for _, host := range hosts.Nodes {
			keys, err := s.statusKeys(ctx, prefix, host)
			if err != nil {
				return int(removed.Load()), err
			}
			if dryRun {
				removed.Add(int64(len(keys)))
				continue
			}
			if err := s.removeAll(ctx, keys, &removed); err != nil {
				return int(removed.Load()), err
			}
		}
	}
	return int(removed.Load()), nil
}

// statusKeys returns the keys of status of one host.
func (s *etcdV2) statusKeys(ctx context.Context, prefix string, host *clientv2.Node) ([]string, error) {
	if host.Dir {
		var err error
		if host, err = s.node(ctx, host.Key, true); err != nil || host == nil {
			return nil, err
		}
	}
	var keys []string
	var walk func(n *clientv2.Node)
	walk = func(n *clientv2.Node) {
		if !n.Dir && strings.Contains(n.Key[len(prefix):], "status") {
			keys = append(keys, n.Key)
		}
		for _, child := range n.Nodes {
			walk(child)
		}
	}
	walk(host)
	return keys, nil
}

func (s *etcdV2) removeAll(ctx context.Context, keys []string, removed *atomic.Int64) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2 * statusInFlight)
	for _, key := range keys {
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, s.timeout)
			defer cancel()
			_, err := s.keys.Delete(ctx, key, nil)
			if clientv2.IsKeyNotFound(err) {
				return nil
			}
			if err != nil {
				return explainV2("removing "+key, err)
			}
			removed.Add(1)
			return nil
		})
	}
	return group.Wait()
}

// explainV2 says what an error of etcd means.
func explainV2(op string, err error) error {
	var known *Failure
	if errors.As(err, &known) || errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", op, err)
	}
	var e clientv2.Error
	if errors.As(err, &e) {
		return explainCodeV2(op, e)
	}
	reason := err.Error()
	var cluster *clientv2.ClusterError
	if errors.As(err, &cluster) {
		reason = strings.Join(strings.Fields(cluster.Detail()), " ")
		err = errors.Join(append([]error{err}, cluster.Errors...)...)
	}
	if f := tlsFailure(op, errors.New(reason)); f != nil {
		return f
	}
	f := &Failure{Op: op, Reason: reason, Err: err, Temporary: true, Advice: "check that etcd is up and has a leader"}
	if errors.Is(err, clientv2.ErrInvalidJSON) {
		f.Temporary, f.Err = false, errNoV2
		f.Advice = "this etcd does not serve the v2 API: start it with --enable-v2 (up to etcd 3.5), or use --store etcdv3"
	}
	return f
}

// explainCodeV2 says what an answer of etcd means.
func explainCodeV2(op string, e clientv2.Error) error {
	f := &Failure{Op: op, Reason: fmt.Sprintf("%s (%s)", e.Message, e.Cause), Err: e}
	switch e.Code {
	case clientv2.ErrorCodeTestFailed, clientv2.ErrorCodeNodeExist, clientv2.ErrorCodeKeyNotFound:
		return fmt.Errorf("%s: %w", op, ErrConflict)
	case clientv2.ErrorCodeUnauthorized:
		f.Advice = "give etcd's user read and write access to /calico/* and /ccp/calico/*, or check etcd.username and the password"
	case clientv2.ErrorCodeRaftInternal, clientv2.ErrorCodeLeaderElect:
		f.Temporary = true
		f.Advice = "check that etcd is up and has a leader"
	}
	return f
}
