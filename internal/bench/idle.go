package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

const (
	idleBytes  = 25 << 10 // memory of one idle connection, at most
	spareFiles = 200      // files a process needs besides its connections
)

// idleCase is one sort of idle CPE connections on one proxy.
type idleCase struct {
	kind    kind
	tls     bool
	session bool // a session was held on the connection before it fell idle
}

// idleConnections measures what a CPE costs that stays connected and silent.
func (b *bench) idleConnections(ctx context.Context) (report, error) {
	r := report{section: "idle", title: "Idle CPE connections"}
	r.table.header = []string{"proxy", "connection", "connections", "resident, MB", "KB each", "failed"}
	n := min(b.idle, int(b.fileLimit)-spareFiles)
	if n < b.idle {
		r.note("%d connections instead of %d: a process may open no more than %d files here.", n, b.idle, b.fileLimit)
	}
	for _, c := range []idleCase{
		{kindGateway, false, false}, {kindGateway, false, true}, {kindGateway, true, true},
		{kindHAProxy, false, false}, {kindBaseline, false, true}, {kindBaseline, true, true},
	} {
		err := b.idleCase(ctx, &r, c, n)
		if errors.Is(err, errLeftOut) {
			r.note("%s", err)
			continue
		}
		if err != nil {
			return r, err
		}
	}
	return r, nil
}

func (c idleCase) String() string {
	name := "plain"
	if c.tls {
		name = "TLS 1.3"
	}
	if c.session {
		return name + ", after a session"
	}
	return name + ", silent"
}

func (b *bench) idleCase(ctx context.Context, r *report, ic idleCase, n int) error {
	acs, err := b.startACS(ctx, "-close")
	if err != nil {
		return err
	}
	defer acs.stop()
	s, t := setup{acs: acs.address}, (*tls.Config)(nil)
	if ic.tls {
		s.cert, t = b.cert, b.cert.clientTLS(tls.VersionTLS13)
	}
	p, err := b.startProxy(ctx, ic.kind, s)
	if err != nil {
		return err
	}
	defer p.end()
	before, err := memoryOf(p.pid())
	if err != nil {
		return err
	}
	if ic.kind == kindHAProxy {
		n = min(n, int(b.fileLimit)/2-spareFiles) // it sets aside a second file for each
	}
	f := fleet{target: target{address: p.listen, tls: t, path: "/cwmp"}, script: newCPEScript(rpcResponseSize)}
	defer f.close()
	f.open(ctx, n, fleetWorkers, ic.session)
	time.Sleep(time.Second)
	after, err := memoryOf(p.pid())
	if err != nil {
		return err
	}
	r.idleRow(ic, n, &f, before, after)
	return nil
}

func (r *report) idleRow(ic idleCase, n int, f *fleet, before, after memory) {
	each := float64(after.Resident-before.Resident) / float64(n)
	r.table.rows = append(r.table.rows, []string{
		string(ic.kind), ic.String(), fmt.Sprint(n), megabytes(after.Resident), fmt.Sprintf("%.1f", each/1024),
		fmt.Sprint(f.failures),
	})
	if f.failures > 0 {
		r.fail("%s, %s: %d connections failed, first: %v", ic.kind, ic, f.failures, f.firstErr)
	}
	if ic.kind == kindGateway {
		r.figures = append(r.figures, newFigure("idle connection, "+ic.String()+", KB", "%.1f",
			each/1024, idleBytes/1024, atMost))
	}
}

// fleet is a number of CPEs that are connected at the same time.
type fleet struct {
	target target
	script *cpeScript

	mu       sync.Mutex
	conns    []net.Conn
	failures int
	firstErr error
}

// fleetWorkers is how many CPEs of a fleet act at a time.
const fleetWorkers = 64

// maxFailures is how many CPEs of a fleet may fail before the rest gives up.
const maxFailures = 20

// open connects n CPEs, workers at a time, each with a session if wanted.
func (f *fleet) open(ctx context.Context, n, workers int, session bool) {
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	inParallel(workers, n, func(i int) {
		conn, err := f.target.dial(ctx, i)
		if err == nil && session {
			c := newCPE(f.script, f.target.path)
			c.connect(conn)
			err = c.session(numberedDevice(i))
		}
		if f.add(conn, err) > maxFailures {
			giveUp(errors.New("too many failures"))
		}
	})
}

// add takes a CPE in and returns how many have failed so far.
func (f *fleet) add(conn net.Conn, err error) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if conn != nil {
		f.conns = append(f.conns, conn)
	}
	if err != nil {
		f.failures++
		if f.firstErr == nil {
			f.firstErr = err
		}
	}
	return f.failures
}

func (f *fleet) close() {
	for _, conn := range f.conns {
		conn.Close()
	}
}

// inParallel calls do for 0 to n-1 from a number of goroutines and waits.
func inParallel(workers, n int, do func(i int)) {
	var all sync.WaitGroup
	work := make(chan int)
	for range workers {
		all.Go(func() {
			for i := range work {
				do(i)
			}
		})
	}
	for i := range n {
		work <- i
	}
	close(work)
	all.Wait()
}
