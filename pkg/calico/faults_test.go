package calico

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/helm-ccp/helm-ccp/test/etcd"
)

// TestServerRestarts kills etcd in the middle of apply and of revert, at each
// of their writes, and starts it again a little later.
func TestServerRestarts(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		s.put(byHand[s.store].key, byHand[s.store].value)
		clean := s.dump()
		restart := func([]Entry) error {
			s.members[0].Kill()
			go s.members[0].Restart()
			return nil
		}
		s.config.RequestTimeout = time.Second
		for n := range 4 {
			for _, method := range []func(*Client, context.Context) (*Report, error){(*Client).Apply, (*Client).Revert} {
				c := s.client(Default())
				count := 0
				tap(c, func(e []Entry) error {
					if count++; count-1 == n {
						return restart(e)
					}
					return nil
				}, nil)
				ok(t)(method(c, t.Context()))
			}
			eventually(t, "etcd is back", func() bool { _, err := s.etcdctl("", "ls", "/"); return err == nil || s.store == StoreEtcdV3 })
			equalDump(t, s.dump(), clean)
		}
	})
}

// TestMemberDies kills one of three members in the middle.
func TestMemberDies(t *testing.T) {
	t.Parallel()
	for store, v := range map[string]etcd.Version{StoreEtcdV2: etcd.V35, StoreEtcdV3: etcd.V37} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, v, 3, store)
			c := s.client(Default())
			count := 0
			tap(c, func([]Entry) error {
				if count++; count == 1 {
					s.members[0].Kill()
				}
				return nil
			}, nil)
			ok(t)(c.Apply(t.Context()))
			if l := ok(t)(c.Status(t.Context())).Lines[0]; l.State != StateOK {
				t.Errorf("%+v", l)
			}
			ok(t)(c.Revert(t.Context()))
		})
	}
}

// proxy forwards to an endpoint after a delay, or never.
func proxy(t *testing.T, endpoint string, delay time.Duration) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			if delay < 0 {
				t.Cleanup(func() { in.Close() })
				continue
			}
			out, err := net.Dial("tcp", target.Host)
			if err != nil {
				in.Close()
				continue
			}
			go slowCopy(out, in, delay)
			go slowCopy(in, out, delay)
		}
	}()
	return "http://" + l.Addr().String()
}

func slowCopy(to, from net.Conn, delay time.Duration) {
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		time.Sleep(delay)
		if _, err := to.Write(buf[:n]); err != nil && err != io.EOF {
			return
		}
	}
}

// TestSlowAndHanging talks to an etcd through a slow line, through a hanging
// endpoint beside a good one, and through a hanging one alone.
func TestSlowAndHanging(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		good := s.config.Endpoints[0]
		s.config.RequestTimeout = time.Second
		for name, endpoints := range map[string][]string{
			"slow":                  {proxy(t, good, 50*time.Millisecond)},
			"hanging beside a good": {proxy(t, good, -1), good},
		} {
			s.config.Endpoints = endpoints
			c := s.client(Default())
			for _, method := range []func(context.Context) (*Report, error){c.Apply, c.Revert} {
				if _, err := method(t.Context()); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		s.config.Endpoints = []string{proxy(t, good, -1)}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err := s.client(Default()).Apply(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "check that etcd is up") {
			t.Errorf("hanging: %v", err)
		}
	})
}

// TestHangsInTheMiddle freezes etcd between two writes, and thaws it.
func TestHangsInTheMiddle(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		s.config.RequestTimeout = 500 * time.Millisecond
		c := s.client(Default())
		var frozen atomic.Bool
		tap(c, func([]Entry) error {
			if !frozen.Swap(true) {
				time.AfterFunc(2*time.Second, func() { s.members[0].Continue() })
				return s.members[0].Pause()
			}
			return nil
		}, nil)
		ok(t)(c.Apply(t.Context()))
		if l := ok(t)(c.Status(t.Context())).Lines[0]; l.State != StateOK {
			t.Errorf("%+v", l)
		}
	})
}

