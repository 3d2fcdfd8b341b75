package chart

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/helm-ccp/helm-ccp/pkg/catalog"
	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
)

// pullSecret is the name of the Secret that registry.username and
// registry.password of a ccp.yaml make.
const pullSecret = "ccp-registry"

// A password ends up in database and message bus URLs, where Kubernetes puts
// it in as it is.
var urlSafe = regexp.MustCompile(`^[A-Za-z0-9._~!*,;=-]+$`)

// SecretPaths returns the paths of a ccp.yaml whose values are secrets
// according to the charts' services.yaml, sorted: "secret_configs.db.root_password".
func SecretPaths(cat *catalog.Catalog) []string {
	paths := map[string]bool{}
	for _, c := range cat.Charts {
		for _, from := range []map[string]string{c.Passwords, c.KeyRepositories} {
			for _, path := range from {
				if path != "" {
					paths[path] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(paths))
}

// takeSecrets moves the secrets that a ccp.yaml gives out of its two trees. It
// returns the trees without them, and the Secrets they make: name -> key -> value.
func takeSecrets(cfg *ccpfile.Config, cat *catalog.Catalog, credentials string) (configs, secretConfigs *ccpfile.Node, secrets map[string]map[string]string, problems ccpfile.Problems) {
	configs, secretConfigs = cfg.Configs, cfg.SecretConfigs
	secrets = map[string]map[string]string{}
	take := func(secret, key, path string, check *regexp.Regexp) {
		section, rest, _ := strings.Cut(path, ".")
		trees := map[string]*ccpfile.Node{"configs": cfg.Configs, "secret_configs": cfg.SecretConfigs}
		node := trees[section].Get(strings.Split(rest, ".")...)
		if node == nil || node.Kind == ccpfile.Null {
			return
		}
		value := fmt.Sprint(node.Scalar)
		switch {
		case node.Kind != ccpfile.Scalar || value == "":
			problems = append(problems, ccpfile.Problem{Pos: node.Pos, Path: path, Message: "must be a word; leave it out to have one made"})
		case !check.MatchString(value):
			problems = append(problems, ccpfile.Problem{Pos: node.Pos, Path: path, Message: "has characters that can't stand in a URL; use letters, digits and . _ ~ ! * , ; = -"})
		}
		if secrets[secret] == nil {
			secrets[secret] = map[string]string{}
		}
		secrets[secret][key] = value
		if section == "configs" {
			configs = without(configs, strings.Split(rest, ".")...)
		} else {
			secretConfigs = without(secretConfigs, strings.Split(rest, ".")...)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(cat.Charts)) {
		c := cat.Charts[name]
		for _, key := range slices.Sorted(maps.Keys(c.Passwords)) {
			take(credentials, key, c.Passwords[key], urlSafe)
		}
		for _, secret := range slices.Sorted(maps.Keys(c.KeyRepositories)) {
			take(secret, "0", c.KeyRepositories[secret], regexp.MustCompile(`^[A-Za-z0-9_=-]{44}$`))
		}
	}
	return configs, secretConfigs, secrets, problems
}

// without returns a copy of n that lacks what path leads to; mappings that
// become empty on the way go too.
func without(n *ccpfile.Node, path ...string) *ccpfile.Node {
	if n == nil || n.Fields[path[0]] == nil {
		return n
	}
	out := *n
	out.Fields = maps.Clone(n.Fields)
	if len(path) > 1 {
		out.Fields[path[0]] = without(n.Fields[path[0]], path[1:]...)
	}
	if len(path) == 1 || len(out.Fields[path[0]].Keys) == 0 {
		delete(out.Fields, path[0])
		out.Keys = slices.DeleteFunc(slices.Clone(n.Keys), func(key string) bool { return key == path[0] })
	}
	return &out
}

// Secrets returns the objects that hold the passwords a ccp.yaml gives and the
// registry's credentials, sorted by name; none when it gives none. Keys that
// it does not give are added by the chart's credentials hook.
func (d *Deployment) Secrets(namespace string) []*corev1.Secret {
	var out []*corev1.Secret
	for _, name := range slices.Sorted(maps.Keys(d.secrets)) {
		out = append(out, &corev1.Secret{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: map[string]string{"app.kubernetes.io/part-of": "openstack", "app.kubernetes.io/managed-by": "ccp"}},
			Type:       corev1.SecretTypeOpaque,
			StringData: d.secrets[name],
		})
	}
	if d.registry != nil {
		out = append(out, &corev1.Secret{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
			ObjectMeta: metav1.ObjectMeta{Name: pullSecret, Namespace: namespace, Labels: map[string]string{"app.kubernetes.io/part-of": "openstack", "app.kubernetes.io/managed-by": "ccp"}},
			Type:       corev1.SecretTypeDockerConfigJson,
			StringData: map[string]string{corev1.DockerConfigJsonKey: d.registry.dockerConfig()},
		})
	}
	return out
}

// registry is what is needed to pull from a private registry.
type registry struct{ address, username, password string }

func (r *registry) dockerConfig() string {
	auth := base64.StdEncoding.EncodeToString([]byte(r.username + ":" + r.password))
	config, err := json.Marshal(map[string]any{"auths": map[string]any{r.address: map[string]string{
		"username": r.username, "password": r.password, "auth": auth,
	}}})
	if err != nil {
		panic(err) // strings always marshal
	}
	return string(config)
}
