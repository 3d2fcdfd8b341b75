package hook

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// bundle is a set of files in a Secret that only work together. They are made
// at once or not at all.
type bundle struct {
	keys []string // of the Secret
	make func() (map[string][]byte, error)
}

// add makes the files where there is none of them. What somebody else brought
// is used as it is, and has to be complete.
func (b bundle) add(data map[string][]byte, _ origin) ([]string, error) {
	var absent []string
	for _, key := range b.keys {
		if len(data[key]) == 0 {
			absent = append(absent, key)
		}
	}
	switch len(absent) {
	case 0:
		return nil, nil
	case len(b.keys):
		return b.fill(data)
	}
	return nil, fmt.Errorf("has no %s, which can't be made for the files that are there: add it, or remove the Secret to have all of them made", strings.Join(absent, ", "))
}

// rotate makes all files anew.
func (b bundle) rotate(data map[string][]byte, from origin) ([]string, error) {
	switch from {
	case missing:
		return nil, errors.New("there is nothing to rotate; run ccp-hook credentials ensure first")
	case foreign:
		return nil, errors.New("was not made by ccp-hook: renew it where it comes from")
	}
	return b.fill(data)
}

func (b bundle) fill(data map[string][]byte) ([]string, error) {
	files, err := b.make()
	if err != nil {
		return nil, err
	}
	for _, key := range b.keys {
		data[key] = files[key]
	}
	return slices.Clone(b.keys), nil
}

// certificateYears is how long a certificate and its CA are valid. Nothing
// renews them by itself.
const certificateYears = 10

// certificate is a CA and the one certificate that it ever signs, good for both
// sides of a connection. Whoever holds it is let in, so both sides trust the CA
// alone. The CA's key is thrown away: nobody can make a second certificate, and
// a rotation begins with a new CA.
func certificate(name string) bundle {
	return bundle{[]string{"ca.crt", "tls.crt", "tls.key"}, func() (map[string][]byte, error) {
		now := time.Now()
		template := func(commonName string, usage x509.KeyUsage) *x509.Certificate {
			var serial [16]byte
			rand.Read(serial[:]) // never fails
			serial[0] &= 0x7f    // a positive number
			return &x509.Certificate{
				SerialNumber: new(big.Int).SetBytes(serial[:]),
				Subject:      pkix.Name{CommonName: commonName},
				// The clocks of the nodes differ a little.
				NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(certificateYears, 0, 0),
				KeyUsage: usage, BasicConstraintsValid: true,
			}
		}
		caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		ca := template(name+" CA", x509.KeyUsageCertSign)
		ca.IsCA, ca.MaxPathLenZero = true, true
		caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
		if err != nil {
			return nil, err
		}
		if ca, err = x509.ParseCertificate(caDER); err != nil {
			return nil, err
		}
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		// QEMU of before 2026 wants key encipherment too, though ECDSA has no use for it.
		leaf := template(name, x509.KeyUsageDigitalSignature|x509.KeyUsageKeyEncipherment)
		leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
		leaf.DNSNames = []string{name}
		leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
		if err != nil {
			return nil, err
		}
		keyDER, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, err
		}
		return map[string][]byte{
			"ca.crt":  pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}),
			"tls.crt": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leafDER}),
			"tls.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
		}, nil
	}}
}

// sshKey is a client's key and a server's, shared by all machines that log in
// to each other, each with the file in which the other side looks it up. The
// files have OpenSSH's names.
func sshKey(name string) bundle {
	return bundle{[]string{"authorized_keys", "id_ed25519", "known_hosts", "ssh_host_ed25519_key"}, func() (map[string][]byte, error) {
		client, clientPublic, err := newSSHKey(name)
		if err != nil {
			return nil, err
		}
		host, hostPublic, err := newSSHKey(name + " host")
		if err != nil {
			return nil, err
		}
		return map[string][]byte{
			"id_ed25519": client,
			// No forwarding and no terminal, whatever the server's configuration allows.
			"authorized_keys":      []byte("restrict " + clientPublic),
			"ssh_host_ed25519_key": host,
			// Each server, at whatever address and port, has this key.
			"known_hosts": []byte("* " + hostPublic),
		}, nil
	}}
}

// newSSHKey returns a private key in OpenSSH's format, and the line of its
// public key.
func newSSHKey(comment string) (private []byte, public string, err error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, "", err
	}
	block, err := ssh.MarshalPrivateKey(key, comment)
	if err != nil {
		return nil, "", err
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		return nil, "", err
	}
	return pem.EncodeToMemory(block), string(ssh.MarshalAuthorizedKey(signer.PublicKey())), nil
}
