package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/acsgate/acsgate/internal/commandline"
	"github.com/acsgate/acsgate/internal/simnet"
)

// cpeFlags are the flags of "cpesim cpe" that need more than a copy into the
// fleet's configuration.
type cpeFlags struct {
	fleet                           simnet.FleetConfig
	makes, cookies, auth            string
	connection, sources             string
	tls                             tlsFlags
	asJSON, verbose, quiet, shipped bool
}

func defineCPE(flags *flag.FlagSet) commandline.Run { return addCPEFlags(flags).run }

func (f *cpeFlags) run(ctx context.Context, _ []string, out, errs io.Writer) error {
	if err := f.resolve(); err != nil {
		return err
	}
	var mu sync.Mutex
	if f.verbose {
		f.fleet.Done = func(o simnet.Outcome) {
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintln(out, outcomeLine(o))
		}
	}
	fleet, err := simnet.NewFleet(f.fleet)
	if err != nil {
		return commandline.UsageError{Err: err}
	}
	summary := runWithProgress(ctx, fleet, f.quiet, errs)
	return printSummary(summary, f.asJSON, out)
}

func addCPEFlags(flags *flag.FlagSet) *cpeFlags {
	f := &cpeFlags{}
	c := &f.fleet
	flags.StringVar(&c.URL, "url", "", "`URL` of the ACS or gateway, such as http://127.0.0.1:7547/ (required)")
	flags.IntVar(&c.N, "n", 10, "`number` of CPEs")
	flags.StringVar(&f.makes, "make", "mixed", "`makes`, separated by commas; mixed means all of them in turn (cpesim makes lists them)")
	flags.BoolVar(&f.shipped, "shipped", false, "with the parser faults that netcwmp and tr069agent are shipped with")
	flags.IntVar(&c.Sessions, "sessions", 1, "sessions of each CPE; -1 without end, which needs -for")
	flags.DurationVar(&c.Interval, "interval", 0, "`pause` between the sessions of a CPE")
	flags.DurationVar(&c.For, "for", 0, "start no session after this `time`; 0 means no limit")
	flags.Float64Var(&c.Rate, "rate", 0, "`sessions` started per second; 0 means as fast as possible")
	flags.IntVar(&c.Concurrency, "concurrency", 1000, "`sessions` at once")
	flags.IntVar(&c.Retries, "retries", 0, "how `often` a failed session is tried again")
	flags.DurationVar(&c.RetryWait, "retry-wait", 5*time.Second, "`wait` before that; a longer Retry-After of the ACS wins")
	flags.DurationVar(&c.Pause, "pause", 0, "`wait` before each POST but the first")
	flags.DurationVar(&c.Timeout, "timeout", 30*time.Second, "`limit` of each exchange")
	flags.IntVar(&c.FirstSerial, "serial", 1, "`number` in the serial of the first CPE")
	flags.StringVar(&f.auth, "auth", "any", "`authentication`: any, none, basic or digest; any answers what the ACS asks for")
	flags.StringVar(&c.Username, "user", "", "user `name`; {device} becomes the identity of the CPE")
	flags.StringVar(&c.Password, "pass", "", "`password`")
	flags.StringVar(&f.cookies, "cookies", "make", "`cookies`: make (as the make does), yes, no, first, replace, echo, rfc2965, comma or separate")
	flags.StringVar(&f.connection, "connection", "make", "`connections`: make (as the make does), keep-alive, per-post or per-post-close")
	flags.StringVar(&f.sources, "source", "", "local `addresses` to use in turn, separated by commas")
	flags.BoolVar(&f.asJSON, "json", false, "print the summary as JSON")
	flags.BoolVar(&f.verbose, "v", false, "print a line for each session")
	flags.BoolVar(&f.quiet, "q", false, "print no progress")
	f.tls.addClient(flags)
	return f
}

var authModes = map[string]simnet.AuthMode{
	"any": simnet.AuthAny, "none": simnet.AuthNone, "basic": simnet.AuthBasic, "digest": simnet.AuthDigest,
}

var cookieModes = map[string]simnet.CookieMode{
	"make": 0, "yes": simnet.CookiesAll, "no": simnet.CookiesNone, "first": simnet.CookiesFirst, "replace": simnet.CookiesReplace,
	"echo": simnet.CookiesEcho, "rfc2965": simnet.CookiesRFC2965, "comma": simnet.CookiesComma, "separate": simnet.CookiesSeparate,
}

var connections = map[string]simnet.Connection{
	"make": 0, "keep-alive": simnet.KeepAlive, "per-post": simnet.PerPost, "per-post-close": simnet.PerPostClose,
}

