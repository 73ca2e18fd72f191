package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"slices"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/commandline"
	"github.com/acsgate/acsgate/internal/journal"
)

// defineTimeline prints what happened to one device, the newest last, and why it is
// not reachable.
func defineTimeline(flags *flag.FlagSet) commandline.Run {
	l := lister{}
	l.flags(flags)
	legs := flags.Bool("legs", false, "list the HTTP exchanges of each session")
	flags.Lookup("limit").DefValue, l.limit = "50", 50
	return func(ctx context.Context, args []string, out, _ io.Writer) error {
		id, err := oneDevice(args)
		if err != nil {
			return err
		}
		t, err := l.client.Timeline(ctx, id, min(l.limit, maxPage))
		if err != nil {
			return err
		}
		slices.Reverse(t.Entries)
		if l.json {
			for _, e := range t.Entries {
				if err := json.NewEncoder(out).Encode(e); err != nil {
					return err
				}
			}
			return nil
		}
		for _, e := range t.Entries {
			fmt.Fprintln(out, commandline.Clean(fmt.Sprintf("%s  %-18s  %s", e.At.Local().Format("2006-01-02 15:04:05"), e.Kind, e.Text)))
			if *legs && e.Kind == journal.KindSession {
				printLegs(out, e)
			}
		}
		if len(t.Entries) == 0 {
			fmt.Fprintf(out, "nothing is remembered of %s\n", id)
		}
		printAdvice(out, t.Advice)
		return nil
	}
}

// printLegs prints the exchanges of a session, each with the time since its start.
func printLegs(out io.Writer, e admin.TimelineEntry) {
	var s journal.Session
	if json.Unmarshal(e.Data, &s) != nil {
		return
	}
	for _, leg := range s.Legs {
		line := fmt.Sprintf("    +%-9s %s -> %s %d, %d and %d bytes, %s", milliseconds(leg.AtMS), leg.Request, leg.Answer, leg.Status, leg.In, leg.Out, milliseconds(leg.TookMS))
		if leg.ACSMS > 0 {
			line += ", " + milliseconds(leg.ACSMS) + " of it at the ACS"
		}
		if leg.Own {
			line += ", by the gateway itself"
		}
		for _, edit := range leg.Edits {
			line += "; " + edit
		}
		fmt.Fprintln(out, commandline.Clean(line))
	}
	if s.LegsCut > 0 {
		fmt.Fprintf(out, "    and %d more\n", s.LegsCut)
	}
}

func milliseconds(ms float64) string { return fmt.Sprintf("%.1fms", ms) }

func printAdvice(out io.Writer, advice []string) {
	for _, a := range advice {
		fmt.Fprintln(out, commandline.Clean(a))
	}
}
