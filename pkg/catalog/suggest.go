package catalog

import (
	"fmt"

	"github.com/helm-ccp/helm-ccp/pkg/ccpfile"
)

// Suggest says which of the candidates was probably meant by name, as the end
// of a message: ` (did you mean "neutron-agents"?)`, or "" when none is near.
func Suggest(name string, candidates []string) string {
	near := ccpfile.Nearest(name, candidates)
	if near == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", near)
}
