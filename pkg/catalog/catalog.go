// Package catalog reads what the charts say about themselves: which services
// there are, what kind of workload each is, which network backend and which
// OpenStack releases have it, and what it needs beside it.
//
// The facts stand in charts/NAME/services.yaml and charts/common/releases.yaml
// and nowhere else; the chart templates read the same files.
package catalog

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
)

// ReleasesFile is the path, inside the charts, of the list of OpenStack
// releases: a sequence of {name, alias}, oldest first.
const ReleasesFile = "common/releases.yaml"

// Workload is the Kubernetes kind that runs a service.
type Workload string

// The kinds of workload a service can be. A DaemonSet runs on every node of
// its roles, the others run as many replicas as the topology says.
const (
	DaemonSet   Workload = "DaemonSet"
	Deployment  Workload = "Deployment"
	StatefulSet Workload = "StatefulSet"
)

// Service is one entry of `services` in a services.yaml.
type Service struct {
	// Name is the service's own name, Chart the folder that it stands in.
	Name, Chart string
	Workload    Workload
	// Network lists the backends that have the service; empty means all.
	Network []string
	// Follows lists the services on whose roles this one is placed when no
	// role lists it.
	Follows []string
	// Needs lists services and abstract names that it needs somewhere.
	Needs []string
	// NeedsOnNode lists the services that it needs on each of its nodes.
	NeedsOnNode []string
	// NodesConnect lists the backends with which pods on the nodes' own
	// network connect to it, so that its NetworkPolicy has to know the nodes.
	NodesConnect []string
	// LeavesOnNode lists what it leaves on its nodes when it goes: a folder, or
	// a few words.
	LeavesOnNode []string
	// Provides lists the abstract names that it can back.
	Provides []string
	// Since and Until are the names of the first and the last release that
	// have it; empty means no bound.
	Since, Until string
	// Instances says that it can run several times under different names.
	Instances bool
	// AlsoKnownAs lists what the service is called in manifests of other
	// charts: a workload's name, or APPLICATION/COMPONENT for its labels; *
	// stands for any letters. pkg/postrender recognizes it by them.
	AlsoKnownAs []string
}

// Chart is what one services.yaml says about its chart.
type Chart struct {
	Name string
	// Claims lists the keys of `configs`, besides the chart's name, whose
	// values are this chart's.
	Claims []string
	// Accompanies lists the services, of any chart, that bring the chart into
	// the deployment although it holds none of its own that are placed.
	Accompanies []string
	// Network lists the backends that have the chart; empty means all.
	Network []string
	// AlsoKnownAs lists names of objects that are the chart's without being
	// one service's, in the form of Service.AlsoKnownAs.
	AlsoKnownAs []string
	// Services lists the names of the chart's services, sorted.
	Services []string
	// Conflicts lists what its values do not go together with.
	Conflicts []Conflict
	// Passwords maps a key of the credentials Secret to the path in a
	// ccp.yaml that may give its value, or to "".
	Passwords map[string]string
	// KeyRepositories maps the name of a Secret that holds fernet keys to the
	// path in a ccp.yaml that may give the first key, or to "".
	KeyRepositories map[string]string
	// Certificates lists the names of Secrets that hold a certificate, its key
	// and its CA, SSHKeys those of Secrets that hold SSH keys of a client and a
	// server. Whoever has their own makes the Secret before.
	Certificates, SSHKeys []string
}

// Conflict is a value of a chart that does not go together with services.
type Conflict struct {
	// Value is the path of the value, Is what it must not be.
	Value string
	Is    []string
	// Services lists the services, of any chart, that rule it out.
	Services []string
	// Because is the reason, and what to do.
	Because string
}

// Release is one OpenStack release.
type Release struct {
	// Name is the code name ("antelope"), Alias the other name it goes by
	// ("2023.1"), empty when it has none.
	Name, Alias string
	// Order counts releases from the oldest, which is 0.
	Order int
}

// Catalog is everything the charts can place.
type Catalog struct {
	Services map[string]*Service
	Charts   map[string]*Chart
	// Releases stand oldest first.
	Releases []Release
	// Backends are the network backends that some service or chart names, sorted.
	Backends []string
}

// Load reads */services.yaml and common/releases.yaml of the charts folder and
// checks that all names in them exist. Files that say something wrong give an
// error of type ccpfile.Problems that holds every mistake in all of them.
func Load(charts fs.FS) (*Catalog, error) {
	c := &Catalog{Services: map[string]*Service{}, Charts: map[string]*Chart{}}
	d := &decoder{catalog: c, services: map[string]ccpfile.Position{}, claims: map[string]string{}, aliases: map[string]string{}, passwords: map[string]string{}}
	if err := d.file(charts, ReleasesFile, d.releases); err != nil {
		return nil, err
	}
	files, err := fs.Glob(charts, "*/services.yaml")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		c.Charts[path.Dir(f)] = &Chart{Name: path.Dir(f)}
	}
	for _, f := range files {
		if err := d.file(charts, f, d.chart(c.Charts[path.Dir(f)])); err != nil {
			return nil, err
		}
	}
	d.finish()
	if err := d.problems.Err(); err != nil {
		return nil, err
	}
	return c, nil
}

// Release finds a release by its name or its alias. The error names the
// nearest release that there is.
func (c *Catalog) Release(name string) (Release, error) {
	var names []string
	for _, r := range c.Releases {
		if name != "" && (r.Name == name || r.Alias == name) {
			return r, nil
		}
		names = append(names, r.Name)
		if r.Alias != "" {
			names = append(names, r.Alias)
		}
	}
	if name == "" {
		return Release{}, errors.New("no OpenStack release is named")
	}
	return Release{}, fmt.Errorf("no OpenStack release %q%s", name, Suggest(name, names))
}

// Has reports whether a release has the service.
func (c *Catalog) Has(s *Service, r Release) bool {
	if since, err := c.Release(s.Since); err == nil && r.Order < since.Order {
		return false
	}
	until, err := c.Release(s.Until)
	return err != nil || r.Order <= until.Order
}

// Providers lists the services that can back an abstract name, sorted. It is
// empty when the name is not an abstract one.
func (c *Catalog) Providers(abstract string) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(c.Services)) {
		if slices.Contains(c.Services[name].Provides, abstract) {
			names = append(names, name)
		}
	}
	return names
}
