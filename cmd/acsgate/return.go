package main

import (
	"context"
	"flag"
	"fmt"
	"io"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/commandline"
)

// defineReturn brings the sessions of an ACS back from its backup.
func defineReturn(flags *flag.FlagSet) commandline.Run {
	var client admin.Client
	clientFlags(flags, &client)
	return func(ctx context.Context, args []string, out, _ io.Writer) error {
		if len(args) != 1 {
			return commandline.Usagef("give the one ACS whose sessions are to come back from its backup, not %d", len(args))
		}
		if err := client.Return(ctx, args[0]); err != nil {
			return err
		}
		_, err := fmt.Fprintf(out, "sessions of %s come back from its backup\n", args[0])
		return err
	}
}
