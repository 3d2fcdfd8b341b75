package lint

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// checkRequests finds containers that do not tell the scheduler what they need.
func checkRequests(s *subject) {
	s.each(func(_ *rendering, o *object) {
		for _, c := range containers(o) {
			var missing []string
			for _, resource := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
				if _, there := c.Resources.Requests[resource]; !there {
					missing = append(missing, string(resource))
				}
			}
			if len(missing) > 0 {
				s.report(s.place(o, "name: "+c.Name), o.title(), "container %s requests no %s: set resources.requests", c.Name, strings.Join(missing, " and no "))
			}
		}
	})
}

// checkProbes finds containers of services that Kubernetes can't ask how they
// are. Jobs end by themselves.
func checkProbes(s *subject) {
	s.each(func(_ *rendering, o *object) {
		if !o.isWorkload() || o.pod() == nil {
			return
		}
		for _, c := range o.pod().Spec.Containers {
			var missing []string
			if c.ReadinessProbe == nil {
				missing = append(missing, "readinessProbe")
			}
			if c.LivenessProbe == nil {
				missing = append(missing, "livenessProbe")
			}
			if len(missing) > 0 {
				s.report(s.place(o, "name: "+c.Name), o.title(), "container %s has no %s: add one that asks the service itself", c.Name, strings.Join(missing, " and no "))
			}
		}
	})
}

// checkImages finds images that the registry and the tag of a deployment do
// not reach, and so also those without a tag of their own.
func checkImages(s *subject) {
	s.each(func(_ *rendering, o *object) {
		for _, c := range containers(o) {
			_, name, _ := cutLast(c.Image, "/")
			switch {
			case strings.HasPrefix(c.Image, probeRegistry+"/") && strings.HasSuffix(c.Image, ":"+probeTag):
			case !strings.Contains(name, ":") && !strings.Contains(name, "@"), strings.HasSuffix(name, ":latest"):
				s.report(s.place(o, "image: "+c.Image), o.title(), "container %s: image %q is another one tomorrow: use common.image", c.Name, c.Image)
			default:
				s.report(s.place(o, "image: "+c.Image), o.title(), "container %s: image %q does not follow global.images, which a ccp.yaml sets: use common.image", c.Name, c.Image)
			}
		}
	})
}

// cutLast is strings.Cut at the last separator; without one all is after it.
func cutLast(text, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(text, separator); i >= 0 {
		return text[:i], text[i+len(separator):], true
	}
	return "", text, false
}

// hostKey are the settings that give a pod something of its host.
var hostKey = regexp.MustCompile(`\b(hostNetwork|hostPID|hostIPC|privileged)\s*:\s*([^\s,}#]+)`)

// besideHostKey are lines that may stand between such a setting and the
// comment that says why: what belongs to it, and the templates' own.
var besideHostKey = regexp.MustCompile(`^\s*(-\s*)?(hostNetwork|hostPID|hostIPC|privileged|dnsPolicy|runAsUser|runAsGroup|securityContext)\s*:|^\s*\{\{-?\s*(if|else|end|with)\b`)

// checkHost finds pods that take part in their host and don't say why: the
// house's rule is a comment right above.
func checkHost(s *subject) {
	for _, file := range s.folder.Files {
		if !strings.HasPrefix(file.Name, "templates/") {
			continue
		}
		lines := strings.Split(string(file.Data), "\n")
		for i, line := range lines {
			key := hostKey.FindStringSubmatchIndex(line)
			if key == nil || isComment(line) || line[key[4]:key[5]] == "false" || explained(lines[:i]) {
				continue
			}
			name := line[key[2]:key[3]]
			s.report(s.at(file.Name, i+1, key[2]+1), "", "%s without a reason: take it away, or say in a comment right above why the service needs it", name)
		}
	}
}

// checkHostOfValues finds such pods that get it from values, where no template
// can say why.
func checkHostOfValues(s *subject) {
	s.each(func(_ *rendering, o *object) {
		if o.pod() == nil {
			return
		}
		has := map[string]bool{"hostNetwork": o.pod().Spec.HostNetwork, "hostPID": o.pod().Spec.HostPID, "hostIPC": o.pod().Spec.HostIPC}
		for _, c := range containers(o) {
			if c.SecurityContext != nil && c.SecurityContext.Privileged != nil && *c.SecurityContext.Privileged {
				has["privileged"] = true
			}
		}
		for _, key := range slices.Sorted(maps.Keys(has)) {
			if pos, written := s.search(o, key+":"); has[key] && !written {
				s.report(pos, o.title(), "%s comes from a value: write it into the template, with a comment right above why the service needs it", key)
			}
		}
	})
}

// explained says whether lines end in a comment, or in one and what may stand
// below it.
func explained(lines []string) bool {
	for _, line := range slices.Backward(lines) {
		if isComment(line) {
			return true
		}
		if !besideHostKey.MatchString(line) {
			return false
		}
	}
	return false
}

// isComment says whether a line of a template is a comment, or the end of one.
func isComment(line string) bool {
	line = strings.TrimSpace(line)
	return strings.HasPrefix(line, "#") || strings.HasSuffix(line, "*/}}") || strings.HasSuffix(line, "*/ -}}")
}
