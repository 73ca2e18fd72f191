package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/commandline"
)

// defineHealth asks the admin listener of a running gateway whether it works, for
// container health checks, or whether it wants new sessions.
func defineHealth(flags *flag.FlagSet) commandline.Run {
	var client admin.Client
	addressFlags(flags, &client)
	ready := flags.Bool("ready", false, "ask whether new sessions are welcome, not only whether the process works")
	timeout := flags.Duration("timeout", 3*time.Second, "how long to wait for an answer")
	return func(ctx context.Context, _ []string, out, _ io.Writer) error {
		ctx, cancel := context.WithTimeout(ctx, *timeout)
		defer cancel()
		path, answer := admin.PathLive, "works"
		if *ready {
			path, answer = admin.PathReady, "ready"
		}
		if err := client.Probe(ctx, path); err != nil {
			return err
		}
		_, err := fmt.Fprintln(out, answer)
		return err
	}
}
