package binding

import "net/netip"

// sighting is a Sighting as the table has it.
type sighting struct {
	source           netip.AddrPort
	user             uint64 // hash of the user name, 0 for none
	at               uint32
	local            uint16
	change, verified bool
}

// verdict is what became of a sighting.
type verdict uint8

const (
	refreshed verdict = iota // it came from where the device is bound
	bound                    // the device had no binding
	moved                    // it made another address the device's binding
	suspected                // it is not believed, and made another candidate
	ignored                  // it is not believed, and nothing new
)

// observe lets a packet that is the device's on that evidence change its
// binding. The source that we see is the truth (quirk S-12), but whoever knows a
// user name can send such packets from anywhere, and a CPE sends them from
// several ports while it looks for the NAT's timeout (S-20).
func (st *state) observe(s *sighting, ev Evidence) verdict {
	if s.at < st.last {
		s.at = st.last // another reader of the socket was faster
	}
	switch {
	case !st.remote.IsValid():
		st.place(s, ev)
		return bound
	case s.source == st.remote:
		st.refresh(s, ev)
		return refreshed
	case st.displaced(s, ev):
		st.move(s, ev)
		return moved
	}
	return st.suspect(s, ev)
}

// weigh returns the evidence that what sessions told gives to a source.
func (st *state) weigh(source netip.AddrPort, isNamed, verified bool) Evidence {
	switch {
	case verified:
		return Signed
	case source == st.reported:
		return Reported
	case isNamed && source.Addr() == st.source:
		return SameIP
	case isNamed:
		return Named
	}
	return None
}

// support is the part of the binding's evidence that the device's last session
// still bears out. A signature holds for good; and that a device is alone at an
// IP address is taken back when it ceases to be.
func (st *state) support() Evidence {
	if st.evidence == Signed || st.evidence <= Alone {
		return st.evidence
	}
	return min(st.evidence, st.weigh(st.remote, st.flags.has(named), false))
}

// displaced reports whether the packet's source takes the place of the binding.
func (st *state) displaced(s *sighting, ev Evidence) bool {
	if ev <= Named && st.evidence > Named {
		return false // anybody can send that, however long the device was silent
	}
	held, stale := st.support(), st.staleAt(s.at)
	switch {
	case ev > held:
		return true
	case ev < held:
		return stale
	}
	return stale || st.succeeds(s)
}

// succeeds decides between two ports of equal evidence while the old one is
// expected to be heard. The new one takes its place at once if BINDING-CHANGE
// announces it (TR-111 Part 2; quirk S-13), or if it comes where the old one's
// keep-alive was due. If the old one is heard after that then it was not the
// mapping that has changed, but the packet is of another socket, or forged: it
// gets its place back, and from then on only its silence counts.
func (st *state) succeeds(s *sighting) bool {
	switch {
	case st.isContested(s.at):
		return false
	case s.source == st.candidate && st.hasPredecessor(s.at):
		return true
	}
	return s.change || st.due(s.at)
}

// hasPredecessor reports whether the candidate was the remote for a keep-alive at
// least, and not so long ago that it could not come back.
func (st *state) hasPredecessor(at uint32) bool {
	return st.flags.has(previous) && st.flags.has(candConfirmed) && since(st.candLast, at) <= 2*st.patience()
}

// place makes the packet's source the binding.
func (st *state) place(s *sighting, ev Evidence) {
	st.remote, st.local, st.evidence = s.source, s.local, ev
	st.first, st.last = s.at, s.at
	st.flags.put(named, s.user != 0)
	st.flags.put(unconfirmed, true)
}

// refresh is for a packet from the address that the device is bound to.
func (st *state) refresh(s *sighting, ev Evidence) {
	if gap := since(st.last, s.at); gap >= minPeriod {
		st.confirm(s.at)
		if !st.flags.has(unconfirmed) {
			st.beat(gap)
		}
	}
	st.comparePeers(s, ev)
	st.last, st.local = s.at, s.local
	if ev > st.evidence {
		st.evidence = ev
		st.flags.put(named, s.user != 0)
	}
}

// move makes the packet's source the binding, and the old one the candidate, from
// where it may come back. A remote that was hardly heard does not push out the
// one before it: else two forged packets would do what one cannot.
func (st *state) move(s *sighting, ev Evidence) {
	kept := st.hasPredecessor(s.at)
	returned := st.flags.has(previous) && s.source == st.candidate
	back := kept && returned
	old := *st
	if back {
		st.history >>= 1 // the mapping had not changed
	} else {
		st.confirm(s.at)
		st.skip(s.at)
		st.history = st.history<<1 | 1
	}
	st.place(s, ev)
	st.changes++
	st.flags.put(contested, returned)
	st.flags.put(released|perPeer, false)
	if back {
		st.first = old.candFirst
		st.flags.put(unconfirmed, false)
	} else if kept {
		return
	}
	st.candidate, st.candLocal, st.candEvidence = old.remote, old.local, old.evidence
	st.candFirst, st.candLast = old.first, old.last
	st.flags.put(candNamed, old.flags.has(named))
	st.flags.put(candConfirmed, !old.flags.has(unconfirmed))
	st.flags.put(previous, true)
}

// suspect makes the packet's source the candidate, unless that would push out a
// better one.
func (st *state) suspect(s *sighting, ev Evidence) verdict {
	if ev == st.support() && st.period == 0 {
		st.skip(s.at)
	}
	if s.source == st.candidate {
		st.candLast, st.candLocal = s.at, s.local
		st.candEvidence = max(st.candEvidence, ev)
		return ignored
	}
	recent := st.candidate.IsValid() && since(st.candLast, s.at) <= 2*st.patience()
	if recent && (st.candEvidence > ev || st.candEvidence == ev && st.hasPredecessor(s.at)) {
		return ignored
	}
	st.candidate, st.candLocal, st.candEvidence = s.source, s.local, ev
	st.candFirst, st.candLast = s.at, s.at
	st.flags.put(candNamed, s.user != 0)
	st.flags.put(previous|candConfirmed, false)
	return suspected
}

// isContested reports whether the remote has an opponent on equal terms that was
// heard within the last hour.
func (st *state) isContested(at uint32) bool {
	const hour = 3600
	return st.flags.has(contested) && st.candidate.IsValid() && since(st.candLast, at) < hour
}
