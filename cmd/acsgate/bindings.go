package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/commandline"
)

// defineBindings lists the STUN bindings that a running gateway knows.
func defineBindings(flags *flag.FlagSet) commandline.Run {
	var l lister
	var q admin.BindingQuery
	l.flags(flags)
	commandline.Choice(flags, &q.NAT, "nat", "only those behind such a NAT", natKinds...)
	commandline.Choice(flags, &q.State, "state", "only those in this state", "fresh", "stale")
	return func(ctx context.Context, args []string, out, errs io.Writer) error {
		q.Text = strings.Join(args, " ")
		var counts admin.BindingCount
		table := commandline.NewTable(commandline.TerminalOf(out), "DEVICE", "ADDRESS", "STATE", "NAT", "SEEN", "KEEP-ALIVE", "MOVED", "KNOWN BY")
		err := pages(&l, out, table, func(cursor string, limit int) ([]admin.BindingRow, string, error) {
			q.Cursor, q.Limit = cursor, limit
			page, err := l.client.Bindings(ctx, q)
			counts = page.Counts
			return page.Bindings, page.Next, err
		}, func(b admin.BindingRow) {
			table.Row(b.Device, b.Remote, stateOf(b.Stale), b.NAT, ago(b.LastSeen), seconds(b.KeepAliveS), b.Changes, b.Evidence)
		})
		if err == nil && !l.json && counts.Total > 0 {
			fmt.Fprintf(errs, "of %s, %d are fresh and %d stale\n", count(counts.Total, "binding"), counts.Fresh, counts.Stale)
		}
		return err
	}
}

func stateOf(stale bool) string {
	if stale {
		return "stale"
	}
	return "fresh"
}
