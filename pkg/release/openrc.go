package release

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// A chart says how its administrator logs in by a ConfigMap whose component is
// openrc. Its data are environment variables. One annotation names the key of a
// Secret, "SECRET/KEY", that holds the password, the other is Keystone's address
// inside the cluster.
const (
	openrcComponent    = "openrc"
	passwordAnnotation = "ccp.openstack.org/password"
	internalAnnotation = "ccp.openstack.org/internal-url"
)

// ErrNoOpenrc is what is returned for a release that has nobody to log in as.
var ErrNoOpenrc = errors.New("no Keystone to log in to")

// Openrc returns the environment of the deployment's administrator, OS_AUTH_URL
// and so on, with OS_PASSWORD.
func (c *Client) Openrc(ctx context.Context) (map[string]string, error) {
	if err := c.reachable(ctx); err != nil {
		return nil, err
	}
	env, _, err := c.openrc(ctx)
	return env, err
}

// openrc returns the environment, and Keystone's address inside the cluster.
func (c *Client) openrc(ctx context.Context) (env map[string]string, internal string, err error) {
	selector := labels.Set{instanceLabel: c.name, componentLabel: openrcComponent}.String()
	found, err := c.kube.CoreV1().ConfigMaps(c.namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, "", missingRight(err, "list ConfigMaps in the namespace %s", c.namespace)
	}
	if len(found.Items) == 0 {
		return nil, "", fmt.Errorf("the release %s in the namespace %s has %w: is it deployed?", c.name, c.namespace, ErrNoOpenrc)
	}
	config := found.Items[0]
	env = maps.Clone(config.Data)
	secret, key, ok := strings.Cut(config.Annotations[passwordAnnotation], "/")
	if !ok {
		return nil, "", fmt.Errorf("the ConfigMap %s has no annotation %s", config.Name, passwordAnnotation)
	}
	password, err := c.kube.CoreV1().Secrets(c.namespace).Get(ctx, secret, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, "", fmt.Errorf("there is no Secret %s in the namespace %s yet", secret, c.namespace)
	} else if err != nil {
		return nil, "", missingRight(err, "get the Secret %s in the namespace %s", secret, c.namespace)
	}
	env["OS_PASSWORD"] = string(password.Data[key])
	return env, config.Annotations[internalAnnotation], nil
}

// Shell writes an environment as a file to source.
func Shell(env map[string]string) string {
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(env)) {
		fmt.Fprintf(&out, "export %s='%s'\n", name, strings.ReplaceAll(env[name], "'", `'\''`))
	}
	return out.String()
}
