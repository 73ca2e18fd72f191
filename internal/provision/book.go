package provision

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
)

// Deps are what a book needs of others.
type Deps struct {
	Store   store.Store
	Log     *zap.Logger
	Metrics prometheus.Registerer
	Now     func() time.Time
	// PasswordKey is what the passwords of devices are made of. It must stay.
	PasswordKey []byte
	// Owner returns the device that a STUN user name is of. Optional.
	Owner func(username string) (cwmp.DeviceID, bool)
}

// Book remembers what was tried on each device. All methods are safe for
// concurrent use.
type Book struct {
	deps    Deps
	log     *zap.Logger
	metrics *metrics
	seed    maphash.Seed

	mu sync.RWMutex
	// index finds a device by a hash of 64 bits under a secret seed: two devices
	// never share one, as far as anybody can bring about.
	index   map[uint64]entry
	waiting map[cwmp.Key]change // to be written
	writing map[cwmp.Key]change // taken, and not known to be written
}

// change is a record to be written.
type change struct {
	key    string
	record Record
}

// Bounds of what is kept. What they leave no room for is not begun, so that
// nothing is done to a device that could not be remembered.
const (
	maxDevices = 2_000_000 // with a record, about 200 bytes each in memory
	maxWaiting = 100_000   // with a record that is not stored yet
)

// New makes an empty book. Load comes next, then Run.
func New(deps Deps) (*Book, error) {
	if deps.Store == nil || deps.Log == nil || deps.Metrics == nil || deps.Now == nil || len(deps.PasswordKey) == 0 {
		return nil, errors.New("provisioning: Deps.Store, Deps.Log, Deps.Metrics, Deps.Now and Deps.PasswordKey are required")
	}
	b := &Book{
		deps: deps, log: deps.Log.Named("provisioning"), seed: maphash.MakeSeed(),
		index: map[uint64]entry{}, waiting: map[cwmp.Key]change{},
	}
	var err error
	b.metrics, err = newMetrics(b, deps.Metrics)
	return b, err
}

// prefix of keys in the store, which the string form of the device follows.
const prefix = "stunset/"

func (b *Book) hash(key cwmp.Key) uint64 { return maphash.Comparable(b.seed, key) }

// Load reads all records. It is called once, before anything else. Those that make
// no sense are left out, counted and logged. An error means that the store could
// not be read to its end: the book must not be used then.
func (b *Book) Load(ctx context.Context) error {
	damaged, left := 0, 0
	var first error
	err := b.deps.Store.Scan(ctx, prefix, func(e store.Entry) error {
		id, err := cwmp.ParseDeviceID(e.Key[len(prefix):])
		var r Record
		if err == nil {
			r, err = decode(e.Value)
		}
		if err != nil {
			if damaged++; first == nil {
				first = fmt.Errorf("%q: %w", e.Key, err)
			}
			return nil
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.index) >= maxDevices {
			left++
			return nil
		}
		b.index[b.hash(id.Key())] = newEntry(&r)
		return nil
	})
	if errors.Is(err, store.ErrDamaged) {
		damaged, first, err = damaged+1, errors.Join(first, err), nil
	}
	if damaged > 0 {
		b.metrics.damaged.Add(float64(damaged))
		b.log.Error("entries of the store make no sense and are left out", zap.Int("entries", damaged), zap.Error(first))
	}
	if left > 0 {
		b.log.Error("the store has more records than fit in memory", zap.Int("left_out", left), zap.Int("most", maxDevices))
	}
	if err != nil {
		return fmt.Errorf("load provisioning: %w", err)
	}
	return nil
}

// Lookup returns what is kept of a device, false if nothing is.
func (b *Book) Lookup(ctx context.Context, id cwmp.DeviceID) (Record, bool, error) {
	b.mu.RLock()
	c, waits := b.waiting[id.Key()]
	if !waits {
		c, waits = b.writing[id.Key()]
	}
	_, known := b.index[b.hash(id.Key())]
	b.mu.RUnlock()
	switch {
	case waits:
		return c.record, true, nil
	case !known:
		return Record{}, false, nil
	}
	e, err := b.deps.Store.Get(ctx, prefix+id.String())
	if errors.Is(err, store.ErrNotFound) {
		return Record{}, false, nil
	}
	if err != nil {
		return Record{}, false, fmt.Errorf("provisioning: record of device %s: %w", id, err)
	}
	r, err := decode(e.Value)
	if err != nil {
		return Record{}, false, fmt.Errorf("provisioning: record of device %s: %w", id, err)
	}
	return r, true, nil
}

// put makes a record hold, and has it written.
func (b *Book) put(id *cwmp.DeviceID, r *Record) {
	key := id.Key()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.index[b.hash(key)] = newEntry(r)
	b.waiting[key] = change{prefix + id.String(), *r}
}

// sizes returns how many devices have a record, and how many wait to be written.
func (b *Book) sizes() (devices, waiting int) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return len(b.index), len(b.waiting) + len(b.writing)
}
