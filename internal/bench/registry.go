package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/device/devicetest"
)

// Targets with a full registry of a million devices.
const (
	registryMegabytes = 600
	registrySeconds   = 10
	registryRate      = 0.95 // of the session rate with an empty registry
)

// registry measures acsgate with many known devices beside one that knows
// none: memory, time to readiness, and what sessions cost.
func (b *bench) registry(ctx context.Context) (report, error) {
	r := report{section: "registry", title: fmt.Sprintf("A registry of %d devices", b.devices)}
	if b.gatewayMissing != nil {
		r.note("%s: %v", kindGateway, b.gatewayMissing)
		return r, nil
	}
	dir := filepath.Join(b.dir, "acsgate-filled")
	start := time.Now()
	if err := fillRegistry(ctx, dir, b.devices); err != nil {
		return r, fmt.Errorf("fill a registry: %w", err)
	}
	filled := time.Since(start)
	defer os.RemoveAll(dir)
	all, err := b.registryContenders(ctx, dir)
	defer leaveAll(all)
	if err != nil {
		return r, err
	}
	if err := b.compare(ctx, all); err != nil {
		return r, err
	}
	err = r.tabulateRegistry(all[0], all[1])
	r.note("Prepared in %s. The file had just been written, so it was read from the page cache.", filled.Round(time.Second))
	return r, errors.Join(err, b.profileGateway(ctx, &r, all[1]))
}

// registryContenders starts acsgate twice: knowing nobody, and on dir.
func (b *bench) registryContenders(ctx context.Context, dir string) ([]*contender, error) {
	l := b.sessionLoad(b.sessions, nil)
	// Sessions of devices from all over the registry, in no order that its
	// shards or pages would follow.
	l.device = func(session int) cwmp.DeviceID { return devicetest.ID(session * 611_953 % b.devices) }
	var all []*contender
	for _, entry := range []struct{ name, dir string }{{"acsgate, empty", ""}, {"acsgate, filled", dir}} {
		c, err := b.enter(ctx, kindGateway, setup{dataDir: entry.dir}, l)
		if err != nil {
			return all, err
		}
		c.name = entry.name
		all = append(all, c)
	}
	return all, nil
}

func (r *report) tabulateRegistry(empty, full *contender) error {
	r.table.header = []string{
		"registry", "ready after, s", "CPU s", "resident, MB", "of it mapped file", "peak, MB", "CPU µs/session", "ratio",
		"sessions/s", "failed",
	}
	var resident memory
	for _, c := range []*contender{empty, full} {
		m, err := memoryOf(c.proxy.pid())
		if err != nil {
			return err
		}
		resident = m
		r.table.rows = append(r.table.rows, []string{
			c.name, fmt.Sprintf("%.2f", c.proxy.ready.Seconds()), fmt.Sprintf("%.2f", c.proxy.start.CPU.Seconds()),
			megabytes(m.Resident), megabytes(m.File),
			megabytes(m.Peak), fmt.Sprintf("%.0f", median(c.cpu)), number(ratio(c, empty)),
			fmt.Sprintf("%.0f", median(c.rate)), fmt.Sprint(c.failures),
		})
		if c.failures > 0 {
			r.fail("%s: %d sessions failed, first: %v", c.name, c.failures, c.firstErr)
		}
	}
	r.figures = append(r.figures,
		newFigure("resident after the sessions, MB", "%.0f", float64(resident.Resident)/(1<<20), registryMegabytes, atMost),
		newFigure("ready after its start, s", "%.1f", full.proxy.ready.Seconds(), registrySeconds, atMost),
		newFigure("session rate, filled to empty", "%.2f", median(ratios(full.rate, empty.rate)), registryRate, atLeast))
	return nil
}
