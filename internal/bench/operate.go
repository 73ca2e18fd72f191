package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/device/devicetest"
)

// Targets of operating a gateway.
const (
	operateMilliseconds = 100 // within which each page is to be there
	operateLatency      = 1.2 // p50 and p99 of sessions while lists are asked for, to those without
)

const (
	operateRuns    = 50
	operateMembers = 10  // of so many devices one is in the large campaign
	operateRate    = 300 // sessions a second, where some go on
	operateRounds  = 9
	operateRound   = 2 * time.Second
)

// The tokens of those who ask.
const (
	operateToken       = "benchmark-token-of-loopback"
	operateScopedToken = "benchmark-token-of-one-oui"
)

// operated is a gateway with a fleet, and those who ask it.
type operated struct {
	operators
	fleet  operateFleet
	acs    *acsProcess
	proxy  *proxy
	load   *load
	filled time.Duration
	large  int // devices of the large campaign
}

// operate measures how long operators wait for what they ask a whole gateway for,
// and what sessions notice of that.
func (b *bench) operate(ctx context.Context) (report, error) {
	r := report{section: "operate", title: fmt.Sprintf("Operating a gateway of %d devices", b.devices)}
	if b.gatewayMissing != nil {
		r.note("%s: %v", kindGateway, b.gatewayMissing)
		return r, nil
	}
	o, err := b.startOperated(ctx)
	if err != nil {
		return r, err
	}
	defer o.end()
	runs, rounds, round := operateRuns, operateRounds, operateRound
	if b.smoke {
		runs, rounds, round = 2, 1, 200*time.Millisecond
	}
	timings, err := o.measure(ctx, runs)
	if err != nil {
		return r, err
	}
	lists, err := besideLists(ctx, o.load, o.all, o.fleet, rounds, round)
	if err != nil {
		return r, err
	}
	r.tabulateOperating(timings)
	r.tabulateLists(lists)
	r.note("%d requests of each, one after the other on an open connection, until the last byte of the answer is there; pages of %d rows, those of the "+
		"console of 50. First nothing else goes on, then %d sessions a second. CPU is the gateway's, of all processors together, while nothing else goes on. %d devices are in one campaign, %d in another. Prepared in %s.",
		runs, operatePage, operateRate, o.large, operateFewSize, o.filled.Round(time.Second))
	return r, b.profileProcess(ctx, &r, r.section, o.proxy.pid(), func() error {
		_, err := o.measureIdle(ctx, profiledRounds)
		return err
	})
}

func (b *bench) startOperated(ctx context.Context) (o *operated, err error) {
	start := time.Now()
	o = &operated{fleet: operateFleet{size: b.devices, now: start}}
	defer func() {
		if err != nil {
			o.end()
		}
	}()
	dir := filepath.Join(b.dir, "acsgate-operated")
	if err = o.fleet.fill(ctx, dir); err != nil {
		return o, fmt.Errorf("fill a store: %w", err)
	}
	o.filled = time.Since(start)
	if o.acs, err = b.startACS(ctx); err != nil {
		return o, err
	}
	s := setup{acs: o.acs.address, dataDir: dir, acsMore: "  - {name: " + drainOther + ", url: \"http://127.0.0.1:9\", probe: {type: off}}\n"}
	stun, err := b.ports.free()
	if err != nil {
		return o, err
	}
	s.extra = fmt.Sprintf("stun: {listen: [%q]}\n", stun)
	if s.token, err = b.writeConfig("operate-*.token", operateToken); err != nil {
		return o, err
	}
	scoped, err := b.writeConfig("operate-*.token", operateScopedToken)
	if err != nil {
		return o, err
	}
	s.tokens = fmt.Sprintf(", {name: tenant, role: operator, token_file: %q, oui: [%q]}", scoped, operateOUI)
	s.admin = ", requests_per_second: 1000000"
	if o.proxy, err = b.startProxy(ctx, kindGateway, s); err != nil {
		return o, err
	}
	o.load = b.operateLoad(o.proxy.listen)
	return o, o.begin(ctx)
}

func (o *operated) end() {
	o.leave()
	if o.proxy != nil {
		o.proxy.end()
	}
	if o.acs != nil {
		o.acs.stop()
	}
}

