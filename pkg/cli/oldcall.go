package cli

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// oldCall answers a call as the guide of the first ccp prints it, with the verb
// behind another: ccp deploy --config-file ccp.yaml build.
func oldCall(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	verb, _, err := cmd.Root().Find(args)
	if err != nil || verb == cmd.Root() {
		return nil
	}
	call := []string{verb.CommandPath()}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for _, value := range values {
			call = append(call, "--"+f.Name+"="+value)
		}
	})
	return wrongf("%s is a verb of its own, not one of %s: call %s", verb.Name(), cmd.CommandPath(), strings.Join(call, " "))
}
