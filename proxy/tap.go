package proxy

import (
	"crypto/tls"
	"net/netip"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/httpwire"
)

// Tap is told all that is said in one session. Its methods are called by the
// session's goroutine, one after the other, and must not block.
type Tap interface {
	// Begin is called once, before the first message.
	Begin(TapSession)
	// Message is valid during the call only, with all that it points to.
	Message(Message)
	// End is called once, with the session's outcome.
	End(at time.Time, outcome string)
}

// TapSession is what is known when a session begins to be tapped.
type TapSession struct {
	At          time.Time
	Started     time.Time // earlier than At if the session ran already
	Device      cwmp.DeviceID
	Listener    string
	Remote      netip.AddrPort
	Local       netip.AddrPort
	TLS         string // version, "" for plain HTTP
	CipherSuite string
	ServerName  string
	ClientCert  string // subject of the client certificate, "" for none
	ACS         string
	Rule        string
	Reason      string
}

// Directions of a Message.
const (
	FromCPE = "cpe>gateway" // as the CPE sent it
	ToACS   = "gateway>acs" // as the ACS got it, after edits
	FromACS = "acs>gateway" // as the ACS sent it
	ToCPE   = "gateway>cpe" // as the CPE got it, after edits
)

// Message is one HTTP message of a session, secrets included.
type Message struct {
	At        time.Time
	Leg       int // number of the exchange with the CPE, from 1
	Direction string
	ACS       string // the other side of ToACS and FromACS
	Own       bool   // the gateway says this itself, be it an injected RPC or a refusal
	Secure    bool   // by TLS
	Method    string // of requests
	Target    string
	Status    int // of answers
	Reason    string
	Header    httpwire.Fields // in the order of the wire
	// Body is without its content encoding, where the gateway could undo that.
	Body []byte
	// Error says why there is no answer of the ACS; then all of the answer is empty.
	Error string
}

// tap asks for the session's tap, if it has none, and shows it the CPE's request.
func (s *Server) tap(c *cpeConn, sess *session, r *request) {
	if sess.tap == nil && sess.known && s.deps.Capture != nil {
		if sess.tap = s.deps.Capture(sess.device); sess.tap != nil {
			sess.tap.Begin(sess.tapSession(c))
		}
	}
	if sess.tap != nil {
		sess.tap.Message(Message{
			At: r.at, Leg: sess.legNumber(), Direction: FromCPE, Secure: c.tls != nil,
			Method: r.head.Method, Target: r.head.Target, Header: r.head.Fields, Body: r.body,
		})
	}
}

func (s *session) tapSession(c *cpeConn) TapSession {
	t := TapSession{
		At: time.Now(), Started: s.started, Device: s.device, Listener: c.ln.name, Remote: c.remote, Local: c.local,
		TLS: c.tlsVersion(), ACS: s.up.cfg.Name, Rule: s.route.Rule, Reason: s.route.Reason,
	}
	if c.tls != nil {
		t.CipherSuite, t.ServerName = tls.CipherSuiteName(c.tls.CipherSuite), c.tls.ServerName
		if len(c.tls.PeerCertificates) > 0 {
			t.ClientCert = c.tls.PeerCertificates[0].Subject.String()
		}
	}
	return t
}

// tapToACS shows the tap a request to the ACS by its head.
func (s *session) tapToACS(head []byte, r *request) {
	if s.tap == nil {
		return
	}
	var req httpwire.Request
	if httpwire.ParseRequest(string(head), &req) != nil {
		return // never: the gateway has written it
	}
	s.tap.Message(Message{
		At: time.Now(), Leg: s.legNumber(), Direction: ToACS, ACS: s.up.cfg.Name, Secure: s.to.secure,
		Method: req.Method, Target: req.Target, Header: req.Fields, Body: r.body,
	})
}

// tapFromACS shows the tap what the ACS has answered, or why it has not.
func (s *session) tapFromACS(reply *acsReply, err *exchangeError) {
	if s.tap == nil {
		return
	}
	m := Message{At: time.Now(), Leg: s.legNumber(), Direction: FromACS, ACS: s.up.cfg.Name, Secure: s.to.secure}
	if err != nil {
		m.Error = err.Error()
	} else {
		m.Status, m.Reason, m.Header, m.Body = reply.head.Status, reply.head.Reason, reply.head.Fields, reply.body
	}
	s.tap.Message(m)
}

// tapToCPE shows the tap the answer to the CPE by its head.
func (s *session) tapToCPE(head, body []byte) {
	if s.tap == nil {
		return
	}
	var resp httpwire.Response
	if httpwire.ParseResponse(string(head), &resp) != nil {
		return // never: the gateway has written it
	}
	s.tap.Message(Message{
		At: time.Now(), Leg: s.legNumber(), Direction: ToCPE, Own: s.leg.Own, Secure: s.transport != "",
		Status: resp.Status, Reason: resp.Reason, Header: resp.Fields, Body: body,
	})
}