// resolve turns what was typed into the fleet's configuration.
func (f *cpeFlags) resolve() error {
	if f.fleet.URL == "" {
		return commandline.Usagef("-url is missing: name the ACS or gateway, such as -url http://127.0.0.1:7547/")
	}
	if f.fleet.Rate < 0 || f.fleet.Concurrency < 0 || f.fleet.Retries < 0 {
		return commandline.Usagef("-rate, -concurrency and -retries cannot be negative")
	}
	var err error
	if f.fleet.Auth, err = choice("auth", f.auth, authModes); err != nil {
		return err
	}
	if (f.auth == "basic" || f.auth == "digest") && f.fleet.Username == "" {
		return commandline.Usagef("-auth %s needs -user and -pass", f.auth)
	}
	if f.fleet.Sources, err = parseSources(f.sources); err != nil {
		return err
	}
	if f.fleet.TLS, err = f.tls.client(); err != nil {
		return err
	}
	return f.resolveMakes()
}

func (f *cpeFlags) resolveMakes() error {
	makes, err := parseMakes(f.makes)
	if err != nil {
		return err
	}
	cookies, err := choice("cookies", f.cookies, cookieModes)
	if err != nil {
		return err
	}
	connection, err := choice("connection", f.connection, connections)
	if err != nil {
		return err
	}
	habits, err := f.tls.habits()
	if err != nil {
		return err
	}
	for i := range makes {
		if f.shipped && (makes[i].Name == "netcwmp" || makes[i].Name == "tr069agent") {
			makes[i] = makes[i].AsShipped()
		}
		if f.cookies != "make" {
			makes[i].Cookies = cookies
		}
		if f.connection != "make" {
			makes[i].Connection = connection
		}
		makes[i].TLS = habits
	}
	f.fleet.Makes = makes
	return nil
}

func parseMakes(list string) ([]simnet.Make, error) {
	if list == "mixed" {
		return simnet.Makes(), nil
	}
	var makes []simnet.Make
	for name := range strings.SplitSeq(list, ",") {
		m, ok := simnet.MakeNamed(strings.TrimSpace(name))
		if !ok {
			return nil, commandline.Usagef("-make %q: there is no make %q; cpesim makes lists them", list, name)
		}
		makes = append(makes, m)
	}
	return makes, nil
}

func parseSources(list string) ([]netip.Addr, error) {
	if list == "" {
		return nil, nil
	}
	var sources []netip.Addr
	for text := range strings.SplitSeq(list, ",") {
		addr, err := netip.ParseAddr(strings.TrimSpace(text))
		if err != nil {
			return nil, commandline.Usagef("-source %q: %q is not an address", list, text)
		}
		sources = append(sources, addr)
	}
	return sources, nil
}

// progressEvery is how often a long run says how far it is.
const progressEvery = 10 * time.Second

// runWithProgress runs the fleet and prints a line from time to time.
func runWithProgress(ctx context.Context, fleet *simnet.Fleet, quiet bool, errs io.Writer) simnet.Summary {
	done := make(chan struct{})
	var printer sync.WaitGroup
	printer.Go(func() {
		ticker := time.NewTicker(progressEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				if s := fleet.Progress(); !quiet {
					fmt.Fprintf(errs, "cpesim: %d sessions, %d failed, %d tried again\n", s.Sessions, s.Failed, s.Retried)
				}
			case <-done:
				return
			}
		}
	})
	summary := fleet.Run(ctx)
	close(done)
	printer.Wait()
	return summary
}

func outcomeLine(o simnet.Outcome) string {
	verdict := "ok"
	if o.Err != nil {
		verdict = "failed: " + o.Err.Error()
	}
	rpcs := strings.Join(o.Result.RPCs, " ")
	if rpcs != "" {
		rpcs = ", " + rpcs
	}
	return fmt.Sprintf("%s %s: %d posts%s, %s, %s", o.Make, o.Result.Device, len(o.Result.Legs), rpcs, o.Result.Took.Round(100*time.Microsecond), verdict)
}

// printSummary prints the end of a run; failed sessions make it a failure.
func printSummary(s simnet.Summary, asJSON bool, out io.Writer) error {
	if asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(s); err != nil {
			return err
		}
	} else if _, err := io.WriteString(out, s.String()); err != nil {
		return err
	}
	if s.Failed > 0 || s.Succeeded == 0 {
		return commandline.ErrSilent
	}
	return nil
}

func defineMakes(*flag.FlagSet) commandline.Run { return printMakes }

func printMakes(_ context.Context, _ []string, out, _ io.Writer) error {
	for _, m := range simnet.Makes() {
		if _, err := fmt.Fprintf(out, "%-14s %s\n", m.Name, m.Summary); err != nil {
			return err
		}
	}
	return nil
}
