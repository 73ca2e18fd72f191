package natlab

// Kind is what stands between the CPEs and the server.
type Kind uint8

// The kinds. All but Open, FullCone and Restricted let in only what comes from
// an address and port that the CPE has sent to (RFC 4787 5,
// address-and-port-dependent filtering).
const (
	Open           Kind = iota // no NAT
	FullCone                   // one mapping for all peers, everybody may send to it
	Restricted                 // one mapping, every port of a peer's address may
	PortRestricted             // one mapping
	Symmetric                  // another mapping for each peer
	TwoCPEs                    // PortRestricted, with two CPEs that use the same port
	CGNAT                      // PortRestricted behind a carrier's Symmetric
	Changing                   // PortRestricted; Remap gives it another address and ports
	Forgetful                  // Symmetric; a mapping lives for Timeout only
)

// Kinds returns all of them.
func Kinds() []Kind {
	return []Kind{Open, FullCone, Restricted, PortRestricted, Symmetric, TwoCPEs, CGNAT, Changing, Forgetful}
}

// String names the kind as the matrix does.
func (k Kind) String() string {
	return [...]string{
		"no NAT", "full cone", "restricted cone", "port-restricted cone", "symmetric", "two CPEs behind one",
		"CGNAT over NAT", "changing its mapping", "forgetting its mapping",
	}[k]
}

// Reaches tells who gets through to a CPE that has sent to one address and port
// of the server alone: another port of that address, and another address.
func (k Kind) Reaches() (otherPort, otherAddress bool) {
	switch k {
	case Open, FullCone:
		return true, true
	case Restricted:
		return true, false
	}
	return false, false
}

// PerPeer tells whether each peer sees another mapping.
func (k Kind) PerPeer() bool { return k == Symmetric || k == CGNAT || k == Forgetful }

// cpes is how many CPEs the kind is about.
func (k Kind) cpes() int {
	if k == TwoCPEs {
		return 2
	}
	return 1
}
