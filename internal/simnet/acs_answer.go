package simnet

import (
	"context"
	"strconv"
	"strings"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/httpwire"
)

// answer deals with one request and reports whether the connection goes on.
func (c *acsConn) answer(ctx context.Context, x *Exchange) bool {
	a := c.acs
	a.counters.requests.Add(1)
	x.Cookies = cookies(x.Fields)
	x.raw = x.Body
	understood := x.decode()
	x.Message, x.ScanError = cwmp.Scan(x.Body, cwmp.Options{Params: a.wanted(), Charset: charset(x.Fields)})
	bad := (*a.misbehave.Load())(x)
	r := a.respond(c, x, bad, understood)
	if bad.Drop {
		x.Status = 0
	}
	a.keep(x)
	return c.write(ctx, r, bad)
}

// wanted selects all parameters where the exchange is kept to be looked at.
func (a *ACS) wanted() func([]byte) bool {
	if a.cfg.Keep < 0 {
		return nil
	}
	return func([]byte) bool { return true }
}

// charset is that of the Content-Type, in lower case.
func charset(fields httpwire.Fields) string {
	_, after, _ := strings.Cut(strings.ToLower(fields.Get("Content-Type")), "charset=")
	after, _, _ = strings.Cut(after, ";")
	return strings.Trim(after, `" '`)
}

