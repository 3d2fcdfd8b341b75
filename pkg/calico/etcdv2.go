package calico

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"path"
	"slices"
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
	errNoV2      = errors.New("this etcd has no v2 API")
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
		MaxIdleConnsPerHost: 2 * inFlight,
	}
	client, err := clientv2.New(clientv2.Config{
		Endpoints: cfg.Endpoints, Transport: &v2Transport{transport},
		Username: cfg.Username, Password: password,
		HeaderTimeoutPerRequest: cfg.timeout(),
	})
	if err != nil {
		return nil, explainV2("connecting to etcd", err)
	}
	return &etcdV2{clientv2.NewKeysAPI(client), transport, cfg.timeout() * time.Duration(len(cfg.Endpoints)+1)}, nil
}

// v2Transport tells an etcd that does not serve the v2 API, which knows no such
// page, from one whose answer or question was cut on the way. The client says
// of both that they are not JSON.
type v2Transport struct{ *http.Transport }

func (t *v2Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.Transport.RoundTrip(req)
	if err == nil && resp.StatusCode == http.StatusNotFound && !strings.Contains(resp.Header.Get("Content-Type"), "json") {
		resp.Body.Close()
		return nil, fmt.Errorf("%s: %w", resp.Status, errNoV2)
	}
	return resp, err
}

func (s *etcdV2) Name() string     { return StoreEtcdV2 }
func (s *etcdV2) Dialect() Dialect { return Text }
func (s *etcdV2) Atomic() int      { return 1 }
func (s *etcdV2) Exact() bool      { return true }

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

// hostDir is where Calico 1 and 2 keep what is of one node, NODE/config the
// settings of its Felix.
const hostDir = "/calico/v1/host/"

// List returns what Calico 1 and 2 have of the kind: the settings of single
// nodes, in the form in which Calico 3 has them.
func (s *etcdV2) List(ctx context.Context, plural string) ([]Entry, error) {
	if plural != "felixconfigurations" {
		return nil, nil
	}
	hosts, err := s.node(ctx, strings.TrimSuffix(hostDir, "/"), false)
	if err != nil || hosts == nil {
		return nil, err
	}
	entries := make([]Entry, len(hosts.Nodes))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2 * inFlight)
	for i, host := range hosts.Nodes {
		group.Go(func() error {
			config, err := s.node(ctx, host.Key+"/config", true)
			if err != nil {
				return err
			}
			entries[i] = Entry{Key: plural + "/node." + path.Base(host.Key), Value: felixOfHost(config)}
			return nil
		})
	}
	return entries, group.Wait()
}

// felixOfHost makes a FelixConfiguration of what overrules one for all.
func felixOfHost(config *clientv2.Node) []byte {
	spec := map[string]any{}
	if config != nil {
		for _, n := range config.Nodes {
			switch path.Base(n.Key) {
			case "ReportingIntervalSecs":
				spec["reportingInterval"] = n.Value + "s"
			case "InterfacePrefix":
				spec["interfacePrefix"] = n.Value
			case "EndpointReportingEnabled":
				spec["endpointReportingEnabled"] = strings.EqualFold(n.Value, "true")
			}
		}
	}
	return mustJSON(map[string]any{"spec": spec})
}

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
	if e.Value == nil && e.Key == RecordKey {
		// The directories of the record are this package's own.
		if err := s.RemoveEmpty(ctx, []string{path.Dir(RecordKey), path.Dir(path.Dir(RecordKey))}); err != nil {
			return nil, err
		}
	}
	e.Version = ""
	if resp != nil {
		e.Version = strconv.FormatUint(resp.Node.ModifiedIndex, 10)
	}
	return []Entry{e}, nil
}

// MissingDir looks at each directory on the way to the key. One that etcd's user
// may not see is somebody else's.
func (s *etcdV2) MissingDir(ctx context.Context, key string) (string, error) {
	missing := ""
	for dir := path.Dir(key); dir != "/"; dir = path.Dir(dir) {
		node, err := s.node(ctx, dir, false)
		var e clientv2.Error
		if errors.As(err, &e) && e.Code == clientv2.ErrorCodeUnauthorized {
			return missing, nil
		}
		if err != nil || node != nil {
			return missing, err
		}
		missing = dir
	}
	return missing, nil
}

