package binding

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// state is what the table knows of one device, a view of a packed record. Its
// texts refer to the record, so it is valid only until the record is replaced.
// All times are seconds since 1970, all durations seconds.
type state struct {
	oui, class, serial []byte
	user               []byte // STUN user name that was learned

	remote      netip.AddrPort
	local       uint16 // number of our socket
	evidence    Evidence
	first, last uint32
	flags       flags
	history     uint8 // the last keep-alives, a bit each: 1 for another remote
	changes     uint32

	period, survived, lost uint16

	candidate           netip.AddrPort
	candLocal           uint16
	candEvidence        Evidence
	candFirst, candLast uint32

	// What the device's last sessions told.
	source   netip.Addr
	reported netip.AddrPort
	claimed  uint32
}

// flags of a state.
type flags uint16

const (
	named         flags = 1 << iota // the device's packets name it
	candNamed                       // the candidate's did
	previous                        // the candidate is the remote before this one
	unconfirmed                     // the remote was not heard at a keep-alive yet
	candConfirmed                   // the candidate was, when it was the remote
	contested                       // the remote before this one took its place back
	provisional                     // the period is a guess from several remotes
	perPeer                         // other mappings toward other addresses of ours
	ownOutside                      // the CPE has the address that its sessions come from
	ownInside                       // it has another
	reportedFlap                    // it was counted as unstable
	released                        // another device speaks from the remote
	gone                            // the binding was lost, see follow, and not heard since
	knownFlags    = gone<<1 - 1
)

func (f flags) has(flag flags) bool { return f&flag != 0 }

func (f *flags) put(flag flags, on bool) {
	if on {
		*f |= flag
	} else {
		*f &^= flag
	}
}

// bound reports whether the device is to be found by its remote.
func (st *state) bound() bool {
	return st.remote.IsValid() && st.evidence > Named && !st.flags.has(released)
}

// wantsReport reports whether the device is to be found by the address that it
// reported.
func (st *state) wantsReport() bool {
	return st.reported.IsValid() && (st.reported != st.remote || !st.bound())
}

func (st *state) id() cwmp.DeviceID {
	text := string(st.oui) + string(st.class) + string(st.serial)
	n, m := len(st.oui), len(st.oui)+len(st.class)
	return cwmp.DeviceID{OUI: text[:n], ProductClass: text[n:m], SerialNumber: text[m:]}
}

func (st *state) is(id *cwmp.DeviceID) bool {
	return string(st.serial) == id.SerialNumber && string(st.oui) == id.OUI && string(st.class) == id.ProductClass
}

// export makes the binding of a state, which has a remote.
func (st *state) export(locals []netip.AddrPort) Binding {
	return Binding{
		Local: locals[st.local], Remote: st.remote, Evidence: st.evidence,
		FirstSeen: fromSeconds(st.first), LastSeen: fromSeconds(st.last), Changes: st.changes,
		KeepAlive: seconds(st.period), Survived: seconds(st.survived), Lost: seconds(st.lost),
		Kind: st.kind(), Candidate: st.candidate,
	}
}

func seconds(n uint16) time.Duration { return time.Duration(n) * time.Second }

func toSeconds(t time.Time) uint32 { return uint32(max(0, min(t.Unix(), 1<<32-1))) }

func fromSeconds(s uint32) time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(int64(s), 0).UTC()
}

// appendIdentity begins the record in memory.
func (st *state) appendIdentity(b []byte) []byte {
	b = appendText(b, st.oui)
	b = appendText(b, st.class)
	return appendText(b, st.serial)
}

// append packs all but the identity, and is what the store's values have too.
func (st *state) append(b []byte) []byte {
	b = appendText(b, st.user)
	b = binary.LittleEndian.AppendUint16(b, uint16(st.flags))
	b = append(b, byte(st.evidence)|byte(st.candEvidence)<<4, st.history)
	b = binary.LittleEndian.AppendUint32(b, st.first)
	b = binary.LittleEndian.AppendUint32(b, st.last)
	b = binary.LittleEndian.AppendUint32(b, st.claimed)
	for _, n := range [...]uint16{st.local, st.period, st.survived, st.lost} {
		b = binary.LittleEndian.AppendUint16(b, n)
	}
	b = binary.AppendUvarint(b, uint64(st.changes))
	b = st.appendAddresses(b)
	if st.candidate.IsValid() {
		b = binary.LittleEndian.AppendUint16(b, st.candLocal)
		b = binary.LittleEndian.AppendUint32(b, st.candFirst)
		b = binary.LittleEndian.AppendUint32(b, st.candLast)
	}
	return b
}

