package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"time"
)

const (
	// stunWindow is how many requests are unanswered at a time when as many
	// answers as possible are wanted: no more than a receive buffer holds that
	// nobody has made larger, so that no server loses any.
	stunWindow = 192
	// stunPatience is after how long a request without an answer is lost.
	stunPatience = 250 * time.Millisecond
	// stunSilence ends a load on which a server does not answer any more.
	stunSilence = 5 * time.Second
)

// stunLoad sends the keep-alives of a fleet of CPEs to one STUN server.
type stunLoad struct {
	socket *cpeSocket
	fleet  int
	window int
	packet []byte // of the first CPE; the others' differ in their serial number
	serial int    // where that ends
	runs   uint32 // told apart in transaction IDs, so that late answers count nowhere
	random uint32
}

// newSTUNLoad makes the load of the first n CPEs.
func newSTUNLoad(n int) (*stunLoad, error) {
	s, err := newCPESocket(0)
	if err != nil {
		return nil, err
	}
	first := numberedDevice(0)
	l := &stunLoad{socket: s, fleet: n, window: stunWindow, packet: keepAlive(first), random: 1}
	l.serial = bytes.Index(l.packet, []byte(first.SerialNumber)) + len(first.SerialNumber)
	return l, nil
}

// stunResult says how a load went.
type stunResult struct {
	Sent, Answered int
	Took           time.Duration
}

func (r *stunResult) rate() float64 { return float64(r.Answered) / r.Took.Seconds() }
func (r *stunResult) loss() float64 { return 1 - float64(r.Answered)/float64(max(r.Sent, 1)) }

// saturate sends requests as fast as the server answers.
func (l *stunLoad) saturate(ctx context.Context, to netip.AddrPort, requests int) (stunResult, error) {
	return l.run(ctx, to, requests, func(r *stunResult, _ time.Duration) int {
		return min(r.Answered+l.window, requests) - r.Sent
	})
}

// drain fills the receive buffer of a server that is stopped, has it go on, and
// waits until all requests are answered: then the server never runs out of work,
// however slow the clients are. It fills the buffer as often as needed.
func (l *stunLoad) drain(ctx context.Context, to netip.AddrPort, requests, buffer int, server *child) (all stunResult, err error) {
	for all.Sent < requests {
		if err := server.pause(); err != nil {
			return all, err
		}
		var going time.Duration
		var failed error
		n := min(buffer, requests-all.Sent)
		r, err := l.run(ctx, to, n, func(r *stunResult, at time.Duration) int {
			if r.Sent == n && going == 0 {
				going = at
				failed = server.resume()
			}
			return n - r.Sent
		})
		if err = errors.Join(err, failed); err != nil {
			_ = server.resume() // it could not be ended otherwise
			return all, err
		}
		all.Sent, all.Answered, all.Took = all.Sent+r.Sent, all.Answered+r.Answered, all.Took+r.Took-going
	}
	return all, nil
}

// pace sends requests at a rate, whatever becomes of them.
func (l *stunLoad) pace(ctx context.Context, to netip.AddrPort, requests int, perSecond float64) (stunResult, error) {
	return l.run(ctx, to, requests, func(r *stunResult, at time.Duration) int {
		return min(int(at.Seconds()*perSecond)+1, requests) - r.Sent
	})
}

// run sends what is due and counts what comes, until all requests are answered or
// lost.
func (l *stunLoad) run(ctx context.Context, to netip.AddrPort, requests int, due func(*stunResult, time.Duration) int) (r stunResult, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	l.runs++
	l.socket.aim(to)
	start := time.Now()
	last := start // that something came
	for now := start; r.Answered < requests; now = time.Now() {
		if err := ctx.Err(); err != nil {
			return r, err
		}
		if err := l.send(&r, due(&r, now.Sub(start))); err != nil {
			return r, err
		}
		n, err := l.count()
		if err != nil {
			return r, err
		}
		r.Answered += n
		switch quiet := now.Sub(last); {
		case n > 0:
			last, r.Took = now, now.Sub(start)
		case r.Sent == requests && quiet > stunPatience:
			return r, nil
		case quiet > stunSilence:
			return r, fmt.Errorf("no answer from %v after %d of %d", to, r.Answered, r.Sent)
		default:
			giveWay()
		}
	}
	return r, nil
}

// send sends the next n requests, or a batch of them.
func (l *stunLoad) send(r *stunResult, n int) error {
	if n = min(n, udpBatch); n <= 0 {
		return nil
	}
	for i := range n {
		cpe := l.next()
		p := append(l.socket.slot(fleetAddress(cpe)), l.packet...)
		for at, rest := l.serial-1, cpe; rest > 0; at, rest = at-1, rest/10 {
			p[at] = byte('0' + rest%10)
		}
		binary.BigEndian.PutUint32(p[4:], l.runs)
		binary.BigEndian.PutUint32(p[8:], uint32(r.Sent+i))
		l.socket.queue(p)
	}
	sent, err := l.socket.flush()
	r.Sent += sent
	if err != nil {
		return fmt.Errorf("send keep-alives: %w", err)
	}
	return nil
}

// next picks a CPE at random (xorshift; what matters is that no cache follows).
func (l *stunLoad) next() int {
	l.random ^= l.random << 13
	l.random ^= l.random >> 17
	l.random ^= l.random << 5
	return int(l.random % uint32(l.fleet))
}

// count fetches answers of this run. An echo's are the requests themselves.
func (l *stunLoad) count() (answers int, err error) {
	n, err := l.socket.receive()
	if err != nil {
		return 0, err
	}
	for i := range n {
		p := l.socket.datagram(i)
		if len(p) < stunHeader {
			return 0, errors.New("an answer is no STUN message")
		}
		if kind := binary.BigEndian.Uint16(p); kind != stunResponse && kind != stunRequest {
			return 0, fmt.Errorf("an answer has the type %#x", kind)
		}
		if binary.BigEndian.Uint32(p[4:]) == l.runs {
			answers++
		}
	}
	return answers, nil
}
