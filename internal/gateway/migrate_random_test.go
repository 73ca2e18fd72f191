package gateway

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/simnet"
	"github.com/acsgate/acsgate/proxy"
)

// chaos is a world in which anything may happen at any time.
type chaos struct {
	*moveWorld
	random *rand.Rand
	all    []*simnet.CPE
	log    []string

	home  string // of the default rule
	guard bool   // north's url_guard is translate
	fuse  fuse

	begun []time.Time // when each campaign was created, one after the other
	moves int
	urls  map[string]int // changes of a CPE's URL, by device, campaign and new URL
	had   map[string]string
}

// fuse kills the gateway at one of the messages that a CPE sends.
type fuse struct {
	mu   sync.Mutex
	left int // messages until then; 0 for never
	kill func()
}

func (f *fuse) set(left int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left = left
}

// burns counts a message, and tells whether nobody is there to read it any more.
func (f *fuse) burns() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left == 0 {
		return false
	}
	if f.left--; f.left > 0 {
		return false
	}
	f.kill()
	return true
}

// dial is that of CPEs which may find the gateway dead.
func (f *fuse) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &fusedConn{c, f}, nil
}

type fusedConn struct {
	net.Conn
	fuse *fuse
}

// Write implements net.Conn.
func (c *fusedConn) Write(b []byte) (int, error) {
	if c.fuse.burns() {
		return 0, errors.Join(errors.New("the gateway is killed"), c.Close())
	}
	return c.Conn.Write(b)
}

// TestMoves_AnyOrder: over any order of health changes, reloads, operators, restarts,
// crashes and sessions a device is on exactly one ACS, from each session's begin to
// its end; no campaign moves it twice; every move is explained; and in the end the CPEs
// are where rules and campaigns say. MOVES_TEST_SEED tries another order.
func TestMoves_AnyOrder(t *testing.T) {
	t.Parallel()
	seeds := []uint64{1, 2, 3}
	if s, err := strconv.ParseUint(os.Getenv("MOVES_TEST_SEED"), 10, 64); err == nil {
		seeds = []uint64{s}
	}
	var moved, set atomic.Int32
	t.Cleanup(func() {
		if len(seeds) > 1 && (moved.Load() == 0 || set.Load() == 0) {
			t.Errorf("%d devices moved, %d URLs set: nothing is tested", moved.Load(), set.Load())
		}
	})
	for _, seed := range seeds {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			c := newChaos(t, seed)
			c.command()
			for range 80 {
				c.step()
				c.noteURLs()
			}
			c.calm()
			c.judge()
			if t.Failed() {
				t.Logf("what happened: %q", c.log)
			}
			moved.Add(int32(c.moves))
			set.Add(int32(len(c.urls)))
		})
	}
}

func newChaos(t *testing.T, seed uint64) *chaos {
	w := newMoveWorld(t, moveSetup{north: ", backup: south", south: ", backup: north"})
	c := &chaos{moveWorld: w, random: rand.New(rand.NewPCG(seed, seed)), home: "north", urls: map[string]int{}, had: map[string]string{}}
	c.fuse.kill = func() {
		if err := c.store.Close(); err != nil { // what is not durable by now is lost
			t.Error(err)
		}
	}
	base := w.layout
	w.layout = func(extra string) string {
		text := strings.Replace(base(extra), "drain: {timeout: 2s}", "drain: {timeout: 100ms}", 1) // sessions are cut
		text = strings.Replace(text, "{name: default, acs: north}", "{name: "+c.home+"-first, acs: "+c.home+"}", 1)
		if c.guard {
			text = strings.Replace(text, "{name: north,", "{name: north, url_guard: translate,", 1)
		}
		return text
	}
	for i, habit := range []string{"", "", "icwmp", "keeps-queue", "invalid-value", "reboot", "answer-lost", "connection-lost"} {
		c.all = append(c.all, w.known(habit, i+1, func(cfg *simnet.CPEConfig) { cfg.Dial = c.fuse.dial }))
	}
	c.noteURLs()
	return c
}

func (c *chaos) note(format string, args ...any) { c.log = append(c.log, fmt.Sprintf(format, args...)) }

func (c *chaos) step() {
	c.t.Helper()
	one := c.all[c.random.IntN(len(c.all))]
	switch n := c.random.IntN(32); {
	case n < 20:
		_, err := one.Session(c.t.Context(), cwmp.EventPeriodic)
		c.note("session %s %s", one.Device().SerialNumber, errorText(err))
	case n == 20:
		c.note("power cycle %s", one.Device().SerialNumber)
		one.PowerCycle()
	case n < 24:
		acs := []*simnet.ACS{c.north, c.south}[c.random.IntN(2)]
		down := c.random.IntN(3) == 0
		c.note("%s down: %v", acs.Name(), down)
		acs.SetDown(down)
	case n < 26:
		c.home, c.guard = []string{"north", "north", "south"}[c.random.IntN(3)], c.random.IntN(2) == 0
		c.note("reload, home %s, guard %v", c.home, c.guard)
		if err := c.Reload(c.parse("")); err != nil {
			c.t.Fatal(err)
		}
	case n == 26:
		c.note("restart")
		c.restart()
	case n < 30:
		c.crash(one)
	default:
		c.command()
	}
}

