// Command acsgate is the gateway and its command line.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/acsgate/acsgate/internal/commandline"
	"github.com/acsgate/acsgate/internal/config"
)

// version is set when a release is built.
var version = "development"

func program() commandline.Program {
	return commandline.Program{
		Name:    "acsgate",
		Purpose: "acsgate is a TR-069 (CWMP) gateway in front of one or more ACSs.",
		Commands: []commandline.Command{
			{Name: "run", Summary: "run the gateway", Run: runGateway},
			{Name: "demo", Summary: "show a gateway with two ACSs and simulated CPEs at work", Run: runDemo},
			{Name: "check", Summary: "check a configuration file", Run: runCheck},
			{Name: "explain", Summary: "say where a device's sessions go, and why", Run: runExplain},
			{Name: "wake", Summary: "make devices of a running gateway call home", Run: runWake},
			{Name: "drain", Summary: "move an ACS's devices to another one before its maintenance", Run: runDrain},
			{Name: "campaigns", Summary: "show, start, pause and undo moves of many devices", Run: runCampaigns},
			{Name: "return", Summary: "bring an ACS's sessions back from its backup", Run: runReturn},
			{Name: "device", Summary: "say what a running gateway knows of a device", Run: runDevice},
			{Name: "health", Summary: "ask a running gateway whether it works", Run: runHealth},
			{Name: "version", Summary: "print the version", Run: runVersion},
		},
	}
}

func main() { os.Exit(run()) }

// run runs the program until it has done, or until SIGTERM or SIGINT tell it to
// come to an end; a second one ends it at once.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop)
	return program().Dispatch(ctx, os.Args[1:], os.Stdout, os.Stderr)
}

// loadConfig loads a configuration file; its problems stand alone on their lines.
func loadConfig(path string) (*config.Config, error) {
	cfg, err := config.Load(path)
	var problems config.Problems
	switch {
	case errors.As(err, &problems):
		return nil, commandline.Plain{Err: err}
	case err != nil:
		return nil, commandline.UsageError{Err: err}
	}
	return cfg, nil
}

func runVersion(_ context.Context, args []string, out, errs io.Writer) error {
	if err := commandline.Parse(commandline.NewFlags("acsgate version", "", errs), args); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, "acsgate", version)
	return err
}
