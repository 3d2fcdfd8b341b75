package topology

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
)

func TestMatcherGivesTheLabelsThatResolveSaw(t *testing.T) {
	t.Parallel()
	top := resolve(t, overrides, options("node1", "node2", "node3", "node4", "db1", "other"))
	text, err := json.Marshal(top.Groups) // as the label job gets it
	if err != nil {
		t.Fatal(err)
	}
	var groups []Group
	if err := json.Unmarshal(text, &groups); err != nil {
		t.Fatal(err)
	}
	m, err := NewMatcher(groups, top.NodeMatch)
	if err != nil {
		t.Fatal(err)
	}
	sets := map[string]string{}
	for _, s := range top.OverrideSets {
		for _, node := range s.Nodes {
			sets[node] = s.Set
		}
	}
	var wait sync.WaitGroup
	for node := range top.Nodes {
		wait.Go(func() {
			roles, set, err := m.Labels(node)
			if err != nil || set != sets[node] {
				t.Errorf("%s: set %q, %v, want %q", node, set, err, sets[node])
			}
			if want := map[bool]string{true: "db", false: "compute"}[node == "db1"]; strings.Join(roles, " ") != want {
				t.Errorf("%s: roles %v, want %s", node, roles, want)
			}
		})
	}
	wait.Wait()
	roles, set, err := m.Labels("stranger")
	if len(roles) != 0 || set != "" || err != nil {
		t.Errorf("stranger: %v, %q, %v", roles, set, err)
	}
}

func TestNewMatcherNamesEveryBadPattern(t *testing.T) {
	t.Parallel()
	_, err := NewMatcher([]Group{{Pattern: "("}, {Pattern: "a"}, {Pattern: "["}}, Whole)
	want := `nodes "(": not a regular expression: missing closing ): "("` + "\n" +
		`nodes "[": not a regular expression: missing closing ]: "["`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	if _, err := NewMatcher(nil, "both"); err == nil {
		t.Error("a way to match that there is not")
	}
}
