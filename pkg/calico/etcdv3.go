package calico

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// resourcePrefix is where Calico 3 keeps its resources in etcd.
	resourcePrefix = "/calico/resources/v3/projectcalico.org/"
	// maxTxnOps is how many operations etcd allows in a transaction, unless
	// its --max-txn-ops says otherwise.
	maxTxnOps = 128
	// keysPage is how many keys are read at a time when looking for some.
	keysPage = 5000
	// inFlight is how many batches of removals are under way at once.
	inFlight = 4
)

// etcdV3 is the store of Calico 3 in etcd.
type etcdV3 struct {
	client  *clientv3.Client
	cfg     Etcd
	timeout time.Duration
}

// OpenEtcdV3 returns the store of Calico 3 in an etcd. It makes no request yet
// unless there is a user to log in.
func OpenEtcdV3(ctx context.Context, cfg Etcd) (Store, error) {
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
	client, err := clientv3.New(clientv3.Config{
		Endpoints: cfg.Endpoints, TLS: tlsConfig,
		Username: cfg.Username, Password: password,
		DialTimeout: cfg.timeout(), DialKeepAliveTime: cfg.timeout(), DialKeepAliveTimeout: cfg.timeout(),
		MaxUnaryRetries: 3, BackoffWaitBetween: 50 * time.Millisecond,
		Logger: zap.NewNop(),
	})
	if err != nil {
		return nil, cfg.explainV3("connecting to etcd", err)
	}
	return &etcdV3{client, cfg, cfg.timeout()}, nil
}

func (s *etcdV3) Name() string     { return StoreEtcdV3 }
func (s *etcdV3) Dialect() Dialect { return Resources }
func (s *etcdV3) Atomic() int      { return maxTxnOps }
func (s *etcdV3) Exact() bool      { return true }
func (s *etcdV3) Close() error     { return s.client.Close() }

// MissingDir and RemoveEmpty have nothing to do: there are no directories.
func (s *etcdV3) MissingDir(context.Context, string) (string, error) { return "", nil }
func (s *etcdV3) RemoveEmpty(context.Context, []string) error        { return nil }

// etcdKey returns the key in etcd: a resource's is below resourcePrefix.
func etcdKey(key string) string {
	if strings.HasPrefix(key, "/") {
		return key
	}
	return resourcePrefix + key
}

func (s *etcdV3) Get(ctx context.Context, key string) (Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	resp, err := s.client.Get(ctx, etcdKey(key))
	if err != nil {
		return Entry{}, s.cfg.explainV3("reading "+etcdKey(key), err)
	}
	e := Entry{Key: key}
	for _, kv := range resp.Kvs {
		e.Value, e.Version = kv.Value, strconv.FormatInt(kv.ModRevision, 10)
	}
	return e, nil
}

func (s *etcdV3) List(ctx context.Context, plural string) ([]Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	prefix := resourcePrefix + plural + "/"
	resp, err := s.client.Get(ctx, prefix, clientv3.WithPrefix())
	if err != nil {
		return nil, s.cfg.explainV3("reading "+prefix, err)
	}
	var entries []Entry
	for _, kv := range resp.Kvs {
		entries = append(entries, Entry{
			Key:     strings.TrimPrefix(string(kv.Key), resourcePrefix),
			Value:   kv.Value,
			Version: strconv.FormatInt(kv.ModRevision, 10),
		})
	}
	return entries, nil
}

func (s *etcdV3) Swap(ctx context.Context, entries ...Entry) ([]Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	var compares []clientv3.Cmp
	var ops []clientv3.Op
	var keys []string
	for _, e := range entries {
		key, revision := etcdKey(e.Key), int64(0)
		if e.Version != "" {
			var err error
			if revision, err = strconv.ParseInt(e.Version, 10, 64); err != nil {
				return nil, fmt.Errorf("%s: version: %w", key, err)
			}
		}
		keys = append(keys, key)
		compares = append(compares, clientv3.Compare(clientv3.ModRevision(key), "=", revision))
		if e.Value == nil {
			ops = append(ops, clientv3.OpDelete(key))
		} else {
			ops = append(ops, clientv3.OpPut(key, string(e.Value)))
		}
	}
	op := "writing " + strings.Join(keys, ", ")
	resp, err := s.client.Txn(ctx).If(compares...).Then(ops...).Commit()
	if err != nil {
		return nil, s.cfg.explainV3(op, err)
	}
	if !resp.Succeeded {
		return nil, fmt.Errorf("%s: %w", op, ErrConflict)
	}
	now := make([]Entry, len(entries))
	for i, e := range entries {
		now[i] = Entry{Key: e.Key, Value: e.Value}
		if e.Value != nil {
			now[i].Version = strconv.FormatInt(resp.Header.Revision, 10)
		}
	}
	return now, nil
}

