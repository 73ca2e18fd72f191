package main

import (
	"context"
	"fmt"
)

const (
	searchMilliseconds = 100 // within which each search and list is to be answered
	searchRuns         = 100
)

// search measures how long searches and lists take with many devices, half of
// which have a STUN binding.
func (b *bench) search(context.Context) (report, error) {
	r := report{section: "search", title: fmt.Sprintf("Searching %d devices", b.devices)}
	runs := searchRuns
	if b.smoke {
		runs = 3
	}
	p, err := b.startAnswering(roleSearch, "-devices", fmt.Sprint(b.devices), "-runs", fmt.Sprint(runs))
	if err != nil {
		return r, err
	}
	defer p.stop()
	var timings []searchTiming
	if err := p.ask(&timings); err != nil {
		return r, err
	}
	r.table.header = []string{"search", "found", "p50, ms", "p99, ms", "CPU, ms", "p50 while sessions go on, ms", "p99, ms"}
	slowest, busy := 0.0, 0.0
	for _, t := range timings {
		r.table.rows = append(r.table.rows, []string{
			t.Name, fmt.Sprint(t.Found), fmt.Sprintf("%.1f", t.P50), fmt.Sprintf("%.1f", t.P99), fmt.Sprintf("%.1f", t.CPU),
			fmt.Sprintf("%.1f", t.BusyP50), fmt.Sprintf("%.1f", t.BusyP99),
		})
		slowest, busy = max(slowest, t.P99), max(busy, t.BusyP99)
	}
	r.figures = append(r.figures,
		newFigure("slowest search, p99, ms", "%.0f", slowest, searchMilliseconds, atMost),
		newFigure("the same while sessions go on, ms", "%.0f", busy, searchMilliseconds, atMost))
	r.note("%d of each, one after the other, pages of %d, in a process with the registry and the table of bindings alone, which half of the devices are in. "+
		"Then the same again while %d Informs and %d keep-alives a second are noted. CPU is that of all processors together.",
		runs, searchPage, searchInforms, searchKeepAlives)
	return r, nil
}
