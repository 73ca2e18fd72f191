package simnet

import (
	"crypto/rand"
	"encoding/hex"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// acsSession is one session as the ACS sees it. It is guarded by ACS.mu.
type acsSession struct {
	id         string
	device     cwmp.DeviceID
	dialect    cwmp.Dialect
	root       string
	script     []RPC
	conn       *acsConn // nil while parked
	parkedAt   time.Time
	last       time.Time // of the last message
	authorized bool
	challenged bool // the Inform was answered by a challenge
	opened     bool // the InformResponse and the cookie have been sent
	held       bool // HoldRequests of the last envelope
	asked      string
	lastNC     uint64
}

// refusal is why the ACS will not take a message; "" takes it.
type refusal string

// The words of GenieACS.
const (
	invalidSession refusal = "Invalid session"
	inSession      refusal = "CPE already in session"
	overloaded     refusal = "Overloaded"
)

// find returns the session of a request, a new one for an Inform. The session
// is nil with neither refusal where a lenient ACS has none. script is the
// device's, fetched by the caller because it runs outside of the lock. The
// caller holds a.mu.
func (a *ACS) find(c *acsConn, x *Exchange, script []RPC) (*acsSession, refusal) {
	if x.Message.Method == cwmp.MethodInform {
		a.noteDevice(c, x)
	}
	switch a.cfg.Mode {
	case Strict:
		return a.findStrict(c, x, script)
	case FreeACS:
		return a.findByCookie(c, x, script)
	}
	if s := a.sessions[x.Cookies[a.cfg.cookieName()]]; s != nil && !isInform(x) {
		return a.take(s, c), ""
	}
	return a.findByConnection(c, x, script)
}

func isInform(x *Exchange) bool { return x.Message.Method == cwmp.MethodInform }

// noteDevice holds a connection to one device (U1).
func (a *ACS) noteDevice(c *acsConn, x *Exchange) {
	key := x.Message.Device.Key()
	if c.device != (cwmp.Key{}) && c.device != key {
		a.problem("U1", "connection %d carries %s and another device", c.number, x.Message.Device)
	}
	c.device = key
}

// findStrict follows GenieACS: the session is that of the socket, and the
// cookie has to agree.
func (a *ACS) findStrict(c *acsConn, x *Exchange, script []RPC) (*acsSession, refusal) {
	id := x.Cookies[a.cfg.cookieName()]
	if s := c.session; s != nil {
		switch {
		case isInform(x) != s.challenged: // an Inform is due after a challenge, and only then
			return nil, invalidSession
		case isInform(x) && x.Message.Device.Key() != s.device.Key():
			return nil, invalidSession
		case s.opened && id != s.id:
			a.problem("U4", "connection %d request %d lacks the session's cookie", x.Conn, x.N)
			return nil, invalidSession
		}
		return s, ""
	}
	if isInform(x) {
		if other := a.devices[x.Message.Device.Key()]; other != nil && other.conn != nil {
			return nil, inSession
		}
		return a.start(c, x, script)
	}
	s := a.sessions[id]
	if s == nil || s.conn != nil || a.cfg.Now().Sub(s.parkedAt) < a.cfg.ParkDelay {
		return nil, invalidSession
	}
	a.counters.resumed.Add(1)
	s.authorized = false // the nonce died with the old connection
	return a.take(s, c), ""
}

// findByCookie follows FreeACS: without its cookie a session is not found, and
// an empty new one takes its place.
func (a *ACS) findByCookie(c *acsConn, x *Exchange, script []RPC) (*acsSession, refusal) {
	s := a.sessions[x.Cookies[a.cfg.cookieName()]]
	if s != nil && (!isInform(x) || s.device.Key() == x.Message.Device.Key()) {
		return a.take(s, c), ""
	}
	if isInform(x) {
		return a.start(c, x, script)
	}
	if c.session != nil && c.session.opened {
		a.problem("U4", "connection %d request %d lacks the session's cookie", x.Conn, x.N)
	}
	return nil, ""
}

func (a *ACS) findByConnection(c *acsConn, x *Exchange, script []RPC) (*acsSession, refusal) {
	s := c.session
	if !isInform(x) {
		return s, ""
	}
	if s != nil && s.challenged && s.device.Key() == x.Message.Device.Key() {
		return s, ""
	}
	return a.start(c, x, script)
}

// start makes a session of an Inform. An older one of the device is dropped.
func (a *ACS) start(c *acsConn, x *Exchange, script []RPC) (*acsSession, refusal) {
	if a.overload.Load() || a.cfg.MaxSessions > 0 && len(a.sessions) >= a.cfg.MaxSessions {
		return nil, overloaded
	}
	if old := a.devices[x.Message.Device.Key()]; old != nil {
		a.drop(old)
	}
	if c.session != nil {
		a.drop(c.session)
	}
	s := &acsSession{
		id: newSessionID(), device: x.Message.Device, dialect: acsDialect(x.Message.Dialect.Namespace), root: x.Message.Root,
		script: script, authorized: c.authorized, last: a.cfg.Now(),
	}
	if s.root == "" {
		s.root = "Device."
	}
	a.sessions[s.id], a.devices[s.device.Key()] = s, s
	return a.take(s, c), ""
}

// acsDialect is GenieACS's spelling in the namespace of the CPE.
func acsDialect(namespace string) cwmp.Dialect {
	d := cwmp.DefaultDialect
	if namespace != "" {
		d.Namespace = namespace
	}
	return d
}

// take ties a session to a connection.
func (a *ACS) take(s *acsSession, c *acsConn) *acsSession {
	if s.conn != nil && s.conn != c {
		s.conn.session = nil
	}
	s.conn, c.session = c, s
	s.last = a.cfg.Now()
	return s
}

// drop forgets a session; the caller holds a.mu.
func (a *ACS) drop(s *acsSession) {
	delete(a.sessions, s.id)
	if a.devices[s.device.Key()] == s {
		delete(a.devices, s.device.Key())
	}
	if s.conn != nil {
		s.conn.session = nil
		s.conn = nil
	}
}

// release is called when a connection has ended: its session is parked. One
// that is still being challenged cannot be resumed and is dropped.
func (a *ACS) release(c *acsConn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.conns, c)
	s := c.session
	if s == nil {
		return
	}
	if !s.opened {
		a.drop(s)
		return
	}
	c.session, s.conn, s.parkedAt = nil, nil, a.cfg.Now()
}

func newSessionID() string { return hex.EncodeToString(newSecret()[:8]) }

// newSecret returns 16 random bytes.
func newSecret() []byte {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return b
}
