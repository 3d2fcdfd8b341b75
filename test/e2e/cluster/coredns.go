package cluster

import (
	_ "embed" // coredns.yaml
	"strings"
)

//go:embed coredns.yaml
var coredns string

// dnsManifest returns the objects of the cluster's DNS.
func dnsManifest() string {
	return strings.NewReplacer("IMAGE", dnsImage, "ADDRESS", dnsIP).Replace(coredns)
}
