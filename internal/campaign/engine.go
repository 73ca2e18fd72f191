package campaign

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
)

const (
	queued   = 4096 // notes that wait to be written
	together = 4096 // members that are read under one lock
)

// Deps is what an engine needs of others. All but Wake, CheckTarget
// and Changed are required.
type Deps struct {
	Store   store.Store
	Log     *zap.Logger
	Metrics prometheus.Registerer
	Now     func() time.Time
	// ACSs returns the names of the configured ACSs.
	ACSs func() []string
	// Devices yields what is known of each device.
	Devices func() iter.Seq[Candidate]
	// Wake begins to ask a device for a session by Connection Request, and does
	// not wait for it. The error says why the device cannot be woken. nil where
	// nothing can.
	Wake func(context.Context, cwmp.DeviceID) error
	// CheckTarget tells why CPEs of some ACSs, none for any, cannot be sent to
	// another one by its cpe_url: DNS, TLS chain and name, an HTTP answer, or
	// because it is theirs. nil where that is not checked.
	CheckTarget func(ctx context.Context, to string, from []string) error
	// Changed is told of changes, one at a time and in their order. It must not
	// block, nor give the engine commands. nil where nobody asks.
	Changed func(Event)
}

// Engine runs all campaigns. Its methods are safe for concurrent use; those that
// take no context never wait for the store.
type Engine struct {
	cfg     Config
	deps    Deps
	log     *zap.Logger
	metrics *metrics
	seed    maphash.Seed
	notes   chan note
	any     atomic.Bool // there are members

	// turn is had by the one who changes what is stored: Run or a command. Sessions
	// never wait for it. creating is had by the one who makes a campaign.
	turn, creating chan struct{}

	mu        sync.RWMutex // held for a batch of members at most, never during I/O
	campaigns []*campaign  // by slot; nil where one was removed
	byName    map[string]*campaign
	index     index
	seq       uint64
	members   int // of all campaigns

	unsure  atomic.Uint32 // see campaign
	unsaved []change      // of Run: the store has not taken them yet
	watch   watch
}

// New returns an engine without campaigns and registers its metrics. It starts
// nothing. Missing configuration is filled in with the defaults.
func New(cfg Config, deps Deps) (*Engine, error) {
	cfg.SetDefaults()
	switch {
	case deps.Store == nil, deps.Log == nil, deps.Metrics == nil, deps.Now == nil, deps.ACSs == nil, deps.Devices == nil:
		return nil, errors.New("campaign: a dependency is missing")
	}
	e := &Engine{
		cfg: cfg, deps: deps, log: deps.Log.Named("campaigns"), seed: maphash.MakeSeed(),
		notes: make(chan note, queued), turn: make(chan struct{}, 1), creating: make(chan struct{}, 1),
		byName: map[string]*campaign{},
	}
	e.index.grow(64)
	var err error
	if e.metrics, err = newMetrics(e, deps.Metrics); err != nil {
		return nil, fmt.Errorf("campaign: %w", err)
	}
	return e, nil
}

// take waits for a turn.
func take(ctx context.Context, turn chan struct{}) error {
	select {
	case turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (e *Engine) hash(id *cwmp.DeviceID) uint32 {
	h := maphash.String(e.seed, id.SerialNumber)
	h = bits.RotateLeft64(h, 21) ^ maphash.String(e.seed, id.OUI)
	h = bits.RotateLeft64(h, 21) ^ maphash.String(e.seed, id.ProductClass)
	return uint32(h)
}

func (e *Engine) is(x entry, id *cwmp.DeviceID) bool {
	c := e.campaigns[x.slot-1]
	return c.ids.isID(c.members[x.member].id, id)
}

// enter makes members from from on and below to the latest of their devices. The caller holds the lock.
func (e *Engine) enter(c *campaign, from, to int) {
	for i := from; i < to; i++ {
		id := c.ids.id(c.members[i].id)
		l := link{c.slot + 1, uint32(i)}
		if before := e.index.put(entry{e.hash(&id), l}, func(x entry) bool { return e.is(x, &id) }); before.slot != 0 {
			e.index.chain(l, before, len(c.members))
		}
	}
	e.any.Store(e.index.count > 0)
}

// add gives a campaign its slot. The caller holds the lock.
func (e *Engine) add(c *campaign) {
	c.slot = uint32(len(e.campaigns))
	for i, other := range e.campaigns {
		if other == nil {
			c.slot = uint32(i)
		}
	}
	if int(c.slot) == len(e.campaigns) {
		e.campaigns = append(e.campaigns, nil)
	}
	e.campaigns[c.slot] = c
	e.byName[c.Name] = c
	e.seq = max(e.seq, c.Seq)
	e.members += len(c.members)
}

// all returns the campaigns, oldest first.
func (e *Engine) all() []*campaign {
	e.mu.RLock()
	defer e.mu.RUnlock()
	list := make([]*campaign, 0, len(e.byName))
	for _, c := range e.campaigns {
		if c != nil {
			list = append(list, c)
		}
	}
	bySeq(list) // a head is read under the lock
	return list
}
