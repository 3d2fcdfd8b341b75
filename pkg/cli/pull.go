package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// savesOver says whether the Helm command args is a pull that saves the chart
// as name over file. Helm names what it pulls after the URL's last element, so
// that a plain pull of ccp://./ccp.yaml would replace the ccp.yaml.
func savesOver(args []string, name, file string) bool {
	if !slices.Contains(args, "pull") && !slices.Contains(args, "fetch") {
		return false
	}
	destination := "."
	for i, arg := range args {
		if arg == "--untar" || arg == "--untar=true" {
			return false // it is saved in a temporary folder first
		}
		if value, is := strings.CutPrefix(arg, "--destination="); is {
			destination = value
		} else if (arg == "-d" || arg == "--destination") && i+1 < len(args) {
			destination = args[i+1]
		} else if value, is := strings.CutPrefix(arg, "-d"); is {
			destination = strings.TrimPrefix(value, "=")
		}
	}
	saved, err := os.Stat(filepath.Join(destination, name))
	if err != nil {
		return false
	}
	source, err := os.Stat(file)
	return err == nil && os.SameFile(saved, source)
}

// parentArgs returns the command that called this process, as far as the
// system tells: Helm tells a getter no more than the URL.
func parentArgs() []string {
	parent := os.Getppid()
	if data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", parent)); err == nil {
		return strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00")
	}
	data, err := exec.Command("ps", "-o", "args=", "-p", fmt.Sprint(parent)).Output()
	if err != nil {
		return nil
	}
	return strings.Fields(string(data))
}
