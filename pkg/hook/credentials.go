package hook

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
)

// passwordLength is the length of a password, of 62 letters and digits: 190
// bits.
const passwordLength = 32

func newCredentials(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use: "credentials", Short: "Make the passwords and keys of a deployment, once", Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return inputError{errors.New("say ensure or rotate")} },
	}
	cmd.AddCommand(newCredentialsEnsure(env), newCredentialsRotate(env))
	return cmd
}

func newCredentialsEnsure(env *environment) *cobra.Command {
	var secret, namespace string
	var passwords, repositories, certificates, sshKeys []string
	cmd := &cobra.Command{
		Use: "ensure", Short: "Create what is missing; never change what is there", Args: noArgs,
		Example: `  ccp-hook credentials ensure --secret ccp-credentials --password keystone-db-password --key-repository keystone-fernet-keys
  ccp-hook credentials ensure --certificate nova-vnc-tls --ssh-key nova-ssh`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(passwords) > 0 {
				if err := required(cmd.Flags(), "secret"); err != nil {
					return err
				}
			}
			if len(passwords)+len(repositories)+len(certificates)+len(sshKeys) == 0 {
				return inputError{errors.New("nothing to ensure; give --password, --key-repository, --certificate or --ssh-key")}
			}
			secrets, err := openSecrets(env, namespace)
			if err != nil {
				return err
			}
			if len(passwords) > 0 {
				if err := secrets.change(cmd.Context(), secret, opaqueSecret, addPasswords(passwords)); err != nil {
					return err
				}
			}
			for _, name := range repositories {
				if err := secrets.change(cmd.Context(), name, opaqueSecret, addKeys); err != nil {
					return err
				}
			}
			for _, name := range certificates {
				if err := secrets.change(cmd.Context(), name, tlsSecret, certificate(name).add); err != nil {
					return err
				}
			}
			for _, name := range sshKeys {
				if err := secrets.change(cmd.Context(), name, opaqueSecret, sshKey(name).add); err != nil {
					return err
				}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&secret, "secret", "", "`name` of the Secret that holds the passwords")
	f.StringSliceVar(&passwords, "password", nil, "`key` in it that gets a random password")
	f.StringSliceVar(&repositories, "key-repository", nil, "`name` of a Secret that gets fernet keys 0 and 1")
	f.StringSliceVar(&certificates, "certificate", nil, "`name` of a Secret that gets a certificate, its key, and the CA that both sides of a connection trust")
	f.StringSliceVar(&sshKeys, "ssh-key", nil, "`name` of a Secret that gets a client's and a server's SSH key, and what each needs to know of the other")
	f.StringVar(&namespace, "namespace", "", "`namespace` of the Secrets (default the pod's)")
	return cmd
}

func newCredentialsRotate(env *environment) *cobra.Command {
	var repository, certificateName, sshKeyName, namespace string
	var maxActive int
	cmd := &cobra.Command{
		Use: "rotate", Short: "Renew fernet keys as Keystone does, a certificate, or SSH keys", Args: noArgs,
		Long: `Renew fernet keys as Keystone does, a certificate with its CA, or SSH keys.
Of a repository the older keys stay valid. A certificate and SSH keys are replaced at once: what has read
the old ones must be started anew before it understands the new ones.`,
		Example: `  ccp-hook credentials rotate --key-repository keystone-fernet-keys --max-active 3
  ccp-hook credentials rotate --certificate nova-vnc-tls`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if repository == "" && certificateName == "" && sshKeyName == "" {
				return inputError{errors.New("nothing to rotate; give --key-repository, --certificate or --ssh-key")}
			}
			if maxActive < 2 {
				return inputError{fmt.Errorf("--max-active %d: a repository needs a staged and a primary key, give 2 or more", maxActive)}
			}
			secrets, err := openSecrets(env, namespace)
			if err != nil {
				return err
			}
			if repository != "" {
				if err := secrets.change(cmd.Context(), repository, opaqueSecret, rotateKeys(maxActive)); err != nil {
					return err
				}
			}
			if certificateName != "" {
				if err := secrets.change(cmd.Context(), certificateName, tlsSecret, certificate(certificateName).rotate); err != nil {
					return err
				}
				env.log.Warn("what has read the old certificate must be started anew", "secret", certificateName)
			}
			if sshKeyName != "" {
				if err := secrets.change(cmd.Context(), sshKeyName, opaqueSecret, sshKey(sshKeyName).rotate); err != nil {
					return err
				}
				env.log.Warn("what has read the old keys must be started anew", "secret", sshKeyName)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&repository, "key-repository", "", "`name` of the Secret with fernet keys")
	f.IntVar(&maxActive, "max-active", 3, "`number` of fernet keys that stay, the staged one too")
	f.StringVar(&certificateName, "certificate", "", "`name` of the Secret with a certificate; its CA is replaced too")
	f.StringVar(&sshKeyName, "ssh-key", "", "`name` of the Secret with SSH keys")
	f.StringVar(&namespace, "namespace", "", "`namespace` of the Secrets (default the pod's)")
	return cmd
}

// secrets changes the Secrets of one namespace.
type secrets struct {
	env       *environment
	client    dynamic.ResourceInterface
	namespace string
}

func openSecrets(env *environment, namespace string) (*secrets, error) {
	kube, err := env.kube()
	if err != nil {
		return nil, err
	}
	namespace = first(namespace, kube.namespace)
	return &secrets{env, kube.Resource(secretResource).Namespace(namespace), namespace}, nil
}

// The types of the Secrets that are made.
const (
	opaqueSecret = "Opaque"
	tlsSecret    = "kubernetes.io/tls"
)

// origin is where a Secret comes from.
type origin int

const (
	missing origin = iota // there is none yet
	foreign               // somebody else made it
	own                   // ccp-hook made it
)

// edit changes the data of a Secret and returns the keys that it changed.
type edit func(data map[string][]byte, from origin) (changed []string, err error)

// change edits one Secret, and makes it, of the type given, when it is not
// there. When somebody else was faster it looks again: what they made stands.
func (s *secrets) change(ctx context.Context, name, secretType string, edit edit) error {
	for {
		err := s.changeOnce(ctx, name, secretType, edit)
		if !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) {
			return err
		}
		s.env.log.Info("somebody else changed the Secret at the same time, looking again", "secret", name)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

func (s *secrets) changeOnce(ctx context.Context, name, secretType string, edit edit) error {
	fail := func(err error) error { return fmt.Errorf("the Secret %s in %s: %w", name, s.namespace, err) }
	object, err := s.client.Get(ctx, name, metav1.GetOptions{})
	from := foreign
	if apierrors.IsNotFound(err) {
		from, object = missing, newSecret(name, s.namespace, secretType)
	} else if err != nil {
		return fail(err)
	} else if object.GetLabels()[managedBy] == hookName {
		from = own
	}
	var secret struct {
		Immutable bool
		Data      map[string][]byte
	}
	if err := decode(object, &secret); err != nil {
		return fail(err)
	}
	if secret.Data == nil {
		secret.Data = map[string][]byte{}
	}
	changed, err := edit(secret.Data, from)
	if err != nil {
		return fail(err)
	}
	if len(changed) == 0 {
		s.env.log.Info("nothing to change", "secret", name)
		return nil
	}
	if secret.Immutable {
		return fail(fmt.Errorf("is immutable: set %q in it yourself", changed))
	}
	data := map[string]any{}
	for key, value := range secret.Data {
		data[key] = base64.StdEncoding.EncodeToString(value)
	}
	object.Object["data"] = data
	if from == missing {
		_, err = s.client.Create(ctx, object, metav1.CreateOptions{FieldManager: hookName})
	} else {
		_, err = s.client.Update(ctx, object, metav1.UpdateOptions{FieldManager: hookName})
	}
	if err != nil {
		return fail(err)
	}
	s.env.log.Info("changed the Secret", "secret", name, "keys", changed)
	return nil
}

// The label that says who made an object, and its value for what is made here.
const (
	managedBy = "app.kubernetes.io/managed-by"
	hookName  = "ccp-hook"
)

func newSecret(name, namespace, secretType string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Secret", "type": secretType,
		"metadata": map[string]any{
			"name": name, "namespace": namespace,
			"labels": map[string]any{
				managedBy:                   hookName,
				"app.kubernetes.io/part-of": "openstack",
			},
		},
	}}
}

// addPasswords gives each key that is missing, or empty, a password.
func addPasswords(keys []string) edit {
	return func(data map[string][]byte, _ origin) ([]string, error) {
		var changed []string
		for _, key := range keys {
			if len(data[key]) == 0 {
				data[key] = newPassword()
				changed = append(changed, key)
			}
		}
		return changed, nil
	}
}

// addKeys makes sure that a repository has a staged key, 0, and a primary one,
// the highest.
func addKeys(data map[string][]byte, _ origin) ([]string, error) {
	indexes := keyIndexes(data)
	var changed []string
	if !slices.Contains(indexes, 0) {
		data["0"] = newFernetKey()
		changed = append(changed, "0")
	}
	if len(indexes) == 0 || indexes[len(indexes)-1] == 0 {
		data["1"] = newFernetKey()
		changed = append(changed, "1")
	}
	return changed, nil
}

// rotateKeys makes the staged key the primary one, stages a new one, and drops
// the oldest.
func rotateKeys(maxActive int) edit {
	return func(data map[string][]byte, from origin) ([]string, error) {
		indexes := keyIndexes(data)
		if from == missing || !slices.Contains(indexes, 0) {
			return nil, errors.New("there is no key 0 to rotate; run ccp-hook credentials ensure first")
		}
		primary := indexes[len(indexes)-1] + 1
		data[strconv.Itoa(primary)] = data["0"]
		data["0"] = newFernetKey()
		changed := []string{"0", strconv.Itoa(primary)}
		// Without 0, and with the new primary, as many as maxActive-1 stay.
		old := append(indexes[1:], primary)
		for _, index := range old[:max(0, len(old)-(maxActive-1))] {
			delete(data, strconv.Itoa(index))
			changed = append(changed, strconv.Itoa(index))
		}
		return changed, nil
	}
}

// keyIndexes returns the numbers of the keys of a repository, sorted.
func keyIndexes(data map[string][]byte) []int {
	var indexes []int
	for key := range data {
		if n, err := strconv.Atoi(key); err == nil && n >= 0 && strconv.Itoa(n) == key {
			indexes = append(indexes, n)
		}
	}
	slices.Sort(indexes)
	return indexes
}

// newPassword returns random letters and digits, each as likely as the other.
func newPassword() []byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	password := make([]byte, 0, passwordLength)
	var b [1]byte
	for len(password) < passwordLength {
		rand.Read(b[:]) // never fails
		if limit := 256 - 256%len(alphabet); int(b[0]) < limit {
			password = append(password, alphabet[int(b[0])%len(alphabet)])
		}
	}
	return password
}

// newFernetKey returns a key as Keystone stores it: 32 random bytes in base64
// for URLs.
func newFernetKey() []byte {
	var key [32]byte
	rand.Read(key[:]) // never fails
	return []byte(base64.URLEncoding.EncodeToString(key[:]))
}
