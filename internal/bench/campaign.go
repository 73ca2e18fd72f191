package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Targets of a campaign of a million devices.
const (
	campaignMegabytes = 200
	campaignSeconds   = 10
)

// campaign measures what a large campaign takes, and how soon a gateway goes on
// with it after its start.
func (b *bench) campaign(ctx context.Context) (report, error) {
	r := report{section: "campaign", title: fmt.Sprintf("A campaign of %d devices", b.members)}
	dir := filepath.Join(b.dir, "campaign")
	defer os.RemoveAll(dir)
	made, _, err := b.campaignProcess(dir, "-create")
	if err != nil {
		return r, fmt.Errorf("make a campaign: %w", err)
	}
	if ctx.Err() != nil {
		return r, ctx.Err()
	}
	read, m, err := b.campaignProcess(dir)
	if err != nil {
		return r, fmt.Errorf("read a campaign: %w", err)
	}
	if read.Members != b.members || read.States["set"] != b.members {
		r.fail("the campaign has %d devices: %v; want %d whose URL is set", read.Members, read.States, b.members)
	}
	r.tabulateCampaign(read, m)
	r.note("Mode rewrite, the URL of each device set, with what it had before kept, to be set back one day: a URL that all shared, "+
		"and a user name of its own each. It was made and carried there in %s. Read by a process of its own, from a file that had just "+
		"been written, so from the page cache. Memory is what is in use on the Go heap after a collection. Lookups are Engine.Placement, which each "+
		"session asks when it begins, of devices in no order.", time.Duration(made.Took*float64(time.Second)).Round(time.Second))
	return r, nil
}

// campaignProcess runs a process with the campaign until it has done its work.
func (b *bench) campaignProcess(dir string, args ...string) (stats campaignStats, m memory, err error) {
	p, err := b.startAnswering(roleCampaign, append([]string{"-dir", dir, "-members", fmt.Sprint(b.members)}, args...)...)
	if err != nil {
		return stats, m, err
	}
	defer p.stop()
	if err := p.ask(&stats); err != nil {
		return stats, m, err
	}
	m, err = memoryOf(p.pid())
	return stats, m, err
}

func (r *report) tabulateCampaign(s campaignStats, m memory) {
	grown := float64(s.Heap - s.EmptyHeap)
	r.table.header = []string{
		"devices", "memory, MB", "bytes each", "resident, MB", "of it mapped file", "store, MB", "read in, s", "lookup of a member, CPU ns",
		"of another, CPU ns", "allocations/lookup",
	}
	r.table.rows = append(r.table.rows, []string{
		fmt.Sprint(s.Members), fmt.Sprintf("%.1f", grown/(1<<20)), fmt.Sprintf("%.0f", grown/float64(max(s.Members, 1))),
		megabytes(m.Resident), megabytes(m.File), megabytes(s.File), fmt.Sprintf("%.2f", s.Took),
		fmt.Sprintf("%.0f", s.Lookup.Nanoseconds), fmt.Sprintf("%.0f", s.LookupElse.Nanoseconds),
		fmt.Sprintf("%.3f", max(s.Lookup.Allocations, s.LookupElse.Allocations)),
	})
	r.figures = append(r.figures,
		newFigure("memory for the campaign, MB", "%.0f", grown/(1<<20), campaignMegabytes, atMost),
		newFigure("read at the start, s", "%.1f", s.Took, campaignSeconds, atMost))
}
