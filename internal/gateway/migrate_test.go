package gateway

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/simnet"
	"github.com/acsgate/acsgate/proxy"
)

// moveWorld is a gateway between two ACSs, each with a URL for CPEs that is the
// gateway's own, and an operator.
type moveWorld struct {
	*world
	api admin.Client
}

// moveSetup says what is particular of a moveWorld.
type moveSetup struct {
	north, south         string                        // more keys of the ACSs
	northDoes, southDoes func(*moveWorld) []simnet.RPC // in each session; nil for a question
	rest                 string                        // more of the configuration
}

// newMoveWorld starts one. Its ACSs are called down by sessions and probes that
// are refused, not by slow ones: the machine may be busy.
func newMoveWorld(t *testing.T, s moveSetup) *moveWorld {
	t.Helper()
	w := &moveWorld{world: &world{
		t: t, file: filepath.Join(t.TempDir(), "acsgate.yaml"), listen: fmt.Sprintf("127.0.0.1:%d", freePort(t, "tcp")),
	}}
	w.north, w.south = w.acs("north", s.northDoes), w.acs("south", s.southDoes)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(wakeToken), 0o600); err != nil {
		t.Fatal(err)
	}
	w.layout = func(extra string) string {
		acs := func(name, url, keys string) string {
			return fmt.Sprintf("  - {name: %s, url: %q, cpe_url: %q, probe: {type: http, interval: 400ms, timeout: 400ms, fall: 4, hold: 100ms}%s}\n",
				name, url, w.url(name), keys)
		}
		return fmt.Sprintf("data_dir: %q\nlisten: [{name: cpe, address: %q}]\nacs:\n", filepath.Dir(w.file), w.listen) +
			acs("north", w.north.URL(), s.north) + acs("south", w.south.URL(), s.south) +
			fmt.Sprintf("routes: [{name: default, acs: north}]\nadmin: {address: \"127.0.0.1:0\", tokens: [{name: noc, role: admin, token_file: %q}]}\n", token) +
			"drain: {timeout: 2s}\ncampaigns: {rate_per_second: 1000}\n" + s.rest + extra
	}
	w.world.start()
	w.api = admin.Client{Address: w.AdminAddr(), TokenFile: token}
	return w
}

// acs starts an ACS that does the same in each session.
func (w *moveWorld) acs(name string, does func(*moveWorld) []simnet.RPC) *simnet.ACS {
	return runACS(w.t, simnet.ACSConfig{Name: name, Mode: simnet.Strict, Script: func(cwmp.DeviceID, []cwmp.Event) []simnet.RPC {
		if does == nil {
			return []simnet.RPC{simnet.GetValues("{root}DeviceInfo.UpTime")}
		}
		return does(w)
	}})
}

// url is what CPEs know an ACS by.
func (w *moveWorld) url(acs string) string { return "http://" + w.listen + "/" + acs }