// RemoveEmpty asks for each directory to go, which etcd grants to empty ones.
func (s *etcdV2) RemoveEmpty(ctx context.Context, dirs []string) error {
	stays := []int{
		clientv2.ErrorCodeDirNotEmpty, clientv2.ErrorCodeKeyNotFound, clientv2.ErrorCodeNotDir, clientv2.ErrorCodeUnauthorized,
	}
	for _, dir := range dirs {
		ctx, cancel := context.WithTimeout(ctx, s.timeout)
		_, err := s.keys.Delete(ctx, dir, &clientv2.DeleteOptions{Dir: true})
		cancel()
		var e clientv2.Error
		if errors.As(err, &e) && slices.Contains(stays, e.Code) {
			continue
		}
		if err != nil {
			return explainV2("removing "+dir, err)
		}
	}
	return nil
}

// StandDown takes the key, if there is one, with an end to it.
func (s *etcdV2) StandDown(ctx context.Context, key string, d time.Duration) (bool, error) {
	for {
		e, err := s.Get(ctx, key)
		if err != nil || e.Value == nil {
			return false, err
		}
		ctx, cancel := context.WithTimeout(ctx, s.timeout)
		_, err = s.keys.Set(ctx, key, standIn, &clientv2.SetOptions{PrevValue: string(e.Value), TTL: d})
		cancel()
		if err = explainV2("writing "+key, err); !errors.Is(err, ErrConflict) {
			return err == nil, err
		}
	}
}

// StandUp removes the key if it is the stand-in's.
func (s *etcdV2) StandUp(ctx context.Context, key string) error {
	e, err := s.Get(ctx, key)
	if err != nil || string(e.Value) != standIn {
		return err
	}
	_, err = s.Swap(ctx, Entry{Key: key, Version: e.Version})
	if errors.Is(err, ErrConflict) {
		return nil
	}
	return err
}

// Remove reads the keys of one folder after the other, and removes those that
// are left over a few at a time: the v2 API takes one key a request.
func (s *etcdV2) Remove(ctx context.Context, leftovers []Leftover, dryRun bool) (int, error) {
	var removed atomic.Int64
	for _, left := range leftovers {
		top, err := s.node(ctx, strings.TrimSuffix(left.Prefix, "/"), false)
		if err != nil || top == nil {
			if err != nil {
				return int(removed.Load()), err
			}
			continue
		}
		sort.Sort(top.Nodes)
		for _, folder := range top.Nodes {
			keys, err := s.leftKeys(ctx, left, folder)
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
			if err := s.RemoveEmpty(ctx, dirsOf(keys)); err != nil {
				return int(removed.Load()), err
			}
		}
	}
	return int(removed.Load()), nil
}

// dirsOf returns the directories of the keys, the deepest first, but for
// Calico's own at the top.
func dirsOf(keys []string) []string {
	dirs := map[string]bool{}
	for _, key := range keys {
		for dir := path.Dir(key); strings.Count(dir, "/") > 1; dir = path.Dir(dir) {
			dirs[dir] = true
		}
	}
	return slices.SortedFunc(maps.Keys(dirs), func(a, b string) int { return cmp.Or(len(b)-len(a), cmp.Compare(a, b)) })
}

// leftKeys returns the keys in a folder that are left over.
func (s *etcdV2) leftKeys(ctx context.Context, left Leftover, folder *clientv2.Node) ([]string, error) {
	if folder.Dir {
		var err error
		if folder, err = s.node(ctx, folder.Key, true); err != nil || folder == nil {
			return nil, err
		}
	}
	var keys []string
	var walk func(n *clientv2.Node)
	walk = func(n *clientv2.Node) {
		if !n.Dir && left.matches(n.Key[len(left.Prefix):]) {
			keys = append(keys, n.Key)
		}
		for _, child := range n.Nodes {
			walk(child)
		}
	}
	walk(folder)
	return keys, nil
}

func (s *etcdV2) removeAll(ctx context.Context, keys []string, removed *atomic.Int64) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2 * inFlight)
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

// explainV2 says what an error of etcd means; nil stays nil.
func explainV2(op string, err error) error {
	if err == nil {
		return nil
	}
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
	if errors.Is(err, errNoV2) || strings.Contains(reason, errNoV2.Error()) {
		f.Temporary, f.Err = false, errNoV2
		f.Advice = "start it with --enable-v2 (up to etcd 3.5), or use --store etcdv3"
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
