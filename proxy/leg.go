package proxy

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Leg is one HTTP exchange with the CPE, and what it took with the ACS.
type Leg struct {
	At   time.Duration // when the request had arrived, since the session's start
	Took time.Duration // until its answer was there
	ACS  time.Duration // with the ACS; 0 when it was not asked
	// Request says what the CPE sent, such as "Inform", "empty",
	// "GetParameterValuesResponse", "Fault 9005" or "unreadable", and Answer what
	// it got, such as "InformResponse", "GetParameterValues", "empty" or
	// "401 challenge".
	Request, Answer string
	Status          int // of HTTP, toward the CPE
	In, Out         int // bytes of the bodies, as the CPE sent and got them
	// Edits names what was rewritten, such as "ConnectionRequestURL". The slice is
	// shared: it must not be changed.
	Edits []string
	New   bool // the first request of its connection
	Own   bool // the gateway has answered, or asked, itself
}

// Of the legs of a session the first and the last are kept.
const (
	maxLegs  = 64
	lastLegs = 8
)

// legsAtFirst is how many legs a session makes room for at once: most have no
// more.
const legsAtFirst = 6

// openLeg is the leg that a session is at. The session's turn owns it.
type openLeg struct {
	Leg
	open  bool
	edits editSet
}

// beginLeg notes that a request of the CPE's goes through the session.
func (s *Server) beginLeg(c *cpeConn, sess *session, r *request) {
	sess.leg = openLeg{open: true, Leg: Leg{
		At: max(r.at.Sub(sess.started), 0), Request: legName(&r.msg, r.more), In: r.size, New: !c.served, Own: true,
	}}
	sess.live.exchanged()
	s.tap(c, sess, r)
}

// legNumber is that of the leg that the session is at, from 1.
func (s *session) legNumber() int { return len(s.sum.Legs) + s.sum.LegsCut + 1 }

// noteAnswer names what the ACS has answered, which the CPE gets. An answer that
// carries no message is named by its status.
func (s *session) noteAnswer(status int, msg *cwmp.Message, more []cwmp.Message) {
	s.leg.Own = false
	if status/100 == 2 && msg.Kind != cwmp.Empty {
		s.leg.Answer = legName(msg, more)
	}
}

// endLeg notes the answer to the request whose turn the session has, nil for
// none. If the session has ended with it, that is told now.
func (s *Server) endLeg(sess *session, r *request, rep *reply, head []byte) {
	if sess == nil || !sess.leg.open {
		return
	}
	sess.tapToCPE(head, rep.body)
	leg := &sess.leg
	leg.Took, leg.Status, leg.Out, leg.Edits = time.Since(r.at), rep.status, len(rep.body), leg.edits.names()
	if leg.Answer == "" {
		leg.Answer = answerName(rep)
	}
	sess.sum.addLeg(&leg.Leg)
	s.closeLeg(sess)
}

// closeLeg leaves the leg, and tells of the session's end if it has ended in it.
func (s *Server) closeLeg(sess *session) {
	if !sess.leg.open {
		return
	}
	sess.leg = openLeg{}
	if sess.over.Load() {
		s.conclude(sess)
	}
}

// addLeg adds a leg. Of too many those in the middle are left out.
func (s *Summary) addLeg(leg *Leg) {
	switch {
	case s.Legs == nil:
		s.Legs = make([]Leg, 0, legsAtFirst)
	case len(s.Legs) == maxLegs:
		s.LegsCut++
		s.Legs = slices.Delete(s.Legs, maxLegs-lastLegs, maxLegs-lastLegs+1)
	}
	s.Legs = append(s.Legs, *leg)
}

// maxLegName bounds what a CPE or an ACS calls its messages, in bytes.
const maxLegName = 64

// legName says what a message is.
func legName(first *cwmp.Message, more []cwmp.Message) string {
	name := ""
	switch first.Kind {
	case cwmp.Empty:
		name = "empty"
	case cwmp.Unknown:
		name = "unreadable"
	case cwmp.Fault:
		name = "Fault " + first.FaultCode[:min(len(first.FaultCode), maxLegName)]
	case cwmp.Request, cwmp.Response:
		name = methodName(first.Method)
	}
	if len(more) > 0 {
		name += " and " + strconv.Itoa(len(more)) + " more"
	}
	return name
}

// methodName is the method in memory of its own, which the name of a method of
// the standard has already.
func methodName(method string) string {
	if cwmp.MetricName(method) == method {
		return method
	}
	return strings.Clone(method[:min(len(method), maxLegName)])
}

// answerName says what an answer without a message is.
func answerName(rep *reply) string {
	switch {
	case rep.status == 401:
		return "401 challenge"
	case rep.status/100 == 2 && len(rep.body) == 0:
		return "empty"
	case rep.status/100 == 2:
		return "unreadable"
	case rep.status/100 == 3:
		return "redirect"
	}
	return "refused"
}