// StandDown takes the key, if there is one, with a lease.
func (s *etcdV3) StandDown(ctx context.Context, key string, d time.Duration) (bool, error) {
	for {
		e, err := s.Get(ctx, key)
		if err != nil || e.Value == nil {
			return false, err
		}
		taken, err := s.take(ctx, e, d)
		if err != nil || taken {
			return taken, err
		}
	}
}

// take writes the stand-in over the entry as it was read.
func (s *etcdV3) take(ctx context.Context, e Entry, d time.Duration) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	revision, err := strconv.ParseInt(e.Version, 10, 64)
	if err != nil {
		return false, fmt.Errorf("%s: version: %w", e.Key, err)
	}
	lease, err := s.client.Grant(ctx, int64(d/time.Second))
	if err != nil {
		return false, s.cfg.explainV3("asking for a lease", err)
	}
	resp, err := s.client.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(e.Key), "=", revision)).
		Then(clientv3.OpPut(e.Key, standIn, clientv3.WithLease(lease.ID))).Commit()
	if err != nil {
		return false, s.cfg.explainV3("writing "+e.Key, err)
	}
	if !resp.Succeeded {
		_, err = s.client.Revoke(ctx, lease.ID)
	}
	return resp.Succeeded, s.cfg.explainV3("giving a lease back", err)
}

// StandUp removes the key if it is the stand-in's.
func (s *etcdV3) StandUp(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	_, err := s.client.Txn(ctx).If(clientv3.Compare(clientv3.Value(key), "=", standIn)).Then(clientv3.OpDelete(key)).Commit()
	return s.cfg.explainV3("removing "+key, err)
}

// Remove reads keys in pages and removes those that are left over in the
// largest transactions that etcd takes, a few at a time, while reading goes on.
func (s *etcdV3) Remove(ctx context.Context, leftovers []Leftover, dryRun bool) (int, error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(inFlight)
	removed := make(chan int64, 1)
	removed <- 0
	remove := func(batch []clientv3.Op) {
		group.Go(func() error {
			n := int64(len(batch))
			if !dryRun {
				var err error
				if n, err = s.removeBatch(ctx, batch); err != nil {
					return err
				}
			}
			removed <- n + <-removed
			return nil
		})
	}
	err := s.eachBatch(ctx, leftovers, remove)
	if waitErr := group.Wait(); waitErr != nil {
		err = waitErr
	}
	return int(<-removed), err
}

// eachBatch calls f with the removals of up to maxTxnOps keys.
func (s *etcdV3) eachBatch(ctx context.Context, leftovers []Leftover, f func([]clientv3.Op)) error {
	batch := make([]clientv3.Op, 0, maxTxnOps)
	for _, left := range leftovers {
		err := s.eachKey(ctx, left.Prefix, func(key string) {
			if !left.matches(key[len(left.Prefix):]) {
				return
			}
			if batch = append(batch, clientv3.OpDelete(key)); len(batch) == maxTxnOps {
				f(batch)
				batch = make([]clientv3.Op, 0, maxTxnOps)
			}
		})
		if err != nil {
			return err
		}
	}
	if len(batch) > 0 {
		f(batch)
	}
	return nil
}