// crash kills the gateway within a session of a CPE, or after it, and starts another.
func (c *chaos) crash(one *simnet.CPE) {
	c.t.Helper()
	at := 1 + c.random.IntN(16) // an Inform, and each message of one that is moved
	c.fuse.set(at)
	_, err := one.Session(c.t.Context(), cwmp.EventPeriodic)
	c.fuse.set(0)
	c.note("crash at message %d of %s, %s", at, one.Device().SerialNumber, errorText(err))
	c.fuse.kill()
	c.killed = true
	c.stop()
	c.killed = false
	c.restart()
}

// command is what an operator does.
func (c *chaos) command() {
	c.t.Helper()
	campaigns, err := c.api.Campaigns(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	if len(campaigns) == 0 {
		r := drainTo([]string{"route", "rewrite", "rewrite", "rewrite"}[c.random.IntN(4)])
		r.Start = true
		most := 100.0
		r.Criteria = admin.CampaignGoals{FaultRate: &most}
		at := time.Now()
		_, err := c.api.CreateCampaign(c.t.Context(), r)
		if err == nil {
			c.begun = append(c.begun, at)
		}
		c.note("create %s %s", r.Mode, errorText(err))
	} else {
		may := map[string][]string{
			"running": {"pause", "cancel", "rollback"}, "paused": {"resume", "resume", "rollback"}, "halted": {"resume", "rollback"},
			"done": {"rollback", "remove"}, "cancelled": {"rollback", "remove"}, "rolled_back": {"remove"}, "rolling_back": {"pause", "resume", "remove"},
		}[campaigns[0].Status]
		action := may[c.random.IntN(len(may))]
		_, err := c.api.Act(c.t.Context(), "d", action)
		c.note("%s %s", action, errorText(err))
	}
	c.takesEffect()
}

// takesEffect waits for a tick or two of the engine, so that some of what was commanded
// happens: devices that still wait for their turn are not moved.
func (c *chaos) takesEffect() {
	c.t.Helper()
	for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if v, err := c.api.Campaign(c.t.Context(), "d"); err != nil || v.Status != "running" || v.Counts["pending"] == 0 {
			return
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return "done"
	}
	return err.Error()
}

// noteURLs counts how often the CPEs' URLs become which, by campaign.
func (c *chaos) noteURLs() {
	for _, cpe := range c.all {
		device := cpe.Device().SerialNumber
		if was := c.had[device]; was != "" && was != cpe.URL() {
			c.urls[c.urlSet(cpe, cpe.URL())]++
		}
		c.had[device] = cpe.URL()
	}
}

// urlSet names the change of a CPE's URL by the last campaign.
func (c *chaos) urlSet(cpe *simnet.CPE, url string) string {
	return fmt.Sprintf("campaign %d sets %s to %s", len(c.begun), cpe.Device().SerialNumber, url)
}

// bothUp waits until the gateway knows both ACSs to be up.
func (c *chaos) bothUp() {
	c.t.Helper()
	c.eventually("both are up", func() bool {
		text := c.get("/metrics")
		return strings.Contains(text, `acsgate_acs_state{acs="north",state="up"} 1`) && strings.Contains(text, `acsgate_acs_state{acs="south",state="up"} 1`)
	})
}

// calm brings both ACSs up, and holds the sessions in which what is pending is done.
func (c *chaos) calm() {
	c.t.Helper()
	c.north.SetDown(false)
	c.south.SetDown(false)
	c.bothUp()
	for _, cpe := range c.all {
		for range 4 { // what is pending, and what a restart of the CPE sets free
			if _, err := c.tryLive(cpe); err != nil {
				var status *simnet.StatusError
				if !errors.As(err, &status) && !c.hangsUp(cpe) {
					c.t.Errorf("%s: %v", cpe.Device(), err)
				}
			}
			c.noteURLs()
		}
	}
}

// hangsUp tells whether a CPE drops connections itself.
func (*chaos) hangsUp(cpe *simnet.CPE) bool {
	m := cpe.Make()
	return m.URLChange.HangUp != simnet.NoHangUp
}

// judge holds all sessions against what must be true of each.
func (c *chaos) judge() {
	c.t.Helper()
	for _, cpe := range c.all {
		sessions := c.of(cpe)
		slices.SortStableFunc(sessions, func(a, b proxy.Summary) int { return a.Started.Compare(b.Started) })
		for _, s := range sessions {
			c.judgeSession(&s)
		}
		c.judgeMoves(cpe, sessions)
		c.judgeView(cpe)
	}
	for what, n := range c.urls {
		if n > 1 {
			c.t.Errorf("%s %d times", what, n)
		}
	}
	for _, a := range []*simnet.ACS{c.north, c.south} {
		if p := a.Problems(); len(p) > 0 { // a session that comes from another ACS lacks the cookie
			c.t.Errorf("%s complains: %q", a.Name(), p)
		}
		for _, x := range a.Exchanges() {
			if strings.Contains(string(x.Body), simnet.InjectedIDs) {
				c.t.Errorf("%s saw %s", a.Name(), x.Body)
			}
			if x.Status == 400 {
				c.t.Errorf("%s refused %s %s", a.Name(), x.Device, x.Message.Method)
			}
		}
	}
	for _, m := range c.members("d") {
		c.judgeMember(&m)
	}
}

// judgeSession: it is with the one ACS that its route names, and the route says why.
func (c *chaos) judgeSession(s *proxy.Summary) {
	c.t.Helper()
	r := &s.Route
	if s.ACS != r.ACS && s.ACS != r.Fallback {
		c.t.Errorf("%s was with %q, its route is to %q, else %q", s.Device, s.ACS, r.ACS, r.Fallback)
	}
	byRule, byCampaign := strings.Contains(r.Reason, strconv.Quote(r.Rule)), strings.Contains(r.Reason, `campaign "d"`)
	if r.Rule == "" || !byRule && !byCampaign {
		c.t.Errorf("%s went to %q by rule %q because of %q", s.Device, s.ACS, r.Rule, r.Reason)
	}
	if byCampaign && len(c.begun) == 0 {
		c.t.Errorf("%s went to %q because of %q, and there was none", s.Device, s.ACS, r.Reason)
	}
	if away := s.ACS != r.Home; away && !strings.Contains(r.Reason, r.Home) && r.Fallback != s.ACS {
		c.t.Errorf("%s was away from %q because of %q", s.Device, r.Home, r.Reason)
	}
}

// judgeMoves: a campaign takes a device to the new ACS once at most. A session that the
// new ACS did not take, so that the backup had it, is no move.
func (c *chaos) judgeMoves(cpe *simnet.CPE, sessions []proxy.Summary) {
	c.t.Helper()
	times := map[int]int{} // by campaign
	moved := false
	for _, s := range sessions {
		by := strings.Contains(s.Route.Reason, `campaign "d"`)
		if number, _ := slices.BinarySearchFunc(c.begun, s.Started, time.Time.Compare); by && !moved && s.ACS == "south" {
			times[number]++
			c.moves++
			moved = true
		}
		moved = moved && by
	}
	for number, n := range times {
		if n > 1 {
			c.t.Errorf("campaign %d has moved %s %d times", number, cpe.Device(), n)
		}
	}
}

// judgeView: the next session goes where the view of the device says, and why it says.
// On a slow machine an ACS may be called suspect meanwhile, hence the tries.
func (c *chaos) judgeView(cpe *simnet.CPE) {
	c.t.Helper()
	var said, was string
	for range 5 {
		c.bothUp()
		v, known := c.deviceView(cpe.Device())
		before := len(c.of(cpe))
		if _, err := c.tryLive(cpe); err != nil || !known {
			c.t.Errorf("%s: %v, known: %v", cpe.Device(), err, known)
			return
		}
		acs, why := decision(&v)
		s := c.of(cpe)[before]
		if said, was = acs+", "+why, s.ACS+", "+s.Route.Reason; said == was {
			return
		}
	}
	c.t.Errorf("%s went to %s, and was to go to %s", cpe.Device(), was, said)
}

// judgeMember compares the record of a device with where it is.
func (c *chaos) judgeMember(m *admin.MemberView) {
	c.t.Helper()
	for _, cpe := range c.all {
		if cpe.Device().String() != m.Device {
			continue
		}
		c.bothUp()
		acs, err := c.tryLive(cpe)
		if err != nil || len(acs) == 0 {
			c.t.Errorf("%s: %v", m.Device, err)
			return
		}
		expected := m.ACS
		if expected == "" {
			expected = c.home
		}
		if now := c.state("d", cpe); now == m.State && acs[len(acs)-1] != expected {
			c.t.Errorf("%s is served by %q, its campaign has it %s at %q (%s)", m.Device, acs, m.State, m.ACS, m.Reason)
		}
		if c.urls[c.urlSet(cpe, c.url("south"))] > 0 && cpe.URL() == c.url("south") && m.OldURL != c.url("north") {
			c.t.Errorf("%s was set to south's URL, its campaign has it %s and its former URL as %q (%s)", m.Device, m.State, m.OldURL, m.Reason)
		}
		if m.State != "pending" && m.State != "asked" && m.Reason == "" {
			c.t.Errorf("%s is %s, and nobody knows why", m.Device, m.State)
		}
	}
}
