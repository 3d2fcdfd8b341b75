// Command ccp-hook does inside the cluster what a chart cannot. See package
// hook.
package main

import (
	"os"

	"github.com/helm-ccp/helm-ccp/pkg/hook"
)

func main() {
	os.Exit(hook.Main())
}
