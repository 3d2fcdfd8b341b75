// Package calico changes the few settings of a Calico network that OpenStack
// needs, and takes them back: how often Felix reports its status, the BGP
// export filters that let the routes of virtual machines out, and, where
// Calico's nodes peer with each other in a full mesh, the IP pools of the
// tenants.
//
// The wanted state is a [Settings]; a [Client] brings it into a [Store] for
// one release (Apply), takes it back (Revert), or compares (Status). There are
// three stores, one for each datastore that Calico has used:
//
//   - etcd's v2 API with plain keys and values (calico/node 0.23 to 2.x);
//   - etcd's v3 API with one JSON resource a key (Calico 3);
//   - the Kubernetes API with custom resources (Calico 3).
//
// Beside the settings the package keeps one record in the same datastore,
// outside Calico's own part of it. The record says what each value was before
// the first release changed it, what was written last, and which releases
// want what. With it, Revert restores exactly what was there, several releases
// can share one Calico, and a value that somebody changed by hand is noticed.
//
// Every write is a compare-and-swap. Where the store changes several entries
// in one transaction (etcd v3) the settings and the record change together.
// Where it cannot, the record is written first and says what is about to be
// written; a run that was cut short is then finished or undone by the next.
package calico
