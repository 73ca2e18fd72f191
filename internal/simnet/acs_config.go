package simnet

import (
	"crypto/tls"
	"fmt"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Mode is how an ACS recognises sessions and what it insists on.
type Mode uint8

// The modes, after the ACSs in which they were found.
const (
	// Lenient takes a session by its cookie, else by its connection.
	Lenient Mode = iota
	// Strict is GenieACS: a session belongs to its TCP connection and needs its
	// cookie as well; everything else is 400 "Invalid session" (U1, U3, U4, U8).
	Strict
	// FreeACS knows a session by JSESSIONID alone, takes chunked bodies as empty
	// and reads only envelopes with the prefix "cwmp" (U4, U5, U14).
	FreeACS
)

// String returns the name that ParseMode reads.
func (m Mode) String() string { return [...]string{"lenient", "strict", "freeacs"}[m] }

// ParseMode reads the name of a mode.
func ParseMode(s string) (Mode, error) {
	for m := Lenient; m <= FreeACS; m++ {
		if strings.EqualFold(s, m.String()) {
			return m, nil
		}
	}
	return 0, fmt.Errorf("mode %q: want lenient, strict or freeacs", s)
}

// ACSConfig describes a scripted ACS. The zero value is a lenient one on a free
// loopback port that asks nothing.
type ACSConfig struct {
	Name    string // in log lines; "acs" when empty
	Address string // host:port; "127.0.0.1:0" when empty
	TLS     *tls.Config
	Mode    Mode
	// Path, if not empty, is the only one served; others are 404.
	Path string
	Auth ACSAuth
	// Script returns the RPCs for a session, nil for none. Names may begin with
	// "{root}", which becomes the root object of the device. It is called by
	// many goroutines at once.
	Script func(device cwmp.DeviceID, events []cwmp.Event) []RPC
	// Hold sets HoldRequests in every envelope of the scripted part.
	Hold bool
	// CookieAttributes follow the session cookie, such as "; Path=/; HttpOnly".
	CookieAttributes string
	// ExtraCookies are further Set-Cookie values of the InformResponse. That
	// they do not all come back is a problem (U4).
	ExtraCookies []string
	// NoDeclaration leaves the XML declaration out, for clients as shipped (C-64).
	NoDeclaration bool
	// NoCompression answers 415 to compressed bodies (C-32).
	NoCompression bool
	// SessionTimeout ends a session whose CPE is silent; 30 s when zero.
	// RequestTimeout bounds a request from its first byte; 10 s when zero (U6).
	SessionTimeout, RequestTimeout time.Duration
	// ParkDelay is how long after its connection's death a session of a strict
	// ACS can be resumed (U3); 80 ms when zero, a little less than the 100 ms
	// that a client has to wait from its own discovery of the same event.
	ParkDelay time.Duration
	// MaxSessions, if not zero, is the load beyond which an Inform is answered
	// with 503 and Retry-After.
	MaxSessions int
	// RetryAfter of a 503 in seconds; 60 when zero, as GenieACS.
	RetryAfter int
	// Misbehave says what to do wrong with one request; nil does all right. It
	// is called by many goroutines at once. ACS.SetMisbehave replaces it.
	Misbehave func(*Exchange) Misbehaviour
	// Refuse reports whether to close a connection when the n-th request on it
	// begins to arrive, without reading it. Both count from 1.
	Refuse func(conn, n int) bool
	// Keep is how many exchanges are kept for Exchanges; 10,000 when zero, none
	// when negative.
	Keep int
	// Log receives plain lines, one at a time; lines are dropped when it cannot
	// keep up.
	Log func(line string)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

func (c *ACSConfig) setDefaults() {
	setDefault(&c.Name, "acs")
	setDefault(&c.Address, "127.0.0.1:0")
	setDefault(&c.SessionTimeout, 30*time.Second)
	setDefault(&c.RequestTimeout, 10*time.Second)
	setDefault(&c.ParkDelay, 80*time.Millisecond)
	setDefault(&c.RetryAfter, 60)
	setDefault(&c.Keep, 10_000)
	setDefault(&c.Auth.Realm, c.Name)
	if c.Now == nil {
		c.Now = time.Now
	}
}

func setDefault[T comparable](v *T, value T) {
	if *v == *new(T) {
		*v = value
	}
}

// cookieName is the session cookie of the mode.
func (c *ACSConfig) cookieName() string {
	if c.Mode == FreeACS {
		return "JSESSIONID"
	}
	return "session"
}

// ACSAuth is how an ACS authenticates CPEs. The challenge comes at the first
// message; what the ACS thinks of later messages is EveryRequest.
type ACSAuth struct {
	Scheme    string // "" for none, "basic", "digest"
	Realm     string // the name of the ACS when empty
	QOP       string // offered: "auth", "auth,auth-int", or "" for RFC 2069
	Algorithm string // "", "MD5", "MD5-sess", "SHA-256"
	Opaque    string
	// Password returns the password of a user; see OneUser. It must not call the
	// ACS.
	Password func(username string) (password string, ok bool)
	// BindNonce makes a nonce die with its connection, as GenieACS.
	BindNonce bool
	// EveryRequest checks each message, not only the first of a session.
	EveryRequest bool
	// StrictNC refuses a nonce count that does not grow, with stale=true.
	StrictNC bool
	// CheckURI refuses an answer whose uri differs from the request target.
	CheckURI bool
	// OfferBasic adds a Basic challenge behind the Digest one.
	OfferBasic bool
}

// OneUser is the Password function of an ACS with one account.
func OneUser(username, password string) func(string) (string, bool) {
	return func(u string) (string, bool) { return password, u == username }
}

func (c *ACSConfig) validate() error {
	switch c.Auth.Scheme {
	case "", "basic", "digest":
	default:
		return fmt.Errorf("ACS %s: auth scheme %q: want basic or digest", c.Name, c.Auth.Scheme)
	}
	if c.Auth.Scheme != "" && c.Auth.Password == nil {
		return fmt.Errorf("ACS %s: auth %q needs a Password function, such as OneUser", c.Name, c.Auth.Scheme)
	}
	return nil
}
