package simnet

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// session is one CWMP session of a CPE.
type session struct {
	cpe        *CPE
	url        *url.URL // the ACS, after redirects
	line       *line    // nil when there is no connection
	redirected bool     // the next connection is for another server
	result     Result
	hold       bool // HoldRequests of the last envelope
	idle       bool // an empty POST has been sent while hold was false
	last       *acsMessage
}

// ownRequest is a request of the CPE: TransferComplete and the like.
type ownRequest struct {
	method string
	write  func(e *envelope, name string)
}

const (
	maxExchanges = 10_000 // of one session
	maxResends   = 5      // after fault 8005, as icwmp
)

// FaultError is a SOAP fault of the ACS that ends a session.
type FaultError struct{ Code string }

// Error implements error.
func (e *FaultError) Error() string { return "ACS answered with fault " + e.Code }

// Session holds one session with the ACS. The events are told in the Inform
// with those that are pending; none at all means "2 PERIODIC". A failed session
// is not repeated: its events stay pending (but for "6 CONNECTION REQUEST") and
// RetryCount grows. The result is useful also with an error.
func (c *CPE) Session(ctx context.Context, events ...string) (Result, error) {
	for _, code := range events {
		c.addEvent(cwmp.Event{Code: code})
	}
	if len(c.events) == 0 {
		c.addEvent(cwmp.Event{Code: "2 PERIODIC"})
	}
	c.auth = auth{}
	if !c.make.KeepCookies {
		c.jar = jar{mode: c.make.Cookies}
	}
	s := &session{cpe: c, url: c.url, result: Result{Device: c.cfg.Device}}
	started := time.Now()
	err := s.run(ctx)
	s.hangUp()
	s.result.Took = time.Since(started)
	c.settle(err)
	return s.result, err
}

func (c *CPE) addEvent(e cwmp.Event) {
	if !slices.Contains(c.events, e) {
		c.events = append(c.events, e)
	}
}

// settle counts retries. Protocol notes 1.8, 1.9.
func (c *CPE) settle(err error) {
	if err == nil {
		c.retries = 0
	} else {
		c.retries++
		c.events = slices.DeleteFunc(c.events, func(e cwmp.Event) bool { return e.Code == "6 CONNECTION REQUEST" })
	}
	c.afterSession()
}

func (s *session) run(ctx context.Context) error {
	if s.cpe.probes() {
		if err := s.probe(ctx); err != nil {
			return err
		}
	}
	if err := s.inform(ctx); err != nil {
		return err
	}
	for range maxExchanges {
		if s.over() {
			s.stray(ctx)
			return nil
		}
		if err := sleep(ctx, s.cpe.cfg.Pause); err != nil {
			return err
		}
		if err := s.step(ctx); err != nil {
			return err
		}
	}
	return errors.New("session does not end")
}

// probes reports whether the make begins with an empty POST. Quirk C-04.
func (c *CPE) probes() bool {
	usesDigest := c.cfg.Username != "" && (c.cfg.Auth == AuthDigest || c.cfg.Auth == AuthAny)
	return c.make.EmptyFirstAlways || c.make.EmptyFirst && usesDigest
}

// probe fetches the challenge. Its answer, if it is not a challenge, is of no
// interest; the 401 is not answered by another empty POST but by the Inform.
func (s *session) probe(ctx context.Context) error {
	r, err := s.once(ctx, post{kind: "probe", when: WhenProbing})
	if err != nil {
		return err
	}
	switch {
	case r.Status == 401 && !s.cpe.challenged(r.Fields):
		return &StatusError{Status: 401}
	case r.Status != 401 && r.Status/100 != 2:
		return statusError(r)
	}
	return nil
}

// inform opens the session; the events count as told once it is answered.
func (s *session) inform(ctx context.Context) error {
	c := s.cpe
	told := len(c.events)
	id := c.newID()
	in := inform{device: c.cfg.Device, events: c.events, now: c.now(), retryCount: c.retries, params: c.informed()}
	body := in.write(&c.make.Style, id)
	if err := s.request(ctx, "Inform", id, body); err != nil {
		return err
	}
	c.events, c.move.tell = c.events[told:], false
	return nil
}

// informed are the parameters of the Inform with their present values.
func (c *CPE) informed() []Parameter {
	list := make([]Parameter, 0, len(c.make.Inform))
	for _, p := range c.make.Inform {
		if now, ok := c.tree.Get(p.Name); ok {
			p = now
		}
		list = append(list, p)
	}
	if url, ok := c.tree.Get(c.nameOf("URL")); ok && c.move.tell && !slices.ContainsFunc(list, func(p Parameter) bool { return p.Name == url.Name }) {
		list = append(list, url)
	}
	return list
}

