package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// setUp gives an endpoint's interface the route to it and lets it reach the rest.
// What is there already stays.
func setUp(e endpoint) error {
	for name, value := range map[string]string{
		"ipv4/ip_forward": "1",
		"ipv4/conf/" + e.InterfaceName + "/forwarding":     "1",
		"ipv4/conf/" + e.InterfaceName + "/proxy_arp":      "1",
		"ipv4/neigh/" + e.InterfaceName + "/proxy_delay":   "0",
		"ipv4/conf/" + e.InterfaceName + "/route_localnet": "1", // for the metadata API on the node's loopback
	} {
		if err := os.WriteFile("/proc/sys/net/"+name, []byte(value), 0); err != nil {
			return err
		}
	}
	for _, address := range e.IPNetworks {
		if strings.Contains(address, ":") {
			continue
		}
		if err := command("ip", "route", "replace", address, "dev", e.InterfaceName, "scope", "link"); err != nil {
			return err
		}
	}
	if command("iptables", metadata("--check", e)...) == nil {
		return nil
	}
	return command("iptables", metadata("--insert", e)...)
}

// takeDown undoes setUp for as much as is there. Routes and settings are gone
// with the interface.
func takeDown(e endpoint) {
	for _, address := range e.IPNetworks {
		command("ip", "route", "delete", address, "dev", e.InterfaceName)
	}
	command("iptables", metadata("--delete", e)...)
}

// metadata returns the arguments of iptables for the rule that leads an
// endpoint's requests for metadata to the node's loopback, as Felix' does.
func metadata(action string, e endpoint) []string {
	return strings.Fields("--wait --table nat " + action + " PREROUTING --in-interface " + e.InterfaceName +
		" --destination 169.254.169.254 --protocol tcp --dport 80 --jump DNAT --to-destination 127.0.0.1:8775")
}

func command(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
