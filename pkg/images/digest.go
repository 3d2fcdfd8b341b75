package images

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
	"oras.land/oras-go/v2/registry/remote/retry"
)

// Registry asks registries for what they have.
type Registry struct {
	// Username and Password are for Host, HOST[:PORT][/PATH]; when there is no Username, what
	// docker, podman or buildah have logged in with counts.
	Host, Username, Password string
	// Insecure asks without TLS where there is none, and takes any certificate.
	Insecure bool
}

// Digest returns the digest that a registry has an image by.
func (r Registry) Digest(ctx context.Context, image string) (string, error) {
	repository, err := remote.NewRepository(image)
	if err != nil {
		return "", err
	}
	client := &auth.Client{Client: retry.DefaultClient, Cache: auth.NewCache(), Credential: r.credential()}
	repository.Client = client
	if r.Insecure {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} // as the ccp.yaml says
		client.Client = &http.Client{Transport: transport}
	}
	descriptor, err := repository.Resolve(ctx, repository.Reference.Reference)
	if err != nil && r.Insecure && !errors.Is(err, errdef.ErrNotFound) {
		repository.PlainHTTP = true
		descriptor, err = repository.Resolve(ctx, repository.Reference.Reference)
	}
	if errors.Is(err, errdef.ErrNotFound) {
		return "", fmt.Errorf("the registry has no %s: ccp build --push puts it there", image)
	}
	return descriptor.Digest.String(), err
}

func (r Registry) credential() auth.CredentialFunc {
	if r.Username != "" {
		host, _, _ := strings.Cut(r.Host, "/")
		return auth.StaticCredential(host, auth.Credential{Username: r.Username, Password: r.Password})
	}
	var stores []credentials.Store
	runtime := cmp.Or(os.Getenv("XDG_RUNTIME_DIR"), "/run/containers/"+strconv.Itoa(os.Getuid()))
	podman := cmp.Or(os.Getenv("REGISTRY_AUTH_FILE"), filepath.Join(runtime, "containers", "auth.json"))
	if _, err := os.Stat(podman); err == nil {
		if store, err := credentials.NewFileStore(podman); err == nil {
			stores = append(stores, store)
		}
	}
	if store, err := credentials.NewStoreFromDocker(credentials.StoreOptions{}); err == nil {
		stores = append(stores, store)
	}
	if len(stores) == 0 {
		return nil
	}
	return credentials.Credential(credentials.NewStoreWithFallbacks(stores[0], stores[1:]...))
}
