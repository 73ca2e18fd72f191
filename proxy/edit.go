package proxy

import (
	"strings"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Reported is what a CPE tells of how it is reached. What it has not told is "".
type Reported struct {
	ConnectionRequestURL        string
	UDPConnectionRequestAddress string
}

// Shown is what ACSs see in place of what the CPE reported; "" leaves a value as
// it is. Texts must be such that XML can carry them.
type Shown struct {
	ConnectionRequestURL        string
	UDPConnectionRequestAddress string
}

// Parameters of the ManagementServer object that the proxy reads (TR-098,
// TR-181).
const (
	paramACSURL       = "URL"
	paramURL          = "ConnectionRequestURL"
	paramUDPAddress   = "UDPConnectionRequestAddress"
	paramUsername     = "ConnectionRequestUsername"
	paramPassword     = "ConnectionRequestPassword"
	paramSTUNUsername = "STUNUsername"
	paramSTUNPassword = "STUNPassword"
	paramSTUNEnable   = "STUNEnable"
	paramNATDetected  = "NATDetected"
)

// managed returns the name of a parameter below ManagementServer of either root,
// "" for all others.
func managed(name string) string {
	for _, object := range [...]string{"InternetGatewayDevice.ManagementServer.", "Device.ManagementServer."} {
		if rest, ok := strings.CutPrefix(name, object); ok {
			return rest
		}
	}
	return ""
}

// shownParam is what is shown of one parameter for the rest of a session.
type shownParam struct {
	decided bool
	text    string // "" leaves the CPE's own value
}

// shownParams are those of a session. The decision is made once, so an ACS never
// sees two values in one session, whatever is configured meanwhile.
type shownParams struct{ url, udp shownParam }

// find returns the parameter of that full name, nil if it is shown as it is.
func (p *shownParams) find(name string) *shownParam {
	switch managed(name) {
	case paramURL:
		return &p.url
	case paramUDPAddress:
		return &p.udp
	}
	return nil
}

// maxEdits bounds the edits in one body. A CPE tells each parameter once.
const maxEdits = 32

// present edits what the CPE tells of how it is reached, and of the URLs that are
// guarded, into what its ACS is to see (quirks C-60, C-61, S-39). A body that
// cannot be edited is passed as it is: no session is lost for an edit. What the
// CPE has told itself stays in r.inform.
func (s *Server) present(sess *session, r *request) {
	if !sess.known {
		return
	}
	before := sess.leg.edits
	var edits []cwmp.Edit
	if s.deps.Shown != nil {
		edits = s.edits(sess, r.params)
	}
	edits = s.ownEdits(sess, r, edits)
	if len(edits) == 0 {
		return
	}
	reason := ""
	switch {
	case r.answer.authInt: // the digest covers the body (quirks U7, C-62)
		reason = "auth_int"
	case len(edits) > maxEdits:
		reason = "too_many"
	case len(r.body) > pooledBody && r.loan.reserve(len(r.body)) != nil:
		reason = "memory"
	default:
		body, err := cwmp.Rewrite(r.body, charset(r.head.Fields.Get("Content-Type")), edits)
		if err == nil {
			r.unedited = r.body
			r.body, r.edited = body, true
			s.metrics.edits.Inc()
			return
		}
		reason = "text"
	}
	sess.leg.edits = before
	s.metrics.editsLeft.WithLabelValues(reason).Inc()
}

// edits are what is to be changed of the parameters that the CPE tells.
func (s *Server) edits(sess *session, params []cwmp.Param) []cwmp.Edit {
	var edits []cwmp.Edit
	for i := range params {
		p := &params[i]
		shown := sess.shown.find(p.Name)
		if shown == nil {
			continue
		}
		if !shown.decided {
			s.decideShown(sess, params)
		}
		if shown.text != "" && shown.text != p.Value {
			sess.leg.edits.add(managed(p.Name))
			edits = append(edits, cwmp.Edit{At: p.At, Text: shown.text})
		}
	}
	return edits
}

// decideShown asks what is shown of the parameters that the CPE has told, in the
// session's Inform or now, and of which that is not decided.
func (s *Server) decideShown(sess *session, params []cwmp.Param) {
	told := Reported{sess.inform.connectionRequestURL, sess.inform.udpAddress}
	for i := range params {
		value := params[i].Value
		if len(value) > maxParam {
			continue
		}
		switch managed(params[i].Name) {
		case paramURL:
			told.ConnectionRequestURL = value
		case paramUDPAddress:
			told.UDPConnectionRequestAddress = value
		}
	}
	shown := s.deps.Shown(sess.device, told)
	sess.shown.url.decide(told.ConnectionRequestURL, shown.ConnectionRequestURL)
	sess.shown.udp.decide(told.UDPConnectionRequestAddress, shown.UDPConnectionRequestAddress)
}

// decide fixes what is shown, unless nothing is while the CPE itself does not
// know its value yet.
func (p *shownParam) decide(told, shown string) {
	if !p.decided {
		p.text, p.decided = shown, told != "" || shown != ""
	}
}