// device makes a CPE that knows north, with a habit on changes of its URL, "" for
// none.
func (w *moveWorld) device(habit string, number int, change ...func(*simnet.CPEConfig)) *simnet.CPE {
	w.t.Helper()
	m, _ := simnet.MakeNamed("easycwmp")
	if habit != "" {
		h, ok := simnet.URLHabitNamed(habit)
		if !ok {
			w.t.Fatalf("no habit %q", habit)
		}
		m = h.On(m)
	}
	cfg := simnet.CPEConfig{URL: w.url("north"), Make: m, Device: m.DeviceNumber(number)}
	for _, c := range change {
		c(&cfg)
	}
	c, err := simnet.NewCPE(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// known holds a first session of a device, and waits until it can be selected.
func (w *moveWorld) known(habit string, number int, change ...func(*simnet.CPEConfig)) *simnet.CPE {
	w.t.Helper()
	c := w.device(habit, number, change...)
	if got := w.live(c); !slices.Equal(got, []string{"north"}) {
		w.t.Fatalf("a new device is served by %q", got)
	}
	w.eventually("the device is known", func() bool {
		_, current := w.devices.Placement(c.Device())
		return current == "north"
	})
	return c
}

// live holds a session and all that follow from it, and returns by which ACSs.
func (w *moveWorld) live(c *simnet.CPE, events ...string) []string {
	w.t.Helper()
	acs, err := w.tryLive(c, events...)
	if err != nil {
		w.t.Fatalf("%s: %v", c.Device(), err)
	}
	return acs
}

func (w *moveWorld) tryLive(c *simnet.CPE, events ...string) (acs []string, err error) {
	w.t.Helper()
	if len(events) == 0 && !c.Pending() {
		events = []string{cwmp.EventPeriodic}
	}
	before := len(w.of(c))
	held, err := c.Live(w.t.Context(), simnet.Life{Sessions: 5, Retries: 2, Wait: simnet.NoWait}, events...)
	expected := 0
	for i := range held {
		if held[i].Err == nil {
			expected++
		}
	}
	w.eventually("the sessions are noted", func() bool { return len(w.of(c)) >= before+expected })
	for _, s := range w.of(c)[before:] {
		acs = append(acs, s.ACS)
	}
	return acs, err
}

// of are the sessions of a CPE that have ended.
func (w *moveWorld) of(c *simnet.CPE) (sessions []proxy.Summary) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.sessions {
		if s.Device.Key() == c.Device().Key() {
			sessions = append(sessions, s)
		}
	}
	return sessions
}

// begin creates a campaign and starts it.
func (w *moveWorld) begin(r admin.CampaignRequest) {
	w.t.Helper()
	r.Start = true
	if v, err := w.api.CreateCampaign(w.t.Context(), r); err != nil || v.Status != "running" {
		w.t.Fatalf("%+v, %v", v, err)
	}
}

// pastStart waits until it is sure to the second that what happens now was not
// begun by a gateway before this one.
func (w *moveWorld) pastStart() {
	for end := time.Now().Unix() + 1; time.Now().Unix() <= end; {
		time.Sleep(50 * time.Millisecond)
	}
}

func drainTo(mode string) admin.CampaignRequest {
	return admin.CampaignRequest{Name: "d", Kind: "drain", From: []string{"north"}, To: "south", Mode: mode}
}

func (w *moveWorld) act(name, action string) {
	w.t.Helper()
	if _, err := w.api.Act(w.t.Context(), name, action); err != nil {
		w.t.Fatalf("%s: %v", action, err)
	}
}

// refused holds that an action or campaign is refused for a reason.
func (w *moveWorld) refused(err error, reason string) {
	w.t.Helper()
	if err == nil || !strings.Contains(err.Error(), reason) {
		w.t.Errorf("%v, want %q", err, reason)
	}
}

// campaign waits until a campaign has a status.
func (w *moveWorld) campaign(name, status string) (v admin.CampaignView) {
	w.t.Helper()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		var err error
		if v, err = w.api.Campaign(w.t.Context(), name); err == nil && v.Status == status {
			return v
		}
	}
	w.t.Fatalf("campaign %s is not %s: %+v\n%+v", name, status, v, w.members(name))
	return v
}

// member waits until a campaign has a device in a state.
func (w *moveWorld) member(name string, c *simnet.CPE, state string) (m admin.MemberView) {
	w.t.Helper()
	end := time.Now().Add(15 * time.Second)
	for time.Now().Before(end) {
		for _, x := range w.members(name) {
			if x.Device == c.Device().String() {
				m = x
			}
		}
		if m.State == state {
			return m
		}
		time.Sleep(5 * time.Millisecond)
	}
	w.t.Fatalf("device %s is %q, not %q: %+v", c.Device(), m.State, state, m)
	return m
}

func (w *moveWorld) members(name string) (all []admin.MemberView) {
	w.t.Helper()
	err := w.api.Members(w.t.Context(), name, "", func(m admin.MemberView) error {
		all = append(all, m)
		return nil
	})
	if err != nil && !strings.Contains(err.Error(), admin.ErrUnknownCampaign.Error()) { // a failover makes its own, in time
		w.t.Fatal(err)
	}
	return all
}

// want holds by which ACSs sessions were served.
func want(t *testing.T, got []string, acs ...string) {
	t.Helper()
	if !slices.Equal(got, acs) {
		t.Errorf("served by %q, want %q", got, acs)
	}
}

// shape is what an ACS has seen of a device from an exchange on.
func shape(a *simnet.ACS, c *simnet.CPE, from int) (all []string) {
	for _, x := range a.Of(c.Device())[from:] {
		name := x.Message.Method
		if name == "" {
			name = x.Message.Kind.String()
		}
		all = append(all, name+">"+x.Replied)
	}
	return all
}

