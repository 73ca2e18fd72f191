// Command cpesim plays the two ends of CWMP sessions: simulated CPEs of many
// makes, and a scripted ACS. It contacts nothing but the URL that it is given.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/acsgate/acsgate/internal/commandline"
)

// version is set when a release is built.
var version = "development"

const examples = `A first try, in two terminals:

  cpesim acs -script 'GetParameterValues {root}DeviceInfo.SoftwareVersion'
  cpesim cpe -url http://127.0.0.1:7547/ -n 20

`

func program() commandline.Program {
	return commandline.Program{
		Name:     "cpesim",
		Purpose:  "cpesim simulates the two ends of TR-069 (CWMP) sessions.",
		Examples: examples,
		Commands: []commandline.Command{
			{Name: "cpe", Summary: "hold sessions as simulated CPEs, and say how they went", Synopsis: "-url URL [flags]", Define: defineCPE},
			{Name: "acs", Summary: "be a scripted ACS", Synopsis: "[flags]", Define: defineACS},
			{Name: "makes", Summary: "list the makes of CPE", Define: defineMakes},
			{Name: "version", Summary: "print the version", Define: defineVersion},
		},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := program().Dispatch(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// choice looks a flag's value up in a table.
func choice[T any](name, value string, table map[string]T) (T, error) {
	v, ok := table[value]
	if ok {
		return v, nil
	}
	known := make([]string, 0, len(table))
	for k := range table {
		known = append(known, k)
	}
	slices.Sort(known)
	return v, commandline.Usagef("-%s %q: want one of %s", name, value, strings.Join(known, ", "))
}

func defineVersion(*flag.FlagSet) commandline.Run {
	return func(_ context.Context, _ []string, out, _ io.Writer) error {
		_, err := fmt.Fprintln(out, "cpesim", version)
		return err
	}
}
