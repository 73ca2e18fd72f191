package stunsrv

import (
	"context"
	"errors"
	"hash/maphash"
	"net"
	"runtime/debug"
	"time"

	"go.uber.org/zap"
)

// sendFailure is an answer that the kernel did not take, by its place in the
// queue.
type sendFailure struct {
	place int
	err   error
}

// reader serves one socket.
type reader struct {
	server  *Server
	socket  *socket
	batch   *batch
	outcome outcome // of the packet at hand
	// Of the packets at hand. What was sighted refers to the batch, and is told
	// before the next read.
	sightings []Sighting
	pending   []disposition // of the answers that are queued
	tally     tally
	watch     sourceWatch
}

func newReader(s *Server, socket *socket) *reader {
	return &reader{
		server: s, socket: socket, batch: newBatch(socket),
		sightings: make([]Sighting, 0, batchSize), pending: make([]disposition, 0, batchSize),
		watch: sourceWatch{seed: maphash.MakeSeed()},
	}
}

// After so many failures to read in a row a reader pauses before it tries again.
const (
	patience = 16
	pause    = 10 * time.Millisecond
)

// run serves until the socket is closed. Nothing else ends it: an ICMP error or
// a lack of memory passes, and a deaf socket loses every CPE (quirk S-16).
func (r *reader) run(ctx context.Context) {
	for failures := 0; ; {
		n, err := r.batch.read()
		switch {
		case err == nil:
			failures = 0
			r.serve(n)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			r.server.metrics.receiveErrors.Inc()
			if failures++; failures > patience {
				rest(ctx, pause)
			}
		}
	}
}

// rest waits for d, or until ctx ends.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// serve deals with the n datagrams of a batch.
func (r *reader) serve(n int) {
	now := r.server.deps.Now()
	for i := 0; i < n; {
		i = r.serveFrom(i, n, now)
	}
	r.tell(now)
	for _, failure := range r.batch.flush() {
		r.server.metrics.unsent(failure.err)
		r.tally.packets[r.pending[failure.place]]--
		r.tally.packets[unsent]++
	}
	r.pending = r.pending[:0]
	r.tally.flush(r.server.metrics)
}

// serveFrom deals with the datagrams from number i on and returns the number of
// the next one: n, or the one after a datagram that met a fault of our own, which
// must not take the gateway down.
func (r *reader) serveFrom(i, n int, now time.Time) (next int) {
	next = i
	defer func() {
		if fault := recover(); fault != nil {
			r.tally.packets[faulted]++
			next++
			r.server.tellFault(fault, now)
		}
	}()
	for ; next < n; next++ {
		r.tally.packets[r.process(next, now)]++
	}
	return next
}

// tell hands over what was sighted. A fault in those who take it costs no CPE its
// answer; what was sighted in this batch comes again with the next keep-alives.
func (r *reader) tell(now time.Time) {
	defer func() {
		r.sightings = r.sightings[:0]
		if fault := recover(); fault != nil {
			r.server.tellFault(fault, now)
		}
	}()
	if len(r.sightings) > 0 {
		r.server.deps.Sighted(r.sightings)
		r.tally.sightings += uint32(len(r.sightings))
	}
}

// tellFault says what went wrong, once an hour at most: the packet may come back.
func (s *Server) tellFault(fault any, now time.Time) {
	if s.faults.allow(now.Sub(s.epoch)) {
		s.deps.Log.Error("a STUN packet met a fault in the gateway, more of them are only counted",
			zap.Any("fault", fault), zap.ByteString("stack", debug.Stack()))
	}
}
