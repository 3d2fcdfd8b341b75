package lint

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes/scheme"
)

// checkFields finds what Kubernetes would refuse or drop: fields that a kind
// does not have, or not twice.
func checkFields(s *subject) {
	s.each(func(_ *rendering, o *object) {
		for _, fault := range o.faults {
			s.report(s.place(o), o.title(), "%s", fault)
		}
	})
}

// checkAPIs finds APIs that go, or have gone, with a release of Kubernetes.
func checkAPIs(s *subject) {
	s.each(func(_ *rendering, o *object) {
		switch {
		case o.gvk.Group == "" && o.gvk.Kind == "Endpoints":
			s.report(s.place(o), o.title(), "Endpoints are deprecated: write an EndpointSlice (discovery.k8s.io/v1)")
		case !scheme.Scheme.IsGroupRegistered(o.gvk.Group):
		case strings.Contains(o.gvk.Version, "alpha") || strings.Contains(o.gvk.Version, "beta"):
			s.report(s.place(o), o.title(), "%s goes with some release of Kubernetes: use the group's v1 or v2", o.gvk.GroupVersion())
		}
	})
}

// recommendedLabels are those that Kubernetes recommends for all objects.
var recommendedLabels = []string{
	"app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/version",
	"app.kubernetes.io/component", "app.kubernetes.io/part-of", "app.kubernetes.io/managed-by",
}

func checkLabels(s *subject) {
	s.each(func(_ *rendering, o *object) {
		missing := slices.DeleteFunc(slices.Clone(recommendedLabels), func(label string) bool { return o.meta.Labels[label] != "" })
		if len(missing) > 0 {
			s.report(s.place(o), o.title(), "has no label %s: give it those of common.labels", strings.Join(missing, ", "))
		}
	})
}

// checkSelectors finds Services, PodDisruptionBudgets and NetworkPolicies that
// are for no pod of the chart.
func checkSelectors(s *subject) {
	for _, r := range s.renderings {
		for _, o := range r.objects {
			if selector := selectorOf(o); selector != nil && !r.selects(selector) {
				s.report(s.place(o, "selector:", "podSelector:"), o.title(), "selects no pod of the chart: use common.selector with the workload's name")
			}
		}
	}
}

// selects says whether the chart has a pod with the labels.
func (r *rendering) selects(selector labels.Selector) bool {
	return slices.ContainsFunc(r.objects, func(o *object) bool {
		return o.pod() != nil && selector.Matches(labels.Set(o.pod().Labels))
	})
}

// selectorOf returns what an object chooses its pods by, or nil.
func selectorOf(o *object) labels.Selector {
	var by *metav1.LabelSelector
	switch typed := o.typed.(type) {
	case *corev1.Service:
		if len(typed.Spec.Selector) == 0 {
			return nil // its endpoints are written by hand
		}
		by = &metav1.LabelSelector{MatchLabels: typed.Spec.Selector}
	case *policyv1.PodDisruptionBudget:
		by = typed.Spec.Selector
	case *networkingv1.NetworkPolicy:
		by = &typed.Spec.PodSelector
	}
	if by == nil {
		return nil
	}
	selector, err := metav1.LabelSelectorAsSelector(by)
	if err != nil {
		return labels.Nothing()
	}
	return selector
}
