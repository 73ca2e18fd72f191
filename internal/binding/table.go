package binding

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"iter"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
)

const (
	maxLocals  = 1024 // sockets of ours that bindings may have been seen by
	slotBudget = 256  // bytes that records may take on average
	together   = 64   // records that are read under one lock
)

// Deps is what a table needs of others. All but Changed are required.
type Deps struct {
	Store   store.Store
	Log     *zap.Logger
	Metrics prometheus.Registerer
	Now     func() time.Time
	// Changed is told where devices can be reached that could not, or elsewhere,
	// and who is lost. It is called by those who note packets and sessions, without
	// a lock, concurrently, and must not block. There are at most toldPerSecond
	// changes a second; more are counted and not told. The slice is the callee's.
	Changed func([]Change)
}

// Table knows the bindings of all devices. Its methods are safe for concurrent
// use; those that take no context never wait for the store.
type Table struct {
	cfg       Config
	store     store.Store
	log       *zap.Logger
	now       func() time.Time
	metrics   *metrics
	templates []template
	seed      maphash.Seed

	mu      sync.RWMutex // held for about a microsecond by a packet, for all of a batch, never during I/O
	locals  []netip.AddrPort
	waiting *waiting

	// Devices are numbered from 0 as they come, and never removed.
	refs  []ref // where each device's record lies
	arena arena
	bound int // devices that have a binding

	byID     index
	byUser   index // every user name of every device
	bySource index // the IP address of each device's last session
	byRemote index // where devices are bound; an address has one device
	byReport index // what devices have reported and are not bound to

	urgent, quiet bitset // what is newer than the store's
	scratch       []byte
	packing       []byte
	batch         []sighting // that are being noted
	touched       uint64     // see expect

	changed func([]Change)
	untold  []Change // to be told when the lock is released
	toldAt  uint32   // second in which there were told changes
	told    int
}

// New returns an empty table and registers its metrics. It starts nothing.
// Missing configuration is filled in with the defaults.
func New(cfg Config, deps Deps) (*Table, error) {
	cfg.SetDefaults()
	t := &Table{
		cfg: cfg, store: deps.Store, log: deps.Log.Named("bindings"), now: deps.Now,
		seed: maphash.MakeSeed(), waiting: newWaiting(), locals: make([]netip.AddrPort, 1),
		batch: make([]sighting, 0, abreast), changed: deps.Changed,
	}
	if len(cfg.Usernames) > maxTemplates {
		return nil, fmt.Errorf("binding: %d templates of user names, want at most %d", len(cfg.Usernames), maxTemplates)
	}
	for _, s := range cfg.Usernames {
		tmpl, err := parseTemplate(s)
		if err != nil {
			return nil, fmt.Errorf("binding: %w", err)
		}
		t.templates = append(t.templates, tmpl)
	}
	var err error
	if t.metrics, err = newMetrics(t, deps.Metrics); err != nil {
		return nil, err
	}
	return t, nil
}

// Len returns how many devices have a binding.
func (t *Table) Len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.bound
}

// Lookup returns the binding of a device; ok is false if no packet of it was
// seen.
func (t *Table) Lookup(id cwmp.DeviceID) (b Binding, ok bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	number, ok := t.find(&id)
	if !ok {
		return Binding{}, false
	}
	st := t.state(number)
	if !st.remote.IsValid() {
		return Binding{}, false
	}
	return st.export(t.locals), true
}

// Device returns the device that is bound at an address, if more than a user
// name says so.
func (t *Table) Device(remote netip.AddrPort) (id cwmp.DeviceID, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	number, count := t.holder(plainAddrPort(remote))
	if count != 1 {
		return cwmp.DeviceID{}, false
	}
	st := t.state(number)
	return st.id(), true
}

