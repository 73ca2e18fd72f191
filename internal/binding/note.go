package binding

import "net/netip"

// NoteSighting notes a packet of a CPE. It waits for no store and, once the
// device is bound to that source, does not allocate.
func (t *Table) NoteSighting(in *Sighting) {
	s := sighting{source: plainAddrPort(in.Source), user: t.hashUser(in.Username), change: in.Change, verified: in.Verified}
	if in.At.IsZero() {
		s.at = toSeconds(t.now())
	} else {
		s.at = toSeconds(in.At)
	}
	if !s.source.IsValid() || s.source.Port() == 0 {
		t.metrics.refuse(refusedSource)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var ok bool
	if s.local, ok = t.localNumber(plainAddrPort(in.Local)); !ok {
		t.metrics.refuse(refusedLocal)
		return
	}
	if !t.note(&s) {
		t.metrics.unattributed.Inc()
		t.keep(&s)
	}
}

// note lets a packet change the binding of its device, if that is known.
func (t *Table) note(s *sighting) bool {
	number, ev := t.attribute(s)
	if ev == None {
		return false
	}
	t.apply(number, s, ev)
	return true
}

func (t *Table) apply(number uint32, s *sighting, ev Evidence) {
	old := t.state(number)
	st := old
	how := st.observe(s, ev)
	t.metrics.count(how)
	if st.unstable() && !st.flags.has(reportedFlap) {
		st.flags.put(reportedFlap, true)
		t.metrics.unstable.Inc()
	}
	t.update(number, &old, &st, how == bound || how == moved || st.evidence != old.evidence)
}

// attribute returns whose packet it is and on what evidence, None if nobody's.
//
// A user name that one device alone has names it. A packet without a name, or
// with one that several devices have or nobody, is of the device that was bound
// to that address on such packets, or that reported it, or that alone has
// sessions from that IP address, the last not where the name is nobody's: that
// device is one of which nothing is known yet.
func (t *Table) attribute(s *sighting) (number uint32, ev Evidence) {
	shared := false
	if s.user != 0 {
		number, count := t.namesake(s.user)
		if count == 1 {
			st := t.state(number)
			return number, st.weigh(s.source, true, s.verified)
		}
		shared = count > 1
	}
	if number, count := t.holder(s.source); count == 1 {
		st := t.state(number)
		if !st.staleAt(s.at) && t.mayBe(&st, s, shared) {
			return number, st.evidence
		}
	}
	claimant, claimants := t.claimants(s.source.Addr())
	if number, count := t.reporter(s.source); count == 1 && (claimants == 0 || t.state(number).source == s.source.Addr()) {
		if st := t.state(number); !shared || t.hasUser(&st, s.user) {
			return number, Reported
		}
	}
	if claimants != 1 || s.user != 0 && !shared {
		return 0, None
	}
	st := t.state(claimant)
	if !t.mayBe(&st, s, shared) {
		return 0, None
	}
	if shared {
		return claimant, SameIP
	}
	return claimant, Alone
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
		number, ev := t.attribute(&again)
		if ev == None {
			continue
		}
		*s = sighting{}
		if again.at >= t.state(number).last {
			t.apply(number, &again, ev)
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
