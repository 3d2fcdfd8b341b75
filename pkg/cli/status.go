package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/helm-ccp/helm-ccp/pkg/release"
)

// status are the flags of ccp status.
type status struct {
	target
	short, watch bool
	format       string
}

func newStatus(streams Streams) *cobra.Command {
	s := &status{target: target{input: &input{streams: streams}}}
	cmd := &cobra.Command{
		Annotations: usesCluster,
		Use:         "status [SERVICE...]",
		Short:       "Show which services are ready, and what the others wait for",
		Long: `Show which services are ready, and what the others wait for. The exit code is 0 when
all that is asked for is ready, and 1 when it is not.`,
		Example: `  ccp status
  ccp status -w
  ccp status -s keystone`,
		RunE: func(cmd *cobra.Command, args []string) error { return s.run(cmd.Context(), args) },
	}
	s.addClusterFlags(cmd)
	flags := cmd.Flags()
	flags.BoolVarP(&s.short, "short", "s", false, "print ready or not ready, and nothing else")
	flags.BoolVarP(&s.watch, "watch", "w", false, "go on until everything is ready, and print again what changes")
	flags.StringVarP(&s.format, "output", "o", "table", "table or json")
	return cmd
}

func (s *status) run(ctx context.Context, services []string) error {
	if err := oneOf("--output", s.format, "table", "json"); err != nil {
		return err
	}
	if err := s.findNamespace(); err != nil {
		return err
	}
	client, err := s.client(release.Reporter{})
	if err != nil {
		return err
	}
	streams := s.input.streams
	screen := newScreen(streams.Out)
	var last release.Status
	shown := ""
	var wrong error
	err = client.WatchStatus(ctx, func(now release.Status) bool {
		if last, wrong = only(now, services); wrong != nil {
			return false
		}
		text, err := s.text(last)
		if err != nil {
			wrong = err
			return false
		}
		if text != shown && s.watch {
			screen.show(text)
		}
		shown = text
		return s.watch && !last.Ready
	})
	switch {
	case wrong != nil:
		return wrong
	case err != nil:
		return err
	}
	if !s.watch {
		if _, err := io.WriteString(streams.Out, shown); err != nil {
			return err
		}
	}
	if !last.Ready {
		return errNotReady
	}
	return nil
}

// only reduces a status to some services and the Jobs of their charts.
func only(status release.Status, services []string) (release.Status, error) {
	if len(services) == 0 {
		return status, nil
	}
	wanted, charts := map[string]bool{}, map[string]bool{}
	for _, name := range services {
		wanted[name] = true
	}
	out := status
	out.Services, out.Jobs, out.Warnings, out.Ready = []release.Service{}, []release.Job{}, []release.Warning{}, true
	for _, service := range status.Services {
		if wanted[service.Name] {
			out.Services = append(out.Services, service)
			out.Ready = out.Ready && service.Ready
			charts[service.Chart] = true
			delete(wanted, service.Name)
		}
	}
	for _, name := range services {
		if wanted[name] {
			return out, wrongf("the release %s has no service %q", status.Release, name)
		}
	}
	for _, job := range status.Jobs {
		if charts[job.Chart] {
			out.Jobs = append(out.Jobs, job)
			out.Ready = out.Ready && job.Done
		}
	}
	for _, warning := range status.Warnings {
		if charts[warning.Chart] {
			out.Warnings = append(out.Warnings, warning)
		}
	}
	return out, nil
}

// text writes a status in the wanted format.
func (s *status) text(status release.Status) (string, error) {
	switch {
	case s.format == "json":
		var out strings.Builder
		err := printJSON(&out, status)
		return out.String(), err
	case s.short && status.Ready:
		return "ready\n", nil
	case s.short:
		return "not ready\n", nil
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%s in %s: revision %d, %s\n", status.Release, status.Namespace, status.Revision, status.State)
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SERVICE\tPODS\tJOBS\tREADY\tLINKS, OR WHAT IT WAITS FOR")
	for _, service := range status.Services {
		ready, jobs, notes := "no", "-", service.Waiting
		if service.Ready {
			ready, notes = "yes", strings.Join(service.Links, " ")
		}
		if service.JobsWanted > 0 {
			jobs = fmt.Sprintf("%d/%d", service.JobsDone, service.JobsWanted)
		}
		fmt.Fprintf(w, "%s\t%d/%d\t%s\t%s\t%s\n", service.Name, service.PodsReady, service.PodsWanted, jobs, ready, notes)
	}
	if err := w.Flush(); err != nil {
		return "", err
	}
	for _, job := range status.Jobs {
		if !job.Done {
			fmt.Fprintf(&out, "Job %s: %s\n", job.Name, job.Waiting)
		}
	}
	for _, warning := range status.Warnings {
		fmt.Fprintf(&out, "WARNING of %s: %s\n", warning.Job, warning.Text)
	}
	return out.String(), nil
}
