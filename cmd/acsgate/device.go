package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/commandline"
)

// defineDevice says what a running gateway knows of a device, above all how it can be
// reached.
func defineDevice(flags *flag.FlagSet) commandline.Run {
	var client admin.Client
	clientFlags(flags, &client)
	asJSON := flags.Bool("json", false, "print JSON")
	return func(ctx context.Context, args []string, out, _ io.Writer) error {
		id, err := oneDevice(args)
		if err != nil {
			return err
		}
		view, err := client.Device(ctx, id)
		if err != nil {
			return err
		}
		if *asJSON {
			return json.NewEncoder(out).Encode(view)
		}
		printDevice(out, &view)
		return nil
	}
}

func printDevice(out io.Writer, v *admin.DeviceView) {
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(out, "%-18s %s\n", name, commandline.Clean(value))
		}
	}
	line("device", v.Device)
	line("manufacturer", v.Manufacturer)
	line("software", v.SoftwareVersion)
	line("acs", v.ACS)
	line("assigned to", v.AssignedACS)
	line("rule", v.Rule)
	line("comes from", v.Source)
	line("last inform", strings.TrimSpace(v.LastInform+" "+strings.Join(v.LastEvents, ", ")))
	line("sessions", fmt.Sprintf("%d, %d of them failed", v.Sessions, v.Failed))
	if r := v.Reach; r != nil {
		line("its url", r.Reported.URL)
		line("its udp address", r.Reported.UDPAddress)
		if v.ACSSees != nil {
			line("acs sees url", v.ACSSees.URL)
			line("acs sees udp", v.ACSSees.UDPAddress)
		}
		if r.Binding != nil {
			printBinding(line, r.Binding)
		}
		line("by udp", or(r.NotByUDP, "can be tried"))
		line("by http", or(r.NotByHTTP, "can be tried"))
	}
	printDecision(out, v)
	for _, j := range v.Journal {
		fmt.Fprintf(out, "  %s  %s: %s\n", j.At, j.What, commandline.Clean(j.Text))
	}
	if v.LastRequest != nil {
		fmt.Fprintln(out, "last connection request:")
		printWake(out, v.LastRequest)
	}
}

// printDecision says where the next session goes and why.
func printDecision(out io.Writer, v *admin.DeviceView) {
	if v.Campaign != nil {
		fmt.Fprintf(out, "%-18s %s: %s since %s, %s\n", "campaign", v.Campaign.Name, v.Campaign.State, v.Campaign.At, commandline.Clean(v.Campaign.Reason))
	}
	if v.Pending != "" {
		fmt.Fprintf(out, "%-18s %s\n", "next session", v.Pending)
	}
	for _, s := range v.Decision {
		fmt.Fprintf(out, "  %-9s %-16s %-12s %s\n", s.Kind, s.Name, s.Result, commandline.Clean(s.Detail))
	}
}

func printBinding(line func(name, value string), b *admin.BindingView) {
	line("binding", fmt.Sprintf("%s, seen from %s, %s", b.Remote, b.Local, stateOf(b.Stale)))
	line("  known by", b.Evidence)
	line("  nat", fmt.Sprintf("%s, %d changes", b.NAT, b.Changes))
	line("  last seen", b.LastSeen)
	line("  keep-alive", seconds(b.KeepAliveS))
	line("  survived", seconds(b.SurvivedS))
	line("  lost after", seconds(b.LostS))
	line("  candidate", b.Candidate)
}

func seconds(s float64) string {
	if s == 0 {
		return ""
	}
	return time.Duration(s * float64(time.Second)).Round(time.Second).String()
}

func or(text, other string) string {
	if text == "" {
		return other
	}
	return text
}
