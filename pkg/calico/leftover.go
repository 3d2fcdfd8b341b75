package calico

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Leftover are keys that only OpenStack uses, which it leaves behind.
type Leftover struct {
	// Prefix is what the keys begin with, up to a slash.
	Prefix string
	// Match says which keys, by what follows the prefix. Nil means all.
	Match func(rest string) bool
}

func (l Leftover) matches(rest string) bool { return l.Match == nil || l.Match(rest) }

// leftovers returns what Felix and networking-calico leave in a datastore: of a
// region, unless it is empty, and with last what all regions share.
func leftovers(dialect Dialect, region string, last bool) []Leftover {
	begins := func(text string) func(string) bool {
		return func(rest string) bool { return strings.HasPrefix(rest, text) }
	}
	status := func(rest string) bool { return strings.Contains(rest, "status") }
	var all []Leftover
	if last {
		all = append(all, Leftover{"/calico/felix/v1/host/", status}, Leftover{"/calico/dhcp/v1/", nil})
		if dialect == Text {
			return append(all, Leftover{"/calico/v1/policy/profile/", begins("openstack-sg-")}, Leftover{hostDir, openStackEndpointV1.MatchString})
		}
		all = append(all, Leftover{"/calico/compaction/v1/", nil})
	}
	if region == "" || dialect == Text {
		return all
	}
	part, namespace := NoRegion, "openstack"
	if region != NoRegion {
		part, namespace = "region-"+region, "openstack-region-"+region
	}
	// Pods of a Kubernetes namespace of that name are beside them.
	return append(all,
		Leftover{"/calico/felix/v2/" + part + "/", nil},
		Leftover{"/calico/dhcp/v2/" + part + "/", nil},
		Leftover{resourcePrefix + "networkpolicies/" + namespace + "/", begins("ossg.default.")},
		Leftover{resourcePrefix + "workloadendpoints/" + namespace + "/", openStackEndpoint.MatchString})
}

var (
	// openStackEndpoint is the name of a server's endpoint: its node, the
	// orchestrator and more, with a dash between and each dash inside doubled.
	openStackEndpoint   = regexp.MustCompile(`^(?:[^-]|--)+-openstack-(?:[^-]|--)`)
	openStackEndpointV1 = regexp.MustCompile(`^[^/]+/workload/openstack/`)
)

// electionKey returns the key with which the neutron-servers of a region elect
// the one that writes into the datastore; empty for none.
func electionKey(dialect Dialect, region string) string {
	switch {
	case dialect == Text:
		return "/calico/openstack/v1/neutron_election"
	case region == "":
		return ""
	case region == NoRegion:
		return "/calico/openstack/v2/" + NoRegion + "/neutron_election"
	}
	return "/calico/openstack/v2/region-" + region + "/neutron_election"
}

const (
	// standIn is what the election key holds while no neutron-server leads.
	standIn = "ccp-hook"
	// standDownFor is how long: until Helm has ended neutron-server, which comes
	// right after the hook, and its pods had their time to end.
	standDownFor = 3 * time.Minute
	// settleFor is how long the leader may take to see that it leads no more. It
	// looks each ten seconds.
	settleFor = 15 * time.Second
)

// standDown has Neutron write no more before what it wrote is taken away. A
// pre-delete hook runs while neutron-server still does, and its leader writes
// what it misses each minute: interfacePrefix, the policies of its security
// groups. The leader is who holds the election key. So the hook takes the key,
// with an end to it, and waits until the leader has seen that. If the release
// stays after all, the next election makes a leader, who writes everything anew.
func (c *Client) standDown(ctx context.Context, store Store) error {
	rec, _, err := c.readRecord(ctx, store)
	if err != nil || c.DryRun {
		return err
	}
	rel, known := rec.release(c.Release)
	region, leaves := rec.leaves(c.Release)
	if known {
		region = c.leave(rel).Region
	}
	others := withoutRelease(rec.Releases, c.Release)
	if !known && !leaves || slices.ContainsFunc(others, func(r recordRelease) bool { return r.Region == region }) {
		return nil
	}
	if c.OpenStatus != nil {
		if store, err = c.OpenStatus(ctx); err != nil {
			return err
		}
		defer store.Close()
	}
	key := electionKey(store.Dialect(), region)
	if key == "" {
		return nil
	}
	held, err := store.StandDown(ctx, key, standDownFor)
	if err != nil || !held {
		return err
	}
	settle := c.Settle
	if settle == 0 {
		settle = settleFor
	}
	c.log().Info("a neutron-server runs: waiting until it has seen that it writes no more", "key", key, "for", settle.String())
	return sleep(ctx, settle)
}

// standUp lets the neutron-servers of the release elect a leader, if a revert
// told them not to.
func (c *Client) standUp(ctx context.Context, store Store) error {
	key := electionKey(store.Dialect(), c.Settings.Region)
	if key == "" || c.DryRun {
		return nil
	}
	return store.StandUp(ctx, key)
}
