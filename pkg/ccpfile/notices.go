package ccpfile

import "strings"

const (
	noLogging    = "not used: there is no such log"
	noBuilder    = "not used yet"
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
	{"registry.insecure", "not used: the container runtime of the nodes is to be told"},
	{"registry.timeout", "not used: the container runtime of the nodes has its own"},
	{"images.base_distro", noBaseImages},
	{"images.base_tag", noBaseImages},
	{"images.base_images", noBaseImages},
	{"images.maintainer", noBaseImages},
	{"builder", noBuilder},
	{"sources", noBuilder},
	{"files", noBuilder},
	{"repositories", noRepository},
	{"versions", noRepository},
	{"url", noRepository},
	{"network_topology", notWritten},
	{"action", notWritten},
	{"ccp_node", notWritten},
	{"ccp_pod", notWritten},
}

// notices returns one Problem for each unused key that root has.
func notices(root *Node) []Problem {
	var found Problems
	for _, u := range unused {
		if n := root.Get(strings.Split(u.path, ".")...).present(); n != nil {
			found = append(found, Problem{Pos: n.KeyPos, Path: u.path, Message: u.reason})
		}
	}
	return found.sorted()
}
