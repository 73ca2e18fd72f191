package proxy

import (
	"errors"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// A parked session is answered by the gateway itself, for an ACS that is away: its
// CPE is told that the Inform has arrived and that nobody wants anything of it
// (quirk C-58). That acknowledges its events, and an event that is acknowledged is
// never told again (protocol notes 1.9, 1.12). So only an Inform with nothing to
// lose is answered. Any other is refused with 503, upon which the CPE keeps its
// events, and comes again at its retry intervals: after seconds at first, after
// up to 85 minutes in the end.

// passing are the events that a parked CPE may forget: the next period or
// heartbeat comes by itself, and a connection request is never told twice.
var passing = map[string]bool{
	cwmp.EventPeriodic: true, cwmp.EventConnectionRequest: true, cwmp.EventHeartbeat: true,
}

// parkable tells a message that can be acknowledged without a loss: an Inform with
// nothing but passing events, and nothing else behind it.
func (r *request) parkable() bool {
	for i := range r.msg.Events {
		if !passing[r.msg.Events[i].Code] {
			return false
		}
	}
	return len(r.more) == 0
}

// refuseParked refuses the Inform of a device that is parked if it tells what must
// reach an ACS.
func (s *Server) refuseParked(r *request, route Route) *reply {
	if !route.Park || r.parkable() {
		return nil
	}
	s.metrics.parked.WithLabelValues(route.ACS, "refused").Inc()
	return s.later("the ACS is away, keep your events")
}

// errUnparkable says why a parked session ended otherwise.
var errUnparkable = errors.New("CPE said what only an ACS can answer while it was parked")

// parked answers a message in a parked session: the Inform, then the empty POST
// that ends it. A request of the CPE is never acknowledged, nor refused with a
// fault, since either counts as delivered: the session ends with 503, as it does
// on anything else.
func (s *Server) parked(sess *session, r *request) reply {
	sess.noteRequest(r)
	sess.noteFurther(r.more)
	s.count(&r.msg, r.more, "cpe")
	answer := func(a string) { s.metrics.parked.WithLabelValues(sess.route.ACS, a).Inc() }
	switch {
	case r.isInform() && r.parkable():
		answer("informed")
		sess.opened = true
		sess.leg.Answer = cwmp.MethodInform + "Response"
		body := cwmp.InformResponse(r.msg.Dialect, r.msg.ID)
		return reply{status: 200, fields: xmlUTF8, body: body, cookie: sess.offeredCookie()}
	case r.msg.Kind == cwmp.Empty:
		answer("ended")
		rep := reply{status: 204, close: sess.quirks.CloseAtEnd, cookie: sess.offeredCookie()}
		s.end(sess, Parked, nil)
		return rep
	}
	answer("cut_off")
	s.end(sess, Parked, errUnparkable)
	return *s.later("the ACS is away")
}

// enter admits a session to its ACS, or names the limit that refuses it. A parked
// session costs the ACS nothing.
func (s *Server) enter(up *upstream, route Route) (refusedBy string) {
	if route.Park {
		return ""
	}
	return up.admission.enter(time.Now())
}

// leave undoes enter.
func (s *Server) leave(up *upstream, route Route) {
	if !route.Park {
		up.admission.leave()
	}
}
