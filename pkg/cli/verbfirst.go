package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// verbFirst puts the flags that stand before a verb behind it, where they mean
// the same: the first ccp had its flags there. cobra does so with flags that
// have a value, and takes the verb for the value of one that has none.
func verbFirst(root *cobra.Command, args []string) []string {
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case arg == "--" || arg == "-":
			return args
		case strings.HasPrefix(arg, "-"):
			if takesNext(root, arg) {
				i++
			}
		default:
			return slices.Concat(args[i:i+1], args[:i], args[i+1:])
		}
	}
	return args
}

// takesNext says whether the argument after a flag is its value. A flag is the
// same with each verb that has it.
func takesNext(root *cobra.Command, arg string) bool {
	name, isLong := strings.CutPrefix(arg, "--")
	if strings.Contains(arg, "=") || !isLong && len(arg) > 2 {
		return false
	}
	for _, cmd := range root.Commands() {
		var flag *pflag.Flag
		if isLong {
			flag = cmd.Flags().Lookup(name)
		} else {
			flag = cmd.Flags().ShorthandLookup(arg[1:])
		}
		if flag != nil {
			return flag.NoOptDefVal == ""
		}
	}
	return false
}
