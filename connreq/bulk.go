package connreq

import (
	"context"
	"errors"
	"iter"
	"maps"
	"sync"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

const (
	// tellInterval is how often a bulk tells its progress.
	tellInterval = time.Second
	// bulkBurst is how far ahead of its rate a bulk may be, so that it need not
	// sleep after each request.
	bulkBurst = 2 * time.Millisecond
	// bulkRetry is when a bulk tries again for which there was no room.
	bulkRetry = 10 * time.Millisecond
)

// reasonUnknown counts, in Progress.Failed, devices that are not known.
const reasonUnknown = "unknown"

// Progress is how far a bulk of requests has come.
type Progress struct {
	Asked     int // requests that were begun or refused
	Sent      int // of them, those that a transport has delivered, as far as can be known
	Confirmed int // devices that came
	// Failed counts those that did not, by reason: "unknown" device, "unreachable",
	// "silent" or "stopped".
	Failed map[string]int
}

// bulk counts what becomes of many requests.
type bulk struct {
	mu       sync.Mutex
	progress Progress
	open     int
	changed  chan struct{} // one request has ended
}

// part is one request of a bulk.
type part struct {
	bulk *bulk
	sent bool
}

func (p *part) requestSent() {
	p.bulk.mu.Lock()
	defer p.bulk.mu.Unlock()
	p.markSent()
}

func (p *part) markSent() {
	if !p.sent {
		p.sent = true
		p.bulk.progress.Sent++
	}
}

func (p *part) requestDone(result *Result, c class) {
	b := p.bulk
	b.mu.Lock()
	defer b.mu.Unlock()
	if result.Sent {
		p.markSent()
	}
	if result.OK {
		b.progress.Confirmed++
	} else {
		b.progress.Failed[string(c)]++
	}
	b.open--
	select {
	case b.changed <- struct{}{}:
	default:
	}
}

// Bulk makes a Connection Request to each device, at most perSecond in a second,
// 0 for no limit, and waits for the end of all. It leaves a quarter of Config.Max
// to others, and waits where there is no room. progress is told about once a
// second, and may be nil. When ctx ends it asks no more and returns ctx's error;
// what is under way goes on.
func (s *Service) Bulk(ctx context.Context, ids iter.Seq[cwmp.DeviceID], perSecond float64, origin string, progress func(Progress)) (Progress, error) {
	b := &bulk{progress: Progress{Failed: map[string]int{}}, changed: make(chan struct{}, 1)}
	if progress == nil {
		progress = func(Progress) {}
	}
	pace := newPace(perSecond, s.now())
	told := s.now()
	for id := range ids {
		now := s.now()
		if now.Sub(told) >= tellInterval {
			told = now
			progress(b.snapshot())
		}
		if err := sleep(ctx, pace.next(now), nil); err != nil {
			return b.snapshot(), err
		}
		if err := s.ask(ctx, b, id, origin); err != nil {
			return b.snapshot(), err
		}
	}
	for b.underWay() > 0 {
		if err := sleep(ctx, tellInterval-s.now().Sub(told), b.changed); err != nil {
			return b.snapshot(), err
		}
		if now := s.now(); now.Sub(told) >= tellInterval {
			told = now
			progress(b.snapshot())
		}
	}
	last := b.snapshot()
	progress(last)
	return last, nil
}

// ask begins one request, as soon as there is room.
func (s *Service) ask(ctx context.Context, b *bulk, id cwmp.DeviceID, origin string) error {
	b.count(func() { b.open++ })
	for {
		_, err := s.begin(id, origin, max(1, s.cfg.Max-s.cfg.Max/4), &part{bulk: b})
		switch {
		case err == nil:
			b.count(func() { b.progress.Asked++ })
			return nil
		case errors.Is(err, ErrUnknownDevice):
			b.count(func() { b.open--; b.progress.Asked++; b.progress.Failed[reasonUnknown]++ })
			return nil
		case !errors.Is(err, ErrBusy):
			b.count(func() { b.open-- })
			return err
		}
		if err := sleep(ctx, bulkRetry, nil); err != nil {
			b.count(func() { b.open-- })
			return err
		}
	}
}

func (b *bulk) count(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
}

func (b *bulk) underWay() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open
}

func (b *bulk) snapshot() Progress {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.progress
	p.Failed = maps.Clone(p.Failed)
	return p
}

// pace spreads requests over time.
type pace struct {
	each time.Duration
	due  time.Time // of the next request
}

func newPace(perSecond float64, now time.Time) *pace {
	p := &pace{due: now}
	if perSecond > 0 {
		p.each = time.Duration(float64(time.Second) / perSecond)
	}
	return p
}

// next takes the next turn, and returns how long to wait for it. Turns that were
// missed are not made up for, but for a moment's.
func (p *pace) next(now time.Time) time.Duration {
	if behind := now.Add(-100 * time.Millisecond); p.due.Before(behind) {
		p.due = behind
	}
	wait := p.due.Sub(now)
	p.due = p.due.Add(p.each)
	if wait < bulkBurst {
		return 0
	}
	return wait
}

// sleep waits for some time, for early, or for the end of ctx, which is an error.
func sleep(ctx context.Context, d time.Duration, early <-chan struct{}) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-early:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}