// TestDrain_ByRouting: devices go over in their next session and come back in the
// one after the rollback; their URL stays. What comes when it is paused stays.
func TestDrain_ByRouting(t *testing.T) {
	t.Parallel()
	w := newMoveWorld(t, moveSetup{})
	var all []*simnet.CPE
	for i := range 4 {
		all = append(all, w.known("", i+1))
	}
	late := w.device("", 9)
	w.pastStart()
	d := drainTo("route")
	d.RatePerSecond = 4 // the last ones wait long enough for the pause
	w.begin(d)
	asked := func() (n int) {
		for _, m := range w.members("d") {
			if m.State != "pending" {
				n++
			}
		}
		return n
	}
	w.eventually("the first is asked", func() bool { return asked() > 0 })
	w.act("d", "pause")
	if n := asked(); n == 4 {
		t.Fatalf("all are asked before the pause")
	}
	for _, c := range all { // whoever was asked and has not come yet stays where it was
		want(t, w.live(c), "north")
	}
	w.act("d", "resume")
	for _, c := range all {
		w.member("d", c, "asked")
		want(t, w.live(c), "south")
		want(t, w.live(c), "south")
		if c.URL() != w.url("north") {
			t.Errorf("the CPE's URL became %q", c.URL())
		}
		if m := w.member("d", c, "arrived"); m.ACS != "south" || m.Reason == "" {
			t.Errorf("%+v", m)
		}
	}
	if v := w.campaign("d", "done"); v.Counts["arrived"] != 4 || v.Total != 4 {
		t.Errorf("%+v", v)
	}
	want(t, w.live(late), "north") // is no member: it was not known then
	for _, s := range w.of(all[0])[2:] {
		if !strings.Contains(s.Route.Reason, `campaign "d"`) {
			t.Errorf("a route is explained by %q", s.Route.Reason)
		}
	}
	w.act("d", "rollback")
	w.campaign("d", "rolled_back")
	for _, c := range all {
		want(t, w.live(c), "north")
		w.member("d", c, "undone")
	}
}

// TestDrain_Cancelled leaves where they are who has moved and who has not.
func TestDrain_Cancelled(t *testing.T) {
	t.Parallel()
	w := newMoveWorld(t, moveSetup{})
	moved, stays := w.known("", 1), w.known("", 2)
	w.pastStart()
	w.begin(drainTo("route"))
	w.member("d", moved, "asked")
	w.member("d", stays, "asked")
	want(t, w.live(moved), "south")
	w.member("d", moved, "arrived")
	w.act("d", "cancel")
	w.member("d", stays, "skipped")
	want(t, w.live(stays), "north")
	want(t, w.live(moved), "south")
	_, err := w.api.Act(t.Context(), "d", "remove")
	w.refused(err, "roll it back first")
}

// TestDrain_Wakes: homes behind NATs are called by Connection Request; one that
// cannot be called comes with its own next Inform.
func TestDrain_Wakes(t *testing.T) {
	w := newNATWorld(t)
	w.restart(func(extra string) string { return extra })
	w.stop()
	w.tokens = strings.Replace(w.tokens, "operator", "admin", 1)
	w.start()
	near := []*home{w.home("standard", 1), w.home("icwmp", 2)}
	far := w.cpe("netcwmp", 1)
	if got := w.session(far); got != "north" {
		t.Fatalf("at %s", got)
	}
	m := &moveWorld{world: w.world, api: admin.Client{Address: w.AdminAddr()}}
	d := drainTo("route")
	d.Wake = true
	m.begin(d)
	state := func(id cwmp.DeviceID) (v admin.MemberView) {
		for _, x := range m.members("d") {
			if x.Device == id.String() {
				v = x
			}
		}
		return v
	}
	for _, h := range near {
		w.eventually("the home has moved", func() bool { return state(h.id).State == "arrived" })
		if h.called.Load() == 0 {
			t.Errorf("%s moved without a call", h.id)
		}
	}
	if v := state(far.Device()); v.State != "asked" {
		t.Errorf("%+v", v)
	}
	if got := w.session(far); got != "south" {
		t.Errorf("at %s", got)
	}
	m.campaign("d", "done")
}

