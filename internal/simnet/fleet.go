package simnet

import (
	"container/heap"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// FleetConfig describes many CPEs that talk to one ACS or gateway.
type FleetConfig struct {
	URL string
	N   int // number of CPEs
	// Makes are given to the CPEs in turn; nil means all of Makes.
	Makes []Make
	// FirstSerial is the number of the first CPE; 1 when zero.
	FirstSerial int
	// Sessions is how many sessions each CPE holds; 1 when zero, without end
	// when negative, which needs For.
	Sessions int
	// Interval lies between the end of a session and the CPE's next.
	Interval time.Duration
	// Rate bounds the starts of sessions per second, Concurrency the sessions
	// at once; zero means no bound.
	Rate        float64
	Concurrency int
	// For ends the run: no session starts later, those that run are finished.
	For time.Duration
	// Retries is how often a failed session is tried again, after RetryWait (5 s
	// when zero, TR-069 3.2.1.1) or what the ACS's Retry-After says, if longer.
	Retries   int
	RetryWait time.Duration
	// Auth, Username and Password are those of all CPEs; "{device}" in the user
	// name becomes the device's identity.
	Auth               AuthMode
	Username, Password string
	TLS                *tls.Config
	Resolve            func(address string) (string, error)
	Timeout, Pause     time.Duration // as in CPEConfig, like Resolve
	// Sources are local addresses to use in turn, each good for some 28,000
	// connections at once.
	Sources []netip.Addr
	// Done is told of each session as it ends. Many goroutines call it at once.
	Done func(Outcome)
}

// Outcome is one session of a fleet.
type Outcome struct {
	Make   string
	Result Result
	Err    error
	Retry  bool // it will be tried again
}

// Fleet runs many simulated CPEs. Its memory per CPE that has no session is a
// few dozen bytes until the CPE's first session.
type Fleet struct {
	cfg    FleetConfig
	models []*treeBase // of cfg.Makes
	tally  *tally

	// Owned by Run.
	waiting queue
	ended   chan *member
	running int
	next    time.Time // when Rate allows another start
}

// member is one CPE of a fleet.
type member struct {
	number  int // from 0
	cpe     *CPE
	due     time.Time
	held    int // sessions so far
	retries int // of the present session
}

// NewFleet checks the configuration. It starts nothing.
func NewFleet(cfg FleetConfig) (*Fleet, error) {
	setDefault(&cfg.FirstSerial, 1)
	setDefault(&cfg.Sessions, 1)
	setDefault(&cfg.RetryWait, 5*time.Second)
	if cfg.Makes == nil {
		cfg.Makes = Makes()
	}
	switch {
	case cfg.N <= 0:
		return nil, fmt.Errorf("fleet of %d CPEs: want at least 1", cfg.N)
	case cfg.Sessions < 0 && cfg.For <= 0:
		return nil, errors.New("sessions without end need a time limit")
	case len(cfg.Makes) == 0:
		return nil, errors.New("fleet without a make")
	}
	f := &Fleet{cfg: cfg, tally: newTally(cfg.Makes)}
	for i := range cfg.Makes {
		f.models = append(f.models, newTreeBase(cfg.Makes[i].model()))
	}
	if _, err := f.newMember(0); err != nil {
		return nil, err
	}
	return f, nil
}

// Run holds all sessions and returns when they have ended, when For is over,
// or when the context ends, which interrupts the sessions that run. It is
// called once.
func (f *Fleet) Run(ctx context.Context) Summary {
	started := time.Now()
	f.ended = make(chan *member)
	for i := range f.cfg.N {
		f.waiting = append(f.waiting, &member{number: i, due: started})
	}
	producing, cancel := ctx, context.CancelFunc(func() {})
	if f.cfg.For > 0 {
		producing, cancel = context.WithTimeout(ctx, f.cfg.For)
	}
	defer cancel()
	var sessions sync.WaitGroup
	for f.running > 0 || len(f.waiting) > 0 {
		f.turn(ctx, producing, &sessions)
	}
	sessions.Wait()
	return f.tally.summary(f.cfg.N, time.Since(started))
}

// Progress is the summary so far. It is safe for concurrent use with Run.
func (f *Fleet) Progress() Summary { return f.tally.summary(f.cfg.N, 0) }

// turn starts the session that is due, or waits for one to become due or to
// end.
func (f *Fleet) turn(ctx, producing context.Context, sessions *sync.WaitGroup) {
	if producing.Err() != nil {
		f.waiting = nil
		if f.running > 0 {
			<-f.ended
			f.running--
		}
		return
	}
	wait, able := f.untilStart(time.Now())
	if able && wait <= 0 {
		f.start(ctx, sessions)
		return
	}
	var due <-chan time.Time
	if able {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case m := <-f.ended:
		f.running--
		if m != nil {
			heap.Push(&f.waiting, m)
		}
	case <-due:
	case <-producing.Done():
	}
}

// untilStart is how long to wait before the next start; able is false when a
// session must end first.
func (f *Fleet) untilStart(now time.Time) (wait time.Duration, able bool) {
	if len(f.waiting) == 0 || f.cfg.Concurrency > 0 && f.running >= f.cfg.Concurrency {
		return 0, false
	}
	return max(f.waiting[0].due.Sub(now), f.next.Sub(now)), true
}

func (f *Fleet) start(ctx context.Context, sessions *sync.WaitGroup) {
	m := heap.Pop(&f.waiting).(*member)
	f.running++
	if f.cfg.Rate > 0 {
		// No more than a tenth of a second is made up for.
		earliest := time.Now().Add(-100 * time.Millisecond)
		if f.next.Before(earliest) {
			f.next = earliest
		}
		f.next = f.next.Add(time.Duration(float64(time.Second) / f.cfg.Rate))
	}
	f.tally.begin(f.running)
	sessions.Go(func() { f.ended <- f.session(ctx, m) })
}

// session holds one session and returns the member if it is to hold another.
func (f *Fleet) session(ctx context.Context, m *member) *member {
	events := []string{"2 PERIODIC"}
	if m.cpe == nil {
		cpe, err := f.newMember(m.number)
		if err != nil {
			return nil // NewFleet has tried the same
		}
		m.cpe = cpe
		events = []string{"0 BOOTSTRAP", "1 BOOT"}
	} else if m.cpe.Pending() {
		events = nil
	}
	result, err := m.cpe.Session(ctx, events...)
	retry := err != nil && m.retries < f.cfg.Retries && ctx.Err() == nil
	outcome := Outcome{Make: m.cpe.make.Name, Result: result, Err: err, Retry: retry}
	f.tally.end(m.number%len(f.cfg.Makes), &outcome)
	if f.cfg.Done != nil {
		f.cfg.Done(outcome)
	}
	if retry {
		m.retries++
		m.due = time.Now().Add(max(f.cfg.RetryWait, retryAfter(err)))
		return m
	}
	m.held++
	m.retries = 0
	if m.held == f.cfg.Sessions || ctx.Err() != nil {
		return nil
	}
	m.due = time.Now().Add(f.cfg.Interval)
	return m
}

func retryAfter(err error) time.Duration {
	if status := (*StatusError)(nil); errors.As(err, &status) {
		return status.RetryAfter
	}
	return 0
}

// newMember makes the CPE with that number, from 0.
func (f *Fleet) newMember(number int) (*CPE, error) {
	i := number % len(f.cfg.Makes)
	m := f.cfg.Makes[i]
	device := m.DeviceNumber(f.cfg.FirstSerial + number)
	cfg := CPEConfig{
		URL: f.cfg.URL, Make: m, Device: device, Auth: f.cfg.Auth,
		Username: strings.ReplaceAll(f.cfg.Username, "{device}", deviceUser(device)), Password: f.cfg.Password,
		TLS: f.cfg.TLS, Resolve: f.cfg.Resolve, Timeout: f.cfg.Timeout, Pause: f.cfg.Pause,
	}
	if len(f.cfg.Sources) > 0 {
		source := f.cfg.Sources[number%len(f.cfg.Sources)]
		cfg.Dial = (&net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(source, 0))}).DialContext
	}
	return newCPE(cfg, f.models[i])
}

// deviceUser is the user name that TR-069 3.4.4 recommends.
func deviceUser(id cwmp.DeviceID) string { return id.String() }

// queue is a heap of members by the time at which they are due.
type queue []*member

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }

// Push implements heap.Interface.
func (q *queue) Push(x any) { *q = append(*q, x.(*member)) }

// Pop implements heap.Interface.
func (q *queue) Pop() any {
	old := *q
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return last
}

// peak is a counter that remembers its highest value.
type peak struct{ highest atomic.Int64 }

func (p *peak) note(n int) {
	for {
		old := p.highest.Load()
		if int64(n) <= old || p.highest.CompareAndSwap(old, int64(n)) {
			return
		}
	}
}