// How an address is written. A source and a reported address are mostly those of
// the remote.
const (
	noAddress = iota
	address4
	address6
	asRemote
)

func form(addr netip.Addr) byte {
	switch {
	case addr.Is4():
		return address4
	case addr.Is6():
		return address6
	}
	return noAddress
}

func (st *state) appendAddresses(b []byte) []byte {
	remote, candidate := form(st.remote.Addr()), form(st.candidate.Addr())
	source, reported := form(st.source), form(st.reported.Addr())
	if remote != noAddress && st.source == st.remote.Addr() {
		source = asRemote
	}
	if remote != noAddress && st.reported == st.remote {
		reported = asRemote
	}
	b = append(b, remote|candidate<<2|source<<4|reported<<6)
	b = appendAddress(b, remote, st.remote.Addr(), st.remote.Port(), true)
	b = appendAddress(b, candidate, st.candidate.Addr(), st.candidate.Port(), true)
	b = appendAddress(b, source, st.source, 0, false)
	return appendAddress(b, reported, st.reported.Addr(), st.reported.Port(), true)
}

func appendAddress(b []byte, form byte, addr netip.Addr, port uint16, withPort bool) []byte {
	switch form {
	case address4:
		a := addr.As4()
		b = append(b, a[:]...)
	case address6:
		a := addr.As16()
		b = append(b, a[:]...)
	default:
		return b
	}
	if withPort {
		b = binary.LittleEndian.AppendUint16(b, port)
	}
	return b
}

// appendText takes texts of at most 255 bytes.
func appendText[T string | []byte](b []byte, text T) []byte {
	return append(append(b, byte(len(text))), text...)
}

// reader reads what append wrote, or what a store made of it: at its end it
// reads zeros and is short.
type reader struct {
	rest  []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if n > len(r.rest) {
		r.short, r.rest = true, nil
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.short, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) text() []byte { return r.take(int(r.byte())) }

func (r *reader) identity(st *state) { st.oui, st.class, st.serial = r.text(), r.text(), r.text() }

func (r *reader) state(st *state) {
	st.user = r.text()
	st.flags = flags(r.uint16()) & knownFlags
	evidence := r.byte()
	st.evidence, st.candEvidence = Evidence(evidence&15), Evidence(evidence>>4)
	st.history = r.byte()
	st.first, st.last, st.claimed = r.uint32(), r.uint32(), r.uint32()
	st.local, st.period, st.survived, st.lost = r.uint16(), r.uint16(), r.uint16(), r.uint16()
	st.changes = uint32(r.uvarint())
	forms := r.byte()
	st.remote = r.addrPort(forms&3, netip.AddrPort{})
	st.candidate = r.addrPort(forms>>2&3, netip.AddrPort{})
	if source := forms >> 4 & 3; source == asRemote {
		st.source = st.remote.Addr()
	} else {
		st.source = r.addr(source)
	}
	st.reported = r.addrPort(forms>>6, st.remote)
	if st.candidate.IsValid() {
		st.candLocal, st.candFirst, st.candLast = r.uint16(), r.uint32(), r.uint32()
	}
}

func (r *reader) addr(form byte) (addr netip.Addr) {
	switch form {
	case address4:
		addr, _ = netip.AddrFromSlice(r.take(4))
	case address6:
		addr, _ = netip.AddrFromSlice(r.take(16))
	}
	return addr
}

func (r *reader) addrPort(form byte, remote netip.AddrPort) netip.AddrPort {
	switch form {
	case noAddress:
		return netip.AddrPort{}
	case asRemote:
		return remote
	}
	return netip.AddrPortFrom(r.addr(form), r.uint16())
}
