package binding

import (
	"math"
	"math/bits"
	"time"
)

const (
	// minPeriod is the shortest keep-alive period, in seconds. What comes sooner
	// is a retransmission (RFC 3489 9.3) or the packet that announces a change.
	minPeriod = 5
	// defaultPatience is after how many seconds a binding is stale whose period is
	// not known.
	defaultPatience = 600
	// unstableOf8 is how many of the last eight keep-alives have come from another
	// mapping if the NAT is unstable.
	unstableOf8 = 6
)

// Stale reports whether the binding was not seen for 1.5 keep-alive periods, or
// for 10 minutes where the period is not known: its mapping in the NAT may be
// gone (protocol reference, 4.7).
func (b *Binding) Stale(now time.Time) bool {
	return now.Sub(b.LastSeen) > time.Duration(patience(uint16(b.KeepAlive/time.Second)))*time.Second
}

// patience returns for how many seconds a device may be silent.
func patience(period uint16) uint32 {
	if period == 0 {
		return defaultPatience
	}
	return uint32(period) + uint32(period+1)/2
}

func (st *state) patience() uint32 { return patience(st.period) }

func (st *state) staleAt(at uint32) bool { return since(st.last, at) > st.patience() }

// due reports whether the binding's keep-alive ought to come about now.
func (st *state) due(at uint32) bool {
	return st.period != 0 && 4*since(st.last, at) >= 3*uint32(st.period)
}

// beat takes in that the remote was heard after so many seconds of silence.
func (st *state) beat(gap uint32) {
	silence := short(gap)
	if st.period == 0 || st.flags.has(provisional) {
		st.period = silence
		st.flags.put(provisional, false)
	} else {
		st.period = nextPeriod(st.period, silence)
	}
	st.survived = max(st.survived, silence)
	if st.lost != 0 && st.lost <= st.survived {
		st.lost = 0 // mappings survive that: the CPE has started anew
	}
	st.history <<= 1
}

// skip guesses the period of a device that is heard from another remote each
// time, of which no single one tells it.
func (st *state) skip(at uint32) {
	if st.period != 0 && !st.flags.has(provisional) {
		return
	}
	heard := st.last
	if st.candEvidence >= st.support() {
		heard = max(heard, st.candLast)
	}
	if gap := since(heard, at); gap >= minPeriod {
		st.period = short(gap)
		st.flags.put(provisional, true)
	}
}

// nextPeriod returns the estimate of the keep-alive period after a silence. A
// shorter one is believed soon; a longer one may be due to loss.
func nextPeriod(period, silence uint16) uint16 {
	p, s := int(period), int(silence)
	step := (s - p) / 4
	switch {
	case 4*s < 3*p:
		step = (s - p) / 2
	case 2*s > 3*p:
		step = (s - p) / 8
	}
	if step == 0 { // else small differences would never be made up
		step = min(1, max(-1, s-p))
	}
	return uint16(p + step)
}

// confirm takes in that the remote before this one has not come back where it
// was due: the NAT has lost its mapping, or the CPE has started anew.
func (st *state) confirm(at uint32) {
	if !st.flags.has(unconfirmed) || st.period != 0 && st.hasPredecessor(at) && since(st.candLast, at) <= st.patience() {
		return
	}
	st.flags.put(unconfirmed, false)
	if !st.flags.has(previous) || st.candidate.Addr() != st.remote.Addr() || st.candLocal != st.local {
		return
	}
	if silence := short(since(st.candLast, st.first)); st.lost == 0 || silence < st.lost {
		st.lost = silence
	}
}

// comparePeers learns from a device that talks to two of our addresses whether
// its NAT has one mapping for both.
func (st *state) comparePeers(s *sighting, ev Evidence) {
	switch {
	case s.local != st.local:
		st.flags.put(perPeer, false)
	case st.candidate.IsValid() && st.candLocal != st.local && st.candEvidence == ev &&
		st.candidate.Addr() == st.remote.Addr() && since(st.candLast, s.at) <= st.patience():
		st.flags.put(perPeer, true)
	}
}

// unstable reports whether the remote is another at nearly every keep-alive
// (quirk S-42).
func (st *state) unstable() bool { return unstable(st.history) }

func unstable(history uint8) bool { return bits.OnesCount8(history) >= unstableOf8 }

// kind guesses what the NAT does.
func (st *state) kind() Kind { return kindOf(st.flags, st.history, st.remote.Addr() == st.source) }

// kindOf is kind of what it needs of a state; here says that the device's
// sessions come from the address that it is bound to.
func kindOf(f flags, history uint8, here bool) Kind {
	switch {
	case f.has(ownOutside) && here:
		return KindOpen
	case unstable(history):
		return KindUnstable
	case f.has(perPeer):
		return KindPerPeer
	case f.has(ownInside):
		return KindNAT
	}
	return KindUnknown
}

// since returns how many seconds at is after then, 0 if it is before.
func since(then, at uint32) uint32 { return at - min(at, then) }

func short(seconds uint32) uint16 { return uint16(min(seconds, math.MaxUint16)) }