// TestDrain_ByRewriting: the URL is read and set behind the ACS's back, the CPE
// bootstraps at the new one, and the rollback sets the old one again.
func TestDrain_ByRewriting(t *testing.T) {
	t.Parallel()
	for _, habit := range []string{"", "icwmp", "keeps-queue", "answer-lost", "session-cut"} {
		t.Run("/"+habit, func(t *testing.T) {
			t.Parallel()
			w := newMoveWorld(t, moveSetup{})
			c := w.known(habit, 1)
			plain := shape(w.north, c, 0)
			w.begin(drainTo("rewrite"))
			w.member("d", c, "asked")
			want(t, w.mustMove(c), "north", "south")
			if c.URL() != w.url("south") {
				t.Errorf("the CPE has %q", c.URL())
			}
			if m := w.member("d", c, "arrived"); m.OldURL != w.url("north") || !strings.Contains(m.Reason, "BOOTSTRAP") {
				t.Errorf("%+v", m)
			}
			if got := shape(w.north, c, len(plain)); !slices.Equal(got, plain) {
				t.Errorf("the ACS saw %q, without a move %q", got, plain)
			}
			for _, a := range []*simnet.ACS{w.north, w.south} {
				for _, x := range a.Of(c.Device()) {
					if strings.Contains(string(x.Body), simnet.InjectedIDs) {
						t.Errorf("%s saw %s", a.Name(), x.Body)
					}
				}
				if p := a.Problems(); len(p) > 0 {
					t.Errorf("%s complains: %q", a.Name(), p)
				}
			}
			w.campaign("d", "done")
			w.act("d", "rollback")
			w.member("d", c, "undoing")
			want(t, w.mustMove(c), "south", "north") // its 0 BOOTSTRAP is north's, also where the answer was lost
			w.member("d", c, "undone")
			if c.URL() != w.url("north") {
				t.Errorf("after the rollback the CPE has %q", c.URL())
			}
			w.campaign("d", "rolled_back")
		})
	}
}

// mustMove is live, of a CPE that may fail once when its URL is set.
func (w *moveWorld) mustMove(c *simnet.CPE) []string {
	w.t.Helper()
	before := len(w.of(c))
	_, err := c.Live(w.t.Context(), simnet.Life{Sessions: 5, Retries: 2, Wait: simnet.NoWait}, cwmp.EventPeriodic)
	if err != nil {
		w.t.Fatalf("%s: %v", c.Device(), err)
	}
	w.eventually("both sessions are noted", func() bool { return len(w.of(c)) >= before+2 })
	var acs []string
	for _, s := range w.of(c)[before:] {
		acs = append(acs, s.ACS)
	}
	slices.Sort(acs) // a session that breaks off is noted late
	if len(acs) == 2 && w.of(c)[before].ACS == "south" && c.URL() == w.url("north") {
		slices.Reverse(acs)
	}
	return acs
}

// TestDrain_CPEsThatDoNotTakeTheURL stay at their ACS, and the operator is told
// why.
func TestDrain_CPEsThatDoNotTakeTheURL(t *testing.T) {
	t.Parallel()
	w := newMoveWorld(t, moveSetup{})
	reasons := map[string]string{
		"invalid-value": "9007", "not-writable": "9008", "request-denied": "9001", "denied": "9001", "ignores-injected": "answered with nothing",
	}
	all := map[string]*simnet.CPE{}
	for i, habit := range slices.Sorted(maps.Keys(reasons)) {
		all[habit] = w.known(habit, i+1)
	}
	w.begin(drainTo("rewrite"))
	for habit, c := range all {
		w.member("d", c, "asked")
		for range 5 { // who answers with nothing is tried five times
			want(t, w.live(c), "north")
		}
		m := w.member("d", c, "failed")
		if !strings.Contains(m.Reason, reasons[habit]) || m.ACS != "" {
			t.Errorf("%s: %+v", habit, m)
		}
		if c.URL() != w.url("north") {
			t.Errorf("%s: the CPE has %q", habit, c.URL())
		}
		want(t, w.live(c), "north")
	}
	if v := w.campaign("d", "halted"); v.Counts["failed"] != len(all) || !strings.Contains(v.Reason, "5 of 5 devices failed") {
		t.Errorf("%+v", v)
	}
}

