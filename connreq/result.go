package connreq

import (
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Names of the ways to reach a CPE, as in Attempt.Transport and in metrics.
const (
	UDP  = "udp"
	HTTP = "http"
)

// Result is how one Connection Request went.
type Result struct {
	Device cwmp.DeviceID
	// OK tells that the CPE came: an Inform with 6 CONNECTION REQUEST, or any
	// other session that began after the request was out (quirk S-37).
	OK bool
	// Sent tells that at least one transport has delivered the request as far as
	// that can be known.
	Sent bool
	// Transport is the one that worked, or "".
	Transport string
	// Took is from the request to the Inform, or to the giving up.
	Took time.Duration
	// Joined tells that the request was one with an earlier one that was under
	// way, or came sooner than a new one may be sent.
	Joined   bool
	Attempts []Attempt
	At       time.Time // when it was asked for
	Origin   string    // who asked, such as "api", "acs north", "relay"
}

// Attempt is what became of one transport.
type Attempt struct {
	Transport string
	To        string // address or URL without credentials
	Sent      int    // datagrams or HTTP requests
	Took      time.Duration
	// Reason says in words why it did not work; "" for the one that did.
	Reason string
}
