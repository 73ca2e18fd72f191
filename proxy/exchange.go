package proxy

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// forward takes the request to the session's ACS. What begins a session, an
// Inform or an empty POST for a challenge, is given to the fallback, once, if no
// answer byte came back; nothing else is ever given to another ACS (protocol
// notes 1.12).
func (s *Server) forward(c *cpeConn, sess *session, r *request) (acsReply, *exchangeError) {
	began := time.Now()
	deadline := r.deadline(began, sess.up.cfg.ResponseTimeout)
	reply, err := s.ask(c, sess, r, s.patience(sess, r, began, deadline))
	if err == nil || err.answered || sess.owes() || !s.fallBack(sess, r) {
		return reply, err
	}
	s.presentAgain(sess, r)
	return s.ask(c, sess, r, deadline)
}

// cpePatience is how long the least patient CPE waits for an answer; easycwmp
// gives up after 30 s.
const cpePatience = 29 * time.Second

// deadline is until when an answer is waited for. What a request has already
// waited for its turn is taken off, unless more was configured than such CPEs
// bear (quirk C-09).
func (r *request) deadline(began time.Time, timeout time.Duration) time.Time {
	end, latest := began.Add(timeout), r.at.Add(max(timeout, cpePatience))
	if latest.Before(end) {
		return latest
	}
	return end
}

// patience is the deadline of a first attempt: shorter when somebody else may
// be asked, so that the CPE still gets its answer within its 30 s (quirk C-09).
func (s *Server) patience(sess *session, r *request, began, deadline time.Time) time.Time {
	if !sess.begins(r) || sess.route.Fallback == "" || sess.up.cfg.Name == sess.route.Fallback {
		return deadline
	}
	if early := began.Add(sess.up.cfg.InformTimeout); early.Before(deadline) {
		return early
	}
	return deadline
}

// fallBack moves a session that has not begun to its other ACS, if that admits
// it. The cookies of the first stay behind.
func (s *Server) fallBack(sess *session, r *request) bool {
	name := sess.route.Fallback
	next := sess.gen.upstreams[name]
	if !sess.begins(r) || next == nil || next == sess.up || sess.doom.Load() != nil {
		return false
	}
	if limit := next.admission.enter(time.Now()); limit != "" {
		s.metrics.notAdmitted.WithLabelValues(name, limit).Inc()
		return false
	}
	s.metrics.failovers.WithLabelValues(sess.up.cfg.Name, name).Inc()
	sess.link.drop()
	sess.up.admission.leave()
	sess.up.metrics.sessions.Dec()
	sess.route.Reason += "; no answer from " + sess.up.cfg.Name
	sess.up, sess.to, sess.jar, sess.withheld = next, next.base, jar{}, false
	next.metrics.sessions.Inc()
	sess.show()
	s.makeWay(sess)
	return true
}

// begins tells whether the request is one that begins a session.
func (s *session) begins(r *request) bool {
	return !s.opened && (r.isInform() || !s.known && r.msg.Kind == cwmp.Empty)
}

// maxRedirects is how many redirects of an ACS are followed in one exchange.
const maxRedirects = 5

// ask exchanges the request with the session's present ACS, following its
// redirects if configured (quirk C-28).
func (s *Server) ask(c *cpeConn, sess *session, r *request, deadline time.Time) (acsReply, *exchangeError) {
	for hops := 0; ; hops++ {
		began := time.Now()
		reply, err := s.askOnce(c, sess, r, deadline)
		took := time.Since(began)
		sess.leg.ACS += took
		s.report(sess, reply, err, took)
		if err != nil || !followable(sess, reply, hops) {
			return reply, err
		}
		next, ferr := sess.to.follow(reply.head.Fields.Get("Location"), sess.up.tls)
		reply.release()
		if ferr != nil {
			return acsReply{}, failed("redirect", true, ferr)
		}
		sess.redirectTo(next)
	}
}

func followable(sess *session, reply acsReply, hops int) bool {
	status := reply.head.Status
	redirect := status == 301 || status == 302 || status == 307 || status == 308
	return redirect && sess.up.cfg.Redirects == "follow" && hops < maxRedirects && reply.head.Fields.Has("Location")
}

