// Command etcd35 is etcd v3.5.35, built from its own module for the tests of
// pkg/calico. It is the last line of etcd that serves the v2 API.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
