package hook

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"maps"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// keyPair returns the certificate that a Secret holds, and its CA.
func keyPair(t *testing.T, data map[string]string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	pair, err := tls.X509KeyPair([]byte(data["tls.crt"]), []byte(data["tls.key"]))
	if err != nil {
		t.Fatal(err)
	}
	ca := x509.NewCertPool()
	if !ca.AppendCertsFromPEM([]byte(data["ca.crt"])) {
		t.Fatalf("no CA: %q", data["ca.crt"])
	}
	return pair, ca
}

// handshake connects a client that has the first Secret's files with a server
// that has the second's, each of which asks for the other's certificate.
func handshake(t *testing.T, client, server map[string]string) error {
	t.Helper()
	clientPair, clientCA := keyPair(t, client)
	serverPair, serverCA := keyPair(t, server)
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	done := make(chan error, 1)
	go func() {
		err := tls.Server(b, &tls.Config{Certificates: []tls.Certificate{serverPair}, ClientCAs: serverCA, ClientAuth: tls.RequireAndVerifyClientCert}).Handshake()
		b.Close()
		done <- err
	}()
	clientErr := tls.Client(a, &tls.Config{Certificates: []tls.Certificate{clientPair}, RootCAs: clientCA, ServerName: "nova-vnc-tls"}).Handshake()
	a.Close()
	if err := <-done; err != nil {
		return err
	}
	return clientErr
}

func TestCertificate(t *testing.T) {
	t.Parallel()
	connect, client := fakeKube()
	run := func(verb string) {
		t.Helper()
		if r := runHook(t, connect, nil, "credentials", verb, "--certificate", "nova-vnc-tls"); r.code != ExitDone {
			t.Fatalf("%+v", r)
		} else if strings.Contains(r.stderr+r.stdout, "PRIVATE KEY") {
			t.Error("a key is in the log")
		}
	}
	run("ensure")
	made, err := client.Resource(secretResource).Namespace("ccp").Get(t.Context(), "nova-vnc-tls", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if made.Object["type"] != "kubernetes.io/tls" {
		t.Errorf("its type is %v", made.Object["type"])
	}
	first := secretData(t, client, "nova-vnc-tls")
	if err := handshake(t, first, first); err != nil {
		t.Errorf("a client and a server with the same Secret: %v", err)
	}
	pair, _ := keyPair(t, first)
	if usage := x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment; pair.Leaf.KeyUsage != usage {
		t.Errorf("its usage is %b, want %b, without which QEMU does not take it", pair.Leaf.KeyUsage, usage)
	}
	if left := time.Until(pair.Leaf.NotAfter); left < 9*365*24*time.Hour {
		t.Errorf("it is valid for %v", left)
	}
	run("ensure")
	if !maps.Equal(first, secretData(t, client, "nova-vnc-tls")) {
		t.Error("ensure changed what was there")
	}
	run("rotate")
	second := secretData(t, client, "nova-vnc-tls")
	if err := handshake(t, second, second); err != nil {
		t.Errorf("after the rotation: %v", err)
	}
	if handshake(t, first, second) == nil || handshake(t, second, first) == nil {
		t.Error("the old certificate is good after the rotation")
	}
}

func TestSSHKey(t *testing.T) {
	t.Parallel()
	connect, client := fakeKube()
	run := func(verb string) map[string]string {
		t.Helper()
		if r := runHook(t, connect, nil, "credentials", verb, "--ssh-key", "nova-ssh"); r.code != ExitDone {
			t.Fatalf("%+v", r)
		} else if strings.Contains(r.stderr+r.stdout, "PRIVATE KEY") {
			t.Error("a key is in the log")
		}
		return secretData(t, client, "nova-ssh")
	}
	data := run("ensure")
	for private, public := range map[string]string{"id_ed25519": "authorized_keys", "ssh_host_ed25519_key": "known_hosts"} {
		if block, _ := pem.Decode([]byte(data[private])); block == nil || block.Type != "OPENSSH PRIVATE KEY" {
			t.Errorf("%s is not in OpenSSH's format", private)
		}
		signer, err := ssh.ParsePrivateKey([]byte(data[private]))
		if err != nil {
			t.Fatal(err)
		}
		key, ok := strings.CutPrefix(data[public], map[string]string{"authorized_keys": "restrict ", "known_hosts": "* "}[public])
		got, _, _, _, err := ssh.ParseAuthorizedKey([]byte(key))
		if err != nil || !ok || !bytes.Equal(got.Marshal(), signer.PublicKey().Marshal()) {
			t.Errorf("%s is not the key of %s: %v", public, private, err)
		}
	}
	if data["id_ed25519"] == data["ssh_host_ed25519_key"] {
		t.Error("client and server have one key")
	}
	if !maps.Equal(data, run("ensure")) {
		t.Error("ensure changed what was there")
	}
	for key, value := range run("rotate") {
		if value == data[key] {
			t.Errorf("rotate left %s", key)
		}
	}
}

// TestForeignBundle: what somebody else brought is used as it is, when it is
// complete, and never renewed here.
func TestForeignBundle(t *testing.T) {
	t.Parallel()
	secret := func(files string) string {
		var data []string
		for file := range strings.FieldsSeq(files) {
			data = append(data, fmt.Sprintf("%q:%q", file, base64.StdEncoding.EncodeToString([]byte(file))))
		}
		return `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","namespace":"ccp"},"type":"kubernetes.io/tls","data":{` + strings.Join(data, ",") + `}}`
	}
	for _, tt := range []struct {
		verb, files string
		code        int
		want        string
	}{
		{"ensure", "ca.crt tls.crt tls.key", ExitDone, "nothing to change"},
		{"ensure", "tls.crt tls.key", ExitFailed, "has no ca.crt"},
		{"ensure", "", ExitDone, "changed the Secret"},
		{"rotate", "ca.crt tls.crt tls.key", ExitFailed, "renew it where it comes from"},
	} {
		connect, client := fakeKube(object(t, secret(tt.files)))
		r := runHook(t, connect, nil, "credentials", tt.verb, "--certificate", "s")
		if r.code != tt.code || !strings.Contains(r.stderr, tt.want) {
			t.Errorf("%s with %q: code %d, want %d with %q:\n%s", tt.verb, tt.files, r.code, tt.code, tt.want, r.stderr)
		}
		for file, value := range secretData(t, client, "s") {
			if strings.Contains(tt.files, file) && value != file {
				t.Errorf("%s with %q changed %s", tt.verb, tt.files, file)
			}
		}
	}
	connect, _ := fakeKube()
	if r := runHook(t, connect, nil, "credentials", "rotate", "--ssh-key", "s"); r.code != ExitFailed || !strings.Contains(r.stderr, "run ccp-hook credentials ensure first") {
		t.Errorf("%+v", r)
	}
}
