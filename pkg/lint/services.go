package lint

import (
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/helm-ccp/helm-ccp/pkg/catalog"
)

// checkWorkloads holds services.yaml against what is rendered: each service
// has its workload where it says so, and nowhere else, and no workload is
// without a service.
func checkWorkloads(s *subject) {
	if s.facts == nil {
		return
	}
	for _, r := range s.renderings {
		rendered := map[string]*object{}
		for _, o := range r.objects {
			if !o.isWorkload() {
				continue
			}
			rendered[o.meta.Name] = o
			if service := s.services[o.meta.Name]; service == nil || service.Chart != s.folder.Name {
				s.report(s.place(o), o.title(), "services.yaml has no service of this name: add it, or name the workload after common.workloads")
			}
		}
		for _, name := range s.facts.Services {
			s.checkService(s.services[name], r, rendered[name])
		}
	}
}

// checkService checks one service in one rendering; o is its workload, if any.
func (s *subject) checkService(service *catalog.Service, r *rendering, o *object) {
	pos := s.node("services.yaml", s.serviceKey(service.Name))
	path := "services." + service.Name
	switch there := s.exists(service, r); {
	case o == nil && there && r.enabled:
		s.report(pos, path, "no template renders its %s with %s: loop over common.workloads in one", service.Workload, r.with())
	case o == nil:
	case !r.enabled:
		s.report(s.place(o), o.title(), "is rendered though services.%s.enabled is false: loop over common.workloads", service.Name)
	case !there:
		s.report(s.place(o), o.title(), "is rendered with %s, where services.yaml says that there is no such service: loop over common.workloads", r.with())
	case o.gvk.Kind != string(service.Workload):
		s.report(s.place(o), o.title(), "services.yaml says that it is a %s: change one of the two", service.Workload)
	}
}

// exists says whether services.yaml gives a network and a release the service.
func (s *subject) exists(service *catalog.Service, r *rendering) bool {
	if len(service.Network) > 0 && !slices.Contains(service.Network, r.network) {
		return false
	}
	return s.catalog.Has(service, r.release)
}

// checkPlacement finds workloads that do not go to the nodes of their roles,
// or do not have as many replicas as they should.
func checkPlacement(s *subject) {
	if s.facts == nil {
		return // so no service was given roles
	}
	s.each(func(_ *rendering, o *object) {
		if !o.isWorkload() || o.pod() == nil {
			return
		}
		if !requiresRole(o.pod().Spec.Affinity) {
			s.report(s.place(o, "affinity:"), o.title(), "does not go to the nodes of its roles: give its pods the affinity of common.affinity or, in a DaemonSet, of common.nodeAffinity")
		}
		var replicas *int32
		switch typed := o.typed.(type) {
		case *appsv1.Deployment:
			replicas = typed.Spec.Replicas
		case *appsv1.StatefulSet:
			replicas = typed.Spec.Replicas
		}
		if service := s.services[o.meta.Name]; service == nil || service.Workload != catalog.Workload(o.gvk.Kind) || service.Workload == catalog.DaemonSet {
			return
		}
		if replicas == nil || *replicas != probeReplicas {
			s.report(s.place(o, "replicas:"), o.title(), "does not have the replicas that it is given: write replicas: {{ $workload.replicas }}")
		}
	})
}

// besides are folders of a node whose content does not outlive it, or is not
// a service's own.
var besides = []string{"/dev", "/proc", "/run", "/sys", "/tmp", "/var/run"}

// checkLeftovers finds folders that a service makes on its nodes and that
// services.yaml does not say it leaves there.
func checkLeftovers(s *subject) {
	s.each(func(_ *rendering, o *object) {
		service := s.services[o.meta.Name]
		if service == nil || o.pod() == nil {
			return
		}
		for _, volume := range o.pod().Spec.Volumes {
			host := volume.HostPath
			if host == nil || host.Type == nil || *host.Type != corev1.HostPathDirectoryOrCreate || within(host.Path, besides) || within(host.Path, service.LeavesOnNode) {
				continue
			}
			s.report(s.place(o, host.Path), o.title(), "makes %s on its nodes: name it in services.yaml, services.%s.leaves_on_node, for ccp cleanup to tell", host.Path, service.Name)
		}
	})
}

// within says whether a path is one of the folders, or below one.
func within(path string, folders []string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool { return path == folder || strings.HasPrefix(path, folder+"/") })
}

// requiresRole says whether pods with this affinity go to the nodes of the
// role that the chart was rendered with, and to no others.
func requiresRole(affinity *corev1.Affinity) bool {
	if affinity == nil || affinity.NodeAffinity == nil || affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return false
	}
	terms := affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	return len(terms) > 0 && !slices.ContainsFunc(terms, func(term corev1.NodeSelectorTerm) bool {
		return !slices.ContainsFunc(term.MatchExpressions, func(e corev1.NodeSelectorRequirement) bool {
			return e.Key == "role.ccp.openstack.org/"+probeRole && e.Operator == corev1.NodeSelectorOpIn && slices.Equal(e.Values, []string{"true"})
		})
	})
}

// checkCredentials finds keys of the credentials Secret that nothing makes:
// pods that use one never start.
func checkCredentials(s *subject) {
	if s.facts == nil {
		return
	}
	s.each(func(_ *rendering, o *object) {
		used := func(key string) {
			if !s.isCredential(key) {
				s.report(s.place(o, key), o.title(), "uses the key %q of the credentials Secret, which services.yaml does not name: add it below credentials.passwords", key)
			}
		}
		for _, c := range containers(o) {
			for _, env := range c.Env {
				if env.ValueFrom != nil && env.ValueFrom.SecretKeyRef != nil && env.ValueFrom.SecretKeyRef.Name == probeSecret {
					used(env.ValueFrom.SecretKeyRef.Key)
				}
			}
		}
		if o.pod() == nil {
			return
		}
		for _, volume := range o.pod().Spec.Volumes {
			if volume.Secret != nil && volume.Secret.SecretName == probeSecret {
				for _, item := range volume.Secret.Items {
					used(item.Key)
				}
			}
		}
	})
}

// isCredential says whether services.yaml names a key of the credentials
// Secret.
func (s *subject) isCredential(key string) bool {
	if s.facts == nil {
		return false
	}
	_, is := s.facts.Passwords[key]
	return is
}

// containers are all containers of the pods that an object makes.
func containers(o *object) []corev1.Container {
	pod := o.pod()
	if pod == nil {
		return nil
	}
	return slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers)
}
