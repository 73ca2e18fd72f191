package connreq

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// bootsMost is how many restarts may wait to be noted.
const bootsMost = 4096

// NoteInform tells of an Inform, and with it that a session has begun; at is when
// it came. It alone makes a request a success (quirk S-37). It never blocks.
func (s *Service) NoteInform(id cwmp.DeviceID, events []string, at time.Time) {
	booted := slices.Contains(events, cwmp.EventBoot) || slices.Contains(events, cwmp.EventBootstrap)
	s.mu.Lock()
	d := s.find(&id)
	if d != nil {
		s.informed(d, events, booted, at)
	}
	stopped := s.stopped
	s.release()
	if d == nil && booted && !stopped {
		select {
		case s.boots <- id:
		default:
			s.metrics.dropped.WithLabelValues("boot").Inc()
		}
	}
}

// informed takes note of an Inform. The caller holds the lock.
func (s *Service) informed(d *device, events []string, booted bool, at time.Time) {
	asked := slices.Contains(events, cwmp.EventConnectionRequest)
	if r := d.current; r != nil {
		s.confirm(r, asked, events, at)
	} else if asked && s.relayedJustNow(d, at) {
		d.answered(d.relayedMillis) // to a request that an ACS has made
		s.changed(d)
	}
	// After the confirmation: a CPE that restarts has forgotten what it took.
	if booted && d.booted() {
		s.changed(d)
	}
}

// confirm ends a request with a session, if that began after the request had left.
func (s *Service) confirm(r *request, asked bool, events []string, at time.Time) {
	switch now := s.now(); {
	case r.queued:
		if !at.Before(r.at) {
			s.finish(r, classCame, nil, now)
		}
	case r.firstSent.IsZero() || at.Before(r.firstSent):
	case asked:
		by := r.credited()
		s.finish(r, classWoken, by, now)
		s.learn(r.device, by, at)
	default:
		r.note = "a session without " + cwmp.EventConnectionRequest + " began: " + strings.Join(events, ", ")
		s.finish(r, classCame, nil, now)
	}
}

// credited returns the job that a session with 6 CONNECTION REQUEST is the success
// of: the last that has left and did not fail.
func (r *request) credited() *Job {
	for _, j := range slices.Backward(r.jobs) {
		if j.started && (j.delivered || !j.closed) {
			return j
		}
	}
	return nil
}

// learn remembers what has worked.
func (s *Service) learn(d *device, by *Job, at time.Time) {
	if by == nil {
		return
	}
	d.worked = by.way.Name()
	if by.way.numbered && !s.relayedJustNow(d, at) { // else it is open whose request it was
		d.answered(by.millis)
	}
	s.changed(d)
}

// relayedJustNow tells whether an Inform may be the answer to a request that an
// ACS has made itself.
func (s *Service) relayedJustNow(d *device, at time.Time) bool {
	return !d.relayedAt.IsZero() && !at.Before(d.relayedAt) && at.Sub(d.relayedAt) <= s.cfg.Timeout
}

// relayedAhead is how many seconds a ts that an ACS has used may be ahead of the
// clock. One that is further ahead is of a wrong clock; going after it would lock
// the CPE out for everybody (quirk S-44).
const relayedAhead = 24 * 60 * 60

// NoteRelayed tells of a UDP Connection Request that an ACS has made and that was
// passed on to the device: ours must come after it. ts is in seconds or
// milliseconds, as the ACS has it. It may read the store.
func (s *Service) NoteRelayed(id cwmp.DeviceID, ts int64, crID uint32) {
	seq, millis := ts, isMillis(ts)
	if millis {
		seq = ts / 1000
	}
	now := s.now()
	d := s.hold(id)
	defer s.release()
	switch {
	case s.stopped:
		return
	case seq > now.Unix()+relayedAhead || s.full():
		s.metrics.dropped.WithLabelValues("relayed").Inc()
		s.settle(d)
		return
	}
	d.relayedAt, d.relayedMillis, d.relayedID = now, millis, crID
	d.record.last = max(d.record.last, seq)
	s.changed(d)
}

// AdmitRelayed is NoteRelayed for a datagram that an ACS has sent by another relay
// than ours and that is about to go to the device. It tells whether it may: it must
// be a UDP Connection Request, and not of a clock so far ahead that the CPE would
// take no later one (quirk S-44). It may read the store.
func (s *Service) AdmitRelayed(id cwmp.DeviceID, payload []byte) bool {
	d, err := ParseDatagram(payload)
	if err != nil || ahead(d.TS, s.now()) > maxAhead {
		return false
	}
	s.NoteRelayed(id, d.TS, d.ID)
	return true
}

// hold returns a device in memory, reading it if need be, with the lock held. The
// caller settles it.
func (s *Service) hold(id cwmp.DeviceID) *device {
	s.mu.Lock()
	if d := s.find(&id); d != nil {
		return d
	}
	s.release()
	read := s.read(context.Background(), id)
	s.mu.Lock()
	return s.adopt(read)
}
