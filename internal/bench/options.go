package main

import (
	"flag"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
)

// options are the flags of a run.
type options struct {
	only     string
	rounds   int
	sessions int
	workers  int
	procs    int
	devices  int
	idle     int
	crowd    int
	answers  int
	bindings int
	wakes    int
	bulk     int
	drained  int
	members  int
	gateway  string
	profile  string
	document string
	markdown bool
	smoke    bool
}

// sectionNames in the order in which they run; -only picks from them.
var sectionNames = []string{
	"sessions", "busy", "tls", "tls12", "scan", "body", "registry", "idle", "crowd", "stun", "bindings", "wake",
	"guard", "failover", "drain", "campaign", "events", "search", "operate",
}

func parseOptions(args []string, out io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.StringVar(&o.only, "only", "", "sections to run, by comma: "+strings.Join(sectionNames, ","))
	flags.IntVar(&o.rounds, "rounds", 7, "rounds of each comparison; all contenders take turns in each")
	flags.IntVar(&o.sessions, "sessions", 3000, "sessions per contender and round (TLS: half of it)")
	flags.IntVar(&o.workers, "workers", 2*runtime.NumCPU(), "sessions that run at a time")
	flags.IntVar(&o.procs, "procs", runtime.NumCPU(), "GOMAXPROCS of every Go process")
	flags.IntVar(&o.devices, "devices", 1_000_000, "devices in the filled registry")
	flags.IntVar(&o.idle, "idle", 20_000, "idle connections")
	flags.IntVar(&o.crowd, "crowd", 10_000, "sessions that are open at once")
	flags.IntVar(&o.answers, "answers", 300_000, "STUN answers per server and round")
	flags.IntVar(&o.bindings, "bindings", 1_000_000, "STUN bindings in the full table")
	flags.IntVar(&o.wakes, "wakes", 5000, "devices that are woken one by one")
	flags.IntVar(&o.bulk, "bulk", 100_000, "devices that are woken at once")
	flags.IntVar(&o.drained, "drained", 10_000, "CPEs of the ACS that is drained")
	flags.IntVar(&o.members, "members", 1_000_000, "devices of the large campaign")
	flags.StringVar(&o.gateway, "acsgate", "", "acsgate binary to measure; empty: built from ./cmd/acsgate")
	flags.StringVar(&o.profile, "profile", "", "directory for CPU profiles of acsgate, taken by perf in extra rounds")
	flags.StringVar(&o.document, "document", "docs/benchmarks.md", "what -markdown writes to")
	flags.BoolVar(&o.markdown, "markdown", false, "write the tables into the document, between its markers")
	flags.BoolVar(&o.smoke, "smoke", false, "tiny and quick: does everything run? Figures are not judged")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if o.smoke {
		o.shrink()
	}
	return o, o.check()
}

// shrink makes a run tiny.
func (o *options) shrink() {
	o.rounds, o.sessions, o.workers = 1, 200, 4
	o.devices, o.idle, o.crowd = 5000, 200, 200
	o.answers, o.bindings, o.wakes, o.bulk = 5000, 5000, 50, 500
	o.drained, o.members = 500, 5000
}

func (o *options) check() error {
	for _, name := range o.sections() {
		if !slices.Contains(sectionNames, name) {
			return fmt.Errorf("-only: unknown section %q; there are %s", name, strings.Join(sectionNames, ", "))
		}
	}
	if min(o.rounds, o.sessions, o.workers, o.procs, o.devices, o.idle, o.crowd, o.answers, o.bindings, o.wakes, o.bulk, o.drained, o.members) < 1 {
		return fmt.Errorf("all numbers must be at least 1")
	}
	if max(o.bindings, o.wakes, o.bulk, o.drained) > mostCPEs {
		return fmt.Errorf("bindings, wakes, bulk and drained must be at most %d: each CPE has its own loopback address", mostCPEs)
	}
	if o.markdown && o.smoke {
		return fmt.Errorf("-markdown: the figures of -smoke are not worth writing down")
	}
	return nil
}

func (o *options) sections() []string {
	if o.only == "" {
		return sectionNames
	}
	return strings.Split(o.only, ",")
}