// respond decides on the reply. It does no I/O.
func (a *ACS) respond(c *acsConn, x *Exchange, bad Misbehaviour, understood bool) reply {
	r, decided := a.respondToForm(x, bad, understood)
	var script []RPC
	if !decided && isInform(x) && a.cfg.Script != nil {
		script = a.cfg.Script(x.Message.Device, x.Message.Events)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.noteFraming(x)
	if !decided {
		r = a.converse(c, x, script)
	}
	x.Status = r.Status
	return r
}

// respondToForm answers what needs no session.
func (a *ACS) respondToForm(x *Exchange, bad Misbehaviour, understood bool) (reply, bool) {
	target, _, _ := strings.Cut(x.Target, "?")
	switch {
	case bad.Redirect != "":
		status := bad.Status
		setDefault(&status, 302)
		return plain(status, "", httpwire.Field{Name: "Location", Value: bad.Redirect}), true
	case bad.Status != 0:
		r := plain(bad.Status, bad.Page)
		r.Fields = append(r.Fields, httpwire.Field{Name: "Content-Type", Value: "text/html"})
		return r, true
	case x.Method != "POST":
		return plain(405, "", httpwire.Field{Name: "Allow", Value: "POST"}), true
	case a.cfg.Path != "" && target != a.cfg.Path && !strings.HasSuffix(target, a.cfg.Path):
		return plain(404, "Not Found"), true
	case !understood || x.Encoded && a.cfg.NoCompression:
		return plain(415, ""), true
	}
	return reply{}, false
}

// plain is a reply without an envelope.
func plain(status int, text string, fields ...httpwire.Field) reply {
	return reply{Response: httpwire.Response{Status: status, Fields: fields}, body: []byte(text)}
}

// converse is the ACS's half of a session; the caller holds a.mu.
func (a *ACS) converse(c *acsConn, x *Exchange, script []RPC) reply {
	s, refused := a.find(c, x, script)
	if refused != "" {
		return a.refuseSession(c, x, refused)
	}
	if s != nil {
		x.Device, x.Session = s.device, s.id
		a.checkExtraCookies(s, x)
	}
	if challenge, ok := a.authenticate(c, s, x); !ok {
		return challenge
	}
	switch {
	case s == nil && x.Message.Kind == cwmp.Unknown:
		return plain(400, "Bad Request")
	case s == nil:
		return plain(204, "") // nothing is known of this CPE, and nothing asked
	case x.Message.Kind == cwmp.Unknown || a.cfg.Mode == FreeACS && !readableByFreeACS(x):
		return a.fault(s, x, cwmp.FaultACSInvalidArguments)
	case isInform(x):
		return a.open(s, x)
	case x.Message.Kind == cwmp.Request:
		return a.respondToRequest(s, x)
	}
	return a.next(s, x)
}

// readableByFreeACS holds messages to the prefix that it looks for (U14).
func readableByFreeACS(x *Exchange) bool {
	return x.Message.Kind == cwmp.Empty || x.Message.Dialect.CWMPPrefix == "cwmp"
}

// refuseSession answers a message that belongs to no session.
func (a *ACS) refuseSession(c *acsConn, x *Exchange, why refusal) reply {
	if why == overloaded {
		a.counters.overloads.Add(1)
		r := plain(503, "", httpwire.Field{Name: "Retry-After", Value: strconv.Itoa(a.cfg.RetryAfter)})
		r.ends = true
		return r
	}
	a.counters.refused.Add(1)
	a.logf("connection %d request %d refused: %s", x.Conn, x.N, why)
	if c.session != nil {
		a.drop(c.session)
	}
	r := plain(400, string(why))
	r.ends = true
	return r
}

func (a *ACS) checkExtraCookies(s *acsSession, x *Exchange) {
	for _, extra := range a.cfg.ExtraCookies {
		want := parseSetCookie(extra)
		if s.opened && x.Cookies[want.name] != want.value {
			a.problem("U4", "connection %d request %d lacks cookie %s", x.Conn, x.N, want.name)
		}
	}
}

// envelopeReply wraps an envelope in a 200.
func (a *ACS) envelopeReply(s *acsSession, x *Exchange, name string, body []byte) reply {
	x.Replied = name
	if s.held = a.cfg.Hold && !s.finished(); s.held {
		body = withHold(body, s.dialect)
	}
	if !a.cfg.NoDeclaration {
		body = append([]byte(`<?xml version="1.0" encoding="UTF-8"?>`+"\n"), body...)
	}
	return reply{Response: httpwire.Response{Status: 200}, body: body}
}

// finished reports whether the scripted part is over.
func (s *acsSession) finished() bool { return len(s.script) == 0 && s.asked == "" }

// withHold puts HoldRequests behind the cwmp:ID.
func withHold(body []byte, d cwmp.Dialect) []byte {
	end := "</" + d.CWMPPrefix + ":ID>"
	hold := end + "<" + d.CWMPPrefix + ":HoldRequests " + d.EnvelopePrefix + `:mustUnderstand="1">1</` + d.CWMPPrefix + ":HoldRequests>"
	return []byte(strings.Replace(string(body), end, hold, 1))
}

// open answers an Inform.
func (a *ACS) open(s *acsSession, x *Exchange) reply {
	r := a.envelopeReply(s, x, "InformResponse", cwmp.InformResponse(s.dialect, x.Message.ID))
	if !s.opened {
		a.counters.started.Add(1)
		s.opened = true
		r.Fields = append(r.Fields, httpwire.Field{Name: "Set-Cookie", Value: a.cfg.cookieName() + "=" + s.id + a.cfg.CookieAttributes})
		for _, extra := range a.cfg.ExtraCookies {
			r.Fields = append(r.Fields, httpwire.Field{Name: "Set-Cookie", Value: extra})
		}
	}
	a.logf("Inform of %s, %s", s.device, eventList(x.Message.Events))
	return r
}

func eventList(events []cwmp.Event) string {
	codes := make([]string, len(events))
	for i, e := range events {
		codes[i] = e.Code
	}
	return strings.Join(codes, ", ")
}

// respondToRequest answers a request of the CPE.
func (a *ACS) respondToRequest(s *acsSession, x *Exchange) reply {
	method := x.Message.Method
	a.logf("%s of %s", method, s.device)
	switch method {
	case cwmp.MethodGetRPCMethods:
		methods := []string{"Inform", "GetRPCMethods", "TransferComplete", "AutonomousTransferComplete", "RequestDownload"}
		return a.envelopeReply(s, x, method+"Response", cwmp.GetRPCMethodsResponse(s.dialect, x.Message.ID, methods))
	case cwmp.MethodTransferComplete, cwmp.MethodAutonomousTransferComplete, cwmp.MethodRequestDownload,
		cwmp.MethodDUStateChangeComplete, cwmp.MethodAutonomousDUStateChangeComplete:
		return a.envelopeReply(s, x, method+"Response", cwmp.Call(s.dialect, x.Message.ID, method+"Response"))
	}
	return a.fault(s, x, cwmp.FaultACSMethodNotSupported)
}

func (a *ACS) fault(s *acsSession, x *Exchange, code string) reply {
	return a.envelopeReply(s, x, cwmp.MethodFault, cwmp.FaultEnvelope(s.dialect, x.Message.ID, code, cwmp.FaultText(code)))
}

// next asks the next RPC of the script or ends the session.
func (a *ACS) next(s *acsSession, x *Exchange) reply {
	if s.asked != "" {
		a.logf("%s of %s: %s", s.asked, s.device, outcome(x))
		s.asked = ""
	}
	if len(s.script) > 0 {
		rpc := s.script[0]
		s.script = s.script[1:]
		s.asked = rpc.Method
		setDefault(&s.asked, "raw RPC")
		a.counters.rpcs.Add(1)
		if rpc.Raw != nil {
			x.Replied = s.asked
			return reply{Response: httpwire.Response{Status: 200}, body: rpc.Raw}
		}
		return a.envelopeReply(s, x, rpc.Method, rpc.envelope(s.dialect, newSessionID(), s.root))
	}
	if s.held { // the CPE may have something to say yet; TR-069 3.7.2.4
		s.held = false
		return plain(204, "")
	}
	a.counters.completed.Add(1)
	a.logf("session of %s complete", s.device)
	a.drop(s)
	r := plain(204, "")
	r.ends = a.cfg.Mode == Strict
	return r
}

func outcome(x *Exchange) string {
	if x.Message.Kind == cwmp.Fault {
		return "fault " + x.Message.FaultCode
	}
	return "ok"
}
