package ccpfile

import (
	"regexp"
	"strings"
)

const (
	noLogging    = "not used: there is no such log"
	noFiles      = "not used yet"
	noTree       = "not used: an image is always built after the one that it is made on"
	noRepository = "not used: charts come with this program, not from repositories of components"
	noServer     = "not used: the kubeconfig says how to reach the cluster"
	noBaseImages = "not used: images are built on bases of their own"
	notWritten   = "ignored: it is computed, not written"
)

// unused are the keys that are known, for the first implementation had them,
// and that do nothing.
var unused = []struct{ path, reason string }{
	{"debug", noLogging},
	{"verbose_level", noLogging},
	{"log_file", noLogging},
	{"default_log_levels", noLogging},
	{"kubernetes.server", noServer},
	{"kubernetes.ca_cert", noServer},
	{"kubernetes.key_file", noServer},
	{"kubernetes.cert_file", noServer},
	{"kubernetes.insecure", noServer},
	{"kubernetes.username", noServer},
	{"kubernetes.password", noServer},
	{"kubernetes.appcontroller", "not used: jobs and pods wait for what they need by themselves"},
	{"registry.timeout", "not used: the container runtime of the nodes has its own"},
	{"images.base_distro", noBaseImages},
	{"images.base_tag", noBaseImages},
	{"images.base_images", noBaseImages},
	{"images.maintainer", noBaseImages},
	{"builder.keep_image_tree_consistency", noTree},
	{"builder.build_base_images_if_not_exist", noTree},
	{"files", noFiles},
	{"repositories", noRepository},
	{"versions", noRepository},
	{"url", noRepository},
	{"network_topology", notWritten},
	{"action", notWritten},
	{"ccp_node", notWritten},
	{"ccp_pod", notWritten},
}

var (
	secretOption = regexp.MustCompile(`(?i)(^|[._-])(pass|passwd|password|passphrase|requirepass|shared_secret|client_secret|secret_key|private_key|encryption_key|api_key|access_key|(auth|admin|access|bearer|api)_token|erlang_cookie)$`)
	urlPassword  = regexp.MustCompile(`\b[a-z][a-z0-9+.-]*://[^\s/@:'"]*:([^\s/@'"]+)@`)
)

// IsSecretOption says whether an option of a configuration file, or a variable,
// holds a secret, by its name: the password of keystone_authtoken, default_pass,
// OS_DATABASE__PASSWORD.
func IsSecretOption(name string) bool { return secretOption.MatchString(name) }

// URLPasswords returns the passwords of the URLs in a text.
func URLPasswords(text string) []string {
	var found []string
	for _, match := range urlPassword.FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	return found
}

// readable returns one Problem for each secret in what `conf` of a chart puts into
// a configuration file, below n at path.
func readable(n *Node, path string, inConf bool) []Problem {
	if n == nil {
		return nil
	}
	var found []Problem
	for _, key := range n.Keys {
		value, at := n.Fields[key], JoinPath(path, key)
		text, isText := value.Scalar.(string)
		if inConf && value.Kind == Scalar && (IsSecretOption(key) || isText && URLPasswords(text) != nil) {
			found = append(found, Problem{Pos: value.Pos, Path: at, Message: "a password here is in a ConfigMap and in Helm's release, for whoever may read those: leave it out, the charts have their own from the credentials Secret"})
			continue
		}
		found = append(found, readable(value, at, inConf || key == "conf")...)
	}
	return found
}

// notices returns one Problem for each unused key that root has, and for each
// secret where it can be read.
func notices(root *Node) []Problem {
	found := Problems(readable(root.Get("configs"), "configs", false))
	if nodes := root.Get("nodes"); nodes != nil {
		for _, key := range nodes.Keys {
			found = append(found, readable(nodes.Fields[key].Get("configs"), JoinPath("nodes", key, "configs"), false)...)
		}
	}
	for _, u := range unused {
		if n := root.Get(strings.Split(u.path, ".")...).present(); n != nil {
			found = append(found, Problem{Pos: n.KeyPos, Path: u.path, Message: u.reason})
		}
	}
	return found.sorted()
}
