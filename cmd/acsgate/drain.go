package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/commandline"
)

// defineDrain empties an ACS before its maintenance, and shows how far that is.
func defineDrain(flags *flag.FlagSet) commandline.Run {
	var client admin.Client
	clientFlags(flags, &client)
	to := flags.String("to", "", "the `ACS` that takes its devices over")
	rewrite := flags.Bool("rewrite", false, "set ManagementServer.URL to that ACS's cpe_url; else the gateway routes and the CPEs notice nothing")
	rate := flags.String("rate", "50/s", "devices a second")
	canary := flags.Float64("canary", 0, "begin with this `percentage` of the devices, and go on when they have arrived")
	name := flags.String("name", "", "`name` of the campaign (default drain-ACS)")
	dry := flags.Bool("dry-run", false, "say which devices would move, and move none")
	detach := flags.Bool("detach", false, "do not wait for the end")
	return func(ctx context.Context, args []string, out, errs io.Writer) error {
		perSecond, err := parseRate(*rate)
		switch {
		case err != nil:
			return commandline.UsageError{Err: err}
		case len(args) != 1:
			return commandline.Usagef("give the ACS to drain, such as: acsgate drain north -to south")
		case !(*canary >= 0 && *canary < 100):
			return commandline.Usagef("-canary \"%v\" is not a percentage from 0 to less than 100", *canary)
		case *to == "":
			return commandline.Usagef("-to is missing: the ACS that takes the devices of %q over", args[0])
		}
		request := admin.CampaignRequest{
			Name: or(*name, "drain-"+args[0]), Kind: "drain", From: args, To: *to, Mode: "route",
			RatePerSecond: perSecond, Canary: *canary, Wake: true, Start: true,
		}
		if *rewrite {
			request.Mode = "rewrite"
		}
		if *dry {
			return preview(ctx, client, request, false, out)
		}
		v, err := client.CreateCampaign(ctx, request)
		if err != nil {
			return err
		}
		fmt.Fprintf(errs, "draining %s: %d devices. Ctrl-C ends the watching, not the drain; acsgate campaigns pause, cancel or rollback %s\n", args[0], v.Total, v.Name)
		if *detach {
			return nil
		}
		return watchDrain(ctx, client, v.Name, out, errs)
	}
}

// parseRate reads "50/s" or "50".
func parseRate(text string) (float64, error) {
	n, err := strconv.ParseFloat(strings.TrimSuffix(text, "/s"), 64)
	if err != nil || !(n > 0) || math.IsInf(n, 0) {
		return 0, fmt.Errorf("-rate %q is not a number of devices a second, such as 50/s", text)
	}
	return n, nil
}

// watchInterval lies between two looks at a campaign.
const watchInterval = time.Second

// watchDrain tells how far a drain is until it is over.
func watchDrain(ctx context.Context, client admin.Client, name string, out, errs io.Writer) error {
	progress := commandline.NewProgress(commandline.TerminalOf(errs))
	defer progress.End()
	for {
		v, err := client.Campaign(ctx, name)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		c := v.Counts
		now := fmt.Sprintf("%d of %d moved, %d waiting for their next session, %d failed", moved(v), v.Total,
			c["asked"]+c["setting"]+c["set"], c["failed"])
		if v.Status != "running" {
			now = v.Status + ": " + now
		}
		progress.Show(float64(moved(v)+c["failed"]+c["skipped"]), float64(v.Total), now)
		switch v.Status {
		case "done":
			progress.End()
			fmt.Fprintf(out, "%s is %s\n", name, now)
			return nil
		case "halted", "cancelled", "rolled_back":
			progress.End()
			fmt.Fprintf(out, "%s is %s: %s\n", name, v.Status, v.Reason)
			return commandline.ErrSilent
		}
		if !waitFor(ctx, watchInterval) {
			return nil
		}
	}
}
