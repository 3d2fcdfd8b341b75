package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// lifetime is that of every certificate: longer than any run.
const lifetime = 7 * 24 * time.Hour

// authority signs all certificates of one cluster.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// writeCredentials makes a new authority, certificates for every server and
// client, the key of service account tokens and the kubeconfigs.
func (c *Cluster) writeCredentials() error {
	ca, err := newAuthority(c.path("pki"))
	if err != nil {
		return err
	}
	errs := []error{
		ca.issue("apiserver", pkix.Name{CommonName: "kube-apiserver"}, Nodes[0].Address, firstIP, "127.0.0.1",
			"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
			"kubernetes.default.svc.cluster.local"),
		ca.client("apiserver-kubelet", "kube-apiserver-kubelet-client", "system:masters"),
		ca.client("admin", "kubernetes-admin", "system:masters"),
		ca.client("controller-manager", "system:kube-controller-manager", ""),
		ca.client("scheduler", "system:kube-scheduler", ""),
		ca.client("proxy", "system:kube-proxy", ""),
		ca.client("kube-router", "kube-router", "system:masters"),
		ca.serviceAccountKey(),
	}
	for _, node := range Nodes {
		name := pkix.Name{CommonName: "system:node:" + node.Name, Organization: []string{"system:nodes"}}
		errs = append(errs, ca.issue(node.Name, name, node.Name, node.Address))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, user := range append([]string{"controller-manager", "scheduler", "proxy", "kube-router"}, nodeNames()...) {
		errs = append(errs, c.writeKubeconfig(c.path("pki", user+".kubeconfig"), user))
	}
	return errors.Join(append(errs, c.writeKubeconfig(c.Kubeconfig(), "admin"))...)
}

func nodeNames() []string {
	var names []string
	for _, node := range Nodes {
		names = append(names, node.Name)
	}
	return names
}

func newAuthority(dir string) (*authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	ca := &authority{dir: dir, key: key, cert: template(pkix.Name{CommonName: "e2e"})}
	ca.cert.IsCA, ca.cert.BasicConstraintsValid = true, true
	ca.cert.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	return ca, ca.sign("ca", ca.cert, key)
}

// client issues the certificate of a client with a user's name and, unless it is
// empty, a group.
func (ca *authority) client(file, user, group string) error {
	name := pkix.Name{CommonName: user}
	if group != "" {
		name.Organization = []string{group}
	}
	return ca.issue(file, name)
}

// issue writes FILE.crt and FILE.key, for a client, and for a server that is
// reached under the given addresses and names.
func (ca *authority) issue(file string, name pkix.Name, hosts ...string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	cert := template(name)
	cert.KeyUsage = x509.KeyUsageDigitalSignature
	cert.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			cert.IPAddresses = append(cert.IPAddresses, ip)
		} else {
			cert.DNSNames = append(cert.DNSNames, host)
		}
	}
	return ca.sign(file, cert, key)
}

func template(name pkix.Name) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err) // the system has no random numbers
	}
	now := time.Now()
	return &x509.Certificate{SerialNumber: serial, Subject: name,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(lifetime)}
}

func (ca *authority) sign(file string, cert *x509.Certificate, key *ecdsa.PrivateKey) error {
	der, err := x509.CreateCertificate(rand.Reader, cert, ca.cert, &key.PublicKey, ca.key)
	if err != nil {
		return err
	}
	if err := writePEM(filepath.Join(ca.dir, file+".crt"), "CERTIFICATE", der); err != nil {
		return err
	}
	return ca.writeKey(file, key)
}

// serviceAccountKey writes the pair that signs and checks service accounts'
// tokens.
func (ca *authority) serviceAccountKey() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	if err := writePEM(filepath.Join(ca.dir, "service-account.pub"), "PUBLIC KEY", public); err != nil {
		return err
	}
	return ca.writeKey("service-account", key)
}

func (ca *authority) writeKey(file string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return writePEM(filepath.Join(ca.dir, file+".key"), "EC PRIVATE KEY", der)
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

// writeKubeconfig writes the kubeconfig, as JSON, of the client whose
// certificate has the user's name as its file name.
func (c *Cluster) writeKubeconfig(path, user string) error {
	var files [3][]byte
	for i, name := range []string{"ca.crt", user + ".crt", user + ".key"} {
		var err error
		if files[i], err = os.ReadFile(c.path("pki", name)); err != nil {
			return err
		}
	}
	type object = map[string]any
	named := func(key string, value object) []object { return []object{{"name": "e2e", key: value}} }
	return writeJSON(path, object{
		"apiVersion": "v1", "kind": "Config", "current-context": "e2e",
		"clusters": named("cluster", object{"server": apiServer, "certificate-authority-data": files[0]}),
		"users":    named("user", object{"client-certificate-data": files[1], "client-key-data": files[2]}),
		"contexts": named("context", object{"cluster": "e2e", "user": "e2e"}),
	})
}

// writeJSON writes a value as JSON for the owner alone, and makes the folder.
func writeJSON(path string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o600)
}
