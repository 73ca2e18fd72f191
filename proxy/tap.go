package proxy

import (
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
