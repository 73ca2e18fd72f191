package main

import (
	"context"
	"flag"
	"strings"

	"github.com/acsgate/acsgate/internal/admin"
)

// values are what a shell can complete from a running gateway. Without one, or
// without a token, there is nothing to complete.
func values() map[string]func(context.Context, *flag.FlagSet) []string {
	return map[string]func(context.Context, *flag.FlagSet) []string{
		"campaign": campaignNames,
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
	return admin.Client{Address: or(typed("admin"), admin.DefaultAddress), TokenFile: typed("token-file")}
}

func campaignNames(ctx context.Context, flags *flag.FlagSet) (names []string) {
	client := typedClient(flags)
	all, _ := client.Campaigns(ctx) // who completes a word is told of no failure
	for _, c := range all {
		names = append(names, c.Name)
	}
	return names
}

var campaignCommands = strings.Join(append([]string{"list", "show", "devices", "preview", "create"}, admin.Actions()...), "|")
