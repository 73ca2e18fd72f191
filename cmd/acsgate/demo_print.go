package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/acsgate/acsgate/internal/simnet"
	"github.com/acsgate/acsgate/proxy"
)

// linePrinter writes whole lines from many goroutines.
type linePrinter struct {
	mu  sync.Mutex
	out io.Writer
}

func (p *linePrinter) print(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, format+"\n", args...)
}

// session prints what a session was, as the gateway saw it.
func (p *linePrinter) session(s proxy.Summary) {
	if !s.Known {
		return // an empty POST for a challenge; the CPE's session follows
	}
	over := s.TLS
	if over == "" {
		over = "plain"
	}
	rpcs := strings.Join(s.RPCs, ", ")
	if len(s.Faults) > 0 {
		rpcs += " (faults " + strings.Join(s.Faults, ", ") + ")"
	}
	result := s.Outcome
	if s.Err != nil {
		result += ": " + s.Err.Error()
	}
	p.print("%s  %-34s OUI %-6s %-7s -> %-5s  %s; %s in %s  (%s)", time.Now().Format("15:04:05"), s.Device, s.Device.OUI, over,
		s.ACS, rpcs, result, s.Took.Round(100*time.Microsecond), s.Route.Reason)
}

// outcome prints what a CPE has to complain of.
func (p *linePrinter) outcome(o simnet.Outcome) {
	if o.Err != nil {
		again := ""
		if o.Retry {
			again = "; it tries again"
		}
		p.print("%s  %-34s the CPE (%s) says: %v%s", time.Now().Format("15:04:05"), o.Result.Device, o.Make, o.Err, again)
	}
}
