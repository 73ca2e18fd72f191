package proxy

import (
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// handle answers one request of a CPE.
func (s *Server) handle(c *cpeConn, r *request) reply {
	if r.head.Method != "POST" {
		return s.notPost(r)
	}
	gen := s.gen.Load()
	r.guards, r.size = s.deps.Guard != nil, len(r.body)
	if err := r.inspect(int64(gen.cfg.Limits.BodyBytes)); err != nil {
		return s.badRequest(err)
	}
	if r.msg.Kind == cwmp.Unknown && s.verifies(c) { // an ACS may read a device in it (quirk C-54)
		s.metrics.badRequests.WithLabelValues("unreadable_with_certificate").Inc()
		return refusal(400, "the message cannot be held against the client certificate")
	}
	sess, refused := s.sessionFor(c, r, gen)
	if refused != nil {
		return *refused
	}
	c.join(sess)
	s.beginLeg(c, sess, r)
	return s.exchange(c, sess, r)
}

// giveTurn gives back the turn that the request has taken. A session in which a
// fault has struck ends: nobody knows how far it came.
func (s *Server) giveTurn(r *request) {
	sess := r.turn
	if sess == nil {
		return
	}
	r.turn = nil
	defer sess.give()
	if !r.handled {
		s.end(sess, Faulted, nil)
		s.closeLeg(sess)
	}
}

// notPost serves ACME challenges; CWMP itself is POST alone (TR-069 3.4.1).
func (s *Server) notPost(r *request) reply {
	path, _, _ := strings.Cut(r.path, "?")
	if r.head.Method == "GET" && s.deps.Challenge != nil && strings.HasPrefix(path, "/.well-known/acme-challenge/") {
		host := strings.ToLower(r.head.Fields.Get("Host"))
		if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
			host = host[:i]
		}
		if body, ok := s.deps.Challenge(host, path); ok {
			return reply{status: 200, body: []byte(body), fields: plainText}
		}
	}
	s.metrics.badRequests.WithLabelValues("method").Inc()
	rep := refusal(405, "this is a CWMP endpoint: POST only")
	rep.allow = "POST"
	return rep
}

// sessionFor finds or begins the request's session and takes its turn, or says
// why there is none.
func (s *Server) sessionFor(c *cpeConn, r *request, gen *generation) (*session, *reply) {
	sess := s.recognise(c, r, gen)
	if sess != nil {
		if !sess.take(gen.turnPatience()) {
			s.metrics.badRequests.WithLabelValues("session_busy").Inc()
			return nil, s.later("session is busy with another request")
		}
		r.turn = sess
		if ours, refused := s.continues(c, r, sess); ours || refused != nil {
			return sess, refused
		}
		r.turn = nil
		sess.give()
	}
	if r.isInform() {
		return s.begin(c, r)
	}
	return s.beginAnonymous(c, r)
}

// turnPatience is how long a second connection waits for the first: less than
// any CPE waits for an answer (quirk C-09).
func (g *generation) turnPatience() time.Duration { return 20 * time.Second }

// continues tells whether the request goes on with the session that it was
// recognised by. The caller has the session's turn.
func (s *Server) continues(c *cpeConn, r *request, sess *session) (bool, *reply) {
	now := time.Now()
	switch {
	case sess.over.Load():
		return false, sess.epilogue(c, r, now)
	case sess.doom.Load() != nil:
		s.end(sess, Superseded, nil)
		if !r.isInform() {
			return false, s.later("session was ended")
		}
		return false, nil
	case !r.isInform():
	case sess.resumes(r.msg.Device):
		s.identify(sess, r)
	case !sess.known && sess.fits(s.routeFor(c, r)):
		if refused := s.adopt(c, r, sess); refused != nil {
			return false, refused
		}
	default:
		s.leaveBehind(sess, r.msg.Device)
		return false, nil
	}
	if r.cookieOf == sess {
		sess.cookieReturned = true
	}
	sess.touch(now)
	return true, nil
}

