package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/commandline"
)

// defineConfig prints the configuration that a running gateway goes by.
func defineConfig(flags *flag.FlagSet) commandline.Run {
	var client admin.Client
	clientFlags(flags, &client)
	asJSON := flags.Bool("json", false, "print JSON")
	return func(ctx context.Context, _ []string, out, errs io.Writer) error {
		v, err := client.Config(ctx)
		switch {
		case err != nil:
			return err
		case *asJSON:
			return json.NewEncoder(out).Encode(v)
		}
		if v.Changed {
			fmt.Fprintf(errs, "%s has changed since it was loaded: acsgate reload\n", v.File)
		}
		printProblems(errs, v)
		_, err = io.WriteString(out, v.Effective)
		return err
	}
}

// defineReload makes a running gateway read its configuration file again.
func defineReload(flags *flag.FlagSet) commandline.Run {
	var client admin.Client
	clientFlags(flags, &client)
	return func(ctx context.Context, _ []string, out, errs io.Writer) error {
		v, err := client.Reload(ctx)
		if err != nil {
			return err
		}
		printProblems(errs, v)
		_, err = fmt.Fprintf(out, "%s is in force\n", or(v.File, "the configuration"))
		return err
	}
}

func printProblems(errs io.Writer, v admin.ConfigView) {
	for _, p := range v.Problems {
		fmt.Fprintln(errs, p)
	}
}

// defineCertificates lists the certificates of a running gateway.
func defineCertificates(flags *flag.FlagSet) commandline.Run {
	var l lister
	l.flags(flags)
	return func(ctx context.Context, _ []string, out, _ io.Writer) error {
		all, err := l.client.Certificates(ctx)
		if err != nil {
			return err
		}
		table := commandline.NewTable(commandline.TerminalOf(out), "NAMES", "SOURCE", "STATE", "NOT AFTER", "ISSUER", "NOTE")
		return list(&l, out, table, all, func(c admin.CertificateView) {
			table.Row(strings.Join(c.Names, ", "), c.Source, c.State, c.NotAfter, c.Issuer, c.Reason)
		})
	}
}