// eachKey calls f with every key under the prefix, read in pages.
//
// To answer with a page etcd counts all the keys of the range that is asked
// for. So the range does not reach to the prefix's end, which would make the
// work grow with the square of the keys, but to the end of what has the first
// n bytes of the last key in common; n shrinks when there is nothing more.
func (s *etcdV3) eachKey(ctx context.Context, prefix string, f func(key string)) error {
	last, n := prefix, len(prefix)
	from, end := prefix, clientv3.GetPrefixRangeEnd(prefix)
	for {
		stop := end
		if n > len(prefix) {
			stop = clientv3.GetPrefixRangeEnd(last[:n])
		}
		page, err := s.keys(ctx, from, stop)
		if err != nil {
			return err
		}
		for _, kv := range page.Kvs {
			f(string(kv.Key))
		}
		switch {
		case page.More:
			first := string(page.Kvs[0].Key)
			last = string(page.Kvs[len(page.Kvs)-1].Key)
			from, n = last+"\x00", commonPrefix(first, last)+1
		case n <= len(prefix):
			return nil
		default:
			from, n = stop, n-1
		}
	}
}

// commonPrefix returns how many bytes two keys begin with alike.
func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// keys reads one page of keys, without their values.
func (s *etcdV3) keys(ctx context.Context, from, end string) (*clientv3.GetResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	page, err := s.client.Get(ctx, from, clientv3.WithRange(end), clientv3.WithKeysOnly(), clientv3.WithLimit(keysPage))
	return page, s.cfg.explainV3("reading keys from "+from, err)
}

func (s *etcdV3) removeBatch(ctx context.Context, batch []clientv3.Op) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	resp, err := s.client.Txn(ctx).Then(batch...).Commit()
	if err != nil {
		return 0, s.cfg.explainV3("removing keys that OpenStack left", err)
	}
	var n int64
	for _, r := range resp.Responses {
		n += r.GetResponseDeleteRange().GetDeleted()
	}
	return n, nil
}

// explainV3 says what an error of etcd means; nil stays nil.
func (e Etcd) explainV3(op string, err error) error {
	if err == nil {
		return nil
	}
	if timedOut(err) {
		// The client only says that time was up; the connection says why.
		if cause := e.Reach(); cause != nil {
			err = fmt.Errorf("%w: %w", err, cause)
		}
	}
	var known *Failure
	if errors.As(err, &known) || errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", op, err)
	}
	if f := tlsFailure(op, err); f != nil {
		return f
	}
	f := &Failure{Op: op, Reason: reasonV3(err), Err: err}
	switch code := codeV3(err); {
	case errors.Is(err, rpctypes.ErrNoSpace):
		f.Advice = "etcd is out of space and nothing was written: compact it (etcdctl compact --physical REVISION), defragment it (etcdctl defrag), clear the alarm (etcdctl alarm disarm), then run again"
	case errors.Is(err, rpctypes.ErrPermissionDenied), code == codes.PermissionDenied:
		f.Advice = "give etcd's user read and write access to the prefixes /calico/ and /ccp/calico/, then run again"
	case errors.Is(err, rpctypes.ErrAuthFailed), errors.Is(err, rpctypes.ErrUserEmpty),
		errors.Is(err, rpctypes.ErrAuthNotEnabled), code == codes.Unauthenticated:
		f.Advice = "check etcd.username and the password"
	case errors.Is(err, rpctypes.ErrTooManyOps):
		f.Advice = fmt.Sprintf("start etcd with --max-txn-ops=%d or more", maxTxnOps)
	case code == codes.Unimplemented:
		f.Advice = "this etcd does not serve the v3 API"
	case timedOut(err), code == codes.Unavailable, code == codes.DeadlineExceeded,
		code == codes.ResourceExhausted, code == codes.Canceled, code == codes.Unknown:
		f.Temporary = true
		f.Advice = "check that etcd is up and has a leader"
	}
	return f
}

// codeV3 returns the gRPC code behind an error of the client.
func codeV3(err error) codes.Code {
	var e rpctypes.EtcdError
	if errors.As(err, &e) {
		return e.Code()
	}
	if s, ok := status.FromError(err); ok {
		return s.Code()
	}
	return codes.Internal
}

// reasonV3 returns what the server or the connection said, without gRPC's
// wrapping.
func reasonV3(err error) string {
	text := err.Error()
	if s, ok := status.FromError(err); ok {
		text = s.Message()
	}
	return lastPart(text, "dial tcp")
}
