package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/cwmp"
)

const (
	drainRate      = 500 // devices a second
	drainDeviation = 5   // percent
	drainWorkers   = 16  // sessions of CPEs that were woken, at a time
	drainOther     = "other"
	drainPatience  = 20 * time.Second // for the last sessions, and beyond the time that the rate gives
)

// drainCampaign is what the operator asks for.
var drainCampaign = admin.CampaignRequest{
	Name: "maintenance", Kind: "drain", From: []string{gatewayACS}, To: drainOther, RatePerSecond: drainRate, Wake: true, Start: true,
}

// drain empties an ACS: its CPEs are woken at a rate, hold a session each, and are
// then with the other ACS.
func (b *bench) drain(ctx context.Context) (report, error) {
	r := report{section: "drain", title: fmt.Sprintf("A drain of %d CPEs at %d a second", b.drained, drainRate)}
	if b.gatewayMissing != nil {
		r.note("%s: %v", kindGateway, b.gatewayMissing)
		return r, nil
	}
	d, err := b.startDrain(ctx)
	if err != nil {
		return r, err
	}
	defer d.leave()
	before, err := d.proxy.usage()
	if err != nil {
		return r, err
	}
	if err := d.run(ctx); err != nil {
		return r, err
	}
	after, err := d.proxy.usage()
	if err != nil {
		return r, err
	}
	return r, r.tabulateDrain(d, after.CPU-before.CPU)
}

// drained is a fleet whose ACS is emptied.
type drained struct {
	proxy    *proxy
	from, to *acsProcess
	socket   *cpeSocket
	script   *cpeScript

	asked    []time.Time // of each CPE, when its first Connection Request was there
	last     time.Time   // of these
	first    time.Time
	moved    time.Duration // from the call until the campaign has seen all of them
	failures atomic.Int64
	firstErr atomic.Pointer[error]
}

func (b *bench) startDrain(ctx context.Context) (d *drained, err error) {
	d = &drained{asked: make([]time.Time, b.drained), script: newCPEScript(rpcResponseSize)}
	d.script.inform = informOf(informSize, []string{cwmp.EventConnectionRequest}, informParameters)
	defer func() {
		if err != nil {
			d.leave()
		}
	}()
	if d.from, err = b.startACS(ctx); err != nil {
		return d, err
	}
	if d.to, err = b.startACS(ctx); err != nil {
		return d, err
	}
	if d.socket, err = newCPESocket(0); err != nil {
		return d, err
	}
	if err = d.socket.stampArrivals(); err != nil {
		return d, err
	}
	d.proxy, err = b.startFleetGateway(ctx, d.socket.port, b.drained, setup{
		acs: d.from.address, acsMore: fmt.Sprintf("  - {name: %s, url: \"http://%s\"}\n", drainOther, d.to.address),
	})
	return d, err
}

func (d *drained) leave() {
	if d.proxy != nil {
		d.proxy.end()
	}
	if d.socket != nil {
		d.socket.close()
	}
	for _, acs := range []*acsProcess{d.from, d.to} {
		if acs != nil {
			acs.stop()
		}
	}
}

// run begins the drain, has each CPE hold a session once it is asked, and waits
// until the campaign has seen them.
func (d *drained) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	woken := make(chan int, len(d.asked)) // each comes once
	var workers sync.WaitGroup
	for range drainWorkers {
		workers.Go(func() { d.hold(ctx, woken) })
	}
	start := time.Now()
	_, err := d.proxy.api().CreateCampaign(ctx, drainCampaign)
	if err == nil {
		err = d.awaitRequests(ctx, woken)
	}
	close(woken)
	if err != nil {
		cancel()
		workers.Wait()
		return err
	}
	workers.Wait()
	err = d.proxy.await(ctx, drainPatience, d.arrived)
	d.moved = time.Since(start)
	return err
}

