package topology

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
)

// The labels by which nodes take part in a deployment.
const (
	// RoleLabelPrefix and the name of a role make the label, of value "true",
	// of the nodes that have the role.
	RoleLabelPrefix = "role.ccp.openstack.org/"
	// OverridesLabel is on nodes matched by groups with `configs`; its value
	// is the name of an OverrideSet.
	OverridesLabel = "config.ccp.openstack.org/overrides"
)

// Group is one key of `nodes`, as far as labels of nodes depend on it. It is
// what the in-cluster label job is given, as JSON or YAML.
type Group struct {
	// Pattern is a Python regular expression for node names.
	Pattern string `json:"pattern" yaml:"pattern"`
	// Roles are those of the nodes that it takes.
	Roles []string `json:"roles,omitempty" yaml:"roles,omitempty"`
	// Overrides says that the group has `configs` of its own.
	Overrides bool `json:"overrides,omitempty" yaml:"overrides,omitempty"`
}

// Matcher says which labels a node must have. It is safe for concurrent use.
type Matcher struct {
	groups []Group

	mu  sync.Mutex
	set *set
}

// NewMatcher compiles groups, which are in the order of the file. The error
// names every pattern that is not a regular expression.
func NewMatcher(groups []Group, mode Match) (*Matcher, error) {
	if !mode.valid() {
		return nil, fmt.Errorf("no way to match nodes %q, only %s and %s", mode, Whole, Prefix)
	}
	patterns := make([]*pattern, len(groups))
	var errs []error
	for i, g := range groups {
		p, err := compilePattern(g.Pattern)
		if err != nil {
			errs = append(errs, fmt.Errorf("nodes %q: %w", g.Pattern, err))
		}
		patterns[i] = p
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Matcher{groups: groups, set: newSet(patterns, mode)}, nil
}

func (m Match) valid() bool { return m == "" || m == Whole || m == Prefix }

// Labels returns the roles of the node, sorted, and the name of its override
// set, "" when no group with overrides takes it. An error means that a pattern
// could not be decided in time; the labels of the node are then unknown.
func (m *Matcher) Labels(nodeName string) (roles []string, overrideSet string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	matches, err := m.set.match(nodeName)
	if err != nil {
		var e *matchError
		if errors.As(err, &e) {
			err = fmt.Errorf("nodes %q: %w", m.groups[e.index].Pattern, err)
		}
		return nil, "", err
	}
	var overriding []string
	for _, i := range matches {
		roles = append(roles, m.groups[i].Roles...)
		if m.groups[i].Overrides {
			overriding = append(overriding, m.groups[i].Pattern)
		}
	}
	slices.Sort(roles)
	return slices.Compact(roles), setName(overriding), nil
}

// setName is the name of the set of overriding patterns, in the order of the
// file: ten hexadecimal digits, "" for no patterns.
func setName(patterns []string) string {
	if len(patterns) == 0 {
		return ""
	}
	sum := sha256.Sum256([]byte(strings.Join(patterns, "\n")))
	return hex.EncodeToString(sum[:])[:10]
}

// groupsOf is what the labels depend on of the `nodes` of a ccp.yaml.
func groupsOf(nodes []ccpfile.NodeGroup) []Group {
	groups := make([]Group, len(nodes))
	for i, n := range nodes {
		groups[i] = Group{Pattern: n.Pattern, Overrides: n.Configs != nil}
		for _, role := range n.Roles {
			groups[i].Roles = append(groups[i].Roles, role.Name)
		}
	}
	return groups
}
