package binding

import (
	"encoding/binary"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// State tells whether a device can be expected at its binding.
type State uint8

// The states. As Query.State, AnyState is all that have a binding.
const (
	AnyState State = iota
	NoBinding
	Fresh
	Stale // see Binding.Stale
)

// String is how the API writes it.
func (s State) String() string {
	switch s {
	case NoBinding:
		return "none"
	case Fresh:
		return "fresh"
	case Stale:
		return "stale"
	case AnyState:
	}
	return ""
}

// Brief is of a binding what devices are filtered by.
type Brief struct {
	Kind  Kind
	State State // not AnyState
}

// Brief returns a device's binding in brief.
func (t *Table) Brief(id cwmp.DeviceID) Brief {
	var one [1]Brief
	t.Briefs([]cwmp.DeviceID{id}, one[:])
	return one[0]
}

// Briefs puts the bindings of devices into into, in brief. For some hundred
// devices together that is several times faster than one by one, see fetch; it
// does not allocate.
func (t *Table) Briefs(ids []cwmp.DeviceID, into []Brief) {
	now := toSeconds(t.now())
	for len(ids) > 0 {
		n := min(len(ids), abreast)
		t.briefSome(ids[:n], into[:n], now)
		ids, into = ids[n:], into[n:]
	}
}

func (t *Table) briefSome(ids []cwmp.DeviceID, into []Brief, now uint32) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	t.fetch(ids)
	for i := range ids {
		into[i] = Brief{State: NoBinding}
		if number, ok := t.find(&ids[i]); ok {
			h := readHead(t.record(number))
			into[i] = h.brief(now)
		}
	}
}

// fetch is expect for identities.
//
//go:noinline
func (t *Table) fetch(ids []cwmp.DeviceID) (sum uint64) {
	if len(t.byID.table) == 0 {
		return 0
	}
	var hashes [abreast]uint64
	for i := range ids {
		hashes[i] = hashID(t.seed, ids[i].OUI, ids[i].ProductClass, ids[i].SerialNumber)
		sum += t.byID.first(hashes[i])
	}
	var refs [abreast]ref
	for i := range ids {
		refs[i] = t.refs[t.byID.likely(hashes[i])]
	}
	for i := range ids {
		sum += t.arena.touch(refs[i])
	}
	return sum
}

// head is what stands in a record before its addresses.
type head struct {
	record   []byte // identity and user name
	flags    flags
	evidence Evidence
	history  uint8
	last     uint32
	period   uint16
	forms    byte
	rest     []byte // addresses
}

// readHead reads what state and append say, without the rest.
func readHead(record []byte) (h head) {
	i := 0
	for range 4 { // texts
		i += 1 + int(record[i])
	}
	b := record[i:]
	h = head{
		record: record, flags: flags(binary.LittleEndian.Uint16(b)), evidence: Evidence(b[2] & 15), history: b[3],
		last: binary.LittleEndian.Uint32(b[8:]), period: binary.LittleEndian.Uint16(b[18:]),
	}
	const fixed = 2 + 1 + 1 + 3*4 + 4*2
	i = fixed
	for b[i] >= 0x80 { // the number of changes
		i++
	}
	h.forms, h.rest = b[i+1], b[i+2:]
	return h
}

func (h *head) bound() bool { return h.forms&3 != noAddress }

func (h *head) kind() Kind { return kindOf(h.flags, h.history, h.forms>>4&3 == asRemote) }

func (h *head) brief(now uint32) Brief {
	switch {
	case !h.bound():
		return Brief{State: NoBinding}
	case since(h.last, now) > patience(h.period):
		return Brief{h.kind(), Stale}
	}
	return Brief{h.kind(), Fresh}
}
