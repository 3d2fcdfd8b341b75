// Command ccp turns a ccp.yaml into OpenStack on Kubernetes.
package main

import (
	"os"

	"github.com/helm-ccp/helm-ccp/pkg/cli"
)

func main() {
	os.Exit(cli.Run(os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}
