package proxy

import (
	"errors"
	"fmt"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/httpwire"
)

// exchange takes one request through its session and makes the CPE's answer of
// what the ACS says. The caller has the session's turn.
func (s *Server) exchange(c *cpeConn, sess *session, r *request) reply {
	if sess.route.Park {
		return s.parked(sess, r)
	}
	if rep, done := s.injected(c, sess, r); done {
		return rep
	}
	return s.pass(c, sess, r)
}

// pass takes the request to the ACS.
func (s *Server) pass(c *cpeConn, sess *session, r *request) reply {
	sess.noteRequest(r)
	sess.noteFurther(r.more)
	s.count(&r.msg, r.more, "cpe")
	s.learnAccepted(sess, r)
	sess.noteForInjections(r)
	s.guard(sess, r)
	s.present(sess, r)
	if sess.owes() {
		defer r.speak(sess.guard.owed)()
	}
	got, err := s.forward(c, sess, r)
	sess.touch(time.Now())
	if err != nil {
		return s.lost(sess, err)
	}
	if sess.soughtChallenge(r, got.head) {
		got.release()
		s.end(sess, NoChallenge, nil)
		return reply{status: 204}
	}
	msg, more := s.read(sess, &got)
	if rep, over := s.guarded(c, sess, r, &got, &msg, &more); over {
		return rep
	}
	sess.noteOffers(&msg, more)
	s.count(&msg, more, "acs")
	rep := s.shape(c, sess, r, &got, &msg)
	sess.noteAnswer(rep.status, &msg, more)
	outcome, problem := s.follow(c, sess, r, &got, &msg)
	sess.followFurther(more)
	sess.noteAskedForInjections(got.head, &msg, more)
	if outcome == Complete {
		if first, injects := s.beginTail(c, sess, r, rep); injects {
			return first
		}
	}
	if outcome != "" {
		rep.close = rep.close || sess.quirks.CloseAtEnd
		s.end(sess, outcome, problem)
	}
	return rep
}

// read reads what the ACS says. What cannot be read is passed.
func (s *Server) read(sess *session, got *acsReply) (cwmp.Message, []cwmp.Message) {
	opts := got.scanOptions(sess.guard.params(s.learnable()))
	opts.Elements = sess.guard.elements(sess.readForInjections())
	msg := scanReply(got, opts)
	more, _ := further(got.body, &msg, opts)
	return msg, more
}

// count counts the envelopes of one body.
func (s *Server) count(first *cwmp.Message, more []cwmp.Message, side string) {
	s.metrics.message(first, side)
	for i := range more {
		s.metrics.message(&more[i], side)
	}
}

// soughtChallenge tells an empty POST before any Inform, made to fetch a
// challenge, that the ACS refuses: GenieACS takes nothing but an Inform there.
// The CPE is told 204, goes on with its Inform, and is challenged then if the
// ACS wants that (quirk C-04).
func (s *session) soughtChallenge(r *request, head *httpwire.Response) bool {
	return !s.known && r.msg.Kind == cwmp.Empty && head.Status >= 400 && head.Status < 500 && !challenges(head)
}

// challenges tells a 401 that can be answered. Oktopus sends one that cannot,
// which is a mere refusal (quirk C-29).
func challenges(head *httpwire.Response) bool {
	return head.Status == 401 && head.Fields.Has("WWW-Authenticate")
}

// lost answers a request to which the ACS had no whole answer: 503, and the CPE
// comes back with a fresh Inform in seconds (protocol notes 1.8).
func (s *Server) lost(sess *session, err *exchangeError) reply {
	s.end(sess, ACSFailed, err)
	return *s.later("the ACS does not answer")
}

// shape makes the reply to the CPE: the ACS's own, but for what old CPEs cannot
// take.
func (s *Server) shape(c *cpeConn, sess *session, r *request, got *acsReply, msg *cwmp.Message) reply {
	head := got.head
	rep := reply{
		status: knownStatus(head.Status, sess.up.cfg.RedirectStatus), fields: head.Fields,
		body: got.body, plain: got.plain, edited: got.edited, release: got.release,
	}
	if rep.status == head.Status && len(head.Reason) < maxReason {
		rep.reason = head.Reason
	}
	if challenges(head) && s.mayEdit(sess) {
		if rep.fields = withoutAuthInt(rep.fields); &rep.fields[0] != &head.Fields[0] {
			sess.leg.edits.add(editChallenge)
		}
	}
	rep.shapeEmpty(sess.quirks, head.Fields.Has("Content-Length"), msg)
	switch {
	case rep.status == sess.up.cfg.RedirectStatus:
		rep.redirect(sess.passedTo(c, r, head.Fields.Get("Location")))
	case rep.status == 401 && !challenges(head):
		rep.status, rep.reason = 400, ""
	}
	if sess.quirks.StripXMLDeclaration && msg.Declaration.End > 0 {
		sess.leg.edits.add(editDeclaration)
		rep.body = cwmp.StripDeclaration(rep.body, *msg)
	}
	rep.cookie = sess.offeredCookie()
	return rep
}