// redirectTo applies a redirect to the rest of the session, and to nothing else
// (protocol notes 1.4).
func (s *session) redirectTo(next *target) {
	if !s.to.sameHost(next) || s.to.secure != next.secure {
		s.link.drop()
		s.jar, s.withheld = jar{}, true
	}
	s.to = next
}

// reconnectPause lets GenieACS park the session of a connection that died, so
// that the next one finds it (quirk U3).
const reconnectPause = 100 * time.Millisecond

// askOnce does one exchange. If the ACS had closed the connection, which shows
// only now, it is tried once more on a new one, to the same ACS and with the
// same cookies (quirk U3).
func (s *Server) askOnce(c *cpeConn, sess *session, r *request, deadline time.Time) (acsReply, *exchangeError) {
	conn := sess.link.current()
	if conn != nil {
		reply, err := s.roundTrip(c, sess, conn, r, deadline)
		if !reply.stale() && (err == nil || !err.quiet()) || sess.doom.Load() != nil {
			return reply, err
		}
		reply.release()
		sess.link.drop()
		if !s.sleep(min(reconnectPause, time.Until(deadline))) {
			return acsReply{}, failed("connect", false, errAborted)
		}
	}
	conn, err := sess.up.dial(sess.to, deadline)
	if err != nil {
		return acsReply{}, failed("connect", false, err)
	}
	if !sess.link.set(conn) {
		return acsReply{}, failed("connect", false, errAborted)
	}
	return s.roundTrip(c, sess, conn, r, deadline)
}

var errAborted = errors.New("session was ended meanwhile")

func (s *Server) roundTrip(c *cpeConn, sess *session, conn *acsConn, r *request, deadline time.Time) (acsReply, *exchangeError) {
	buf := takeBuffer()
	defer giveBuffer(buf)
	*buf = sess.appendRequest((*buf)[:0], c, r)
	sess.tapToACS(*buf, r)
	reply, err := conn.roundTrip(*buf, r.body, deadline, int64(sess.gen.cfg.Limits.BodyBytes), &r.loan)
	sess.tapFromACS(&reply, err)
	if err != nil {
		sess.link.drop()
		return reply, err
	}
	sess.jar.store(reply.head.Fields, time.Now())
	sess.withheld = sess.withheld && reply.head.Status != 401
	if !reply.keep {
		sess.link.drop()
	}
	return reply, nil
}

// report tells health and metrics how an exchange with an ACS went.
func (s *Server) report(sess *session, reply acsReply, err *exchangeError, took time.Duration) {
	if sess.doom.Load() != nil || err != nil && (errors.Is(err, errNoMemory) || errors.Is(err, errAborted)) {
		return // it was we, which says nothing of the ACS
	}
	result := Result{ACS: sess.up.cfg.Name, Took: took}
	if err != nil {
		s.metrics.exchangeFailures.WithLabelValues(result.ACS, err.reason()).Inc()
		result.Err = err
	} else {
		sess.up.metrics.exchangeTime.Observe(took.Seconds())
		result.Status = reply.head.Status
	}
	if s.deps.Result != nil {
		s.deps.Result(result)
	}
}

// absolute makes the Location that a CPE is handed absolute, as seen from the
// CPE (quirk C-27).
func absolute(c *cpeConn, r *request, location string) string {
	host := r.head.Fields.Get("Host")
	ref, err := url.Parse(location)
	if err != nil || ref.IsAbs() || location == "" {
		return location
	}
	if !isHost(host) {
		host = c.nc.LocalAddr().String() // where the CPE has come to
	}
	base := &url.URL{Scheme: c.scheme(), Host: host}
	base.Path, _, _ = strings.Cut(r.path, "?")
	return base.ResolveReference(ref).String()
}

// scanReply reads what the ACS says.
func scanReply(reply *acsReply, opts cwmp.Options) cwmp.Message {
	if isBlank(reply.body) {
		return cwmp.Message{Kind: cwmp.Empty}
	}
	if reply.head.Status/100 != 2 { // the CPE is told 200 for all of these
		return cwmp.Message{Kind: cwmp.Unknown}
	}
	msg, err := cwmp.Scan(reply.body, opts)
	if err != nil {
		return cwmp.Message{Kind: cwmp.Unknown}
	}
	return msg
}

func (r *acsReply) scanOptions(params func([]byte) bool) cwmp.Options {
	return cwmp.Options{Params: params, Charset: charset(r.head.Fields.Get("Content-Type"))}
}
