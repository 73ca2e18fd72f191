package binding

import (
	"net/netip"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
)

// claimTime is for how many seconds a device that is not heard of again is
// still held to be at the IP address of its last session, if another device has
// one from there.
const claimTime = 24 * 3600

// NoteClaim notes what an accepted Inform tells. It makes the device known, and
// never waits for the store. A session is what a forger of packets cannot have:
// it corroborates bindings, and turns a candidate into the binding.
func (t *Table) NoteClaim(c Claim) {
	at := toSeconds(c.At)
	if c.At.IsZero() {
		at = toSeconds(t.now())
	}
	t.mu.Lock()
	defer t.unlock()
	number, why := t.ensure(&c.Device)
	if why != "" {
		t.metrics.refuse(why)
		return
	}
	old := t.state(number)
	st := old
	st.claimed = max(st.claimed, at)
	if source := plainAddr(c.Source); source.IsValid() && source != st.source {
		t.vacate(source, at)
		st.source = source
	}
	st.noteOwn(plainAddr(c.Own))
	if reported := plainAddrPort(c.Reported); reported.IsValid() && !reported.Addr().IsUnspecified() && reported.Port() != 0 {
		st.reported = reported // tr069agent reports 0.0.0.0 while its STUN client is in doubt (quirk S-21)
	}
	if st.corroborate(at) {
		t.metrics.count(moved)
	}
	changed := st.evidence != old.evidence || st.remote != old.remote || st.source != old.source || st.reported != old.reported
	t.update(number, &old, &st, changed)
	t.settle(number, at)
}

// noteOwn notes whether the CPE's own address is the one that we see.
func (st *state) noteOwn(own netip.Addr) {
	if own.IsValid() && st.source.IsValid() {
		st.flags.put(ownOutside, own == st.source)
		st.flags.put(ownInside, own != st.source)
	}
}

// corroborate weighs the binding and the candidate again after a session, and
// reports whether the candidate has become the binding: which it does if the
// session bears it out and the binding less, or if the binding is stale.
func (st *state) corroborate(at uint32) bool {
	if !st.remote.IsValid() {
		return false
	}
	if st.evidence == Alone && st.remote.Addr() != st.source {
		st.evidence = None
	}
	st.evidence = max(st.evidence, st.weigh(st.remote, st.flags.has(named), false))
	if !st.candidate.IsValid() || since(st.candLast, at) > st.patience() {
		return false
	}
	ev := st.weigh(st.candidate, st.flags.has(candNamed), false)
	held := st.support()
	if ev <= Named || ev <= held && !st.staleAt(at) {
		return false
	}
	s := sighting{source: st.candidate, local: st.candLocal, at: st.candLast}
	if st.flags.has(candNamed) {
		s.user = 1 // any; the name itself is of no matter any more
	}
	st.move(&s, ev)
	return true
}

// vacate is called when another device has a session from an IP address: the one
// that was alone there is no longer, or was there too long ago to count.
func (t *Table) vacate(source netip.Addr, at uint32) {
	number, count := t.claimants(source)
	if count != 1 {
		return
	}
	old := t.state(number)
	st := old
	here := st.remote.IsValid() && st.remote.Addr() == source
	switch {
	case since(st.claimed, at) > claimTime && !(here && since(st.last, at) <= claimTime):
		st.source = netip.Addr{}
	case st.evidence != Alone || !here:
		return
	}
	if st.evidence == Alone {
		st.evidence = None
	}
	t.update(number, &old, &st, true)
}

// settle ties to a device what waited for its session. That the device is alone
// at its IP address counts for the binding that it has, too.
func (t *Table) settle(number uint32, at uint32) {
	old := t.state(number)
	if _, count := t.claimants(old.source); count == 1 && old.evidence < Alone && !old.flags.has(named) &&
		old.remote.IsValid() && old.remote.Addr() == old.source {
		st := old
		st.evidence = Alone
		t.update(number, &old, &st, true)
	}
	var room [maxTemplates + 1]uint64
	st := t.state(number)
	for _, user := range t.users(room[:0], &st) {
		t.replay(user, at)
	}
	if st.source.IsValid() {
		t.replay(t.hashAddr(st.source), at)
	}
	if addr := st.reported.Addr(); addr.IsValid() && addr != st.source {
		t.replay(t.hashAddr(addr), at)
	}
}

// SetUser notes the STUN user name that an ACS gave a device, "" for none. It
// makes the device known, and never waits for the store.
func (t *Table) SetUser(id cwmp.DeviceID, username string) {
	t.mu.Lock()
	defer t.unlock()
	if len(username) > maxUser {
		t.metrics.refuse(refusedUser)
		return
	}
	number, why := t.ensure(&id)
	if why != "" {
		t.metrics.refuse(why)
		return
	}
	st := t.state(number)
	if string(st.user) == username {
		return
	}
	if t.arena.used+len(username) > t.maxBytes() {
		t.metrics.refuse(refusedMemory)
		return
	}
	t.unindexUsers(number, &st)
	old := st
	st.user = []byte(username)
	t.update(number, &old, &st, true)
	st = t.state(number)
	t.indexUsers(number, &st)
	t.settle(number, toSeconds(t.now()))
}

// ensure returns the number of a device, a new one if it is not known.
func (t *Table) ensure(id *cwmp.DeviceID) (number uint32, why reason) {
	if !recordable(id) {
		return 0, refusedIdentity
	}
	if number, ok := t.find(id); ok {
		return number, ""
	}
	st := state{oui: []byte(id.OUI), class: []byte(id.ProductClass), serial: []byte(id.SerialNumber)}
	return t.add(&st)
}

// recordable tells whether the identity is one, and fits into a record and a key.
func recordable(id *cwmp.DeviceID) bool {
	const longest = 128 // TR-069 A.3.3.1 allows 64 characters
	if id.OUI == "" && id.SerialNumber == "" || max(len(id.OUI), len(id.ProductClass), len(id.SerialNumber)) > longest {
		return false
	}
	const room, separators, escaped = store.MaxKey - len(prefix), 2, 3
	total := len(id.OUI) + len(id.ProductClass) + len(id.SerialNumber)
	return separators+escaped*total <= room || len(id.String()) <= room
}
