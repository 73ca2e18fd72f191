package proxy

import (
	"slices"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/httpwire"
)

// maxSessionTimeout bounds what an Inform's SessionTimeout asks for.
const maxSessionTimeout = 10 * time.Minute

// openToInjections lets RPCs of the gateway's own into a session whose Inform, r,
// the ACS has just accepted with msg.
func (s *Server) openToInjections(c *cpeConn, sess *session, r *request, msg *cwmp.Message) {
	if s.deps.Injections == nil {
		return
	}
	d := msg.Dialect
	if d.Namespace == "" {
		d = r.msg.Dialect
	}
	in := &injector{dialect: cloneDialect(d)}
	in.timeout = min(time.Duration(r.msg.SessionTimeout)*time.Second, maxSessionTimeout)
	in.key = sess.inform.parameterKey
	sess.inject = in
	in.take(s.deps.Injections(sess.injectionInput(c, false)), true)
}

func (s *session) injectionInput(c *cpeConn, tail bool) InjectionInput {
	return InjectionInput{
		Device: s.device, SoftwareVersion: s.inform.softwareVersion, Root: s.root, ParameterKey: s.inject.key,
		ConnectionRequestURL: s.inform.connectionRequestURL, UDPConnectionRequestAddress: s.inform.udpAddress,
		Events: slices.Clone(s.sum.Events), ACS: s.up.cfg.Name, Route: s.route, Listener: c.ln.name,
		Source: c.remote, Local: c.local, TLS: c.tls != nil,
		TransferPending: s.inject.transfers > 0, Tail: tail,
	}
}

// injected answers a message of the CPE's that concerns RPCs of the gateway's
// own; of others it reports false. The rest of a message that answers such an
// RPC and says more stays in r.
func (s *Server) injected(c *cpeConn, sess *session, r *request) (reply, bool) {
	in := sess.inject
	switch {
	case in == nil:
		if s.answersNobody(r) {
			return refusal(503, "session has ended"), true
		}
		return reply{}, false
	case in.holds():
		return s.atPoint(c, sess, r)
	case s.takeAnswers(sess, r) > 0 && r.msg.Kind == cwmp.Empty:
		// The CPE has answered late, or again since the ACS challenged it. The ACS
		// awaits a message, and without the RPC an empty one would have come.
		defer r.restore(r.strip())
		return s.pass(c, sess, r), true
	case in.headDue(sess, r):
		return s.beginHead(sess, r)
	}
	return reply{}, false
}

// atPoint goes on by what the CPE says to an RPC of the gateway's.
func (s *Server) atPoint(c *cpeConn, sess *session, r *request) (reply, bool) {
	in := sess.inject
	taken := s.takeAnswers(sess, r)
	switch {
	case r.msg.Kind == cwmp.Request: // what remains can be nothing else
		in.interrupt()
		sess.patience.Store(0)
		return reply{}, false
	case in.out == nil:
	case taken > 0: // an answer that was given before: what followed it was lost
		if again := in.again(); again != nil {
			sess.sum.Exchanges++
			return s.sendInjected(sess, again), true
		}
		in.ignored("the CPE repeated an earlier answer")
	default:
		in.ignored("the CPE sent an empty message in place of an answer")
	}
	return s.goOn(c, sess, r), true
}

// ignored ends the first program and all injecting into the session.
func (in *injector) ignored(why string) {
	in.ignores = true
	in.giveUp(InjectionIgnored, why)
}

// goOn sends the next RPC, or gives back what was held for them.
func (s *Server) goOn(c *cpeConn, sess *session, r *request) reply {
	in := sess.inject
	if !in.ignores {
		if body := in.next(time.Now(), s.draining.Load()); body != nil {
			sess.sum.Exchanges++
			return s.sendInjected(sess, body)
		}
	}
	sess.patience.Store(0)
	if post := in.post; post != nil {
		in.post = nil
		defer r.restore(r.become(post))
		return s.pass(c, sess, r)
	}
	return s.releaseTail(sess)
}

// headDue tells whether the CPE's first empty POST has come, at which programs
// for the head of a session run.
func (in *injector) headDue(sess *session, r *request) bool {
	return len(in.queue) > 0 && !in.asked && !in.ignores && !in.asks && !sess.hold && r.msg.Kind == cwmp.Empty && len(r.body) <= maxHeldBody
}

// maxHeldBody bounds the white space of an empty POST that is held back.
const maxHeldBody = 256

// beginHead holds the empty POST back while programs run.
func (s *Server) beginHead(sess *session, r *request) (reply, bool) {
	in, now := sess.inject, time.Now()
	if in.began.IsZero() {
		in.began = now
	}
	in.post = r.hold()
	if body := in.next(now, s.draining.Load()); body != nil {
		sess.sum.Exchanges++
		return s.sendInjected(sess, body), true
	}
	in.post = nil
	return reply{}, false
}

// beginTail holds the ACS's empty answer, rep, back while programs run. For the
// ACS the session is complete, so its connection is closed as ever.
func (s *Server) beginTail(c *cpeConn, sess *session, r *request, rep reply) (reply, bool) {
	in, now := sess.inject, time.Now()
	if in == nil || in.ignores || r.msg.Kind == cwmp.Unknown || sess.doom.Load() != nil {
		return reply{}, false
	}
	if !in.asked {
		in.asked = true
		in.take(s.deps.Injections(sess.injectionInput(c, true)), false)
	}
	body := in.next(now, s.draining.Load())
	if body == nil {
		return reply{}, false
	}
	held := rep
	held.fields, held.release = slices.Clone(rep.fields), nil
	held.close = held.close || sess.quirks.CloseAtEnd
	in.last = &held
	if rep.release != nil {
		rep.release() // an empty answer uses nothing of it
	}
	sess.link.drop()
	return s.sendInjected(sess, body), true
}

// releaseTail hands on the ACS's empty answer, with which the session ends.
func (s *Server) releaseTail(sess *session) reply {
	rep := *sess.inject.last
	rep.cookie = sess.offeredCookie()
	sess.sum.Exchanges++
	s.end(sess, Complete, nil)
	return rep
}

var xmlUTF8 = httpwire.Fields{{Name: "Content-Type", Value: `text/xml; charset="utf-8"`}}

// sendInjected makes the reply that carries an RPC of the gateway's.
func (s *Server) sendInjected(sess *session, body []byte) reply {
	in := sess.inject
	sess.leg.Answer, sess.leg.Own = in.out.rpc.Method, true
	sess.patience.Store(int64(in.limit(in.queue[0])))
	if in.out.sends == 1 {
		method := in.out.rpc.Method
		s.metrics.rpcs.WithLabelValues(cwmp.MetricName(method), "gateway").Inc()
		sess.noteRPC("gw:" + method)
	}
	return reply{status: 200, fields: xmlUTF8, body: body, cookie: sess.offeredCookie()}
}

// endInjections ends what is left of them with the session.
func (s *Server) endInjections(sess *session, outcome string) {
	in := sess.inject
	if in == nil {
		return
	}
	in.conclude(outcome)
	for i := range in.results {
		s.metrics.injections.WithLabelValues(in.results[i].Name, in.results[i].Outcome).Inc()
	}
	sess.sum.Injections, sess.inject = in.results, nil
}

// injectionLines tell results in a log line.
func injectionLines(results []InjectionResult) []string {
	lines := make([]string, len(results))
	for i := range results {
		lines[i] = results[i].Name + " " + results[i].Outcome
		if results[i].Detail != "" {
			lines[i] += ": " + results[i].Detail
		}
	}
	return lines
}
