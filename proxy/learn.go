package proxy

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Secret is a password of a CPE. It is masked wherever it is printed or
// marshalled; who needs the text converts it: string(s).
type Secret string

// String masks the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// Format masks the secret for every verb.
func (s Secret) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, s.String()) // package fmt keeps no errors
}

// MarshalText masks the secret in JSON and other texts.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Learned is what a session told of the ManagementServer object of a CPE
// (quirk S-40). What it did not tell is "" or nil.
type Learned struct {
	// ByACS tells that an ACS has set these values and the CPE has accepted them;
	// else the CPE has told them, which never includes passwords.
	ByACS bool

	ConnectionRequestUsername string
	ConnectionRequestPassword Secret
	STUNUsername              string
	STUNPassword              Secret
	STUNEnable, NATDetected   *bool
}

// offer is what one SetParameterValues of an ACS sets. It is in force once the
// CPE has accepted it as a whole (TR-069 A.3.2.1).
type offer struct {
	id      string // cwmp:ID
	learned Learned
}

// learnable selects what to read in the messages of ACSs, nil for nothing.
func (s *Server) learnable() func([]byte) bool {
	if s.deps.Learned == nil {
		return nil
	}
	return settable
}

// settable selects the parameters of a SetParameterValues to learn from.
func settable(name []byte) bool {
	dot := max(bytes.LastIndexByte(name, '.'), 0)
	switch string(name[dot:]) {
	case "." + paramUsername, "." + paramPassword, "." + paramSTUNUsername, "." + paramSTUNPassword, "." + paramSTUNEnable:
		return managed(string(name)) != ""
	}
	return false
}

// learnedFrom gathers what parameters tell. Texts are copies: those of the
// message share its memory.
func learnedFrom(params []cwmp.Param) Learned {
	var l Learned
	for i := range params {
		value := params[i].Value
		if value == "" || len(value) > maxParam {
			continue
		}
		switch managed(params[i].Name) {
		case paramUsername:
			l.ConnectionRequestUsername = strings.Clone(value)
		case paramPassword:
			l.ConnectionRequestPassword = Secret(strings.Clone(value))
		case paramSTUNUsername:
			l.STUNUsername = strings.Clone(value)
		case paramSTUNPassword:
			l.STUNPassword = Secret(strings.Clone(value))
		case paramSTUNEnable:
			l.STUNEnable = boolean(value)
		case paramNATDetected:
			l.NATDetected = boolean(value)
		}
	}
	return l
}

// boolean reads an XSD boolean; nil is what is none.
func boolean(text string) *bool {
	switch strings.ToLower(text) {
	case "1", "true":
		return new(true)
	case "0", "false":
		return new(false)
	}
	return nil
}

// noteOffers remembers what the ACS's message sets, and nothing earlier, until the
// CPE answers it.
func (s *session) noteOffers(first *cwmp.Message, more []cwmp.Message) {
	s.offers = nil
	s.noteOffer(first)
	for i := range more {
		s.noteOffer(&more[i])
	}
}

func (s *session) noteOffer(m *cwmp.Message) {
	if m.Method != cwmp.MethodSetParameterValues || len(m.Params) == 0 {
		return
	}
	if l := learnedFrom(m.Params); l != (Learned{}) {
		l.ByACS = true
		s.offers = append(s.offers, offer{strings.Clone(m.ID), l})
	}
}

// learnAccepted tells what the CPE's message puts into force, or shows to be: it
// accepts what the ACS has set, or answers what the ACS has asked for. An Inform
// counts once an ACS has accepted it, since anybody can send one.
func (s *Server) learnAccepted(sess *session, r *request) {
	if s.deps.Learned == nil {
		return
	}
	if len(sess.offers) > 0 {
		s.learnOffer(sess, &r.msg)
		for i := range r.more {
			s.learnOffer(sess, &r.more[i])
		}
	}
	if sess.opened && !r.isInform() {
		s.learnTold(sess, r)
	}
}

// learnOffer tells the offer that a message of the CPE accepts. With one offer
// the CPE can mean no other; of several it names one by its ID (quirk C-56).
func (s *Server) learnOffer(sess *session, m *cwmp.Message) {
	if m.Kind != cwmp.Response || m.Method != cwmp.MethodSetParameterValues+"Response" {
		return
	}
	for i := range sess.offers {
		if len(sess.offers) == 1 || sess.offers[i].id == m.ID {
			s.deps.Learned(sess.device, sess.offers[i].learned)
			return
		}
	}
}

// learnTold tells what the CPE itself says. It says no passwords: they read as
// empty (TR-181 ManagementServer).
func (s *Server) learnTold(sess *session, r *request) {
	if s.deps.Learned == nil || len(r.params) == 0 {
		return
	}
	if l := learnedFrom(r.params); l != (Learned{}) {
		s.deps.Learned(sess.device, l)
	}
}
