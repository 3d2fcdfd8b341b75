// Command etcd37 is etcd v3.7.3, built from its own module for the tests of
// pkg/calico. It has no v2 API, as any etcd since 3.6.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
