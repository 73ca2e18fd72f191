package main

import (
	"context"
	"flag"
	"io"
	"strings"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/commandline"
)

var natKinds = []string{"none", "keeps", "symmetric", "unstable", "unknown"}

// defineDevices lists the devices that a running gateway knows.
func defineDevices(flags *flag.FlagSet) commandline.Run {
	var l lister
	var q admin.DeviceQuery
	l.flags(flags)
	flags.StringVar(&q.ACS, "acs", "", "only those whose sessions go to this `ACS`")
	flags.StringVar(&q.OUI, "oui", "", "only those of this manufacturer's `OUI`")
	flags.StringVar(&q.ProductClass, "class", "", "only those of this product class")
	flags.StringVar(&q.SoftwareVersion, "software", "", "only those with this software `version`")
	flags.StringVar(&q.Campaign, "campaign", "", "only those of this `campaign`")
	commandline.Choice(flags, &q.NAT, "nat", "only those behind such a NAT", natKinds...)
	commandline.Choice(flags, &q.Binding, "binding", "only those with such a STUN binding", "fresh", "stale", "none")
	flags.DurationVar(&q.InformedWithin, "informed-within", 0, "only those whose last Inform is younger, such as 24h")
	flags.DurationVar(&q.SilentFor, "silent-for", 0, "only those whose last Inform is older, such as 24h")
	flags.BoolVar(&q.Failing, "failing", false, "only those whose sessions end badly")
	return func(ctx context.Context, args []string, out, _ io.Writer) error {
		q.Text = strings.Join(args, " ")
		table := commandline.NewTable(commandline.TerminalOf(out),
			"DEVICE", "ACS", "SOFTWARE", "INFORM", "SESSIONS", "FAILED", "NAT", "BINDING", "CAMPAIGN", "FROM")
		return pages(&l, out, table, func(cursor string, limit int) ([]admin.DeviceRow, string, error) {
			q.Cursor, q.Limit = cursor, limit
			page, err := l.client.Devices(ctx, q)
			return page.Devices, page.Next, err
		}, func(d admin.DeviceRow) {
			table.Row(d.Device, d.ACS, d.SoftwareVersion, ago(d.LastInform), d.Sessions, d.Failed, d.NAT, d.Binding, d.Campaign, d.Source)
		})
	}
}
