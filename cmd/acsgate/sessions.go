package main

import (
	"context"
	"flag"
	"io"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/commandline"
)

// defineSessions lists the sessions that are under way.
func defineSessions(flags *flag.FlagSet) commandline.Run {
	var l lister
	l.flags(flags)
	flags.Lookup("limit").Usage = "at most this `number`; 0: as many as the API gives, 1000"
	return func(ctx context.Context, _ []string, out, _ io.Writer) error {
		limit := maxPage
		if l.limit > 0 {
			limit = min(limit, l.limit)
		}
		all, err := l.client.Sessions(ctx, limit)
		if err != nil {
			return err
		}
		table := commandline.NewTable(commandline.TerminalOf(out), "DEVICE", "ACS", "AGE", "IDLE", "EXCHANGES", "LAST RPC", "RULE", "LISTENER", "TLS", "FROM")
		return list(&l, out, table, all, func(s admin.SessionRow) {
			table.Row(s.Device, s.ACS, ofSeconds(s.AgeS), ofSeconds(s.IdleS), s.Exchanges, s.LastRPC, s.Rule, s.Listener, s.TLS, s.Source)
		})
	}
}

func ofSeconds(s float64) string { return short(time.Duration(s * float64(time.Second))) }
