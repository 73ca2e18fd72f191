package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/commandline"
	"github.com/acsgate/acsgate/internal/cwmp"
)

// captureFlags are what acsgate capture is told.
type captureFlags struct {
	client admin.Client
	last   time.Duration
	output string
}

// defineCapture records the conversation of one device for a while.
func defineCapture(flags *flag.FlagSet) commandline.Run {
	var c captureFlags
	clientFlags(flags, &c.client)
	flags.DurationVar(&c.last, "for", 10*time.Minute, "how long, at most 1h; Ctrl-C ends it earlier")
	flags.StringVar(&c.output, "o", "-", "`file` to write: HAR if its name ends in .har, else text; -: standard output")
	return func(ctx context.Context, args []string, out, errs io.Writer) error {
		id, err := oneDevice(args)
		if err != nil {
			return err
		}
		return c.run(ctx, id, out, errs)
	}
}

func (c *captureFlags) run(ctx context.Context, id cwmp.DeviceID, out, errs io.Writer) (err error) {
	file, err := c.open(out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	v, err := c.client.StartCapture(ctx, id, c.last)
	if err != nil {
		return err
	}
	v, err = c.watch(ctx, v, errs)
	if err != nil {
		return err
	}
	ctx, cancel := afterwards(ctx)
	defer cancel()
	if v.Running {
		if err := c.client.StopCapture(ctx, v.ID); err != nil {
			return err
		}
	}
	format := "text"
	if filepath.Ext(c.output) == ".har" {
		format = "har"
	}
	if v.Cut > 0 {
		fmt.Fprintf(errs, "%d messages found no room in it\n", v.Cut)
	}
	return c.client.DownloadCapture(ctx, v.ID, format, file)
}

// open opens the file before the device is captured: that it cannot be written is
// best told at once. It is for its owner alone, since masking knows no secrets but
// those that it recognizes.
func (c *captureFlags) open(out io.Writer) (io.WriteCloser, error) {
	if c.output == "-" {
		return keptOpen{out}, nil
	}
	file, err := os.OpenFile(c.output, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, commandline.Usagef("-o: %w", err)
	}
	return file, nil
}

type keptOpen struct{ io.Writer }

func (keptOpen) Close() error { return nil }

// watch tells how far a capture is until it or ctx ends.
func (c *captureFlags) watch(ctx context.Context, v admin.CaptureView, errs io.Writer) (admin.CaptureView, error) {
	progress := commandline.NewProgress(commandline.TerminalOf(errs))
	defer progress.End()
	for began := time.Now(); v.Running; {
		progress.Show(time.Since(began).Seconds(), c.last.Seconds(), fmt.Sprintf("%s: %s, %d bytes", v.Device, count(v.Messages, "message"), v.Bytes))
		if !waitFor(ctx, watchInterval) {
			break
		}
		next, err := c.client.Capture(ctx, v.ID)
		switch {
		case ctx.Err() != nil:
			return v, nil
		case err != nil:
			return v, err
		}
		v = next
	}
	return v, nil
}
