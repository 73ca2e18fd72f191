// Command acsgate is the gateway and its command line.
package main

import (
	"context"
	"errors"
	"flag"
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
			{Name: "run", Summary: "run the gateway", Synopsis: "[-config FILE]", Define: defineRun},
			{Name: "demo", Summary: "show a gateway with two ACSs and simulated CPEs at work", Synopsis: "[-for 20s] [-v]", Define: defineDemo},
			{Name: "check", Summary: "check a configuration file", Synopsis: "[-config FILE] [-print]", Define: defineCheck},
			{Name: "explain", Summary: "say where a device's sessions go, and why", Args: []string{"device"},
				Synopsis: "[flags] DEVICE", Define: defineExplain},
			{Name: "wake", Summary: "make devices of a running gateway call home", Args: []string{"device"},
				Synopsis: "[flags] DEVICE | -list FILE | -acs NAME | -oui OUI | -all", Define: defineWake},
			{Name: "drain", Summary: "move an ACS's devices to another one before its maintenance", Args: []string{"ACS"},
				Synopsis: "ACS -to OTHER [flags]", Define: defineDrain},
			{Name: "campaigns", Summary: "show, start, pause and undo moves of many devices",
				Args: []string{campaignCommands, "campaign"}, Synopsis: campaignsSynopsis, Define: defineCampaigns},
			{Name: "return", Summary: "bring an ACS's sessions back from its backup", Args: []string{"ACS"}, Synopsis: "[flags] ACS", Define: defineReturn},
			{Name: "status", Summary: "say at a glance how a running gateway is", Synopsis: "[flags]", Define: defineStatus},
			{Name: "devices", Summary: "list and search the devices of a running gateway", Args: []string{"query"},
				Synopsis: "[flags] [PART OF IDENTITY, VERSION OR ADDRESS]", Define: defineDevices},
			{Name: "device", Summary: "say what a running gateway knows of a device", Args: []string{"device"}, Synopsis: "[flags] DEVICE", Define: defineDevice},
			{Name: "timeline", Summary: "say what happened to a device, and why it is not reachable", Args: []string{"device"},
				Synopsis: "[flags] DEVICE", Define: defineTimeline},
			{Name: "capture", Summary: "record the conversation of a device for a while", Args: []string{"device"},
				Synopsis: "[-for 10m] [-o FILE] [flags] DEVICE", Define: defineCapture},
			{Name: "sessions", Summary: "list the sessions under way", Synopsis: "[flags]", Define: defineSessions},
			{Name: "acs", Summary: "list the ACSs, their health and load", Args: []string{"ACS"}, Synopsis: "[flags] [ACS...]", Define: defineACS},
			{Name: "bindings", Summary: "list the STUN bindings", Args: []string{"query"}, Synopsis: "[flags] [PART OF IDENTITY OR ADDRESS]", Define: defineBindings},
			{Name: "events", Summary: "print what happens, or has happened", Synopsis: "[-f] [flags]", Define: defineEvents},
			{Name: "certificates", Summary: "list the certificates", Synopsis: "[flags]", Define: defineCertificates},
			{Name: "config", Summary: "print the configuration in force", Synopsis: "[flags]", Define: defineConfig},
			{Name: "reload", Summary: "make the gateway read its configuration file again", Synopsis: "[flags]", Define: defineReload},
			{Name: "health", Summary: "ask a running gateway whether it works", Synopsis: "[-admin ADDRESS] [-ready]", Define: defineHealth},
			{Name: "version", Summary: "print the version", Define: defineVersion},
		},
		Values: values(),
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

func defineVersion(*flag.FlagSet) commandline.Run {
	return func(_ context.Context, _ []string, out, _ io.Writer) error {
		_, err := fmt.Fprintln(out, "acsgate", version)
		return err
	}
}
