package device

import (
	"hash/maphash"
	"iter"
	"math/bits"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
)

// shardBits is the binary logarithm of the number of shards.
const shardBits = 6

// Deps is what a registry needs of others.
type Deps struct {
	Store   store.Store
	Log     *zap.Logger
	Metrics prometheus.Registerer
	Now     func() time.Time
}

// Registry knows all devices. Its methods are safe for concurrent use; those
// that take no context never wait for the store.
type Registry struct {
	cfg     Config
	store   store.Store
	log     *zap.Logger
	now     func() time.Time
	metrics *metrics

	limits *limits
	tables *tables
	seed   maphash.Seed
	shards [1 << shardBits]shard

	health storeHealth
}

// New returns an empty registry and registers its metrics. It starts nothing.
// Missing configuration is filled in with the defaults.
func New(cfg Config, deps Deps) (*Registry, error) {
	cfg.SetDefaults()
	r := &Registry{
		cfg: cfg, store: deps.Store, log: deps.Log.Named("devices"), now: deps.Now,
		limits: newLimits(cfg.MaxDevices), tables: &tables{ours: newNames(), cpes: newNames()}, seed: maphash.MakeSeed(),
	}
	for i := range r.shards {
		r.shards[i].limits, r.shards[i].tables = r.limits, r.tables
	}
	var err error
	if r.metrics, err = newMetrics(r, deps.Metrics); err != nil {
		return nil, err
	}
	return r, nil
}

// locate returns a device's shard and its hash there.
func (r *Registry) locate(id *cwmp.DeviceID) (*shard, uint32) {
	number, hash := r.place(id)
	return &r.shards[number], hash
}

// place returns the number of a device's shard and its hash there.
func (r *Registry) place(id *cwmp.DeviceID) (shard, hash uint32) {
	h := maphash.String(r.seed, id.SerialNumber)
	h = bits.RotateLeft64(h, 21) ^ maphash.String(r.seed, id.OUI)
	h = bits.RotateLeft64(h, 21) ^ maphash.String(r.seed, id.ProductClass)
	return uint32(h >> (64 - shardBits)), uint32(h)
}

// Len returns how many devices are known.
func (r *Registry) Len() int { return int(r.limits.devices.Load()) }

// Lookup returns what is known of a device.
func (r *Registry) Lookup(id cwmp.DeviceID) (Record, bool) {
	s, hash := r.locate(&id)
	s.mu.RLock()
	defer s.mu.RUnlock()
	number, ok := s.find(hash, &id)
	if !ok {
		return Record{}, false
	}
	return s.export(number), true
}

// Assigned returns the ACS that the device is assigned to, "" for none.
func (r *Registry) Assigned(id cwmp.DeviceID) string {
	home, _ := r.Placement(id)
	return home
}

// Placement returns the ACS that the device is assigned to and the one that
// accepted its last Inform, "" for none. It does not allocate.
func (r *Registry) Placement(id cwmp.DeviceID) (assigned, current string) {
	s, hash := r.locate(&id)
	s.mu.RLock()
	defer s.mu.RUnlock()
	number, ok := s.find(hash, &id)
	if !ok {
		return "", ""
	}
	var st state
	u := unpacker{s.record(number)}
	u.assignment(&st, u.identity(&st))
	return st.home.string(s.ours), u.text().string(s.ours)
}

// All returns the records of all devices, in no order. Devices that come while
// it runs may be left out.
func (r *Registry) All() iter.Seq[Record] {
	return func(yield func(Record) bool) {
		for i := range r.shards {
			if !r.shards[i].all(yield) {
				return
			}
		}
	}
}

// all yields a shard's records, a few at a time, without the lock.
func (s *shard) all(yield func(Record) bool) bool {
	const most = 64
	records := make([]Record, 0, most)
	for next := 0; ; next += len(records) {
		records = records[:0]
		s.mu.RLock()
		for number := next; number < len(s.refs) && len(records) < most; number++ {
			records = append(records, s.export(uint32(number)))
		}
		s.mu.RUnlock()
		if len(records) == 0 {
			return true
		}
		for _, record := range records {
			if !yield(record) {
				return false
			}
		}
	}
}

// export unpacks a device for others. The caller holds the lock.
func (s *shard) export(number uint32) Record {
	st := unpack(s.record(number))
	return Record{
		ID: s.id(&st),
		Assignment: Assignment{
			HomeACS: st.home.string(s.ours), AssignReason: st.reason.string(s.ours), AssignedAt: fromSeconds(st.assigned),
		},
		CurrentACS: st.acs.string(s.ours), Rule: st.rule.string(s.ours), Listener: st.listener.string(s.ours),
		Source:          st.source,
		Local:           localAddr(st.local.string(s.ours)),
		SoftwareVersion: st.software.string(s.cpes), Root: st.root.string(s.cpes),
		ConnectionRequestURL: st.url.string(s.cpes), UDPConnectionRequestAddress: st.udp.string(s.cpes),
		FirstSeen: fromSeconds(st.first), LastInform: fromSeconds(st.last), LastEvents: st.events.codes(),
		Sessions: st.sessions, Failed: st.failed, Faults: st.faults,
		LastFailed: st.lastFailed,
	}
}

func (s *shard) id(st *state) cwmp.DeviceID {
	return cwmp.DeviceID{
		Manufacturer: st.manufacturer.string(s.cpes), OUI: st.oui.string(s.cpes),
		ProductClass: st.class.string(s.cpes), SerialNumber: st.serial.string(s.cpes),
	}
}

// localAddr reads back what apply has written.
func localAddr(text string) netip.Addr {
	addr, _ := netip.ParseAddr(text)
	return addr
}

// toSeconds returns a time as records keep it, 0 for none.
func toSeconds(t time.Time) uint32 {
	if t.IsZero() {
		return 0
	}
	return uint32(max(0, min(t.Unix(), 1<<32-1)))
}

func fromSeconds(s uint32) time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(int64(s), 0).UTC()
}
