package main

import (
	"context"
	"flag"
	"strings"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/commandline"
)

// values are what a shell can complete from a running gateway. Without one, or
// without a token, there is nothing to complete.
func values() map[string]commandline.Values {
	return map[string]commandline.Values{
		"ACS":      acsNames,
		"campaign": campaignNames,
		"device":   deviceNames,
	}
}

// typedClient is the client that the flags typed so far make.
func typedClient(flags *flag.FlagSet) admin.Client {
	typed := func(name string) string {
		if f := flags.Lookup(name); f != nil {
			return f.Value.String()
		}
		return ""
	}
	return admin.Client{
		Address: or(typed("admin"), admin.DefaultAddress), TokenFile: typed("token-file"),
		CAFile: typed("ca"), CertFile: typed("cert"), KeyFile: typed("key"),
	}
}

// Who completes a word is told of no failure.

func acsNames(ctx context.Context, flags *flag.FlagSet, _ string) (names []string) {
	client := typedClient(flags)
	all, _ := client.ACSs(ctx)
	for _, a := range all {
		names = append(names, a.Name)
	}
	return names
}

// mostDevices is how many devices a shell is offered.
const mostDevices = 50

func deviceNames(ctx context.Context, flags *flag.FlagSet, begun string) (names []string) {
	client := typedClient(flags)
	page, _ := client.Devices(ctx, admin.DeviceQuery{Text: begun, Limit: mostDevices})
	for _, d := range page.Devices {
		names = append(names, d.Device)
	}
	return names
}

func campaignNames(ctx context.Context, flags *flag.FlagSet, _ string) (names []string) {
	client := typedClient(flags)
	all, _ := client.Campaigns(ctx)
	for _, c := range all {
		names = append(names, c.Name)
	}
	return names
}

var campaignCommands = strings.Join(append([]string{"list", "show", "devices", "preview", "create"}, admin.Actions()...), "|")
