// Package journal is the one place for what happened. Each event is encoded once
// and goes two ways: to readers, as a stream that they may take up again, and to
// the timeline of its device, for people who ask why. It owns a bounded memory for
// both, writes nothing to the store, keeps no secrets and decides nothing.
package journal

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
)

const (
	maxPending = 16_384                 // events that wait for being encoded
	interval   = 200 * time.Millisecond // readers are woken no more often
)

// Deps is what a journal needs of others.
type Deps struct {
	Metrics prometheus.Registerer
	Now     func() time.Time
	Log     *zap.Logger
}

// Journal takes events and hands them on. Its methods are safe for concurrent use.
type Journal struct {
	now      func() time.Time
	metrics  *metrics
	timeline *timeline
	stream   *stream
	some     chan struct{} // pending has got its first event
	many     chan struct{} // pending is half full

	mu      sync.Mutex // held for the time of an append
	pending []Event
	spare   []Event // what pending was before
	next    uint64  // ID

	handing sync.Mutex // keeps the order of events while they are handed on
	encoder *encoder   // guarded by handing
}

// New returns a journal and registers its metrics. It starts nothing. Missing
// configuration is filled in with the defaults.
func New(cfg Config, deps Deps) (*Journal, error) {
	cfg.SetDefaults()
	first := firstID(deps.Now())
	j := &Journal{
		now: deps.Now, timeline: newTimeline(int(cfg.Memory)), stream: newStream(first, int(cfg.Replay)),
		some: make(chan struct{}, 1), many: make(chan struct{}, 1), next: first,
	}
	var err error
	if j.metrics, err = newMetrics(j, deps.Metrics); err != nil {
		return nil, err
	}
	j.encoder = newEncoder(deps.Log.Named("journal"), j.metrics)
	return j, nil
}

// firstID is higher than all IDs of a gateway's former lives, as long as a life has
// less than a million events a second, and small enough for a float64.
func firstID(now time.Time) uint64 { return uint64(max(now.Unix(), 1)) << 20 }

// Publish takes an event. It never blocks and takes well under a microsecond; an
// event that finds no room is dropped and counted, and leaves a gap in the IDs. At
// is set to now if it is zero. What Data points to must not be changed any more.
func (j *Journal) Publish(e Event) {
	if e.At.IsZero() {
		e.At = j.now()
	}
	j.mu.Lock()
	e.ID = j.next
	j.next++
	n := len(j.pending)
	if n < maxPending {
		j.pending = append(j.pending, e)
	}
	j.mu.Unlock()
	switch n {
	case 0:
		signal(j.some)
	case maxPending / 2:
		signal(j.many)
	case maxPending:
		j.metrics.full.Inc()
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run encodes events and hands them on until ctx ends. Readers get io.EOF then.
func (j *Journal) Run(ctx context.Context) error {
	defer j.stream.end()
	defer j.Flush()
	timer := time.NewTimer(interval)
	defer timer.Stop()
	for {
		select {
		case <-j.some:
		case <-ctx.Done():
			return nil
		}
		timer.Reset(interval)
		select {
		case <-timer.C:
		case <-j.many:
		case <-ctx.Done():
			return nil
		}
		j.Flush()
	}
}

// Flush hands on what has been published before, without the wait for more.
func (j *Journal) Flush() {
	j.handOn()
	j.stream.wake()
}

// handOn encodes what is pending. Readers are not woken for it.
func (j *Journal) handOn() {
	j.handing.Lock()
	defer j.handing.Unlock()
	j.mu.Lock()
	events := j.pending
	j.pending, j.spare = j.spare[:0], nil
	j.mu.Unlock()
	for rest := events; len(rest) > 0; {
		var b *batch
		var notes []note
		b, notes, rest = j.encoder.encode(rest)
		j.timeline.add(notes)
		j.stream.add(b)
	}
	clear(events) // lets go of the documents
	j.mu.Lock()
	j.spare = events
	j.mu.Unlock()
}

// Entry is one thing that happened to a device.
type Entry struct {
	ID   uint64
	At   time.Time
	Kind Kind
	ACS  string
	Text string
	Data json.RawMessage // the document of the Kind, nil for none
}

// Timeline returns the last events of a device, newest first, at most limit of them
// and all that there are for 0. It has all that were published before. A device has
// up to 64 events and 32 KB; how all share the memory is told at type timeline.
func (j *Journal) Timeline(id cwmp.DeviceID, limit int) []Entry {
	j.handOn()
	return j.timeline.of(id.Key(), limit)
}

// Subscribe returns a reader of the events after the one with that ID, as far as
// they are still kept, or of those to come for 0. It fails when there are as many
// readers as there may be, 256.
func (j *Journal) Subscribe(f Filter, after uint64) (*Reader, error) {
	j.mu.Lock()
	next := j.next
	j.mu.Unlock()
	if after == 0 || after >= next { // or of a life whose clock was ahead
		after = next - 1
	}
	return j.stream.subscribe(f, after+1)
}
