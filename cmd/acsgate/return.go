package main

import (
	"context"
	"fmt"
	"io"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/commandline"
)

// runReturn brings the sessions of an ACS back from its backup.
func runReturn(ctx context.Context, args []string, out, errs io.Writer) error {
	var client admin.Client
	flags := commandline.NewFlags("acsgate return", "[flags] ACS", errs)
	clientFlags(flags, &client)
	args, err := commandline.ParseArgs(flags, args)
	if err != nil {
		return err
	}
	if len(args) != 1 {
		return commandline.Usagef("give the one ACS whose sessions are to come back from its backup, not %d", len(args))
	}
	if err := client.Return(ctx, args[0]); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "sessions of %s come back from its backup\n", args[0])
	return err
}
