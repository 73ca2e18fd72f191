package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/commandline"
	"github.com/acsgate/acsgate/internal/cwmp"
)

// wakeFlags are what acsgate wake is told.
type wakeFlags struct {
	client admin.Client
	chosen admin.Selection
	list   string
	json   bool
}

// defineWake makes devices call home: one, and says how it went; or many, and tells
// how far it has come.
func defineWake(flags *flag.FlagSet) commandline.Run {
	var w wakeFlags
	clientFlags(flags, &w.client)
	flags.StringVar(&w.list, "list", "", "`file` with a device a line; - is standard input")
	flags.StringVar(&w.chosen.ACS, "acs", "", "all devices whose sessions go to this `ACS`")
	flags.StringVar(&w.chosen.OUI, "oui", "", "all devices of this manufacturer's `OUI`")
	flags.BoolVar(&w.chosen.All, "all", false, "all devices")
	flags.Float64Var(&w.chosen.PerSecond, "rate", 100, "devices a `second`, where there are many; 0: as fast as possible")
	flags.BoolVar(&w.json, "json", false, "print JSON")
	return w.run
}

func (w *wakeFlags) run(ctx context.Context, args []string, out, errs io.Writer) error {
	one, err := w.choose(args)
	if err != nil {
		return commandline.UsageError{Err: err}
	}
	if one != nil {
		return w.wakeOne(ctx, *one, out)
	}
	return w.wakeMany(ctx, out, errs)
}

// choose settles which devices are meant: one, or those of the selection.
func (w *wakeFlags) choose(args []string) (one *cwmp.DeviceID, err error) {
	many := w.chosen.ACS != "" || w.chosen.OUI != "" || w.chosen.All
	switch {
	case len(args) == 0 && w.list == "" && !many:
		return nil, fmt.Errorf("no device: give one as OUI-ProductClass-Serial, or -list, -acs, -oui, -all")
	case len(args) > 0 && (w.list != "" || many), w.list != "" && many:
		return nil, fmt.Errorf("give devices, or -list, or some of -acs, -oui and -all, not several of these")
	}
	if w.list != "" {
		if args, err = readList(w.list); err != nil {
			return nil, err
		}
	}
	for _, arg := range args {
		id, err := cwmp.ParseDeviceID(arg)
		if err != nil {
			return nil, err
		}
		w.chosen.Devices = append(w.chosen.Devices, id)
	}
	if len(args) == 1 && w.list == "" {
		return &w.chosen.Devices[0], nil
	}
	return nil, nil
}

// readList reads a device a line, without blank lines and those that begin with "#".
func readList(path string) ([]string, error) {
	in := os.Stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("-list: %w", err)
		}
		defer f.Close()
		in = f
	}
	var devices []string
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if line := strings.TrimSpace(lines.Text()); line != "" && !strings.HasPrefix(line, "#") {
			devices = append(devices, line)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("-list: %w", err)
	}
	if len(devices) == 0 {
		return nil, fmt.Errorf("-list: %q has no device", path)
	}
	return devices, nil
}

func (w *wakeFlags) wakeOne(ctx context.Context, id cwmp.DeviceID, out io.Writer) error {
	result, err := w.client.Wake(ctx, id)
	if err != nil {
		return err
	}
	if w.json {
		err = json.NewEncoder(out).Encode(result)
	} else {
		printWake(out, &result)
	}
	if err == nil && !result.OK {
		err = commandline.ErrSilent
	}
	return err
}

// printWake says how a Connection Request went, and why each transport failed.
func printWake(out io.Writer, r *admin.WakeResult) {
	took := time.Duration(r.TookMS) * time.Millisecond
	switch {
	case r.OK && r.Transport != "":
		fmt.Fprintf(out, "%s came after %s, woken by %s\n", r.Device, took, r.Transport)
	case r.OK:
		fmt.Fprintf(out, "%s came after %s\n", r.Device, took)
	default:
		fmt.Fprintf(out, "%s did not come within %s\n", r.Device, took)
	}
	for _, a := range r.Attempts {
		if a.Reason == "" {
			continue
		}
		to := a.To
		if to != "" {
			to = " to " + to
		}
		fmt.Fprintf(out, "  %s%s: %s\n", a.Transport, to, a.Reason)
	}
	if !r.OK {
		fmt.Fprintln(out, "  it will come at its next periodic Inform")
	}
}

func (w *wakeFlags) wakeMany(ctx context.Context, out, errs io.Writer) error {
	progress := commandline.NewProgress(commandline.TerminalOf(errs))
	last, err := w.client.WakeMany(ctx, w.chosen, func(p admin.Progress) {
		if w.json {
			_ = json.NewEncoder(out).Encode(p)
		} else if !p.Done {
			progress.Show(float64(p.Confirmed+p.Failed), float64(p.Total),
				fmt.Sprintf("%d of %d asked, %d came, %d failed", p.Asked, p.Total, p.Confirmed, p.Failed))
		}
	})
	progress.End()
	if err != nil {
		return err
	}
	if !w.json {
		fmt.Fprintf(out, "%d of %d devices came, %d did not\n", last.Confirmed, last.Total, last.Total-last.Confirmed)
		for reason, n := range last.Reasons {
			fmt.Fprintf(out, "  %d: %s\n", n, reason)
		}
	}
	if last.Confirmed < last.Total {
		return commandline.ErrSilent
	}
	return nil
}
