package proxy

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/httpwire"
)

// maxRefusals is how many messages of an ACS are refused before the CPE gets its
// answer; maxOwedChallenges, how many challenges to a fault the CPE is asked to
// answer.
const (
	maxRefusals       = 8
	maxOwedChallenges = 2
)

// guarded holds what the ACS has said against the session's guard. What the CPE
// must not get is answered with a fault in its place, and what the ACS says to
// that is judged next. It reports true with the reply to the CPE where the session
// ends.
//
// The fault is posted with the head of the CPE's message. Its digest answer, if
// there is one, was used before: an ACS that counts (RFC 7616, nc) challenges it.
// Only the CPE can answer that, so it is handed the challenge, and when it repeats
// its message with an answer, the fault goes in its place.
func (s *Server) guarded(c *cpeConn, sess *session, r *request, got *acsReply, msg *cwmp.Message, more *[]cwmp.Message) (reply, bool) {
	g := sess.guard
	if g == nil {
		return reply{}, false
	}
	for refusals := 0; ; refusals++ {
		if challenges(got.head) && g.owed != nil {
			if g.challenges++; g.challenges > maxOwedChallenges {
				return s.cutShort(sess, got, "challenged", "the acs takes no fault in the CPE's place: it wants a digest answer that the CPE does not give"), true
			}
			s.countGuard(g, "challenged")
			return reply{}, false
		}
		g.owed = nil
		if got.head.Status/100 != 2 {
			return reply{}, false
		}
		faults, why := s.censor(sess, r, got, msg, more)
		switch {
		case why != "":
			return s.cutShort(sess, got, why, "the acs says what cannot be kept from the CPE otherwise: "+why), true
		case faults == nil:
			return reply{}, false
		case refusals == maxRefusals:
			return s.cutShort(sess, got, "loop", "the acs asks over and over for what it may not"), true
		}
		got.release()
		g.owed, g.challenges = faults, 0
		next, err := s.answerACS(c, sess, r)
		if err != nil {
			return s.lost(sess, err), true
		}
		*got = next
		*msg, *more = s.read(sess, got)
	}
}

// censor makes the ACS's message fit for the CPE, or returns what the ACS is to
// be answered, or says why the session must end.
func (s *Server) censor(sess *session, r *request, got *acsReply, msg *cwmp.Message, more *[]cwmp.Message) (faults []byte, why string) {
	g, a, before := sess.guard, said{msg, *more}, sess.leg.edits
	if a.unreadable(got.body) {
		if g.allow != nil {
			return nil, "unreadable"
		}
		s.countGuard(g, "unreadable")
	}
	edits, refused := s.judge(sess, a)
	edited := sess.leg.edits
	if len(refused) == 0 && len(edits) > 0 && s.editReply(r, got, edits) != nil {
		s.countGuard(g, "edit_failed")
		refused, edits = a.holding(edits, len(got.body)), nil
	}
	if len(refused) > 0 {
		sess.leg.edits.add(editRefused)
	}
	switch {
	case len(refused) == 0:
		return nil, ""
	case !a.answersCPE():
		sess.leg.edits &^= edited &^ before // what else was edited is refused with it
		s.noteRefused(sess, a)
		return g.faults(a, refused), ""
	}
	s.countGuard(g, "dropped") // the CPE waits for the rest, so the ACS gets no answer
	got.body, edits = a.without(refused, got.body, edits)
	got.edited = true
	if s.editReply(r, got, edits) != nil {
		return nil, "edit_failed"
	}
	*msg, *more = s.read(sess, got)
	return nil, ""
}

// faults answers every request of the message. Those beside a refused one are not
// done either, since the CPE gets nothing of it.
func (g *guarding) faults(a said, refused map[int]denial) []byte {
	var body []byte
	for i := range a.len() {
		m := a.at(i)
		if m.Kind != cwmp.Request {
			continue
		}
		f, ok := refused[i]
		if !ok {
			f.code = cwmp.FaultRequestDenied
		}
		body = append(body, cwmp.FaultEnvelope(g.dialect, m.ID, f.code, "", f.params...)...)
	}
	return body
}

// noteRefused counts what the CPE does not get.
func (s *Server) noteRefused(sess *session, a said) {
	s.count(a.first, a.more, "acs")
	for i := range a.len() {
		if m := a.at(i); m.Kind == cwmp.Request {
			sess.noteRPC("refused:" + m.Method)
		}
	}
}

// answerACS posts the faults that are owed in the CPE's place.
func (s *Server) answerACS(c *cpeConn, sess *session, r *request) (acsReply, *exchangeError) {
	defer r.speak(sess.guard.owed)()
	sess.sum.Exchanges++
	got, err := s.ask(c, sess, r, r.deadline(time.Now(), sess.up.cfg.ResponseTimeout))
	sess.touch(time.Now())
	return got, err
}

// owes tells that the CPE's next message is the repetition of one that the ACS has
// had, made to answer a challenge to a fault.
func (s *session) owes() bool { return s.guard != nil && s.guard.owed != nil }

// speak puts body in place of the CPE's message and returns what undoes it. The
// head stays the CPE's, but for what concerns its own body. A digest answer that
// covers that is no good for another.
func (r *request) speak(body []byte) (undo func()) {
	fields, own, decoded, edited := r.head.Fields, r.body, r.decoded, r.edited
	r.head.Fields = slices.DeleteFunc(slices.Clone(fields), func(f httpwire.Field) bool {
		return strings.EqualFold(f.Name, "Content-Type") || strings.EqualFold(f.Name, "SOAPAction") ||
			r.answer.authInt && strings.EqualFold(f.Name, "Authorization")
	})
	r.head.Fields = append(r.head.Fields, xmlUTF8[0], httpwire.Field{Name: "SOAPAction"})
	r.body, r.decoded, r.edited = body, true, true
	return func() { r.head.Fields, r.body, r.decoded, r.edited = fields, own, decoded, edited }
}

// cutShort ends a session that cannot go on without the CPE getting what it must
// not. A CPE that has nothing more to say has had its session; any other comes
// again.
func (s *Server) cutShort(sess *session, got *acsReply, action, why string) reply {
	s.countGuard(sess.guard, action)
	got.release()
	s.end(sess, Guarded, errors.New(why))
	if !sess.cpeIdle {
		return *s.later("the session cannot go on")
	}
	return reply{status: 204, close: sess.quirks.CloseAtEnd, cookie: sess.offeredCookie()}
}
