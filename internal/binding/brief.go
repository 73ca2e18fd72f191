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
	var guesses [abreast]guess
	t.mu.RLock()
	defer t.mu.RUnlock()
	t.fetch(ids, &guesses)
	for i := range ids {
		into[i] = Brief{State: NoBinding}
		number, ok := guesses[i].number, guesses[i].count == 1 && t.isOf(guesses[i].number, &ids[i])
		if !ok && guesses[i].count > 0 {
			number, ok = t.find(&ids[i])
		}
		if ok {
			h := readHead(t.record(number))
			into[i] = h.brief(now)
		}
	}
}

// guess is how many devices may be the one that is looked for, as far as 32 bits of
// its hash tell, and the last of them.
type guess struct {
	number uint32
	count  int
}

// fetch is expect for identities. The sum is for the compiler, which would leave
// the loads out.
//
//go:noinline
func (t *Table) fetch(ids []cwmp.DeviceID, guesses *[abreast]guess) (sum uint64) {
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
		if guesses[i] = t.byID.guess(hashes[i]); guesses[i].count > 0 {
			refs[i] = t.refs[guesses[i].number]
		}
	}
	for i := range ids {
		if guesses[i].count > 0 {
			sum += t.arena.touch(refs[i])
		}
	}
	return sum
}

// guess looks for a key by its hash alone. The table is not empty.
func (x *index) guess(hash uint64) (g guess) {
	mask := uint32(len(x.table) - 1)
	for i := uint32(hash) & mask; x.table[i] != 0; i = (i + 1) & mask {
		if e := x.table[i]; uint32(e>>32) == uint32(hash) {
			g.count++
			if uint32(e)&sharedBit == 0 {
				g.number = uint32(e) - 1
			} else {
				g.count++ // not one alone, at any rate
			}
		}
	}
	return g
}

// isOf reports whether a record is of a device.
func (t *Table) isOf(number uint32, id *cwmp.DeviceID) bool {
	var st state
	r := reader{rest: t.record(number)}
	r.identity(&st)
	return st.is(id)
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
