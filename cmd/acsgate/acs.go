package main

import (
	"context"
	"flag"
	"io"
	"slices"
	"strings"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/commandline"
)

// defineACS lists the ACSs, their health and their load.
func defineACS(flags *flag.FlagSet) commandline.Run {
	var l lister
	l.flags(flags)
	return func(ctx context.Context, args []string, out, _ io.Writer) error {
		all, err := l.client.ACSs(ctx)
		if err != nil {
			return err
		}
		for _, name := range args {
			if !slices.ContainsFunc(all, func(v admin.ACSView) bool { return v.Name == name }) {
				return commandline.Usagef("there is no ACS %q", name)
			}
		}
		if len(args) > 0 {
			all = slices.DeleteFunc(all, func(v admin.ACSView) bool { return !slices.Contains(args, v.Name) })
		}
		table := commandline.NewTable(commandline.TerminalOf(out), "ACS", "STATE", "SINCE", "SESSIONS", "DEVICES", "BACKUP", "URL", "NOTE")
		return list(&l, out, table, all, func(v admin.ACSView) {
			table.Row(v.Name, v.State, ago(v.Since), v.Sessions, v.Devices, v.Backup, v.URL, noteOf(v))
		})
	}
}

// noteOf says what an operator should know of an ACS.
func noteOf(v admin.ACSView) string {
	var notes []string
	if v.Away {
		note := "sessions go to " + v.Backup
		if v.Manual {
			note += " until told: acsgate return " + v.Name
		}
		notes = append(notes, note)
	}
	if v.Reason != "" {
		notes = append(notes, v.Reason)
	}
	if len(v.Campaigns) > 0 {
		notes = append(notes, "campaigns: "+strings.Join(v.Campaigns, ", "))
	}
	return strings.Join(notes, "; ")
}
