package stunsrv

// disposition is what became of one datagram. Every datagram ends in exactly
// one, and each is counted (metric label "disposition").
type disposition uint8

const (
	// Decided by the handler; these have a reply.

	answered     disposition = iota // Binding Response, to the source
	reflected                       // Binding Response to RESPONSE-ADDRESS or RESPONSE-PORT
	verified                        // Binding Response, signed as its request was
	replayed                        // the same, but its signature was first seen from elsewhere
	challenged                      // 401: a signature is wanted and there is none
	unknownUser                     // 430: signed, and the user is not known
	badSignature                    // 431: signed, and with another password
	nameless                        // 432: signed without USERNAME
	unknownAttr                     // 420: an attribute that must be understood is not
	badRequest                      // 400: RFC 5780's attributes contradict each other
	sharedSecret                    // 433: a Shared Secret Request, which needs TLS

	// Decided by the handler; these are met with silence.

	notSTUN     // no STUN message at all
	malformed   // STUN by its header, but broken
	notRequest  // a response, an indication or a method that is not ours
	unmetChange // CHANGE-REQUEST wants a socket that does not exist
	impossible  // a source that no reply could or should go to

	// Decided by the server, around the handler.

	rateLimited // the source sends too much
	misdirected // text: a UDP Connection Request that an ACS sent to the wrong place (quirk S-02)
	toTURN      // handed to the TURN relay
	turnOff     // for the TURN relay, which is off or has no room
	oversized   // longer than any request
	unsent      // the reply could not be handed to the kernel
	faulted     // met a fault in the gateway itself

	dispositions // their number
)

var dispositionNames = [dispositions]string{
	answered: "answered", reflected: "reflected", verified: "verified", replayed: "replayed",
	challenged: "challenged", unknownUser: "unknown_user", badSignature: "bad_signature",
	nameless: "nameless", unknownAttr: "unknown_attribute", badRequest: "bad_request",
	sharedSecret: "shared_secret",
	notSTUN:      "not_stun", malformed: "malformed", notRequest: "not_request",
	unmetChange: "unmet_change", impossible: "impossible",
	rateLimited: "rate_limited", misdirected: "misdirected", toTURN: "to_turn", turnOff: "turn_off",
	oversized: "oversized", unsent: "unsent", faulted: "gateway_fault",
}

// String returns the value of the metric label.
func (d disposition) String() string { return dispositionNames[d] }
