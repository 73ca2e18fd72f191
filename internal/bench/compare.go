package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

// settle is how long a proxy is given after a round to finish what the last
// sessions left it, before its CPU time is read.
const settle = 100 * time.Millisecond

// contender is one proxy of a comparison, with its own ACS, so that what the
// ACS counts is this proxy's doing.
type contender struct {
	name  string
	proxy *proxy
	acs   *acsProcess
	load  load

	cpu, rate, p50, p99, system []float64 // one value a round; CPU in microseconds per session
	accepted                    []float64 // connections to the ACS per session
	foreign                     []float64 // share of follow-ups on another connection than the Inform's
	failures                    int
	firstErr                    error
}

// enter starts a contender.
func (b *bench) enter(ctx context.Context, k kind, s setup, l load) (*contender, error) {
	acs, err := b.startACS(ctx, s.acsArgs...)
	if err != nil {
		return nil, err
	}
	s.acs = acs.address
	p, err := b.startProxy(ctx, k, s)
	if err != nil {
		acs.stop()
		return nil, err
	}
	l.target.address = p.listen
	l.script = newCPEScript(rpcResponseSize)
	return &contender{name: string(k), proxy: p, acs: acs, load: l}, nil
}

func (c *contender) leave() {
	c.proxy.end()
	c.acs.stop()
}

// enterAll starts one contender of each kind; those that cannot be had are
// told in the report.
func (b *bench) enterAll(ctx context.Context, r *report, kinds []kind, s setup, l load) ([]*contender, error) {
	var all []*contender
	for _, k := range kinds {
		c, err := b.enter(ctx, k, s, l)
		if errors.Is(err, errLeftOut) {
			r.note("%s", err)
			continue
		}
		if err != nil {
			return all, err
		}
		all = append(all, c)
	}
	return all, nil
}

func leaveAll(all []*contender) {
	for _, c := range all {
		c.leave()
	}
}

// compare warms every contender up and then lets them take turns.
func (b *bench) compare(ctx context.Context, all []*contender) error {
	for _, c := range all {
		warm := c.load
		warm.sessions = min(500, c.load.sessions)
		if got := warm.run(ctx); got.Failures > 0 {
			c.failures, c.firstErr = got.Failures, got.FirstErr
		}
	}
	for range b.rounds {
		for _, c := range all {
			if err := c.round(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// round measures one load on one contender.
func (c *contender) round(ctx context.Context) error {
	acs, err := c.acs.stats()
	if err != nil {
		return err
	}
	before, err := c.proxy.usage()
	if err != nil {
		return err
	}
	got := c.load.run(ctx)
	select {
	case <-time.After(settle):
	case <-ctx.Done():
		return ctx.Err()
	}
	after, err := c.proxy.usage()
	if err != nil {
		return fmt.Errorf("%s ended in a round: %w", c.name, err)
	}
	now, err := c.acs.stats()
	if err != nil {
		return err
	}
	c.record(got, after.CPU-before.CPU, after.System, acs, now)
	return nil
}

func (c *contender) record(got loadResult, cpu time.Duration, system float64, before, after acsStats) {
	done := float64(max(len(got.Latencies), 1))
	c.cpu = append(c.cpu, float64(cpu.Nanoseconds())/1e3/done)
	c.system = append(c.system, system)
	c.rate = append(c.rate, got.rate())
	c.p50 = append(c.p50, milliseconds(quantile(got.Latencies, 0.5)))
	c.p99 = append(c.p99, milliseconds(quantile(got.Latencies, 0.99)))
	c.accepted = append(c.accepted, float64(after.Accepted-before.Accepted)/done)
	c.foreign = append(c.foreign, float64(after.Foreign-before.Foreign)/float64(max(after.Followups-before.Followups, 1)))
	c.failures += got.Failures
	if c.firstErr == nil {
		c.firstErr = got.FirstErr
	}
}

func milliseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

// tabulate fills the report's table, with ratios to the baseline.
func (r *report) tabulate(all []*contender, baseline kind) {
	r.table.header = []string{
		"proxy", "CPU µs/session", "spread", "ratio", "in kernel", "sessions/s", "p50 ms", "p99 ms",
		"ACS conns/session", "moved", "failed",
	}
	base := find(all, baseline)
	for _, c := range all {
		r.table.rows = append(r.table.rows, c.row(base))
		if c.failures > 0 {
			r.fail("%s: %d sessions failed, first: %v", c.name, c.failures, c.firstErr)
		}
	}
}

func (c *contender) row(base *contender) []string {
	cpu := []string{"-", "-", "-", "-"}
	if c.proxy.child != nil {
		cpu = []string{
			fmt.Sprintf("%.0f", median(c.cpu)), fmt.Sprintf("%.0f %%", spread(c.cpu)),
			number(ratio(c, base)), fmt.Sprintf("%.0f %%", 100*median(c.system)),
		}
	}
	return append(append([]string{c.name}, cpu...),
		fmt.Sprintf("%.0f", median(c.rate)), fmt.Sprintf("%.2f", median(c.p50)), fmt.Sprintf("%.2f", median(c.p99)),
		fmt.Sprintf("%.2f", median(c.accepted)), fmt.Sprintf("%.0f %%", 100*median(c.foreign)), fmt.Sprint(c.failures))
}

// ratio is the median over the rounds of c's CPU time per session to base's.
func ratio(c, base *contender) float64 {
	if c == nil || base == nil {
		return math.NaN()
	}
	return median(ratios(c.cpu, base.cpu))
}

func number(v float64) string {
	if math.IsNaN(v) {
		return "-"
	}
	return fmt.Sprintf("%.2f", v)
}

func find(all []*contender, k kind) *contender {
	for _, c := range all {
		if c.proxy.kind == k {
			return c
		}
	}
	return nil
}

// target adds a figure if both contenders took part.
func (r *report) target(all []*contender, of, to kind, limit float64) {
	a, base := find(all, of), find(all, to)
	if a == nil || base == nil {
		return
	}
	r.figures = append(r.figures, newFigure(
		fmt.Sprintf("CPU per session, %s to %s", of, to), "%.2f", ratio(a, base), limit, atMost))
}
