package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"
)

// crowdOfSessions opens many sessions, keeps all of them open in their middle
// at the same time, and then completes them.
func (b *bench) crowdOfSessions(ctx context.Context) (report, error) {
	r := report{section: "crowd", title: "Sessions open at once"}
	c, err := b.enter(ctx, kindGateway, setup{}, b.sessionLoad(1, nil))
	if errors.Is(err, errLeftOut) {
		r.note("%s", err)
		return r, nil
	}
	if err != nil {
		return r, err
	}
	defer c.leave()
	if err := resetPeak(c.proxy.pid()); err != nil {
		return r, err
	}
	k := newCrowd(c, b.crowd, fleetWorkers, int(b.fileLimit))
	defer k.close()
	start := time.Now()
	k.run(ctx)
	return r, r.tabulateCrowd(c, k, time.Since(start))
}

// crowd is CPEs that each hold one session, all in step.
type crowd struct {
	target  target
	workers int
	cpes    []*cpe
	leavers int // of the CPEs, how many hang up in mid-session and come back

	failures atomic.Int64
	firstErr atomic.Pointer[error]
}

// newCrowd plans n sessions. Each takes two files of the proxy; if it may not
// open as many, some CPEs hang up after the Inform and go on over a new
// connection, as some makes do anyway (quirk C-01): their sessions stay open.
func newCrowd(c *contender, n, workers, files int) *crowd {
	k := &crowd{target: c.load.target, workers: workers, cpes: make([]*cpe, n)}
	k.leavers = min(max(0, 2*n-(files-spareFiles)), n)
	for i := range k.cpes {
		k.cpes[i] = newCPE(c.load.script, c.load.target.path)
	}
	return k
}

func (k *crowd) run(ctx context.Context) {
	k.each(func(i int, c *cpe) error {
		if err := k.connect(ctx, i, c); err != nil {
			return err
		}
		if err := c.informs(numberedDevice(i)); err != nil {
			return err
		}
		if i < k.leavers {
			return c.conn.Close()
		}
		return nil
	})
	// Every session is now open, at the gateway and at the ACS.
	k.each(func(i int, c *cpe) error {
		if i >= k.leavers {
			return k.finish(c)
		}
		if err := k.connect(ctx, i, c); err != nil {
			return err
		}
		return k.finish(c)
	})
}

func (k *crowd) connect(ctx context.Context, i int, c *cpe) error {
	conn, err := k.target.dial(ctx, i)
	if err != nil {
		return err
	}
	c.connect(conn)
	return conn.SetDeadline(time.Now().Add(2 * time.Minute))
}

func (k *crowd) finish(c *cpe) error {
	if err := c.asks(); err != nil {
		return err
	}
	if err := c.answers(); err != nil {
		return err
	}
	return c.conn.Close()
}

// each runs a step for every CPE that has not failed yet, and waits.
func (k *crowd) each(step func(i int, c *cpe) error) {
	inParallel(k.workers, len(k.cpes), func(i int) {
		c := k.cpes[i]
		if c == nil {
			return
		}
		if err := step(i, c); err != nil {
			err = fmt.Errorf("session %d: %w", i, err)
			k.failures.Add(1)
			k.firstErr.CompareAndSwap(nil, &err)
			k.cpes[i] = nil
			hangUp(c.conn)
		}
	})
}

func hangUp(conn net.Conn) {
	if conn != nil {
		conn.Close()
	}
}

func (k *crowd) close() {
	for _, c := range k.cpes {
		if c != nil {
			hangUp(c.conn)
		}
	}
}

func (r *report) tabulateCrowd(c *contender, k *crowd, took time.Duration) error {
	acs, err := c.acs.stats()
	if err != nil {
		return err
	}
	m, err := memoryOf(c.proxy.pid())
	if err != nil {
		return err
	}
	failures := k.failures.Load()
	r.table.header = []string{"proxy", "sessions", "open at the ACS at once", "peak resident, MB", "took", "moved", "failed"}
	r.table.rows = append(r.table.rows, []string{
		c.name, fmt.Sprint(len(k.cpes)), fmt.Sprint(acs.PeakOpen), megabytes(m.Peak),
		took.Round(100 * time.Millisecond).String(), fmt.Sprint(acs.Foreign), fmt.Sprint(failures),
	})
	r.figures = append(r.figures,
		newFigure("sessions open at once", "%.0f", float64(acs.PeakOpen), float64(len(k.cpes)), atLeast),
		newFigure("sessions that failed", "%.0f", float64(failures), 0, atMost))
	if first := k.firstErr.Load(); first != nil {
		r.fail("first failure: %v", *first)
	}
	if k.leavers > 0 {
		r.note("%d of the CPEs hung up after the Inform and came back on a new connection, because a process may "+
			"open no more than the allowed files here.", k.leavers)
	}
	return nil
}
