package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A CPE that is asked for its whole tree answers with megabytes.
const (
	largeBodySize   = 3 << 20
	largeBodyFactor = 3 // times its size in memory, at most
)

// largeCase is one way to pass large bodies.
type largeCase struct {
	name     string
	path     string // where the CPE posts; /reply/N makes the ACS's RPC large
	response int    // size of the CPE's answer
	atOnce   int
}

// largeBody measures how far large bodies raise the peak of resident memory.
// Each case starts a fresh proxy, whose memory small sessions have first
// brought to its usual level.
func (b *bench) largeBody(ctx context.Context) (report, error) {
	r := report{section: "body", title: "Bodies of 3 MB"}
	r.table.header = []string{"case", "resident before, MB", "peak, MB", "growth / body size"}
	for _, c := range []largeCase{
		{"from the CPE", "/cwmp", largeBodySize, 1},
		{"from the ACS", fmt.Sprintf("/reply/%d", largeBodySize), rpcResponseSize, 1},
		{"from 4 CPEs at once", "/cwmp", largeBodySize, 4},
	} {
		err := b.largeCase(ctx, &r, c)
		if errors.Is(err, errLeftOut) {
			r.note("%s", err)
			return r, nil
		}
		if err != nil {
			return r, err
		}
	}
	return r, nil
}

func (b *bench) largeCase(ctx context.Context, r *report, lc largeCase) error {
	c, err := b.enter(ctx, kindGateway, setup{}, b.sessionLoad(min(b.sessions, 500), nil))
	if err != nil {
		return err
	}
	defer c.leave()
	if warm := c.load.run(ctx); warm.Failures > 0 {
		r.fail("%s: small sessions failed: %v", lc.name, warm.FirstErr)
	}
	time.Sleep(settle)
	before, after, err := b.peakOf(c.proxy.pid(), func() {
		large := load{
			target: target{address: c.proxy.listen, path: lc.path}, script: newCPEScript(lc.response),
			sessions: lc.atOnce, workers: lc.atOnce, device: numberedDevice,
		}
		if got := large.run(ctx); got.Failures > 0 {
			r.fail("%s: failed: %v", lc.name, got.FirstErr)
		}
	})
	if err != nil {
		return err
	}
	growth := float64(after-before) / float64(lc.atOnce*largeBodySize)
	r.table.rows = append(r.table.rows, []string{lc.name, megabytes(before), megabytes(after), number(growth)})
	r.figures = append(r.figures, newFigure("memory for a 3 MB body "+lc.name+", times its size", "%.1f",
		growth, largeBodyFactor, atMost))
	return nil
}

// peakOf returns a process's resident memory before work and its peak during it.
func (b *bench) peakOf(pid int, work func()) (before, peak int64, err error) {
	if err := resetPeak(pid); err != nil {
		return 0, 0, fmt.Errorf("reset the memory peak of process %d: %w", pid, err)
	}
	m, err := memoryOf(pid)
	if err != nil {
		return 0, 0, err
	}
	work()
	after, err := memoryOf(pid)
	return m.Resident, after.Peak, err
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f", float64(n)/(1<<20)) }