// TestNoSpace fills etcd up: nothing is written, the error says what to do,
// and after doing it all goes well.
func TestNoSpace(t *testing.T) {
	t.Parallel()
	s := newServer(t, etcd.V37, 1, StoreEtcdV3, "--quota-backend-bytes", "2000000")
	for key, value := range facts() {
		s.put(key, value)
	}
	clean := s.dump()
	client := s.raw()
	for {
		if _, err := client.Put(t.Context(), "/filler", strings.Repeat("x", 200_000)); err != nil {
			break
		}
	}
	c := s.client(Default())
	_, err := c.Apply(t.Context())
	if err == nil || !strings.Contains(err.Error(), "etcdctl alarm disarm") {
		t.Fatalf("got %v", err)
	}
	if _, err := client.Delete(t.Context(), "/filler"); err != nil {
		t.Fatal(err)
	}
	equalDump(t, s.dump(), clean)
	rev, err := etcd.Revision(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"compact", "--physical", strconv.FormatInt(rev, 10)}, // without --physical, defrag may come first
		{"defrag"},
		{"alarm", "disarm"},
	} {
		if out, err := s.etcdctl("", args...); err != nil {
			t.Fatal(args, out)
		}
	}
	ok(t)(c.Apply(t.Context()))
}

// TestPermissions turns authentication on: a user who may not write the record
// changes nothing, one with the rights does, and no password shows anywhere.
func TestPermissions(t *testing.T) {
	t.Parallel()
	s := newServer(t, etcd.V37, 1, StoreEtcdV3)
	for _, args := range []string{
		"user add root:rootpw", "user grant-role root root",
		"role add calico", "role grant-permission --prefix=true calico readwrite /calico/",
		"role add ccp", "role grant-permission --prefix=true ccp readwrite /ccp/calico/",
		"user add narrow:s3cret-narrow", "user grant-role narrow calico",
		"user add hook:s3cret-hook", "user grant-role hook calico", "user grant-role hook ccp",
		"auth enable",
	} {
		if out, err := s.etcdctl("", strings.Fields(args)...); err != nil && !strings.Contains(out, "role name already exists") {
			t.Fatalf("%s: %s", args, out)
		}
	}
	for _, tt := range []struct{ user, password, want string }{
		{"narrow", "s3cret-narrow", "read and write access to the prefixes /calico/ and /ccp/calico/"},
		{"hook", "wrong-s3cret", "check etcd.username and the password"},
		{"hook", "s3cret-hook", ""},
	} {
		s.config.Username, s.config.Password = tt.user, tt.password
		_, err := s.client(Default()).Apply(t.Context())
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.user, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: %v, want %q", tt.user, err, tt.want)
		case err != nil && strings.Contains(err.Error(), "s3cret"):
			t.Errorf("the password is in the error: %v", err)
		}
	}
}

// TestPermissionsV2 is the same with the v2 API's own users.
func TestPermissionsV2(t *testing.T) {
	t.Parallel()
	s := newServer(t, etcd.V35, 1, StoreEtcdV2)
	root := []string{"--username", "root:rootpw"}
	for _, args := range [][]string{
		{"user", "add", "root:rootpw"},
		{"auth", "enable"},
		append(root, "role", "add", "hook"),
		append(root, "role", "grant", "hook", "--path", "/calico/*", "--readwrite"),
		append(root, "role", "grant", "hook", "--path", "/ccp/calico/*", "--readwrite"),
		append(root, "user", "add", "hook:s3cret-hook"),
		append(root, "user", "grant", "--roles", "hook", "hook"),
		append(root, "role", "revoke", "guest", "--path", "/*", "--readwrite"),
	} {
		if out, err := s.etcdctl("", args...); err != nil {
			t.Fatalf("%s: %s", args, out)
		}
	}
	_, err := s.client(Default()).Apply(t.Context())
	if err == nil || !strings.Contains(err.Error(), "check etcd.username and the password") {
		t.Errorf("without a user: %v", err)
	}
	s.config.Username, s.config.Password = "hook", "s3cret-hook"
	ok(t)(s.client(Default()).Apply(t.Context()))
	ok(t)(s.client(Default()).Revert(t.Context()))
}

// TestNoV2 asks an etcd for an API that it does not serve.
func TestNoV2(t *testing.T) {
	t.Parallel()
	s := newServer(t, etcd.V37, 1, StoreEtcdV2)
	_, err := s.client(Default()).Apply(t.Context())
	if err == nil || !strings.Contains(err.Error(), "start it with --enable-v2") {
		t.Errorf("got %v", err)
	}
}
