package capture

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Config bounds captures. What is zero gets its default.
type Config struct {
	Running  int           // captures at a time, 16
	Kept     int           // captures in memory, those that run included, 64
	Longest  time.Duration // that one may run, 1 h
	Keep     time.Duration // how long one is kept after its end, 1 h
	Bytes    int           // of one capture, 4 MiB
	Messages int           // of one capture, 2,000
}

func (c Config) withDefaults() Config {
	set := func(v *int, standard int) {
		if *v <= 0 {
			*v = standard
		}
	}
	set(&c.Running, 16)
	set(&c.Kept, 64)
	set(&c.Bytes, 4<<20)
	set(&c.Messages, 2000)
	if c.Longest <= 0 {
		c.Longest = time.Hour
	}
	if c.Keep <= 0 {
		c.Keep = time.Hour
	}
	return c
}

// Deps are what captures need of others.
type Deps struct {
	Now     func() time.Time
	Metrics prometheus.Registerer
}

// The problems that Start, Stop and Write report, to be tested with errors.Is.
var (
	ErrNotFound = errors.New("no such capture")
	ErrRunning  = errors.New("a capture of this device runs already")
	ErrTooMany  = errors.New("too many captures run")
	ErrDuration = errors.New("a capture cannot run that long")
	ErrFormat   = errors.New("no such format")
)

// Captures holds all captures. It has no goroutines: what is past its time ends,
// and is forgotten, when anybody asks for anything. Safe for concurrent use.
type Captures struct {
	cfg     Config
	now     func() time.Time
	metrics *metrics
	// running are the captures that run, nil for none. It is what a session costs
	// that is not captured. The map is never changed in place.
	running atomic.Pointer[map[cwmp.Key]*recording]

	mu  sync.Mutex
	all []*recording // oldest first
}

// New returns captures of which none runs.
func New(cfg Config, deps Deps) (*Captures, error) {
	if deps.Now == nil || deps.Metrics == nil {
		return nil, errors.New("capture: Deps.Now and Deps.Metrics are required")
	}
	c := &Captures{cfg: cfg.withDefaults(), now: deps.Now}
	m, err := newMetrics(c, deps.Metrics)
	if err != nil {
		return nil, err
	}
	c.metrics = m
	return c, nil
}

// View is a capture as others see it.
type View struct {
	ID       string
	Device   cwmp.DeviceID
	By       string // who has started it
	Started  time.Time
	Ends     time.Time // or has ended
	Running  bool
	Sessions int
	Messages int
	Bytes    int
	Cut      int // messages that found no room
}

// Start begins a capture of a device for as long as last says, at most
// Config.Longest. A session that is under way is recorded from its next exchange.
func (c *Captures) Start(id cwmp.DeviceID, by string, last time.Duration) (View, error) {
	if last <= 0 || last > c.cfg.Longest {
		return View{}, fmt.Errorf("capture of %v: %w: want more than 0 and at most %v", last, ErrDuration, c.cfg.Longest)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	c.tidy(now)
	running := 0
	for _, r := range c.all {
		if !r.runs(now) {
			continue
		}
		if running++; r.device.Key() == id.Key() {
			return View{}, fmt.Errorf("device %s: %w: stop %q first", id, ErrRunning, r.id)
		}
	}
	if running >= c.cfg.Running {
		return View{}, fmt.Errorf("device %s: %w: %d, stop one first", id, ErrTooMany, running)
	}
	r := &recording{
		id: strings.ToLower(rand.Text()[:16]), device: id, by: by, started: now, ends: now.Add(last),
		cfg: &c.cfg, metrics: c.metrics,
	}
	c.makeRoom(now)
	c.all = append(c.all, r)
	c.publish(now)
	return r.view(now), nil
}

// makeRoom forgets a capture that has ended, if there are as many as are kept: the
// oldest one of whoever has most of them, so that nobody pushes out those of others.
func (c *Captures) makeRoom(now time.Time) {
	for len(c.all) >= max(c.cfg.Kept, c.cfg.Running) {
		ended, oldest := map[string]int{}, map[string]int{} // by who has started them
		for i, r := range slices.Backward(c.all) {
			if !r.runs(now) {
				ended[r.by]++
				oldest[r.by] = i
			}
		}
		if len(ended) == 0 {
			return
		}
		i := -1
		for by, n := range ended {
			if i < 0 || n > ended[c.all[i].by] || n == ended[c.all[i].by] && oldest[by] < i {
				i = oldest[by]
			}
		}
		c.all = slices.Delete(c.all, i, i+1)
	}
}

// Stop ends a capture. One that has ended already is no error.
func (c *Captures) Stop(id string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	c.tidy(now)
	r := c.find(id)
	if r == nil {
		return fmt.Errorf("capture %q: %w", id, ErrNotFound)
	}
	r.stop(now)
	c.publish(now)
	return nil
}

// Get returns a capture by its id.
func (c *Captures) Get(id string) (View, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	c.tidy(now)
	r := c.find(id)
	if r == nil {
		return View{}, false
	}
	return r.view(now), true
}

// List returns all captures, the newest first.
func (c *Captures) List() []View {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	c.tidy(now)
	views := make([]View, 0, len(c.all))
	for _, r := range slices.Backward(c.all) {
		views = append(views, r.view(now))
	}
	return views
}

// Tap returns what records a session of a device, nil where the device is not
// captured. While no capture runs at all it costs one atomic load.
func (c *Captures) Tap(id cwmp.DeviceID) *Tape {
	running := c.running.Load()
	if running == nil {
		return nil
	}
	r := (*running)[id.Key()]
	if r == nil || !r.runs(c.now()) {
		c.retire()
		return nil
	}
	return &Tape{of: r, now: c.now}
}

// retire publishes what still runs, if somebody else does not.
func (c *Captures) retire() {
	if c.mu.TryLock() {
		defer c.mu.Unlock()
		c.tidy(c.now())
	}
}

func (c *Captures) find(id string) *recording {
	i := slices.IndexFunc(c.all, func(r *recording) bool { return r.id == id })
	if i < 0 {
		return nil
	}
	return c.all[i]
}

// tidy forgets what was kept long enough, and publishes if a capture has come to
// its end.
func (c *Captures) tidy(now time.Time) {
	c.all = slices.DeleteFunc(c.all, func(r *recording) bool { return r.forgotten(now) })
	c.publish(now)
}

// publish makes known what runs, if that has changed.
func (c *Captures) publish(now time.Time) {
	running := map[cwmp.Key]*recording{}
	for _, r := range c.all {
		if r.runs(now) {
			running[r.device.Key()] = r
		}
	}
	switch was := c.running.Load(); {
	case len(running) == 0:
		c.running.Store(nil)
	case was == nil || !sameRecordings(*was, running):
		c.running.Store(&running)
	}
}

func sameRecordings(a, b map[cwmp.Key]*recording) bool {
	for key, r := range b {
		if a[key] != r {
			return false
		}
	}
	return len(a) == len(b)
}