// epilogue answers what a CPE sends to a session that has ended: a stray empty
// POST with 204, a later one begins anew, anything else is refused.
func (sess *session) epilogue(c *cpeConn, r *request, now time.Time) *reply {
	if sess.answersStray(r, now) {
		return &reply{status: 204}
	}
	c.leave(sess)
	if r.isInform() || r.msg.Kind == cwmp.Empty || r.cookieOf != sess {
		return nil
	}
	refused := refusal(503, "session has ended")
	return &refused
}

// leaveBehind ends a session that its own device has given up by beginning
// anew. One of another device, as an aggregator has on the same connection, is
// left alone (quirks C-03, C-08, C-54).
func (s *Server) leaveBehind(sess *session, id cwmp.DeviceID) {
	if sess.known && sess.device.Key() != id.Key() {
		return
	}
	open := sess.link.current() != nil
	s.end(sess, Superseded, nil)
	if open {
		s.sleep(supersedePause)
	}
}

// fits tells whether an anonymous session is where the device of an Inform
// belongs, be it by the same failover.
func (sess *session) fits(route Route) bool {
	at := sess.up.cfg.Name
	if route.Park != sess.route.Park {
		return false
	}
	return route.ACS == at || route.ACS == sess.route.ACS && route.Fallback == at
}

// adopt makes an anonymous session, begun by an empty POST to fetch a
// challenge, that of the Inform's device (quirk C-04).
func (s *Server) adopt(c *cpeConn, r *request, sess *session) *reply {
	if refused := s.verify(c, r); refused != nil {
		return refused
	}
	sess.route = s.routeFor(c, r)
	s.identify(sess, r)
	s.register(sess)
	return nil
}

// identify makes the session that of the Inform's device.
func (s *Server) identify(sess *session, r *request) {
	sess.identify(r)
	sess.show()
	if s.deps.Quirks != nil {
		sess.quirks = s.deps.Quirks(sess.device, sess.inform.softwareVersion)
	}
}

// begin starts a session with an Inform.
func (s *Server) begin(c *cpeConn, r *request) (*session, *reply) {
	if refused := s.verify(c, r); refused != nil {
		return nil, refused
	}
	route := s.routeFor(c, r)
	if refused := s.refuseParked(r, route); refused != nil {
		return nil, refused
	}
	sess, refused := s.admit(c, r, route)
	if refused != nil {
		return nil, refused
	}
	s.identify(sess, r)
	s.register(sess)
	return sess, nil
}

// beginAnonymous starts a session without a device: an empty POST that fetches
// a challenge, or what cannot be read as CWMP. It takes the default route
// (quirks C-04, C-52).
func (s *Server) beginAnonymous(c *cpeConn, r *request) (*session, *reply) {
	if s.answersNobody(r) {
		refused := refusal(503, "session has ended")
		return nil, &refused
	}
	if r.msg.Kind != cwmp.Empty {
		s.metrics.passed.WithLabelValues("no_session").Inc()
	}
	route := s.deps.Route(RouteInput{Source: c.remote.Addr(), Listener: c.ln.name, Path: r.path})
	return s.admit(c, r, route)
}

// routeFor routes an Inform, once.
func (s *Server) routeFor(c *cpeConn, r *request) Route {
	if !r.routed {
		r.routed = true
		r.route = s.deps.Route(RouteInput{
			Device: r.msg.Device, Known: true, SoftwareVersion: r.inform.softwareVersion,
			Source: c.remote.Addr(), Listener: c.ln.name, Path: r.path,
		})
	}
	return r.route
}

// verifies tells whether devices on the connection are held against a client
// certificate.
func (s *Server) verifies(c *cpeConn) bool {
	return c.tls != nil && len(c.tls.PeerCertificates) > 0 && s.deps.VerifyDevice != nil
}

