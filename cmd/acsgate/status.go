package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/commandline"
)

// defineStatus prints the whole at a glance. It fails where something is in error,
// so that scripts need not read it.
func defineStatus(flags *flag.FlagSet) commandline.Run {
	var client admin.Client
	clientFlags(flags, &client)
	asJSON := flags.Bool("json", false, "print JSON")
	return func(ctx context.Context, _ []string, out, _ io.Writer) error {
		v, err := client.Overview(ctx)
		if err != nil {
			return err
		}
		if *asJSON {
			err = json.NewEncoder(out).Encode(v)
		} else {
			err = printOverview(commandline.TerminalOf(out), &v)
		}
		if err == nil && inError(&v) {
			err = commandline.ErrSilent
		}
		return err
	}
}

func inError(v *admin.Overview) bool {
	for _, p := range v.Problems {
		if p.Severity == "error" {
			return true
		}
	}
	return !v.Ready
}

func printOverview(out commandline.Terminal, v *admin.Overview) error {
	ready := out.Mood("ready")
	if !v.Ready {
		ready = out.Mood("not ready") + ": " + commandline.Clean(strings.Join(v.NotReady, "; "))
	}
	fmt.Fprintf(out, "acsgate %s, started %s, %s\n", commandline.Clean(v.Version), ago(v.Started), ready)
	fmt.Fprintf(out, "%s, %s under way, %s (%d fresh, %d stale)\n\n",
		count(v.Devices, "device"), count(v.Sessions, "session"), count(v.Bindings.Total, "binding"), v.Bindings.Fresh, v.Bindings.Stale)
	table := commandline.NewTable(out, "ACS", "STATE", "SESSIONS", "DEVICES", "NOTE")
	for _, a := range v.ACS {
		table.Row(a.Name, a.State, a.Sessions, a.Devices, noteOf(a))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, c := range v.Campaigns {
		fmt.Fprintln(out, commandline.Clean(fmt.Sprintf("\n%s %s: %s, %d of %d moved", c.Kind, c.Name, c.Status, moved(c), c.Total)))
	}
	if len(v.Problems) > 0 {
		fmt.Fprintln(out)
	}
	for _, p := range v.Problems {
		fmt.Fprintf(out, "%s  %s\n", out.Mood(p.Severity), commandline.Clean(p.Subject+": "+p.Text))
	}
	return nil
}
