package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/commandline"
	"github.com/acsgate/acsgate/internal/config"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/policy"
)

// defineExplain says where the sessions of a device go, and why each rule does or does
// not apply: by what a running gateway knows, or by a configuration file. Then it asks
// no gateway, and health is what the flags suppose.
func defineExplain(flags *flag.FlagSet) commandline.Run {
	var client admin.Client
	clientFlags(flags, &client)
	path := flags.String("config", "", "by this configuration `file`, not by what a running gateway knows")
	device := flags.String("device", "", "`device` as OUI-ProductClass-Serial or OUI-Serial, odd characters as %XX")
	var in policy.Input
	flags.StringVar(&in.Device.Manufacturer, "manufacturer", "", "manufacturer in the Inform")
	flags.StringVar(&in.SoftwareVersion, "software-version", "", "software `version` in the Inform")
	flags.StringVar(&in.Listener, "listener", "", "`name` of the listener it comes by (default: the first)")
	flags.StringVar(&in.Path, "path", "/", "path of its requests")
	flags.StringVar(&in.Assigned, "assigned", "", "`ACS` that the registry is supposed to record for it")
	source := flags.String("source", "", "`address` it comes from")
	down := flags.String("acs-down", "", "suppose that these ACSs are down, `names` separated by commas")
	supposed := []string{"manufacturer", "software-version", "listener", "path", "assigned", "source", "acs-down"}
	return func(ctx context.Context, args []string, out, _ io.Writer) error {
		if len(args) == 1 && *device == "" {
			*device, args = args[0], nil
		}
		if len(args) > 0 {
			return commandline.Usagef("give one device, not also %q", strings.Join(args, " "))
		}
		if *path == "" {
			for _, name := range supposed {
				if f := flags.Lookup(name); f.Value.String() != f.DefValue {
					return commandline.Usagef("-%s supposes what a running gateway knows: it needs -config", name)
				}
			}
			return explainLive(ctx, client, *device, out)
		}
		cfg, err := loadConfig(*path)
		if err != nil {
			return err
		}
		if err := completeInput(&in, cfg, *device, *source); err != nil {
			return commandline.UsageError{Err: err}
		}
		p, err := policy.Compile(cfg.PolicyConfig())
		if err != nil {
			return commandline.UsageError{Err: err}
		}
		snapshot, err := suppose(cfg, *down)
		if err != nil {
			return commandline.UsageError{Err: err}
		}
		return p.WriteExplanation(out, in, snapshot)
	}
}

// explainLive says where the next session of a device goes, and whether the device is
// reachable, by what a running gateway knows.
func explainLive(ctx context.Context, client admin.Client, device string, out io.Writer) error {
	if device == "" {
		return commandline.Usagef("give one device, such as 00D09E-HG1-SN1000")
	}
	id, err := oneDevice([]string{device})
	if err != nil {
		return err
	}
	v, err := client.Device(ctx, id)
	if err != nil {
		return err
	}
	printDecision(out, &v)
	t, err := client.Timeline(ctx, id, 1)
	if err != nil {
		return err
	}
	printAdvice(out, t.Advice)
	return nil
}

func completeInput(in *policy.Input, cfg *config.Config, device, source string) error {
	if device == "" {
		return fmt.Errorf("-device is missing, such as -device 00D09E-HG1-SN1000")
	}
	manufacturer := in.Device.Manufacturer
	id, err := cwmp.ParseDeviceID(device)
	if err != nil {
		return fmt.Errorf("-device: %w", err)
	}
	in.Device, in.Known = id, true
	in.Device.Manufacturer = manufacturer
	if source != "" {
		if in.Source, err = netip.ParseAddr(source); err != nil {
			return fmt.Errorf("-source %q is not an IP address", source)
		}
	}
	if in.Listener == "" && len(cfg.Listen) > 0 {
		in.Listener = cfg.Listen[0].Name
	}
	return nil
}

// suppose returns the health in which the named ACSs are down and all others up.
func suppose(cfg *config.Config, down string) (*policy.Snapshot, error) {
	acs := cfg.PolicyConfig().ACS
	snapshot := policy.NewHealth(acs, time.Now()).Snapshot()
	for name := range strings.SplitSeq(down, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if !slices.ContainsFunc(acs, func(a policy.ACSConfig) bool { return a.Name == name }) {
			return nil, fmt.Errorf("-acs-down %q is not an acs of the configuration", name)
		}
		snapshot = snapshot.With(name, policy.Down)
	}
	return snapshot, nil
}
