package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"io"
	"os"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/commandline"
	"github.com/acsgate/acsgate/internal/cwmp"
)

// clientFlags are the flags of every command that speaks to a running gateway.
func clientFlags(flags *flag.FlagSet, c *admin.Client) {
	addressFlags(flags, c)
	flags.StringVar(&c.TokenFile, "token-file", "", "`file` with a token of admin.tokens (default: the word in $"+admin.TokenVariable+")")
	flags.StringVar(&c.CertFile, "cert", "", "`file` with a client certificate, which can stand in for a token")
	flags.StringVar(&c.KeyFile, "key", "", "`file` with its private key")
}

// addressVariable is the environment variable with the address of the admin
// listener.
const addressVariable = "ACSGATE_ADMIN"

// addressFlags say where the admin listener is and how to trust it.
func addressFlags(flags *flag.FlagSet, c *admin.Client) {
	flags.StringVar(&c.Address, "admin", or(os.Getenv(addressVariable), admin.DefaultAddress), "`address` of the admin listener; https:// before it for TLS (default: that in $"+addressVariable+")")
	flags.StringVar(&c.CAFile, "ca", "", "`file` with the authority of its certificate (default: those of the system)")
}

// lister is what commands that list something are told.
type lister struct {
	client admin.Client
	json   bool
	limit  int
}

// maxPage is the largest page that the API has.
const maxPage = 1000

func (l *lister) flags(flags *flag.FlagSet) {
	clientFlags(flags, &l.client)
	flags.BoolVar(&l.json, "json", false, "print JSON, a document a line")
	flags.IntVar(&l.limit, "limit", 0, "at most this `number`; 0: all")
}

// pages fetches pages and prints the rows of each at once, until there is none or
// the limit is reached: as a table, or as JSON.
func pages[T any](l *lister, out io.Writer, table *commandline.Table, fetch func(cursor string, limit int) (rows []T, next string, err error), row func(T)) error {
	lines := bufio.NewWriter(out)
	encoder := json.NewEncoder(lines)
	for cursor, left := "", l.limit; ; {
		size := maxPage
		if l.limit > 0 {
			size = min(size, left)
		}
		rows, next, err := fetch(cursor, size)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if l.json {
				err = encoder.Encode(r)
			} else {
				row(r)
			}
			if err != nil {
				return err
			}
		}
		flush := table.Flush
		if l.json {
			flush = lines.Flush
		}
		if err := flush(); err != nil {
			return err
		}
		left -= len(rows)
		if cursor = next; next == "" || l.limit > 0 && left <= 0 {
			return nil
		}
	}
}

// list is pages for what comes in one.
func list[T any](l *lister, out io.Writer, table *commandline.Table, rows []T, row func(T)) error {
	if l.limit > 0 && len(rows) > l.limit {
		rows = rows[:l.limit]
	}
	return pages(&lister{json: l.json}, out, table, func(string, int) ([]T, string, error) { return rows, "", nil }, row)
}

// oneDevice returns the device that a command is about.
func oneDevice(args []string) (id cwmp.DeviceID, err error) {
	if len(args) != 1 {
		return id, commandline.Usagef("give one device as OUI-ProductClass-Serial, not %d", len(args))
	}
	if id, err = cwmp.ParseDeviceID(args[0]); err != nil {
		return id, commandline.UsageError{Err: err}
	}
	return id, nil
}

// ago says how long ago a time of the API was.
func ago(text string) string {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return text
	}
	return short(time.Since(at)) + " ago"
}

// short writes a duration with two units at most.
func short(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < time.Minute:
		return d.Round(time.Second).String()
	case d < time.Hour:
		return trimZero(d.Round(time.Second).String(), "m0s", "m")
	case d < 48*time.Hour:
		return trimZero(d.Round(time.Minute).String(), "0s", "")
	}
	return count(int(d.Hours()/24), "day")
}

func trimZero(text, suffix, by string) string {
	if n := len(text) - len(suffix); n > 0 && text[n:] == suffix {
		return text[:n] + by
	}
	return text
}

// afterwards is the context of what is done last, also when a command was
// interrupted.
func afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
}
