package binding

import (
	"net/netip"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Change is that a device can be reached elsewhere than before. A keep-alive is
// none, and neither is an address that is not believed.
type Change struct {
	What          What
	At            time.Time
	Device        cwmp.DeviceID  // without the manufacturer
	Local, Remote netip.AddrPort // as in Binding
	Former        netip.AddrPort // Remote of before; not valid for none
	Evidence      Evidence
	Kind          Kind
}

// What has become of a binding.
type What string

// The values of Change.What.
const (
	ChangeNew   What = "new"   // there was none, or it was lost
	ChangeMoved What = "moved" // another Remote
	ChangeLost  What = "lost"  // it is stale, or nothing but a name ties it to the device any more
)

// toldPerSecond is how many changes are told a second: whoever sends packets in
// the names of devices must not keep those busy that are told.
const toldPerSecond = 5000

// sweepInterval is within what time a binding that has become stale is found to
// be lost.
const sweepInterval = time.Minute

// follow tells what another state of a device means for those who want to reach
// it, and remembers in it that the device was lost. Once it was, it must be heard
// to be found again. The caller holds the lock.
func (t *Table) follow(old, st *state) {
	was := old.reachable() && !old.flags.has(gone)
	heard := st.last != old.last || st.remote != old.remote
	is := st.reachable() && (heard || !st.flags.has(gone))
	switch {
	case is && was && st.remote == old.remote: // a keep-alive, mostly
	case is && was:
		t.tell(ChangeMoved, old, st)
	case is:
		st.flags.put(gone, false)
		t.tell(ChangeNew, old, st)
	case was:
		st.flags.put(gone, true)
		t.tell(ChangeLost, old, st)
	}
}

// reachable reports whether anything says that the device is at its remote.
func (st *state) reachable() bool {
	return st.remote.IsValid() && st.evidence > None && !st.flags.has(released)
}

// sweep finds the bindings that have become stale among the devices from from on
// and below to.
func (t *Table) sweep(from, to uint32) {
	if t.changed == nil {
		return
	}
	for ; from < to; from += together {
		t.sweepSome(from, min(from+together, to))
	}
}

func (t *Table) sweepSome(from, to uint32) {
	now := toSeconds(t.now())
	t.mu.Lock()
	defer t.unlock()
	for number := from; number < to; number++ {
		old := t.state(number)
		if !old.reachable() || old.flags.has(gone) || !old.staleAt(now) {
			continue
		}
		st := old
		st.flags.put(gone, true)
		t.update(number, &old, &st, false)
	}
}

// tell notes a change for those that are to be told, unless there are too many.
// The caller holds the lock.
func (t *Table) tell(what What, old, st *state) {
	if t.changed == nil {
		return
	}
	now := t.now()
	if second := toSeconds(now); second != t.toldAt {
		t.toldAt, t.told = second, 0
	}
	if t.told++; t.told > toldPerSecond {
		t.metrics.untold.Inc()
		return
	}
	c := Change{
		What: what, At: now, Device: st.id(), Local: t.locals[st.local], Remote: st.remote,
		Evidence: st.evidence, Kind: st.kind(),
	}
	if old.remote != st.remote {
		c.Former = old.remote
	}
	t.untold = append(t.untold, c)
}

// unlock releases the lock and tells what has changed while it was held.
func (t *Table) unlock() {
	changes := t.untold
	t.untold = nil
	t.mu.Unlock()
	if len(changes) > 0 {
		t.changed(changes)
	}
}
