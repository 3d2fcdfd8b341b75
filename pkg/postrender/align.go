package postrender

import "sigs.k8s.io/kustomize/kyaml/yaml"

// align says which item of a list each of the new items was: an equal one, or
// one of the same name, in the same order; -1 for those that are new.
func align(was, is []*yaml.Node) []int {
	matches := make([]int, len(is))
	next := 0
	for j := range is {
		matches[j] = -1
		for _, alike := range []func(a, b *yaml.Node) bool{same, sameName} {
			if i := indexFrom(was, next, func(n *yaml.Node) bool { return alike(n, is[j]) }); i >= 0 {
				matches[j], next = i, i+1
				break
			}
		}
	}
	pair(matches, len(was))
	return matches
}

// pair matches what is left between two matches, when it is as much on both
// sides: item by item.
func pair(matches []int, count int) {
	for j := 0; j < len(matches); j++ {
		if matches[j] >= 0 {
			continue
		}
		end := j
		for end < len(matches) && matches[end] < 0 {
			end++
		}
		first, last := 0, count
		if j > 0 {
			first = matches[j-1] + 1
		}
		if end < len(matches) {
			last = matches[end]
		}
		if last-first == end-j {
			for k := j; k < end; k++ {
				matches[k] = first + k - j
			}
		}
		j = end
	}
}

func indexFrom(nodes []*yaml.Node, from int, is func(*yaml.Node) bool) int {
	for i := from; i < len(nodes); i++ {
		if is(nodes[i]) {
			return i
		}
	}
	return -1
}

// sameName reports whether two mappings go by the same name: by the keys that
// tell apart the items of Kubernetes' lists, or as objects.
func sameName(a, b *yaml.Node) bool {
	if text(a, "kind") != "" && text(a, "metadata", "name") != "" {
		before, after := text(a, "metadata", "namespace"), text(b, "metadata", "namespace")
		return keyOf(a) == keyOf(b) && (before == "" || before == after)
	}
	for _, name := range []string{"mountPath", "name", "containerPort", "key"} {
		if value := text(a, name); value != "" {
			return value == text(b, name)
		}
	}
	return false
}
