package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/commandline"
)

const campaignsSynopsis = `[flags] [COMMAND]

  list                       all campaigns (the default)
  show NAME                  one campaign
  devices NAME [-state S]    its devices and how far each is
  preview FILE               what a campaign would do, device by device; nothing moves
  create FILE [-start]       a new campaign, described in JSON
  start | pause | resume | cancel | rollback | remove NAME
`

// states are those of a campaign's devices, in their order.
var states = []string{"pending", "asked", "routed", "setting", "set", "arrived", "failed", "skipped", "undoing", "undone"}

// campaignFlags are what acsgate campaigns is told.
type campaignFlags struct {
	client admin.Client
	state  string
	// devicesFile lists the devices of a new campaign, "" for no list.
	devicesFile string
	start       bool
	json        bool
}

// defineCampaigns shows campaigns and does what an operator wants with them.
func defineCampaigns(flags *flag.FlagSet) commandline.Run {
	var c campaignFlags
	clientFlags(flags, &c.client)
	commandline.Choice(flags, &c.state, "state", "only devices in this state", states...)
	flags.StringVar(&c.devicesFile, "devices", "", "`file` that lists the devices of the campaign to preview or create, one a line; it takes no others")
	flags.BoolVar(&c.start, "start", false, "start the new campaign at once")
	flags.BoolVar(&c.json, "json", false, "print JSON")
	return c.run
}

func (c *campaignFlags) run(ctx context.Context, args []string, out, _ io.Writer) error {
	if len(args) == 0 {
		args = []string{"list"}
	}
	command, args := args[0], args[1:]
	switch {
	case c.devicesFile != "" && command != "preview" && command != "create":
		return commandline.Usagef("-devices is for campaigns preview and create, not for %s", command)
	case command == "list" && len(args) == 0:
		return c.list(ctx, out)
	case len(args) != 1:
		return commandline.Usagef("acsgate campaigns %s takes one argument, not %d (acsgate campaigns -h lists the commands)", command, len(args))
	case command == "show":
		v, err := c.client.Campaign(ctx, args[0])
		return c.show(out, v, err)
	case command == "devices":
		return c.devices(ctx, out, args[0])
	case command == "preview", command == "create":
		return c.define(ctx, out, command, args[0])
	case slices.Contains(admin.Actions(), command):
		v, err := c.client.Act(ctx, args[0], command)
		if command == "remove" && err == nil {
			return nil
		}
		return c.show(out, v, err)
	}
	return commandline.Usagef("acsgate campaigns has no command %q (acsgate campaigns -h lists them)", command)
}

func (c *campaignFlags) list(ctx context.Context, out io.Writer) error {
	all, err := c.client.Campaigns(ctx)
	if err != nil {
		return err
	}
	if c.json {
		return json.NewEncoder(out).Encode(all)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tKIND\tMODE\tTO\tSTATUS\tDEVICES\tMOVED\tFAILED\tREASON")
	for _, v := range all {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%s\n", v.Name, v.Kind, v.Mode, v.To, v.Status, v.Total, moved(v), v.Counts["failed"], v.Reason)
	}
	return table.Flush()
}

// moved is how many devices a campaign has brought to its ACS.
func moved(v admin.CampaignView) int {
	if v.Mode == "route" || v.Mode == "" {
		return v.Counts["routed"] + v.Counts["arrived"]
	}
	return v.Counts["arrived"]
}

func (c *campaignFlags) show(out io.Writer, v admin.CampaignView, err error) error {
	switch {
	case err != nil:
		return err
	case c.json:
		return json.NewEncoder(out).Encode(v)
	}
	printCampaign(out, v)
	return nil
}

func printCampaign(out io.Writer, v admin.CampaignView) {
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(out, "%-9s %s\n", name, value)
		}
	}
	line("campaign", v.Name)
	line("kind", v.Kind)
	from := strings.Join(v.From, ", ")
	if from == "" {
		from = "any other ACS"
	}
	line("moves", fmt.Sprintf("from %s to %s by %s", from, v.To, v.Mode))
	line("status", strings.TrimSpace(v.Status+"  "+v.Reason))
	line("wave", fmt.Sprintf("%d  %s", v.Wave+1, v.Verdict))
	for i := range v.WaveCounts {
		if p, ok := v.WaveProgress(i); ok {
			line(fmt.Sprintf("  %d", i+1), fmt.Sprintf("%d devices: %d tried, %d arrived, %d failed, %d waiting", p.Total, p.Tried, p.Arrived, p.Failed, p.Waiting))
		}
	}
	line("started", v.Started)
	var counts []string
	for _, state := range states {
		if n := v.Counts[state]; n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, state))
		}
	}
	line("devices", fmt.Sprintf("%d: %s", v.Total, strings.Join(counts, ", ")))
	line("moved", fmt.Sprintf("sessions of %d devices go to %s", v.Moved, v.To))
}

func (c *campaignFlags) devices(ctx context.Context, out io.Writer, name string) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	err := c.client.Members(ctx, name, c.state, func(m admin.MemberView) error {
		if c.json {
			return json.NewEncoder(out).Encode(m)
		}
		_, err := fmt.Fprintf(table, "%s\t%s\twave %d\t%s\t%s\n", m.Device, m.State, m.Wave+1, m.At, m.Reason)
		return err
	})
	if err == nil {
		err = table.Flush()
	}
	return err
}

// define reads a campaign and previews or creates it.
func (c *campaignFlags) define(ctx context.Context, out io.Writer, command, file string) error {
	request, err := readCampaign(file, c.devicesFile)
	if err != nil {
		return err
	}
	if command == "create" {
		request.Start = request.Start || c.start
		v, err := c.client.CreateCampaign(ctx, request)
		return c.show(out, v, err)
	}
	return preview(ctx, c.client, request, c.json, out)
}

// preview prints what a campaign would do, and how many devices it would move.
func preview(ctx context.Context, client admin.Client, request admin.CampaignRequest, asJSON bool, out io.Writer) error {
	moves, stays := 0, 0
	err := client.PreviewCampaign(ctx, request, func(m admin.MoveView) error {
		if m.Moves {
			moves++
		} else {
			stays++
		}
		if asJSON {
			return json.NewEncoder(out).Encode(m)
		}
		if m.Moves {
			_, err := fmt.Fprintf(out, "%s  wave %d, from %s: %s\n", m.Device, m.Wave+1, m.From, m.Reason)
			return err
		}
		return nil
	})
	if err == nil && !asJSON {
		fmt.Fprintf(out, "%d devices would move, %d would stay\n", moves, stays)
	}
	return err
}
