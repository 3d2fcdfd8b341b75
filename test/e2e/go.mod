// The end-to-end tests and the cluster that they run on. It needs nothing but the
// standard library: the cluster is reached with the clients that users have.
module github.com/helm-ccp/helm-ccp/test/e2e

go 1.26.0
