package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	failoverInterval = time.Second // of probes
	failoverRounds   = 3
	failoverPace     = 5 * time.Millisecond // from one session to the next
	failoverBackup   = "backup"
)

// outage is a way in which an ACS goes down.
type outage struct {
	name  string
	probe string
	begin func(*acsProcess) error
	end   func(*acsProcess)
}

var outages = []outage{
	{
		name: "ends: connections are refused", probe: "tcp",
		begin: func(a *acsProcess) error { a.stop(); return nil }, end: func(*acsProcess) {},
	},
	{
		name: "hangs: connections open, no answer comes", probe: "http",
		begin: func(a *acsProcess) error { return a.child.pause() },
		end: func(a *acsProcess) {
			_ = a.resume() // fails only when it has ended
			a.stop()
		},
	},
}

// failover has an ACS go down while sessions come at a steady rate.
func (b *bench) failover(ctx context.Context) (report, error) {
	r := report{section: "failover", title: "An ACS goes down and its backup takes over"}
	if b.gatewayMissing != nil {
		r.note("%s: %v", kindGateway, b.gatewayMissing)
		return r, nil
	}
	interval := failoverInterval
	if b.smoke {
		interval /= 5
	}
	r.table.header = []string{
		"the ACS", "rounds", "found by", "down after, s", "then on the backup after, ms", "sessions before it was down", "of them failed",
		"sessions after it", "of them failed",
	}
	var late float64
	lost := 0
	for _, o := range outages {
		var all takeovers
		for range min(b.rounds, failoverRounds) {
			t, err := b.takeover(ctx, o, interval)
			if err != nil {
				return r, fmt.Errorf("%s: %w", o.name, err)
			}
			all = append(all, t)
		}
		r.table.rows = append(r.table.rows, all.row(o.name))
		for _, t := range all {
			late, lost = max(late, t.served.Seconds()*1000), lost+t.after.failed
			if t.after.err != nil {
				r.fail("%s: a session that began when it was down failed: %v", o.name, t.after.err)
			}
		}
	}
	r.figures = append(r.figures,
		newFigure("from down to the first session on the backup, ms", "%.1f", late, milliseconds(interval), atMost),
		newFigure("sessions that began after that and failed", "%.0f", float64(lost), 0, atMost))
	r.note("Mode route. A session each %v, a probe each %v, three failures in a row are needed, an Inform waits %v for the ACS. An ACS is down "+
		"from the moment that acsgate logs it, at the third failed probe, or the third session if these fail sooner; times are medians, what is "+
		"judged is the worst round. Sessions before it was down are those that began after the ACS had stopped; those that were "+
		"under way when it did are not counted.",
		failoverPace, interval, informPatience(interval))
	return r, nil
}

// informPatience is for how long an Inform waits before the backup is asked.
func informPatience(interval time.Duration) time.Duration { return 5 * interval }

// takeover is one outage.
type takeover struct {
	reason string
	down   time.Duration // from the end of the ACS
	served time.Duration // from down until a session that began since was over

	before, after tally // of sessions that began after the ACS's end, by whether it was down
}

type tally struct {
	sessions, failed int
	err              error // the first
}

type takeovers []takeover

// takeover starts an ACS, its backup and acsgate, and ends the ACS in the middle of
// a load.
func (b *bench) takeover(ctx context.Context, o outage, interval time.Duration) (t takeover, err error) {
	backup, err := b.startACS(ctx)
	if err != nil {
		return t, err
	}
	defer backup.stop()
	acs, err := b.startACS(ctx)
	if err != nil {
		return t, err
	}
	defer o.end(acs)
	p, err := b.startProxy(ctx, kindGateway, setup{
		acs: acs.address,
		acsKeys: fmt.Sprintf(", backup: %s, inform_timeout: %v, probe: {type: %s, interval: %v}",
			failoverBackup, informPatience(interval), o.probe, interval),
		acsMore: fmt.Sprintf("  - {name: %s, url: \"http://%s\", probe: {type: %s, interval: %v}}\n", failoverBackup, backup.address, o.probe, interval),
		extra:   "log: {format: json}\n",
	})
	if err != nil {
		return t, err
	}
	defer p.end()
	s := newSteady(p.listen, informPatience(interval)+2*interval)
	loading, enough := context.WithCancel(ctx)
	defer enough()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.run(loading)
	}()
	change, stopped, err := b.breakDown(ctx, p, acs, o, interval)
	enough()
	<-done
	if err != nil {
		return t, err
	}
	if served, err := backup.stats(); err != nil || served.Informs == 0 {
		return t, errors.Join(err, fmt.Errorf("the backup has seen %d Informs", served.Informs))
	}
	t = s.judge(stopped, change.Time)
	t.reason = change.Reason
	return t, s.healthy(stopped)
}

