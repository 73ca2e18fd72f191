package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/commandline"
	"github.com/acsgate/acsgate/internal/simnet"
)

// acsFlags are the flags of "cpesim acs".
type acsFlags struct {
	acs                simnet.ACSConfig
	mode, script       string
	strict, quiet      bool
	username, password string
	wrong              simnet.Misbehaviour
	limit              time.Duration
	asJSON             bool
	tls                tlsFlags
}

func defineACS(flags *flag.FlagSet) commandline.Run { return addACSFlags(flags).run }

func (f *acsFlags) run(ctx context.Context, _ []string, out, _ io.Writer) error {
	if err := f.resolve(out); err != nil {
		return err
	}
	acs, err := simnet.NewACS(f.acs)
	if err != nil {
		return fmt.Errorf("%w; choose another address with -listen", err)
	}
	if f.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.limit)
		defer cancel()
	}
	if !f.asJSON {
		fmt.Fprintf(out, "ACS %s (%s) listens on %s\n", f.acs.Name, f.acs.Mode, acs.URL())
	}
	if err := acs.Run(ctx); err != nil {
		return err
	}
	return printStats(acs, f.asJSON, out)
}

func addACSFlags(flags *flag.FlagSet) *acsFlags {
	f := &acsFlags{}
	c := &f.acs
	flags.StringVar(&c.Name, "name", "acs", "`name` in log lines and realm")
	flags.StringVar(&c.Address, "listen", "127.0.0.1:7547", "`address` to listen on")
	flags.StringVar(&f.mode, "mode", "lenient", "`kind` of ACS: lenient, strict (as GenieACS) or freeacs")
	flags.BoolVar(&f.strict, "strict", false, "the same as -mode strict: a session belongs to its TCP connection")
	flags.StringVar(&c.Path, "path", "", "the only `path` that is served; empty means any")
	flags.StringVar(&f.script, "script", "", "`RPCs` for each session, separated by semicolons, or @FILE; {root} is the device's root object")
	flags.BoolVar(&c.Hold, "hold", false, "set HoldRequests while the script runs")
	flags.StringVar(&c.Auth.Scheme, "auth", "", "`authentication`: none, basic or digest; digest nonces of a strict ACS die with their connection")
	flags.StringVar(&f.username, "user", "", "user `name` of all CPEs")
	flags.StringVar(&f.password, "pass", "", "their `password`")
	flags.StringVar(&c.Auth.QOP, "qop", "auth", "offered digest `quality`: auth, auth,auth-int, or empty for RFC 2069")
	flags.IntVar(&c.MaxSessions, "max-sessions", 0, "`sessions` beyond which Informs are answered 503; 0 means no limit")
	flags.DurationVar(&c.SessionTimeout, "session-timeout", 30*time.Second, "`silence` that ends a session")
	flags.BoolVar(&c.NoDeclaration, "no-declaration", false, "write envelopes without an XML declaration")
	flags.DurationVar(&f.wrong.Delay, "delay", 0, "misbehave: `wait` before each reply")
	flags.BoolVar(&f.wrong.Close, "close", false, "misbehave: close the connection after each reply")
	flags.BoolVar(&f.wrong.Chunked, "chunked", false, "misbehave: send chunked replies")
	flags.BoolVar(&f.wrong.NoReason, "no-reason", false, "misbehave: send status lines without a reason phrase")
	flags.BoolVar(&f.wrong.EmptyAs200, "empty-200", false, "misbehave: end sessions with 200 instead of 204")
	flags.DurationVar(&f.limit, "for", 0, "stop after this `time`; 0 means at an interrupt")
	flags.BoolVar(&f.quiet, "q", false, "print no line for each message")
	flags.BoolVar(&f.asJSON, "json", false, "print nothing but the totals at the end, as JSON")
	f.tls.addServer(flags)
	return f
}

// resolve turns what was typed into the configuration of the ACS.
func (f *acsFlags) resolve(out io.Writer) error {
	var err error
	if f.acs.Mode, err = simnet.ParseMode(f.mode); err != nil {
		return commandline.UsageError{Err: fmt.Errorf("-mode: %w", err)}
	}
	if f.strict {
		f.acs.Mode = simnet.Strict
	}
	if err := f.resolveAuth(); err != nil {
		return err
	}
	if f.acs.TLS, err = f.tls.server(); err != nil {
		return err
	}
	if err := f.resolveScript(); err != nil {
		return err
	}
	f.acs.Keep = -1
	f.acs.Misbehave = func(*simnet.Exchange) simnet.Misbehaviour { return f.wrong }
	if !f.quiet && !f.asJSON {
		f.acs.Log = func(line string) { fmt.Fprintln(out, line) }
	}
	return nil
}

func (f *acsFlags) resolveAuth() error {
	if _, err := choice("auth", f.acs.Auth.Scheme, map[string]bool{"": true, "none": true, "basic": true, "digest": true}); err != nil {
		return err
	}
	if f.acs.Auth.Scheme == "none" {
		f.acs.Auth.Scheme = ""
	}
	if f.acs.Auth.Scheme != "" && f.username == "" {
		return commandline.Usagef("-auth %s needs -user and -pass", f.acs.Auth.Scheme)
	}
	f.acs.Auth.Password = simnet.OneUser(f.username, f.password)
	f.acs.Auth.BindNonce = f.acs.Mode == simnet.Strict
	return nil
}

func (f *acsFlags) resolveScript() error {
	text := f.script
	if name, ok := strings.CutPrefix(text, "@"); ok {
		b, err := os.ReadFile(name)
		if err != nil {
			return commandline.Usagef("-script: %w", err)
		}
		text = string(b)
	}
	script, err := simnet.ParseScript(text)
	if err != nil {
		return commandline.Usagef("-script: %w", err)
	}
	f.acs.Script = simnet.Asking(script...)
	return nil
}

// printStats prints what the ACS has counted. Its problems, if any, are those
// of whoever talked to it.
func printStats(acs *simnet.ACS, asJSON bool, out io.Writer) error {
	s := acs.Stats()
	if asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(struct {
			simnet.ACSStats
			Problems []string `json:"problems"`
		}{s, acs.Problems()})
	}
	fmt.Fprintf(out, "%d of %d sessions complete, %d timed out, %d RPCs asked, %d requests over %d connections\n",
		s.Completed, s.Started, s.Timeouts, s.RPCs, s.Requests, s.Connections)
	fmt.Fprintf(out, "  %d challenges, %d refused, %d answered 503, %d bad requests\n", s.Challenges, s.Refused, s.Overloads, s.BadRequests+s.SlowRequests)
	for _, p := range acs.Problems() {
		fmt.Fprintf(out, "  problem %s\n", p)
	}
	return nil
}
