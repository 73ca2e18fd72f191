package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/commandline"
	"github.com/acsgate/acsgate/internal/journal"
)

// eventFlags are what acsgate events is told.
type eventFlags struct {
	client admin.Client
	query  admin.EventQuery
	follow bool
	json   bool
}

// defineEvents prints events: those that the gateway remembers, or with -f those
// that come.
func defineEvents(flags *flag.FlagSet) commandline.Run {
	var e eventFlags
	clientFlags(flags, &e.client)
	flags.BoolVar(&e.follow, "f", false, "print what happens from now on, until Ctrl-C; else what the gateway remembers")
	var kinds []string
	commandline.Choices(flags, &kinds, "kind", "only events of these kinds", kindNames()...)
	flags.StringVar(&e.query.ACS, "acs", "", "only what concerns this `ACS`")
	flags.StringVar(&e.query.Device, "device", "", "only what concerns this `device`")
	flags.BoolVar(&e.json, "json", false, "print JSON, an event a line")
	return func(ctx context.Context, _ []string, out, errs io.Writer) error {
		for _, kind := range kinds {
			e.query.Kinds = append(e.query.Kinds, journal.Kind(kind))
		}
		if e.follow {
			return e.tail(ctx, out, errs)
		}
		return e.remembered(ctx, out, errs)
	}
}

func kindNames() (names []string) {
	for _, kind := range journal.Kinds() {
		names = append(names, string(kind))
	}
	return names
}

// quiet is how long nothing comes when all that is remembered was read: the stream
// itself has no end.
const quiet = time.Second

func (e *eventFlags) remembered(ctx context.Context, out, errs io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	idle := time.AfterFunc(10*quiet, cancel) // the first one may take longer
	defer idle.Stop()
	e.query.After = 1
	err := e.client.Events(ctx, e.query, func(event admin.StreamEvent) error {
		idle.Reset(quiet)
		return e.print(event, out, errs)
	})
	if ctx.Err() != nil || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// again is how long to wait before a gateway that has gone is asked again.
const again = 2 * time.Second

// tail prints events until ctx ends. When the gateway is restarted it goes on with
// what comes after the last event.
func (e *eventFlags) tail(ctx context.Context, out, errs io.Writer) error {
	for connected := false; ; {
		err := e.client.Events(ctx, e.query, func(event admin.StreamEvent) error {
			connected = true
			if event.ID != 0 {
				e.query.After = event.ID
			}
			return e.print(event, out, errs)
		})
		var broken net.Error
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, io.EOF), connected && (errors.As(err, &broken) || errors.Is(err, io.ErrUnexpectedEOF)):
			fmt.Fprintln(errs, "the gateway ended the stream; trying again")
			connected = true
		default:
			return err
		}
		if !waitFor(ctx, again) {
			return nil
		}
	}
}

func (e *eventFlags) print(event admin.StreamEvent, out, errs io.Writer) error {
	if event.Lost > 0 {
		fmt.Fprintf(errs, "%d events are lost: they came faster than they were read\n", event.Lost)
		return nil
	}
	if e.json {
		_, err := fmt.Fprintf(out, "%s\n", event.JSON)
		return err
	}
	var v struct {
		At                      time.Time
		Kind, Device, ACS, Text string
	}
	if err := json.Unmarshal(event.JSON, &v); err != nil {
		return fmt.Errorf("event %d: %w", event.ID, err)
	}
	about := strings.TrimSpace(v.Device + " " + v.ACS)
	_, err := fmt.Fprintln(out, commandline.Clean(fmt.Sprintf("%s  %-18s  %s  %s", v.At.Local().Format("15:04:05"), v.Kind, about, v.Text)))
	return err
}
