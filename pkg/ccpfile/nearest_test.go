package ccpfile

import "testing"

func TestNearest(t *testing.T) {
	t.Parallel()
	candidates := []string{"roles", "nodes", "replicas", "neutron-agents", "neutron-server", "secret_configs", "configs", "db", "url"}
	for name, want := range map[string]string{
		"rolse": "roles", "role": "roles", "nodes": "nodes", "neutron-agent": "neutron-agents", "Neutron_Agents": "neutron-agents",
		"secret-configs": "secret_configs", "config": "configs", "replica": "replicas", "xyz": "", "": "", "bd": "", "uri": "url", "conf": "",
	} {
		if got := Nearest(name, candidates); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
	if got := Nearest("aa1", []string{"aa3", "aa2"}); got != "aa2" {
		t.Errorf("of two as near: %q", got)
	}
	if got := Nearest("a", nil); got != "" {
		t.Errorf("of none: %q", got)
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "abc", 0}, {"abc", "", 3}, {"abc", "acb", 1}, {"abc", "abd", 1}, {"abc", "ab", 1}, {"kitten", "sitting", 3}} {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("distance(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
		if got := distance(test.b, test.a); got != test.want {
			t.Errorf("distance(%q, %q) = %d, want %d", test.b, test.a, got, test.want)
		}
	}
}