// request sends a request of the CPE and takes the ACS's response.
func (s *session) request(ctx context.Context, method, id string, body []byte) error {
	for range maxResends {
		m, err := s.post(ctx, post{kind: method, when: WithBody, body: body})
		switch {
		case err != nil:
			return err
		case m == nil:
			return fmt.Errorf("ACS answered %s with nothing", method)
		case m.method == "Fault":
			code := m.faultCode()
			s.result.Faults = append(s.result.Faults, code)
			if code == cwmp.FaultACSRetryRequest { // retry request, TR-069 A.5.1
				continue
			}
			return &FaultError{code}
		case m.method != method+"Response":
			return fmt.Errorf("ACS answered %s with %s", method, m.method)
		case m.idText() != "" && m.idText() != id:
			return violation("C-63", "cwmp:ID of %s is %q, not %q", m.method, m.idText(), id)
		}
		s.result.Sent = append(s.result.Sent, method)
		return nil
	}
	return &FaultError{cwmp.FaultACSRetryRequest}
}

// post sends one message and reads the envelope of the reply, nil when it is
// empty.
func (s *session) post(ctx context.Context, p post) (*acsMessage, error) {
	r, err := s.exchange(ctx, p)
	if err != nil {
		return nil, err
	}
	s.last = nil
	if r.Status != 200 && r.Status != 204 {
		return nil, statusError(r)
	}
	rules := &s.cpe.make.Rules
	if r.isEmpty() {
		s.hold = false
		return nil, rules.checkEmpty(r.Status)
	}
	if err := rules.checkBody(r.body); err != nil {
		return nil, err
	}
	m, err := parseMessage(r.body)
	if err != nil {
		return nil, mediaError(r.Fields, err)
	}
	s.result.Legs[len(s.result.Legs)-1].Received = m.method
	s.hold, s.last = m.hold, &m
	return &m, rules.checkMessage(m)
}

// over reports whether all of TR-069 3.7.1.4 holds: the ACS has nothing, and
// the CPE has said so of itself while it was free to speak.
func (s *session) over() bool { return s.last == nil && s.idle }

// step sends the next message: an answer, a request of the CPE's own, or
// nothing. TR-069 3.7.1.3.
func (s *session) step(ctx context.Context) error {
	c := s.cpe
	if s.last != nil && s.last.isRequest() {
		return s.serve(ctx)
	}
	if len(c.queue) > 0 && !s.hold && !s.idle {
		own := c.queue[0]
		c.queue = c.queue[1:]
		return s.tell(ctx, own)
	}
	return s.sayNothing(ctx)
}

// tell sends a request of the CPE's own. A fault to it does not end the
// session. Protocol notes 1.11.
func (s *session) tell(ctx context.Context, own ownRequest) error {
	c := s.cpe
	id := c.newID()
	e := newEnvelope(&c.make.Style, c.make.Style.Prefix, id, "")
	own.write(e, c.make.Style.CWMPPrefix+":"+own.method)
	err := s.request(ctx, own.method, id, e.finish())
	if fault := (*FaultError)(nil); errors.As(err, &fault) {
		return nil
	}
	if err != nil {
		c.queue = slices.Insert(c.queue, 0, own)
	}
	return err
}

// strayWait is how long RDK-B keeps the connection after its last POST.
const strayWait = 500 * time.Millisecond

// stray sends the empty POST that RDK-B sends behind the end. What becomes of
// it is recorded and otherwise ignored. Protocol notes 1.5.
func (s *session) stray(ctx context.Context) {
	if !s.cpe.make.StrayPost || s.line == nil {
		return
	}
	l := s.line
	values := headerValues{host: s.url.Host, cookies: s.cpe.jar.lines()}
	head := s.cpe.make.requestHead(s.target(), WhenEmpty, values)
	leg := Leg{Sent: "empty", URL: s.url.String(), Stray: true, Connection: l.number, Local: l.local, Remote: l.remote, Cookies: values.cookies}
	l.deadline(ctx, strayWait)
	if l.send(ctx, head, 0) == nil {
		if r, err := l.receive(&Rules{}, false); err == nil {
			leg.Status = r.Status
		}
	}
	s.result.Legs = append(s.result.Legs, leg)
}

func (s *session) hangUp() {
	if s.line != nil {
		s.line.close()
		s.line = nil
	}
}