// breakDown ends the ACS when there were sessions for a while, and waits until
// acsgate knows, and an interval more.
func (b *bench) breakDown(ctx context.Context, p *proxy, acs *acsProcess, o outage, interval time.Duration) (down stateChange, stopped time.Time, err error) {
	if err := pause(ctx, 2*interval); err != nil {
		return down, stopped, err
	}
	stopped = time.Now()
	if err := o.begin(acs); err != nil {
		return down, stopped, err
	}
	err = p.await(ctx, 10*interval, func() error {
		var err error
		down, err = findDown(p.log)
		return err
	})
	if err != nil {
		return down, stopped, err
	}
	return down, stopped, pause(ctx, interval)
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stateChange is a line of acsgate's log.
type stateChange struct {
	Time   time.Time `json:"time"`
	Msg    string    `json:"msg"`
	ACS    string    `json:"acs"`
	State  string    `json:"state"`
	Reason string    `json:"reason"`
}

var errNotDown = errors.New("no ACS is down")

// findDown looks for the line that says that the ACS is down.
func findDown(file string) (stateChange, error) {
	f, err := os.Open(file)
	if err != nil {
		return stateChange{}, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var c stateChange
		if !strings.Contains(lines.Text(), "changed state") || json.Unmarshal(lines.Bytes(), &c) != nil {
			continue
		}
		if c.ACS == gatewayACS && c.State == "down" {
			return c, nil
		}
	}
	return stateChange{}, errNotDown
}

// steady is a load of sessions that begin at even distances, whether or not those
// before have ended.
type steady struct {
	target target
	script *cpeScript
	limit  time.Duration // of a session

	mu   sync.Mutex
	held []heldSession
}

type heldSession struct {
	began, ended time.Time
	err          error
}

func newSteady(address string, limit time.Duration) *steady {
	return &steady{target: target{address: address, path: "/cwmp"}, script: newCPEScript(rpcResponseSize), limit: limit}
}

// run begins sessions until ctx ends, and waits for the last.
func (s *steady) run(ctx context.Context) {
	pace := time.NewTicker(failoverPace)
	defer pace.Stop()
	var sessions sync.WaitGroup
	defer sessions.Wait()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-pace.C:
			sessions.Go(func() { s.hold(n) })
		}
	}
}

func (s *steady) hold(n int) {
	h := heldSession{began: time.Now()}
	h.err = s.session(n)
	h.ended = time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = append(s.held, h)
}

func (s *steady) session(n int) error {
	conn, err := s.target.dial(context.Background(), n) // it has a deadline
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(s.limit)); err != nil {
		return err
	}
	c := newCPE(s.script, s.target.path)
	c.connect(conn)
	return c.session(numberedDevice(n))
}

// healthy tells whether all sessions that were over before the ACS stopped went
// well: else the rest means nothing.
func (s *steady) healthy(stopped time.Time) error {
	n := 0
	for _, h := range s.held {
		if h.ended.Before(stopped) {
			n++
			if h.err != nil {
				return fmt.Errorf("a session failed before the ACS stopped: %w", h.err)
			}
		}
	}
	if n == 0 {
		return errors.New("no session was over before the ACS stopped")
	}
	return nil
}

// judge sorts the sessions. Those that succeed since the ACS is down are the
// backup's: there is nobody else.
func (s *steady) judge(stopped, down time.Time) takeover {
	t := takeover{down: down.Sub(stopped), served: time.Hour}
	for _, h := range s.held {
		switch {
		case h.began.Before(stopped):
			continue
		case h.began.Before(down):
			t.before.add(h.err)
			continue
		}
		t.after.add(h.err)
		if h.err == nil {
			t.served = min(t.served, h.ended.Sub(down))
		}
	}
	return t
}

func (t *tally) add(err error) {
	t.sessions++
	if err != nil {
		t.failed++
		if t.err == nil {
			t.err = err
		}
	}
}

func (all takeovers) row(name string) []string {
	var down, served []float64
	var before, after tally
	var found []string
	for _, t := range all {
		down, served = append(down, t.down.Seconds()), append(served, milliseconds(t.served))
		before.sessions, before.failed = before.sessions+t.before.sessions, before.failed+t.before.failed
		after.sessions, after.failed = after.sessions+t.after.sessions, after.failed+t.after.failed
		by, _, _ := strings.Cut(t.reason, ":")
		if !slices.Contains(found, by) {
			found = append(found, by)
		}
	}
	return []string{
		name, fmt.Sprint(len(all)), strings.Join(found, ", "), fmt.Sprintf("%.2f", median(down)), fmt.Sprintf("%.1f", median(served)),
		fmt.Sprint(before.sessions), fmt.Sprint(before.failed), fmt.Sprint(after.sessions), fmt.Sprint(after.failed),
	}
}
