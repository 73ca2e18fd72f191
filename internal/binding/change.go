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

// tell notes a change for those that are to be told, unless there are too many.
// The caller holds the lock.
func (t *Table) tell(what What, at uint32, old, st *state) {
	if t.changed == nil {
		return
	}
	if at > t.toldAt {
		t.toldAt, t.toldThen = at, 0
	}
	if t.toldThen == toldPerSecond {
		t.metrics.untold.Inc()
		return
	}
	t.toldThen++
	c := Change{
		What: what, At: fromSeconds(at), Device: st.id(), Local: t.locals[st.local], Remote: st.remote,
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