// ByUser returns the device that alone has a STUN user name, whether it was seen
// or not.
func (t *Table) ByUser(username []byte) (id cwmp.DeviceID, ok bool) {
	user := t.hashUser(username)
	t.mu.Lock()
	defer t.mu.Unlock()
	_, st, count := t.namesake(user)
	if count != 1 {
		return cwmp.DeviceID{}, false
	}
	return st.id(), true
}

// All returns all bindings, in no order. Those that come while it runs may be
// left out.
func (t *Table) All() iter.Seq2[cwmp.DeviceID, Binding] {
	type pair struct {
		id cwmp.DeviceID
		Binding
	}
	return func(yield func(cwmp.DeviceID, Binding) bool) {
		pairs := make([]pair, 0, together)
		for next, more := uint32(0), true; more; next += together {
			pairs = pairs[:0]
			more = t.some(next, func(st *state) { pairs = append(pairs, pair{st.id(), st.export(t.locals)}) })
			for i := range pairs {
				if !yield(pairs[i].id, pairs[i].Binding) {
					return
				}
			}
		}
	}
}

// some calls fn for the bindings among some devices, with the lock held, and
// reports whether there are devices after them.
func (t *Table) some(next uint32, fn func(*state)) (more bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	end := min(next+together, uint32(len(t.refs)))
	for number := next; number < end; number++ {
		if st := t.state(number); st.remote.IsValid() {
			fn(&st)
		}
	}
	return end < uint32(len(t.refs))
}

// Usable tells whether requests may be sent to a binding, and if not, why.
func (t *Table) Usable(b *Binding) (ok bool, why string) {
	switch {
	case !b.Remote.IsValid():
		return false, "no STUN packet of this device was seen"
	case b.Corroborated() || b.Evidence == Named && t.cfg.AcceptUncorroborated:
		return true, ""
	case b.Evidence == Named:
		return false, "binding is not corroborated: nothing but a user name ties it to the device"
	}
	return false, "binding is not corroborated: several devices have sessions from its IP address"
}

// The rest of this file is called with the lock held.

// find returns the number of a device.
func (t *Table) find(id *cwmp.DeviceID) (number uint32, ok bool) {
	number, count := t.byID.get(hashID(t.seed, id.OUI, id.ProductClass, id.SerialNumber), func(n uint32) bool { return t.isOf(n, id) })
	return number, count == 1
}

// namesake returns how many devices have a user name, and the only one with its
// state.
func (t *Table) namesake(user uint64) (number uint32, st state, count int) {
	if user == 0 {
		return 0, st, 0
	}
	number, count = t.byUser.get(user, func(n uint32) bool {
		st = t.state(n)
		return t.hasUser(&st, user)
	})
	return number, st, count
}

func (t *Table) record(number uint32) []byte { return t.arena.bytes(t.refs[number]) }

// state unpacks a record. What it returns is valid until the record is replaced.
func (t *Table) state(number uint32) (st state) {
	r := reader{rest: t.record(number)}
	r.identity(&st)
	r.state(&st)
	return st
}

func (t *Table) maxBytes() int { return t.cfg.Max * slotBudget }

// add enters a device that is not known, if there is room.
func (t *Table) add(st *state) (number uint32, why reason) {
	if len(t.refs) >= t.cfg.Max {
		return 0, refusedFull
	}
	number = uint32(len(t.refs))
	st.settleRemote(t, number)
	packed := t.pack(st)
	if t.arena.used+len(packed) > t.maxBytes() {
		return 0, refusedMemory
	}
	r := t.arena.alloc(len(packed))
	copy(t.arena.bytes(r), packed)
	t.refs = append(t.refs, r)
	t.byID.add(hashID(t.seed, st.oui, st.class, st.serial), number, func(uint32) bool { return false })
	t.indexUsers(number, st)
	t.reindex(number, &state{}, st)
	return number, ""
}