// verify holds a client certificate against the Inform's device (quirks C-54,
// C-75).
func (s *Server) verify(c *cpeConn, r *request) *reply {
	if !s.verifies(c) {
		return nil
	}
	err := s.deps.VerifyDevice(*c.set.cfg.TLS, *c.tls, r.msg.Device)
	if err == nil {
		return nil
	}
	s.metrics.badRequests.WithLabelValues("client_certificate").Inc()
	if c.ln.mistakes.Allow() { // it will come again and again
		s.log.Warn("session refused", zap.String("device", r.msg.Device.String()),
			zap.Stringer("remote", c.remote), zap.String("listener", c.ln.name), zap.Error(err))
	}
	refused := refusal(400, "the client certificate is not this device's")
	return &refused
}

// admit makes a session on the route's ACS if the limits allow. The new
// session's turn is the request's.
func (s *Server) admit(c *cpeConn, r *request, route Route) (*session, *reply) {
	gen := s.gen.Load() // there may be a newer one than when the request came
	up := gen.upstreams[route.ACS]
	if up == nil {
		s.log.Error("route names an acs that does not exist", zap.String("acs", route.ACS), zap.String("rule", route.Rule))
		return nil, s.later("no ACS for this device")
	}
	if s.draining.Load() {
		return nil, s.notAdmitted(route.ACS, "draining")
	}
	if limit := s.enter(up, route); limit != "" {
		return nil, s.notAdmitted(route.ACS, limit)
	}
	sess := newSession(c, gen, time.Now())
	sess.up, sess.to, sess.route = up, up.base, route
	sess.show()
	if !s.table.add(sess, gen.cfg.Session.MaxSessions) {
		s.leave(up, route)
		return nil, s.notAdmitted(route.ACS, "max_sessions")
	}
	up.metrics.sessions.Inc()
	r.turn = sess
	return sess, nil
}

func (s *Server) notAdmitted(acs, limit string) *reply {
	s.metrics.notAdmitted.WithLabelValues(acs, limit).Inc()
	return s.later("too many sessions, try again later")
}

func (s *Server) later(text string) *reply {
	rep := unavailable(text, retryAfter(s.gen.Load().cfg.Limits.RetryAfter))
	return &rep
}

// register makes the session its device's. A session that the device has left
// open is closed first, since ACSs refuse a second one (quirks U8, C-08). From
// elsewhere that waits until an ACS has accepted the Inform, so that nobody can
// end a CPE's session by merely naming the CPE (C-54).
func (s *Server) register(sess *session) {
	if sess.device.SerialNumber == "" {
		return // any number of CPEs may be nobody (quirk C-52)
	}
	for {
		old := s.table.of(sess.device)
		if old == sess {
			return
		}
		if old != nil && (old.source != sess.source || old.transport != sess.transport) {
			sess.contested = true
			return
		}
		if s.table.replace(old, sess) {
			s.supersede(old)
			s.makeWay(sess)
			return
		}
	}
}

// claim makes the session its device's whoever has been that.
func (s *Server) claim(sess *session) {
	for old := s.table.of(sess.device); old != sess; old = s.table.of(sess.device) {
		if s.table.replace(old, sess) {
			s.supersede(old)
			s.makeWay(sess)
			return
		}
	}
}

// supersede ends a session, if there is one, for its device's next and gives its ACS
// a moment to notice.
func (s *Server) supersede(old *session) {
	if old == nil {
		return
	}
	open := old.link.current() != nil
	old.abort(Superseded)
	if old.tryTake() {
		s.end(old, Superseded, nil)
		old.give()
	}
	if open {
		s.sleep(supersedePause)
	}
}

// supersedePause lets the ACS see the old connection close before the new
// Inform comes on another one.
const supersedePause = 50 * time.Millisecond

// badRequest refuses what must not be passed on.
func (s *Server) badRequest(err error) reply {
	reason, status := badReason(err)
	s.metrics.badRequests.WithLabelValues(reason).Inc()
	switch status {
	case 0:
		status = 400
	case 503:
		return unavailable(fmt.Sprint(err), retryAfter(s.gen.Load().cfg.Limits.RetryAfter))
	}
	return refusal(status, err.Error())
}
