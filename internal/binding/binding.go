package binding

import (
	"net/netip"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Sighting is one Binding Request with CONNECTION-REQUEST-BINDING.
type Sighting struct {
	Local    netip.AddrPort // our socket
	Source   netip.AddrPort // as seen by us
	Username []byte         // without padding; valid during the call only
	Change   bool           // BINDING-CHANGE was there
	Verified bool           // signed with the user's password
	At       time.Time
}

// Claim is what a CWMP session tells of a device's reachability.
type Claim struct {
	Device cwmp.DeviceID
	// Source is the address that the CPE's session comes from.
	Source netip.Addr
	// Reported is UDPConnectionRequestAddress, if the CPE told it.
	Reported netip.AddrPort
	// Own is the host of ConnectionRequestURL where that is an IP address.
	Own netip.Addr
	At  time.Time
}

// Evidence is why a source address is held to be a device's. A stronger one has
// a higher value.
type Evidence uint8

// The kinds of evidence.
const (
	None     Evidence = iota
	Named             // the packet named the device's STUN user, which anybody can
	Alone             // the device is the only one whose sessions come from that IP address
	SameIP            // the packet named the user and came from the IP address of the device's session
	Reported          // the device reported that very address in a session
	Signed            // the packet was signed with the device's STUN password
)

// Kind is what the NAT in front of a CPE seems to do.
type Kind uint8

// The kinds, as far as a server can tell.
const (
	KindUnknown  Kind = iota
	KindOpen          // no NAT: the source is the CPE's own address
	KindNAT           // a NAT that keeps its mapping
	KindPerPeer       // symmetric: other mappings toward other addresses of ours
	KindUnstable      // another mapping at nearly every keep-alive
)

// Binding is where a device can be reached.
type Binding struct {
	Local, Remote netip.AddrPort // send from Local to Remote
	Evidence      Evidence
	FirstSeen     time.Time // of this Remote
	LastSeen      time.Time
	Changes       uint32        // of Remote, ever
	KeepAlive     time.Duration // period that was observed; 0 while not known
	Survived      time.Duration // longest silence after which the mapping still was the same
	Lost          time.Duration // shortest silence after which it was another; 0 for none
	Kind          Kind
	Candidate     netip.AddrPort // other address that the device was named from, not believed or no longer
}

// Corroborated tells whether more than a name ties the binding to its device.
func (b *Binding) Corroborated() bool { return b.Evidence > Named }
