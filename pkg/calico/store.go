package calico

import (
	"context"
	"errors"
	"time"
)

// Store is one datastore of Calico.
//
// Keys of the etcd v2 store are the keys in etcd. Keys of the other two are
// resources, PLURAL/NAME, for example "felixconfigurations/default", and their
// values are JSON objects. RecordKey is a key of all three.
type Store interface {
	// Name is what the store is called on the command line.
	Name() string
	// Dialect says what keys and values look like.
	Dialect() Dialect
	// Atomic is how many entries one Swap can change, at least 1.
	Atomic() int
	// Exact says whether Get gives back the bytes that Swap wrote.
	Exact() bool
	// Get reads one entry. An entry that does not exist has no Value.
	Get(ctx context.Context, key string) (Entry, error)
	// List reads every resource of a kind, by its plural, sorted by key. A store
	// of the text dialect has felixconfigurations of single nodes only.
	List(ctx context.Context, plural string) ([]Entry, error)
	// Swap writes all entries if every one still has the version it was read
	// with, and otherwise none and returns ErrConflict. It returns the entries
	// as they are now. An entry without a Value is deleted.
	Swap(ctx context.Context, entries ...Entry) ([]Entry, error)
	// MissingDir returns the first directory on the way to a key that does not
	// exist, empty where there are no directories or none is missing.
	MissingDir(ctx context.Context, key string) (string, error)
	// RemoveEmpty removes those of the directories that are empty, in order.
	RemoveEmpty(ctx context.Context, dirs []string) error
	// Remove removes the keys that are left over, in bounded batches, and returns
	// how many. It may be called again after an error. With dryRun it only
	// counts.
	Remove(ctx context.Context, leftovers []Leftover, dryRun bool) (int, error)
	// StandDown has the neutron-servers that elect their leader with a key hold
	// off for a time, and says whether there are any: see standDown.
	StandDown(ctx context.Context, key string, d time.Duration) (bool, error)
	// StandUp ends that time.
	StandUp(ctx context.Context, key string) error
	// Close lets go of connections.
	Close() error
}

// Entry is one key of a Store at one time.
type Entry struct {
	Key string
	// Value is nil when the key does not exist, or shall not.
	Value []byte
	// Version is compared by Swap. It is empty when the key does not exist.
	Version string
}

// Dialect is how Calico writes its settings into a store.
type Dialect int

const (
	// Text is one plain value a key, as Calico 1 and 2 have it.
	Text Dialect = iota
	// Resources is one JSON object a key, as Calico 3 has it.
	Resources
)

// RecordKey is the key of the record of what was changed. In etcd it stands as
// it is, outside Calico's part; in Kubernetes it is a ConfigMap.
const RecordKey = "/ccp/calico/record"

// ErrConflict is returned by Swap when an entry is no longer what was read.
var ErrConflict = errors.New("changed since it was read")

// Names of the stores, as given on the command line.
const (
	StoreAuto       = "auto"
	StoreEtcdV2     = "etcdv2"
	StoreEtcdV3     = "etcdv3"
	StoreKubernetes = "kubernetes"
)