// begin brings the gateway to where operators have something to look at: two
// campaigns, and sessions of the device whose timeline is read.
func (o *operated) begin(ctx context.Context) error {
	few := admin.CampaignRequest{
		Name: operateFew, From: []string{drainOther}, To: gatewayACS, RatePerSecond: 0.001, Start: true,
	}
	for i := range operateFewSize {
		few.Selector.Devices = append(few.Selector.Devices, devicetest.ID(i*o.fleet.size/operateFewSize/operateElsewhere*operateElsewhere).String())
	}
	share := 100.0 / operateMembers * operateElsewhere / (operateElsewhere - 1)
	for _, c := range []admin.CampaignRequest{few, {
		Name: operateCampaign, From: []string{gatewayACS}, To: drainOther, Selector: admin.CampaignDevices{Percent: &share}, RatePerSecond: 0.001, Start: true,
	}} {
		v, err := o.proxy.api().CreateCampaign(ctx, c)
		if err != nil {
			return err
		}
		o.large = v.Total
	}
	watched := *o.load
	watched.sessions, watched.workers = 20, 1
	watched.device = func(int) cwmp.DeviceID { return o.fleet.one() }
	if got := watched.run(ctx); got.Failures > 0 {
		return got.FirstErr
	}
	o.all, o.scoped = newOperator(o.proxy.admin, operateToken), newOperator(o.proxy.admin, operateScopedToken)
	var err error
	o.browser, err = signIn(ctx, o.proxy.admin, operateToken)
	return err
}

// operateTiming is what one case took, in ascending order.
type operateTiming struct {
	name       string
	rows       int
	cpu        time.Duration // of the gateway, of each, while nothing else went on
	idle, busy []time.Duration
}

// measure asks for everything while nothing else goes on, and then while sessions do.
func (o *operated) measure(ctx context.Context, runs int) ([]operateTiming, error) {
	timings, err := o.measureIdle(ctx, runs)
	if err != nil {
		return nil, err
	}
	holding, enough := context.WithCancel(ctx)
	defer enough()
	held := make(chan loadResult, 1)
	go func() { held <- o.load.pace(holding, operateRate) }()
	cases, err := o.cases(ctx, o.fleet)
	for i := range cases {
		if err == nil {
			timings[i].busy, err = cases[i].take(ctx, runs)
		}
	}
	enough()
	got := <-held
	return timings, errors.Join(err, got.FirstErr)
}

func (o *operated) measureIdle(ctx context.Context, runs int) ([]operateTiming, error) {
	cases, err := o.cases(ctx, o.fleet)
	if err != nil {
		return nil, err
	}
	timings := make([]operateTiming, len(cases))
	for i := range cases {
		t := &timings[i]
		t.name = cases[i].name
		if t.rows, err = cases[i].check(ctx); err != nil {
			return nil, err
		}
		before, err := o.proxy.usage()
		if err != nil {
			return nil, err
		}
		if t.idle, err = cases[i].take(ctx, runs); err != nil {
			return nil, err
		}
		after, err := o.proxy.usage()
		if err != nil {
			return nil, err
		}
		t.cpu = (after.CPU - before.CPU) / time.Duration(runs)
	}
	return timings, nil
}

func (r *report) tabulateOperating(timings []operateTiming) {
	r.table.header = []string{"asked for", "rows", "CPU, ms", "p50, ms", "p99, ms", "p50 while sessions go on, ms", "p99, ms"}
	slowest, busy := 0.0, 0.0
	for _, t := range timings {
		rows := "-"
		if t.rows != anyNumber {
			rows = fmt.Sprint(t.rows)
		}
		row := []string{t.name, rows, fmt.Sprintf("%.1f", milliseconds(t.cpu))}
		for _, took := range [][]time.Duration{t.idle, t.busy} {
			row = append(row, fmt.Sprintf("%.1f", milliseconds(quantile(took, 0.5))), fmt.Sprintf("%.1f", milliseconds(quantile(took, 0.99))))
		}
		r.table.rows = append(r.table.rows, row)
		slowest, busy = max(slowest, milliseconds(quantile(t.idle, 0.99))), max(busy, milliseconds(quantile(t.busy, 0.99)))
	}
	r.figures = append(r.figures,
		newFigure("slowest, p99, ms", "%.0f", slowest, operateMilliseconds, atMost),
		newFigure("the same while sessions go on, ms", "%.0f", busy, operateMilliseconds, atMost))
}

// tabulateLists takes sessions in the order of listers.
func (r *report) tabulateLists(all []listed) {
	none := &all[0]
	var texts []string
	for i := range all {
		x := &all[i]
		texts = append(texts, fmt.Sprintf("beside %s p50 %.2f ms, p99 %.2f ms (%d sessions, %d lists)", x.name, median(x.p50), median(x.p99), x.sessions, x.lists))
	}
	r.note("Sessions, medians of the rounds: %s.", strings.Join(texts, "; "))
	again, some := &all[1], &all[2]
	r.note("By chance alone, beside none again to beside none, p50 was %.2f and p99 %.2f of the other.",
		median(ratios(again.p50, none.p50)), median(ratios(again.p99, none.p99)))
	r.figures = append(r.figures,
		newFigure("p50 of sessions beside "+some.name+", to that beside none", "%.2f", median(ratios(some.p50, none.p50)), operateLatency, atMost),
		newFigure("p99 of sessions beside "+some.name+", to that beside none", "%.2f", median(ratios(some.p99, none.p99)), operateLatency, atMost))
}
