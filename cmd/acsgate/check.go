package main

import (
	"context"
	"flag"
	"fmt"
	"io"

	"github.com/acsgate/acsgate/internal/commandline"
)

// defineCheck reports every problem of a configuration file at once. It opens no
// socket and no store, so it runs anywhere.
func defineCheck(flags *flag.FlagSet) commandline.Run {
	path := flags.String("config", defaultConfig, "configuration `file`")
	show := flags.Bool("print", false, "print the configuration with all defaults, secrets masked")
	return func(_ context.Context, _ []string, out, _ io.Writer) error {
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
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
