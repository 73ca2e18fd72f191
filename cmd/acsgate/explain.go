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

	"github.com/acsgate/acsgate/internal/commandline"
	"github.com/acsgate/acsgate/internal/config"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/policy"
)

// defineExplain says where the sessions of a device go by a configuration, and why
// each rule does or does not apply. It asks no running gateway: health is what
// the flags suppose.
func defineExplain(flags *flag.FlagSet) commandline.Run {
	path := flags.String("config", defaultConfig, "configuration `file`")
	device := flags.String("device", "", "`device` as OUI-ProductClass-Serial or OUI-Serial, odd characters as %XX")
	var in policy.Input
	flags.StringVar(&in.Device.Manufacturer, "manufacturer", "", "manufacturer in the Inform")
	flags.StringVar(&in.SoftwareVersion, "software-version", "", "software `version` in the Inform")
	flags.StringVar(&in.Listener, "listener", "", "`name` of the listener it comes by (default: the first)")
	flags.StringVar(&in.Path, "path", "/", "path of its requests")
	flags.StringVar(&in.Assigned, "assigned", "", "`ACS` that the registry is supposed to record for it")
	source := flags.String("source", "", "`address` it comes from")
	down := flags.String("acs-down", "", "suppose that these ACSs are down, `names` separated by commas")
	return func(_ context.Context, _ []string, out, _ io.Writer) error {
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