// update replaces a device's record, whose state was old.
func (t *Table) update(number uint32, old, st *state, urgent bool) {
	if !old.bound() || !st.bound() || old.remote != st.remote || st.flags.has(gone) { // else it is a keep-alive
		st.settleRemote(t, number)
		t.follow(old, st)
	}
	packed := t.pack(st)
	r := t.refs[number]
	t.reindex(number, old, st)
	if !t.arena.fits(r, len(packed)) {
		t.arena.release(r)
		r = t.arena.alloc(len(packed))
		t.refs[number] = r
	}
	copy(t.arena.bytes(r), packed)
	t.mark(number, urgent)
}

// mark notes that a device is newer than the store's.
func (t *Table) mark(number uint32, urgent bool) {
	if urgent {
		t.urgent.set(number)
		t.quiet.clear(number)
	} else if !t.urgent.has(number) {
		t.quiet.set(number)
	}
}

// settleRemote decides which device is to be found at an address that two are
// bound to: the one that came first, until it is stale.
func (st *state) settleRemote(t *Table, number uint32) {
	st.flags.put(released, false)
	if !st.bound() {
		return
	}
	holder, count := t.holder(st.remote)
	if count == 0 || holder == number {
		return
	}
	old := t.state(holder)
	if !old.staleAt(st.last) {
		st.flags.put(released, true)
		return
	}
	other := old
	other.flags.put(released, true)
	t.follow(&old, &other)
	packed := t.pack(&other)
	t.reindex(holder, &old, &other)
	copy(t.record(holder), packed)
}

// pack returns a record, which is valid until the next call.
func (t *Table) pack(st *state) []byte {
	t.packing = st.append(st.appendIdentity(t.packing[:0]))
	return t.packing
}

// reindex brings the indexes from one state of a device to another.
func (t *Table) reindex(number uint32, old, st *state) {
	if old.source != st.source {
		if old.source.IsValid() {
			t.bySource.remove(t.hashAddr(old.source), number)
		}
		if st.source.IsValid() {
			t.bySource.add(t.hashAddr(st.source), number, func(n uint32) bool { return t.state(n).source == st.source })
		}
	}
	if old.remote != st.remote || old.bound() != st.bound() {
		if old.bound() {
			t.byRemote.remove(t.hashAddrPort(old.remote), number)
		}
		if st.bound() {
			t.byRemote.add(t.hashAddrPort(st.remote), number, func(n uint32) bool { o := t.state(n); return o.remote == st.remote && o.bound() })
		}
	}
	if old.reported != st.reported || old.wantsReport() != st.wantsReport() {
		if old.wantsReport() {
			t.byReport.remove(t.hashAddrPort(old.reported), number)
		}
		if st.wantsReport() {
			t.byReport.add(t.hashAddrPort(st.reported), number, func(n uint32) bool { o := t.state(n); return o.reported == st.reported && o.wantsReport() })
		}
	}
	if st.remote.IsValid() && !old.remote.IsValid() {
		t.bound++
	}
}

func (t *Table) indexUsers(number uint32, st *state) {
	var room [maxTemplates + 1]uint64
	for _, user := range t.users(room[:0], st) {
		t.byUser.add(user, number, func(n uint32) bool { o := t.state(n); return t.hasUser(&o, user) })
	}
}

func (t *Table) unindexUsers(number uint32, st *state) {
	var room [maxTemplates + 1]uint64
	for _, user := range t.users(room[:0], st) {
		t.byUser.remove(user, number)
	}
}

func hashID[T string | []byte](seed maphash.Seed, oui, class, serial T) uint64 {
	var room [256]byte // of most
	return maphash.Bytes(seed, appendText(appendText(append(room[:0], serial...), class), oui))
}

func (t *Table) hashAddr(addr netip.Addr) uint64 {
	a := addr.As16()
	return maphash.Bytes(t.seed, a[:])
}

func (t *Table) hashAddrPort(addr netip.AddrPort) uint64 {
	var b [18]byte
	a := addr.Addr().As16()
	copy(b[:], a[:])
	binary.LittleEndian.PutUint16(b[16:], addr.Port())
	return maphash.Bytes(t.seed, b[:])
}
