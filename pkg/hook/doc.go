// Package hook is the command line of ccp-hook, the small binary that charts
// run inside the cluster for what a chart cannot do itself: settings in
// Calico's datastore, waiting, credentials, and labels on nodes.
//
// Data go to standard output, everything else goes to standard error as
// structured logs: text on a terminal, JSON elsewhere.
package hook
