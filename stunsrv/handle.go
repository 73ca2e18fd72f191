package stunsrv

import (
	"net/netip"
	"time"
)

// sender says which socket a reply leaves from, as seen from the one that the
// request came in on. Its values are the two flags of CHANGE-REQUEST (RFC 3489
// 11.2.4): bit 0 changes the port, bit 1 the IP address.
type sender uint8

const (
	ownSocket sender = iota // the one that the request came in on
	otherPort               // same IP address, other port
	otherIP                 // other IP address, same port
	otherBoth               // other IP address and other port
	senders                 // their number
)

// topology holds the server's addresses as seen from one socket, indexed by
// sender. Those that do not exist are the zero AddrPort; ownSocket always does
// and is a concrete address, never 0.0.0.0 or ::.
type topology [senders]netip.AddrPort

// outcome is what became of one packet.
type outcome struct {
	disposition disposition
	// reply is the answer; empty means silence.
	reply []byte
	// destination is where the reply goes. Its IP address is always the source's.
	destination netip.AddrPort
	// from is the socket that the reply must leave from.
	from sender
	// sighted tells that sighting is to be reported. Its Username points into the
	// packet.
	sighted  bool
	sighting Sighting
}

// maxReply bounds every reply in bytes, PADDING apart (RFC 5780 7.6), which is
// never longer than that of the request.
const maxReply = 256

// handler answers Binding Requests. It does no I/O and may be used from many
// goroutines at once.
type handler struct {
	authentication string
	password       func(username []byte) ([]byte, bool)
	neverChallenge func(username []byte) bool
}

func newHandler(cfg Config, deps Deps) *handler {
	return &handler{
		authentication: cfg.Authentication,
		password:       deps.Password,
		neverChallenge: deps.NeverChallenge,
	}
}

// handle decides what becomes of a packet that came in on the socket of at, and
// writes it to o. It appends the reply to o.reply[:0], so that an outcome that is
// used again, one a goroutine, costs no allocation; everything else in o is
// overwritten. packet is only read, and not kept but for o.sighting.Username.
func (h *handler) handle(packet []byte, at *topology, source netip.AddrPort, now time.Time, o *outcome) {
	*o = outcome{disposition: notSTUN, reply: o.reply[:0]}
	_, _, _, _ = packet, at, source, now
}