// offeredCookie is the Set-Cookie value for a CPE that has not returned it yet.
func (s *session) offeredCookie() string {
	if s.cookieReturned {
		return ""
	}
	return s.gen.cfg.Session.Cookie + "=" + s.id + "; Path=/"
}

// passedTo is where a redirect leads the CPE: nowhere, if the gateway follows
// redirects itself and has given this one up. Some CPEs, such as easycwmp, would
// go round without end (quirk C-27).
func (s *session) passedTo(c *cpeConn, r *request, location string) string {
	if s.up.cfg.Redirects == RedirectsFollow {
		return ""
	}
	return absolute(c, r, location)
}

// redirect passes a redirect; one that leads nowhere, or that a CPE could not
// read (quirk C-23), is a failure.
func (p *reply) redirect(location string) {
	if p.location = location; location == "" || len(location) > maxCPEField {
		p.location = ""
		p.status, p.reason = 503, ""
	}
}

// maxReason bounds the reason phrase that is passed on.
const maxReason = 64

// shapeEmpty settles how a session's last word is written (quirk C-25).
func (p *reply) shapeEmpty(q cwmp.Quirks, hadLength bool, msg *cwmp.Message) {
	if msg.Kind != cwmp.Empty || p.status != 200 && p.status != 204 {
		return
	}
	p.body = nil
	switch {
	case p.status == 200 && q.EmptyAs204:
		p.status, p.reason = 204, ""
	case p.status == 204 && q.EmptyAs200:
		p.status, p.reason = 200, ""
	case p.status == 204:
		p.zeroLength = hadLength
	}
}

// follow keeps the session's state by what the ACS answered. A non-empty
// outcome ends the session.
func (s *Server) follow(c *cpeConn, sess *session, r *request, got *acsReply, msg *cwmp.Message) (outcome string, err error) {
	status := got.head.Status
	switch {
	case challenges(got.head):
		challengeNonces(got.head.Fields, func(nonce string) { s.table.challenged(sess, nonce) })
		return "", nil
	case status >= 300 && status < 400 && sess.up.cfg.Redirects == RedirectsPass:
		return Redirected, nil
	case status >= 300:
		return ACSRefused, fmt.Errorf("acs answered %d", status)
	case msg.Kind == cwmp.Empty:
		sess.hold = false
		switch {
		case !sess.cpeIdle:
			return "", nil
		case !sess.known:
			return NoChallenge, nil
		}
		return Complete, nil
	}
	sess.hold = msg.HoldRequests
	sess.noteACS(msg)
	return s.followInform(c, sess, r, msg)
}

// noteACS adds an envelope of the ACS to the summary.
func (s *session) noteACS(msg *cwmp.Message) {
	switch msg.Kind {
	case cwmp.Request:
		s.noteRPC(msg.Method)
	case cwmp.Fault:
		s.noteFault(msg.FaultCode)
	case cwmp.Empty, cwmp.Response, cwmp.Unknown:
	}
}

// noteFurther follows the envelopes behind the first of the CPE's message, and
// followFurther those of the ACS's, which CWMP 1.0 allows (quirk C-56).
func (s *session) noteFurther(more []cwmp.Message) {
	for i := range more {
		switch more[i].Kind {
		case cwmp.Request:
			s.cpeIdle = false
			s.noteRPC(more[i].Method)
		case cwmp.Fault:
			s.noteFault(more[i].FaultCode)
		case cwmp.Empty, cwmp.Response, cwmp.Unknown:
		}
	}
}

func (s *session) followFurther(more []cwmp.Message) {
	for i := range more {
		s.hold = more[i].HoldRequests
		s.noteACS(&more[i])
	}
}

// followInform notes that the ACS has taken the Inform, or has refused it with
// a fault. After 8005 the CPE repeats the Inform in the same session (protocol
// notes 1.11).
func (s *Server) followInform(c *cpeConn, sess *session, r *request, msg *cwmp.Message) (outcome string, err error) {
	if !r.isInform() || sess.opened {
		return "", nil
	}
	if msg.Kind == cwmp.Fault {
		if msg.FaultCode == "8005" {
			return "", nil
		}
		return ACSRefused, errors.New("acs answered the Inform with fault " + msg.FaultCode)
	}
	sess.opened = true
	if msg.Method != cwmp.MethodInform+"Response" {
		return "", nil // such as a page of HTML: who knows whether it was taken
	}
	if sess.contested {
		sess.contested = false
		s.claim(sess)
	}
	if s.deps.Started != nil {
		s.deps.Started(sess.accepted(c))
	}
	s.reflect(c, sess, r)
	s.learnTold(sess, r)
	s.openToInjections(c, sess, r, msg)
	return "", nil
}

func (s *session) accepted(c *cpeConn) Inform {
	return Inform{
		Device: s.device, SoftwareVersion: s.inform.softwareVersion, ConnectionRequestURL: s.inform.connectionRequestURL,
		UDPConnectionRequestAddress: s.inform.udpAddress, ParameterKey: s.inform.parameterKey, Root: s.root,
		Events: append([]string(nil), s.sum.Events...), Source: c.remote, Local: c.local, Listener: c.ln.name,
		Route: s.route, ACS: s.up.cfg.Name, At: time.Now(),
	}
}
