package calico

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/helm-ccp/helm-ccp/test/etcd"
)

// authority signs certificates for a test.
type authority struct {
	testing.TB
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	a := &authority{TB: t, dir: t.TempDir()}
	a.cert, a.key = a.sign("ca", time.Hour)
	return a
}

// sign writes NAME.pem and NAME-key.pem for 127.0.0.1, good for some time; a
// negative time has passed.
func (a *authority) sign(name string, good time.Duration) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(good),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		IsCA:        a.cert == nil, BasicConstraintsValid: true,
	}
	parent, parentKey := a.cert, a.key
	if parent == nil {
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		a.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.Fatal(err)
	}
	a.write(name+".pem", "CERTIFICATE", der)
	a.write(name+"-key.pem", "EC PRIVATE KEY", keyDER)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.Fatal(err)
	}
	return cert, key
}

func (a *authority) write(name, kind string, der []byte) {
	a.Helper()
	data := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	if err := os.WriteFile(a.path(name), data, 0o600); err != nil {
		a.Fatal(err)
	}
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

// newTLSServer starts an etcd that wants client certificates.
func newTLSServer(t *testing.T, v etcd.Version, store string, serverGood time.Duration) (*server, *authority) {
	a := newAuthority(t)
	a.sign("server", serverGood)
	a.sign("client", time.Hour)
	s := newServer(t, v, 1, store, "--cert-file", a.path("server.pem"), "--key-file", a.path("server-key.pem"),
		"--client-cert-auth", "--trusted-ca-file", a.path("ca.pem"))
	s.config.CAFile, s.config.CertFile, s.config.KeyFile = a.path("ca.pem"), a.path("client.pem"), a.path("client-key.pem")
	return s, a
}

// TestTLS talks to an etcd with certificates on both sides, and reads a client
// certificate that was renewed meanwhile.
func TestTLS(t *testing.T) {
	t.Parallel()
	for store, v := range map[string]etcd.Version{StoreEtcdV2: etcd.V35, StoreEtcdV3: etcd.V37} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			s, a := newTLSServer(t, v, store, time.Hour)
			c := s.client(Default())
			ok(t)(c.Apply(t.Context()))
			a.sign("client", -time.Hour)
			if _, err := c.Status(t.Context()); err == nil || !strings.Contains(err.Error(), "renew the client certificate") {
				t.Errorf("expired client certificate: %v", err)
			}
			a.sign("client", time.Hour)
			ok(t)(c.Revert(t.Context()))

			other := newAuthority(t)
			other.sign("client", time.Hour)
			s.config.CAFile = other.path("ca.pem")
			if _, err := c.Status(t.Context()); err == nil || !strings.Contains(err.Error(), "check ca_file") {
				t.Errorf("unknown CA: %v", err)
			}
			s.config.CAFile = a.path("ca.pem")
			s.config.CertFile, s.config.KeyFile = other.path("client.pem"), other.path("client-key.pem")
			if _, err := c.Status(t.Context()); err == nil || !strings.Contains(err.Error(), "check cert_file and key_file") {
				t.Errorf("client certificate of another CA: %v", err)
			}
		})
	}
}

// TestExpiredServer refuses an etcd whose certificate is out of date.
func TestExpiredServer(t *testing.T) {
	t.Parallel()
	for store, v := range map[string]etcd.Version{StoreEtcdV2: etcd.V35, StoreEtcdV3: etcd.V37} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			s, _ := newTLSServer(t, v, store, -time.Hour)
			if _, err := s.client(Default()).Apply(t.Context()); err == nil || !strings.Contains(err.Error(), "renew it there") {
				t.Errorf("got %v", err)
			}
		})
	}
}
