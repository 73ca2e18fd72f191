package main

import (
	"context"
	"fmt"
	"io"

	"github.com/acsgate/acsgate/internal/commandline"
)

// runCheck reports every problem of a configuration file at once. It opens no
// socket and no store, so it runs anywhere.
func runCheck(_ context.Context, args []string, out, errs io.Writer) error {
	flags := commandline.NewFlags("acsgate check", "[-config FILE] [-print]", errs)
	path := flags.String("config", defaultConfig, "configuration `file`")
	show := flags.Bool("print", false, "print the configuration with all defaults, secrets masked")
	if err := commandline.Parse(flags, args); err != nil {
		return err
	}
	cfg, err := loadConfig(*path)
	if err != nil {
		return err
	}
	if *show {
		_, err = io.WriteString(out, cfg.Effective())
		return err
	}
	_, err = fmt.Fprintf(out, "%s is fine: %s, %s, %s\n", *path,
		count(len(cfg.Listen), "listener"), count(len(cfg.ACS), "ACS"), count(len(cfg.Routes), "route"))
	return err
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
