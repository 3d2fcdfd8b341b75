package calico

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"time"
)

// Etcd says how to reach an etcd, for both of its APIs.
type Etcd struct {
	// Endpoints are URLs, http or https, all of one cluster.
	Endpoints []string
	// CAFile holds the certificates of those who sign etcd's; empty means the
	// system's. CertFile and KeyFile are the client's own, or both empty. All
	// are PEM, and read again for each new connection.
	CAFile, CertFile, KeyFile string
	// Username and Password authenticate at etcd when Username is not empty.
	// PasswordFile, when given, is read instead of Password.
	Username, Password, PasswordFile string
	// RequestTimeout bounds one request; 5 seconds when zero.
	RequestTimeout time.Duration
}

func (e Etcd) timeout() time.Duration {
	if e.RequestTimeout == 0 {
		return 5 * time.Second
	}
	return e.RequestTimeout
}

// Validate returns what is wrong with the endpoints and files, all at once.
func (e Etcd) Validate() error {
	var ps Problems
	add := func(message string, path ...string) { ps = append(ps, Problem{path, message}) }
	if len(e.Endpoints) == 0 {
		add("no endpoint; give a URL such as http://etcd-k8s:2379", "etcd", "endpoints")
	}
	schemes := map[string]bool{}
	for i, endpoint := range e.Endpoints {
		u, err := url.Parse(endpoint)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" {
			add("not a URL such as http://etcd-k8s:2379", "etcd", "endpoints", fmt.Sprint(i))
			continue
		}
		if u.User != nil {
			add("holds a user: give etcd.username and the password in the environment", "etcd", "endpoints", fmt.Sprint(i))
		}
		schemes[u.Scheme] = true
	}
	if schemes["http"] && schemes["https"] {
		add("http and https are mixed; use https for all", "etcd", "endpoints")
	}
	if (e.CertFile == "") != (e.KeyFile == "") {
		add("cert_file and key_file belong together; one is missing", "etcd")
	}
	if len(ps) == 0 {
		return nil
	}
	return ps
}

// tlsConfig returns nil where no endpoint is https.
func (e Etcd) tlsConfig() (*tls.Config, error) {
	if !strings.HasPrefix(e.Endpoints[0], "https://") {
		return nil, nil
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if e.CAFile != "" {
		pem, err := os.ReadFile(e.CAFile)
		if err != nil {
			return nil, fmt.Errorf("etcd.ca_file: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("etcd.ca_file: %s holds no certificate", e.CAFile)
		}
	}
	if e.CertFile != "" {
		if _, err := e.certificate(); err != nil {
			return nil, err
		}
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return e.certificate()
		}
	}
	return cfg, nil
}

// certificate reads the client's certificate and refuses one that is out of
// date, since the server's own words for that say little.
func (e Etcd) certificate() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(e.CertFile, e.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("etcd.cert_file, etcd.key_file: %w", err)
	}
	if until := pair.Leaf.NotAfter; time.Now().After(until) {
		return nil, &Failure{Op: "etcd.cert_file", Err: errors.New("expired"),
			Reason: fmt.Sprintf("%s expired on %s", e.CertFile, until.UTC().Format(time.RFC3339)),
			Advice: "renew the client certificate"}
	}
	return &pair, nil
}

// Reach connects to each endpoint until one takes the connection, and returns
// why the last one did not.
func (e Etcd) Reach() error {
	cfg, err := e.tlsConfig()
	if err != nil {
		return err
	}
	for _, endpoint := range e.Endpoints {
		u, parseErr := url.Parse(endpoint)
		if parseErr != nil {
			return parseErr
		}
		if err = probe(u.Host, cfg); err == nil {
			return nil
		}
	}
	return err
}

// probe connects to one address. A server that does not take the client's
// certificate says so only when it is read from, so a byte is asked for.
func probe(address string, cfg *tls.Config) error {
	dialer := &net.Dialer{Timeout: time.Second}
	if cfg == nil {
		conn, err := dialer.Dial("tcp", address)
		if err == nil {
			err = conn.Close()
		}
		return err
	}
	conn, err := tls.DialWithDialer(dialer, "tcp", address, cfg)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond)); err != nil {
		return err
	}
	_, err = conn.Read(make([]byte, 1))
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// password returns the password, from its file where there is one.
func (e Etcd) password() (string, error) {
	if e.PasswordFile == "" {
		return e.Password, nil
	}
	data, err := os.ReadFile(e.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("etcd's password: %w", err)
	}
	return strings.TrimRight(string(data), "\r\n"), nil
}
