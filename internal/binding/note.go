package binding

import "net/netip"

// NoteSighting notes a packet of a CPE. It waits for no store and, once the
// device is bound to that source, does not allocate.
func (t *Table) NoteSighting(in *Sighting) { t.NoteSightings([]Sighting{*in}) }

// NoteSightings notes packets in their order, as NoteSighting would one by one.
// That they come together makes it faster, see expect.
func (t *Table) NoteSightings(in []Sighting) {
	for len(in) > abreast {
		t.noteBatch(in[:abreast])
		in = in[abreast:]
	}
	t.noteBatch(in)
}

// noteBatch notes at most abreast packets under one lock.
func (t *Table) noteBatch(in []Sighting) {
	t.mu.Lock()
	defer t.unlock()
	t.batch = t.batch[:0]
	for i := range in {
		s, why := t.receive(&in[i])
		if why != "" {
			t.metrics.refuse(why)
			continue
		}
		t.batch = append(t.batch, s)
	}
	t.expect(t.batch)
	for i := range t.batch {
		if s := &t.batch[i]; !t.note(s) {
			t.metrics.unattributed.Inc()
			t.keep(s)
		}
	}
}

// receive returns a Sighting as the table has it, or why it is none.
func (t *Table) receive(in *Sighting) (s sighting, why reason) {
	s = sighting{source: plainAddrPort(in.Source), user: t.hashUser(in.Username), change: in.Change, verified: in.Verified}
	if !s.source.IsValid() || s.source.Port() == 0 {
		return s, refusedSource
	}
	var ok bool
	if s.local, ok = t.localNumber(plainAddrPort(in.Local)); !ok {
		return s, refusedLocal
	}
	at := in.At
	if at.IsZero() {
		at = t.now()
	}
	s.at = toSeconds(at)
	return s, ""
}

// note lets a packet change the binding of its device, if that is known.
func (t *Table) note(s *sighting) bool {
	number, old, ev := t.attribute(s)
	if ev == None {
		return false
	}
	t.apply(number, &old, s, ev)
	return true
}

// apply lets a packet change the binding of a device, whose state was old.
func (t *Table) apply(number uint32, old *state, s *sighting, ev Evidence) {
	st := *old
	how := st.observe(s, ev)
	t.metrics.count(how)
	if st.unstable() && !st.flags.has(reportedFlap) {
		st.flags.put(reportedFlap, true)
		t.metrics.unstable.Inc()
	}
	t.update(number, old, &st, how == bound || how == moved || st.evidence != old.evidence)
}

// attribute returns whose packet it is, that device's state, and on what evidence,
// None if nobody's. A user name that one device alone has names it. With a name
// that several have, with none, or with one of which nothing is known, the
// address must tell.
func (t *Table) attribute(s *sighting) (number uint32, st state, ev Evidence) {
	number, st, count := t.namesake(s.user)
	if count == 1 {
		return number, st, st.weigh(s.source, true, s.verified)
	}
	if number, ev = t.attributeAddress(s, count > 1); ev != None {
		st = t.state(number)
	}
	return number, st, ev
}

// attributeAddress is for packets that name no one device: they are of the device
// that was bound to that address on such packets, of the one that reported it, or
// of the only one that has sessions from that IP address. The last does not hold
// for a name of which nothing is known, which is a stranger's.
func (t *Table) attributeAddress(s *sighting, shared bool) (number uint32, ev Evidence) {
	var held state
	holder, holders := t.holder(s.source)
	if holders == 1 {
		held = t.state(holder)
		if !t.mayBe(&held, s, shared) {
			holders = 0
		}
	}
	fresh := holders == 1 && !held.staleAt(s.at)
	claimant, claimants := t.claimants(s.source.Addr())
	if number, count := t.reporter(s.source); count == 1 {
		st := t.state(number)
		here := st.source == s.source.Addr()
		// The NAT may give to another device what its holder says to have left.
		left := !fresh || held.reported.IsValid() && held.reported != s.source
		likely := here && left || !fresh && claimants == 0
		if likely && (!shared || t.hasUser(&st, s.user)) {
			return number, Reported
		}
	}
	if fresh {
		return holder, held.evidence
	}
	if claimants == 1 && (s.user == 0 || shared) {
		if st := t.state(claimant); !t.mayBe(&st, s, shared) {
			return 0, None
		}
		if shared {
			return claimant, SameIP
		}
		return claimant, Alone
	}
	if holders == 1 {
		return holder, held.evidence
	}
	return 0, None
}

// mayBe reports whether a packet that names no device, or several, may be of
// this one: a device that has named itself goes on to do so.
func (t *Table) mayBe(st *state, s *sighting, shared bool) bool {
	if shared {
		return t.hasUser(st, s.user)
	}
	return !st.flags.has(named)
}

// holder returns the device that is bound to an address.
func (t *Table) holder(remote netip.AddrPort) (number uint32, count int) {
	return t.byRemote.get(t.hashAddrPort(remote), func(n uint32) bool { st := t.state(n); return st.remote == remote && st.bound() })
}

// reporter returns how many devices have reported an address that they are not
// bound to, and the only one.
func (t *Table) reporter(addr netip.AddrPort) (number uint32, count int) {
	return t.byReport.get(t.hashAddrPort(addr), func(n uint32) bool { st := t.state(n); return st.reported == addr && st.wantsReport() })
}

// claimants returns how many devices have sessions from an IP address, and the
// only one.
func (t *Table) claimants(addr netip.Addr) (number uint32, count int) {
	return t.bySource.get(t.hashAddr(addr), func(n uint32) bool { return t.state(n).source == addr })
}

// keep lets a packet wait for a session that tells whose it is.
func (t *Table) keep(s *sighting) {
	if s.user != 0 {
		t.waiting.put(s.user, s)
	}
	t.waiting.put(t.hashAddr(s.source.Addr()), s)
}

// replay notes the packets that waited under a key and have not been overtaken.
func (t *Table) replay(key uint64, at uint32) {
	for s := range t.waiting.of(key, at) {
		again := *s
		number, st, ev := t.attribute(&again)
		if ev == None {
			continue
		}
		*s = sighting{}
		if again.at >= st.last {
			t.apply(number, &st, &again, ev)
		}
	}
}

// localNumber returns the number of one of our sockets.
func (t *Table) localNumber(local netip.AddrPort) (number uint16, ok bool) {
	for i, l := range t.locals {
		if l == local {
			return uint16(i), true
		}
	}
	if len(t.locals) == maxLocals {
		return 0, false
	}
	t.locals = append(t.locals, local)
	return uint16(len(t.locals) - 1), true
}

func plainAddr(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

func plainAddrPort(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(plainAddr(a.Addr()), a.Port())
}