// TestDrain_ConnectionLostAtTheURL: nobody knows whether the CPE has it. The next
// session reads, and sets it again.
func TestDrain_ConnectionLostAtTheURL(t *testing.T) {
	t.Parallel()
	w := newMoveWorld(t, moveSetup{})
	c := w.known("connection-lost", 1)
	w.begin(drainTo("rewrite"))
	w.member("d", c, "asked")
	if _, err := c.Live(t.Context(), simnet.Life{Sessions: 5, Retries: 2, Wait: simnet.NoWait}, cwmp.EventPeriodic); err != nil {
		t.Fatal(err)
	}
	if m := w.member("d", c, "arrived"); m.OldURL != w.url("north") {
		t.Errorf("%+v", m)
	}
	if c.URL() != w.url("south") {
		t.Errorf("the CPE has %q", c.URL())
	}
}

// TestDrain_Status1: the CPE goes on with the old URL until it restarts, and is
// served by one ACS all the while.
func TestDrain_Status1(t *testing.T) {
	t.Parallel()
	for _, habit := range []string{"reboot", "reboot-reads-old"} {
		t.Run(habit, func(t *testing.T) {
			t.Parallel()
			w := newMoveWorld(t, moveSetup{})
			c := w.known(habit, 1)
			w.begin(drainTo("rewrite"))
			w.member("d", c, "asked")
			want(t, w.live(c), "north")
			w.member("d", c, "set")
			want(t, w.live(c), "south")
			c.PowerCycle()
			want(t, w.live(c), "south")
			w.member("d", c, "arrived")
			if c.URL() != w.url("south") {
				t.Errorf("the CPE has %q", c.URL())
			}
			w.campaign("d", "done")
		})
	}
}

// TestDrain_NeverArrives: a CPE that is not seen in time is reported.
func TestDrain_NeverArrives(t *testing.T) {
	t.Parallel()
	w := newMoveWorld(t, moveSetup{})
	c := w.known("unreachable", 1)
	d := drainTo("rewrite")
	d.ArriveWithin = admin.Duration(time.Second)
	w.begin(d)
	w.member("d", c, "asked")
	if _, err := w.tryLive(c); err == nil {
		t.Fatal("the CPE arrives")
	}
	if m := w.member("d", c, "failed"); !strings.Contains(m.Reason, "was not seen at south within 1s") {
		t.Errorf("%+v", m)
	}
	if v := w.campaign("d", "halted"); v.Counts["failed"] != 1 {
		t.Errorf("%+v", v)
	}
}

// TestDrain_Login: user name and password of the new ACS go with its URL, or not
// at all; a CPE that tears them apart is reported.
func TestDrain_Login(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("south's"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newMoveWorld(t, moveSetup{south: fmt.Sprintf(", cpe_login: {username: \"{oui}-{serial}\", password_file: %q}", secret)})
	login := func(c *simnet.CPEConfig) { c.Username, c.Password = "old", "north's" }
	good, torn, bare := w.known("", 1, login), w.known("not-atomic", 2, login), w.known("no-username", 3, login)
	w.begin(drainTo("rewrite"))
	for _, c := range []*simnet.CPE{good, torn, bare} {
		w.member("d", c, "asked")
	}
	user := func(c *simnet.CPE, name string) string {
		p, _ := c.Tree().Get(c.Make().Root + "ManagementServer." + name)
		return p.Value
	}
	want(t, w.live(good), "north", "south")
	w.member("d", good, "arrived")
	if got := user(good, "Username"); got != good.Device().OUI+"-"+good.Device().SerialNumber {
		t.Errorf("the CPE logs in as %q", got)
	}
	if got := user(good, "Password"); got != "south's" {
		t.Errorf("by %q", got)
	}
	want(t, w.live(torn), "north")
	if m := w.member("d", torn, "failed"); !strings.Contains(m.Reason, "Username") || strings.Contains(m.Reason, "south's") {
		t.Errorf("%+v", m)
	}
	want(t, w.live(bare), "north")
	if m := w.member("d", bare, "failed"); !strings.Contains(m.Reason, "9005") {
		t.Errorf("%+v", m)
	}
}