// awaitRequests receives until each CPE was asked.
func (d *drained) awaitRequests(ctx context.Context, woken chan<- int) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	missing := len(d.asked)
	limit := time.Duration(missing)*time.Second/drainRate + drainPatience
	err := d.socket.awaitDatagrams(ctx, limit, func(cpe int, at time.Time) bool {
		if d.asked[cpe].IsZero() {
			if d.asked[cpe], d.last = at, at; d.first.IsZero() {
				d.first = at
			}
			missing--
			woken <- cpe
		}
		return missing == 0
	})
	if err != nil {
		err = fmt.Errorf("%d of %d CPEs were not asked: %w", missing, len(d.asked), err)
	}
	return err
}

// hold holds the sessions of CPEs that were woken.
func (d *drained) hold(ctx context.Context, woken <-chan int) {
	c := newCPE(d.script, "/cwmp")
	for n := range woken {
		if err := d.session(ctx, c, n); err != nil {
			err = fmt.Errorf("CPE %d: %w", n, err)
			d.failures.Add(1)
			d.firstErr.CompareAndSwap(nil, &err)
		}
	}
}

func (d *drained) session(ctx context.Context, c *cpe, n int) error {
	source := &net.TCPAddr{IP: fleetAddress(n).AsSlice()}
	conn, err := target{address: d.proxy.listen}.dialFrom(ctx, source)
	if err != nil {
		return err
	}
	defer conn.Close()
	c.connect(conn)
	return c.session(numberedDevice(n))
}

// arrived succeeds when the campaign is over.
func (d *drained) arrived() error {
	v, err := d.proxy.api().Campaign(context.Background(), drainCampaign.Name)
	if err == nil && (v.Status != "done" || v.Counts["arrived"] != len(d.asked)) {
		err = fmt.Errorf("the drain is %s (%s): %v", v.Status, v.Reason, v.Counts)
	}
	return err
}

// rates are how many CPEs a second were asked: over the whole, and in the slowest
// and the quickest of its full seconds.
func (d *drained) rates() (whole float64, slowest, quickest int) {
	took := d.last.Sub(d.first)
	if took <= 0 {
		return math.NaN(), 0, 0
	}
	seconds := make([]int, int(took/time.Second)+1)
	for _, at := range d.asked {
		seconds[int(at.Sub(d.first)/time.Second)]++
	}
	slowest = math.MaxInt
	for _, n := range seconds[:max(1, len(seconds)-1)] {
		slowest, quickest = min(slowest, n), max(quickest, n)
	}
	return float64(len(d.asked)-1) / took.Seconds(), slowest, quickest
}

func (r *report) tabulateDrain(d *drained, cpu time.Duration) error {
	from, err := d.from.stats()
	to, err2 := d.to.stats()
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	whole, slowest, quickest := d.rates()
	r.table.header = []string{
		"CPEs", "asked a second", "slowest second", "quickest second", "all moved after, s", "sessions at the new ACS", "at the old one",
		"failed", "CPU µs/CPE",
	}
	r.table.rows = append(r.table.rows, []string{
		fmt.Sprint(len(d.asked)), fmt.Sprintf("%.1f", whole), fmt.Sprint(slowest), fmt.Sprint(quickest), fmt.Sprintf("%.1f", d.moved.Seconds()),
		fmt.Sprint(to.Informs), fmt.Sprint(from.Informs), fmt.Sprint(d.failures.Load()),
		fmt.Sprintf("%.0f", float64(cpu.Microseconds())/float64(len(d.asked))),
	})
	r.figures = append(r.figures, newFigure("deviation from the rate, %", "%.1f", 100*math.Abs(whole/drainRate-1), drainDeviation, atMost))
	if first := d.firstErr.Load(); first != nil {
		r.fail("%d sessions failed, first: %v", d.failures.Load(), *first)
	}
	if to.Informs != int64(len(d.asked)) || from.Informs != 0 {
		r.fail("the new ACS has seen %d Informs and the old one %d, want %d and none", to.Informs, from.Informs, len(d.asked))
	}
	r.note("Begun by the API, kind drain, each CPE woken by a UDP Connection Request. The rate is that of the requests, by the kernel's clock when " +
		"each CPE had its first; seconds are counted from the first of all. The CPEs then hold a session as others do, with 6 CONNECTION REQUEST.")
	return nil
}
