// Package ccpfile reads ccp.yaml, the file in which an operator says which
// nodes play which roles, which services a role holds, and how each service is
// configured. It turns bytes into a Config: documents and files are merged,
// the shape is checked, and every value remembers where it was written, so
// that a fault can be named by file, line and column.
//
// A ccp.yaml may come from a Git repository that nobody vouches for: its size,
// depth, number of values and includes are limited, and Options.Root keeps it
// from reading files of others.
package ccpfile

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Ref is a name that somebody wrote, such as a role in nodes.node1.roles[1].
type Ref struct {
	Name string
	Pos  Position
	Path string
}

// NodeGroup is one key of `nodes`: the nodes whose names match Pattern have
// Roles, and Configs (nil when absent) overrides `configs` on them.
type NodeGroup struct {
	Pattern string
	Pos     Position
	Path    string
	Roles   []Ref // each name once
	Configs *Node
}

// Role is one key of `roles`.
type Role struct {
	Name     string
	Pos      Position
	Path     string
	Services []Ref // each name once
}

// Instance is one key of `services`: a service named Name that is made like
// ServiceDef.
type Instance struct {
	Name       string
	Pos        Position
	Path       string
	ServiceDef Ref
	Mapping    []MappingEntry
}

// MappingEntry says that an Instance takes Service for what it Needs, such as
// keystone-db for database.
type MappingEntry struct {
	Need    string
	Pos     Position
	Path    string
	Service Ref
}

// Replica is one key of `replicas`; Count is 1 or more.
type Replica struct {
	Service Ref
	Count   int
	Pos     Position // of the count
	Path    string
}

// Config is a ccp.yaml that was read, with all its documents and includes
// merged.
type Config struct {
	// Files are the names of the files that were read, includes too, in the
	// order they were opened.
	Files []string
	// Root is everything, merged. It is a mapping, empty for an empty file.
	Root *Node
	// These are the subtrees of Root with these names, nil when absent or
	// null.
	Configs, SecretConfigs, Kubernetes, Registry, Images, OpenStack, Sources *Node
	// Placement is "label", the default, or "hostname".
	Placement string
	// Release is openstack.release, else configs.openstack.release, else "".
	Release string
	// What the keys of the same names hold, in the order written.
	Nodes    []NodeGroup
	Roles    []Role
	Services []Instance
	Replicas []Replica
	// Charts are the folders of charts besides the built-in ones. A relative
	// one is relative to the folder of the file that its position names.
	Charts []Ref
	// Notices name, once each, the keys that are known but do nothing.
	Notices []Problem
}

// Options change how Load reads. The zero value reads any file.
type Options struct {
	// Stdin is what the file name "-" stands for; os.Stdin when nil.
	Stdin io.Reader
	// Root, when set, is a folder that no file and no include may lie
	// outside of, symbolic links resolved.
	Root string
}

// Load reads files in order, each with all its documents and includes, and
// merges them; what comes later wins. It returns Problems, all that were
// found, when the content is at fault, and another error when a file of the
// list can't be read. When every file is whole and only the shape of what is
// in them is wrong, the Config is returned beside the Problems, so that a
// caller can find the faults of the rest of it too.
func Load(files []string, opts Options) (*Config, error) {
	l, err := newLoader(opts)
	if err != nil {
		return nil, err
	}
	defer l.close()
	for _, name := range files {
		if err := l.loadNamed(name); err != nil {
			return nil, err
		}
	}
	whole := len(l.problems) == 0
	if !l.stopped {
		l.checkShape()
	}
	if !whole {
		return nil, l.report()
	}
	c := decode(l.merged)
	c.Files = l.files
	if len(l.problems) > 0 {
		return c, l.report()
	}
	return c, nil
}

// DefaultFile returns the name of the first file that is there of ccp.yaml,
// ~/.ccp.yaml, ~/.ccp/ccp.yaml, /etc/ccp.yaml and /etc/ccp/ccp.yaml. When
// there is none, the error is an fs.ErrNotExist that names them all.
func DefaultFile() (string, error) {
	places := []string{"ccp.yaml"}
	if home, err := os.UserHomeDir(); err == nil {
		places = append(places, filepath.Join(home, ".ccp.yaml"), filepath.Join(home, ".ccp", "ccp.yaml"))
	}
	places = append(places, "/etc/ccp.yaml", "/etc/ccp/ccp.yaml")
	for _, place := range places {
		if info, err := os.Stat(place); err == nil && !info.IsDir() {
			return place, nil
		}
	}
	return "", fmt.Errorf("no configuration file (looked for %s): %w", strings.Join(places, ", "), fs.ErrNotExist)
}
