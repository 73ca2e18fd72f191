package gateway

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/provision"
	"github.com/acsgate/acsgate/internal/simnet"
	"github.com/acsgate/acsgate/policy"
	"github.com/acsgate/acsgate/proxy"
)

// newSTUNSetWorld is a natWorld with a section stun_provisioning.
func newSTUNSetWorld(t *testing.T, section string) *natWorld {
	t.Helper()
	w := newNATWorld(t)
	w.provide(section)
	return w
}

// provide reloads with another section stun_provisioning.
func (w *natWorld) provide(section string) {
	w.t.Helper()
	w.extra, _, _ = strings.Cut(w.extra, "stun_provisioning:")
	w.extra += "stun_provisioning: " + section + "\n"
	if err := w.Reload(w.parse(w.extra)); err != nil {
		w.t.Fatal(err)
	}
}

const (
	natted   = "http://192.168.1.2:7547/cr"
	unnatted = "http://127.0.0.1:7547/cr"
)

// stunParameters are those of a CPE whose STUN is switched off.
func stunParameters(root string) []simnet.Parameter {
	root += "ManagementServer."
	return []simnet.Parameter{
		{Name: root + "UDPConnectionRequestAddress"}, {Name: root + "NATDetected", Value: "0", Type: "boolean"},
		{Name: root + "STUNEnable", Value: "0", Type: "boolean", Writable: true},
		{Name: root + "STUNServerAddress", Value: "stun.vendor.example", Writable: true},
		{Name: root + "STUNServerPort", Value: "3478", Type: "unsignedInt", Writable: true},
		{Name: root + "STUNUsername", Writable: true}, {Name: root + "STUNPassword", Writable: true},
		{Name: root + "STUNMinimumKeepAlivePeriod", Value: "0", Type: "unsignedInt", Writable: true},
		{Name: root + "STUNMaximumKeepAlivePeriod", Value: "-1", Type: "int", Writable: true},
	}
}

// offCPE is a CPE with STUN switched off. change may be nil.
func (w *natWorld) offCPE(root string, number int, url string, change func(*simnet.Make, []simnet.Parameter) []simnet.Parameter) *simnet.CPE {
	w.t.Helper()
	addr, err := w.Addr("cpe")
	if err != nil {
		w.t.Fatal(err)
	}
	m, _ := simnet.MakeNamed("easycwmp")
	m = m.WithRoot(root)
	m.Inform = append(slices.Clone(m.Inform), simnet.Parameter{Name: root + "ManagementServer.UDPConnectionRequestAddress"})
	cfg := simnet.CPEConfig{URL: "http://" + addr + "/", Make: m, Device: m.DeviceNumber(number)}
	whole, err := simnet.NewCPE(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	own := stunParameters(root)
	if change != nil {
		own = change(&cfg.Make, own)
	}
	cfg.Parameters = slices.DeleteFunc(whole.Tree().Under(""), func(p simnet.Parameter) bool {
		return slices.ContainsFunc(own, func(o simnet.Parameter) bool { return o.Name == p.Name })
	})
	cfg.Parameters = append(cfg.Parameters, own...)
	c, err := simnet.NewCPE(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	c.SetConnectionRequestURL(url)
	return c
}

// has returns a parameter of ManagementServer.
func has(c *simnet.CPE, name string) string {
	p, _ := c.Tree().Get(c.Make().Root + "ManagementServer." + name)
	return p.Value
}

// stunOf returns the STUN parameters of a CPE but for the password.
func stunOf(c *simnet.CPE) string {
	var values []string
	for _, name := range []string{"Enable", "ServerAddress", "ServerPort", "Username", "MinimumKeepAlivePeriod", "MaximumKeepAlivePeriod"} {
		values = append(values, has(c, "STUN"+name))
	}
	return strings.Join(values, " ")
}

// stunOff is stunOf a CPE that was given nothing.
const stunOff = "0 stun.vendor.example 3478  0 -1"

func (w *natWorld) stunOn(c *simnet.CPE) string {
	id := c.Device()
	return fmt.Sprintf("1 127.0.0.1 %d %s-%s 30 30", w.reach.stun.Addrs()[0].Port(), id.OUI, id.SerialNumber)
}

// injectedIn holds a session and returns what came of injections in it.
func (w *natWorld) injectedIn(c *simnet.CPE) []proxy.InjectionResult {
	w.t.Helper()
	w.session(c)
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sessions[len(w.sessions)-1].Injections
}

// record returns what is kept of a CPE.
func (w *natWorld) record(c *simnet.CPE) provision.Record {
	w.t.Helper()
	r, _, err := w.stunset.book.Lookup(w.t.Context(), c.Device())
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// explained returns what the API tells of a CPE: what is pending, and what was done.
func (w *natWorld) explained(c *simnet.CPE) string {
	w.t.Helper()
	v, err := (&admin.Client{Address: w.AdminAddr()}).Device(w.t.Context(), c.Device())
	if err != nil {
		w.t.Fatal(err)
	}
	text := v.Pending
	for _, e := range v.Journal {
		text += "\n" + e.Text
	}
	return text
}

// TestS41_OnBehindANATAlone in both data models, once, and the ACS sees nothing.
func TestS41_OnBehindANATAlone(t *testing.T) {
	w := newSTUNSetWorld(t, `{enabled: true}`)
	for n, root := range []string{policy.RootTR098, policy.RootDevice} {
		c := w.offCPE(root, 10+n, natted, nil)
		got := w.injectedIn(c)
		if len(got) != 1 || got[0].Name != injectSTUN || got[0].Outcome != proxy.InjectionDone || got[0].Head {
			t.Errorf("%s: %+v", root, got)
		}
		if is, want := stunOf(c), w.stunOn(c); is != want {
			t.Errorf("%s has %q, want %q", root, is, want)
		}
		password, known := w.reach.vault.STUNPassword([]byte(has(c, "STUNUsername")))
		if word := has(c, "STUNPassword"); len(word) != 32 || !known || string(password) != word {
			t.Errorf("%s: a password of %d characters, which the STUN server knows: %v", root, len(word), known)
		}
		if r := w.record(c); r.Last.Result != policy.STUNDone || !r.Ours || !r.Notified || r.Former["ManagementServer.STUNEnable"] != "0" {
			t.Errorf("%s: %+v", root, r)
		}
		for range 3 {
			if again := w.injectedIn(c); len(again) != 0 {
				t.Errorf("%s is asked again: %+v", root, again)
			}
		}
	}
	open := w.offCPE(policy.RootDevice, 20, unnatted, nil)
	if got := w.injectedIn(open); len(got) != 0 || stunOf(open) != stunOff {
		t.Errorf("behind no NAT: %+v, %q", got, stunOf(open))
	}
	w.provide(`{enabled: true, always: true, head: true}`)
	if got := w.injectedIn(open); len(got) != 1 || !got[0].Head || stunOf(open) != w.stunOn(open) {
		t.Errorf("always, at the head: %+v, %q", got, stunOf(open))
	}
	if p := w.north.Problems(); len(p) > 0 {
		t.Errorf("the ACS complains: %q", p)
	}
	if !w.metric(`acsgate_stun_provisioning_total{action="set",result="done"} 3`) {
		t.Errorf("the metric says otherwise:\n%s", grep(w.get("/metrics"), "acsgate_stun_provisioning"))
	}
}

// TestS41_PasswordsDiffer: who reads one CPE's knows no other's.
func TestS41_PasswordsDiffer(t *testing.T) {
	w := newSTUNSetWorld(t, `{enabled: true}`)
	a, b := w.offCPE(policy.RootDevice, 1, natted, nil), w.offCPE(policy.RootDevice, 2, natted, nil)
	w.session(a)
	w.session(b)
	first := has(a, "STUNPassword")
	if first == "" || first == has(b, "STUNPassword") {
		t.Error("two CPEs have one password")
	}
	w.provide(`{enabled: true, generation: 1}`)
	if got := w.injectedIn(a); len(got) != 1 || has(a, "STUNPassword") == first {
		t.Errorf("raising the generation does not change the password: %+v", got)
	}
	if password, _ := w.reach.vault.STUNPassword([]byte(has(a, "STUNUsername"))); string(password) != has(a, "STUNPassword") {
		t.Error("the STUN server knows the former password")
	}
}

// TestS41_Refused: whatever a CPE makes of it, it is not asked in the next session.
func TestS41_Refused(t *testing.T) {
	w := newSTUNSetWorld(t, `{enabled: true}`)
	for n, test := range []struct {
		name   string
		change func(*simnet.Make, []simnet.Parameter) []simnet.Parameter
		want   policy.STUNResult
		fault  string
	}{
		{"fault", func(_ *simnet.Make, own []simnet.Parameter) []simnet.Parameter { own[3].Writable = false; return own }, policy.STUNFault, "9008"},
		{"no STUN", func(*simnet.Make, []simnet.Parameter) []simnet.Parameter { return nil }, policy.STUNUnsupported, ""},
		{"ignored", func(m *simnet.Make, own []simnet.Parameter) []simnet.Parameter {
			habit, _ := simnet.URLHabitNamed("ignores-injected")
			*m = habit.On(*m)
			return own
		}, policy.STUNIgnored, ""},
	} {
		c := w.offCPE(policy.RootDevice, 30+n, natted, test.change)
		if got := w.injectedIn(c); len(got) != 1 {
			t.Errorf("%s: %+v", test.name, got)
		}
		if r := w.record(c); r.Last.Result != test.want || r.Last.FaultCode != test.fault || r.Ours {
			t.Errorf("%s: %+v", test.name, r)
		}
		if got := w.injectedIn(c); len(got) != 0 {
			t.Errorf("%s: is asked again: %+v", test.name, got)
		}
	}
}

// TestS41_Undone when the rule does not select the CPE any more, once; and given
// again only after a while.
func TestS41_Undone(t *testing.T) {
	w := newSTUNSetWorld(t, `{enabled: true}`)
	for n, without := range []string{`{enabled: true, match: {oui: ["00D09E"]}}`, `{enabled: false}`} {
		w.provide(`{enabled: true}`)
		c := w.offCPE(policy.RootTR098, 40+n, natted, nil)
		w.session(c)
		if is := stunOf(c); is != w.stunOn(c) {
			t.Fatalf("has %q", is)
		}
		w.provide(without)
		if got := w.injectedIn(c); len(got) != 1 || stunOf(c) != stunOff || has(c, "STUNPassword") != "" {
			t.Errorf("%s: %+v, has %q", without, got, stunOf(c))
		}
		if r := w.record(c); r.Ours || !r.Undone || len(r.Given) != 0 || r.Undo.Result != policy.STUNDone {
			t.Errorf("%s: %+v", without, r)
		}
		if got := w.injectedIn(c); len(got) != 0 {
			t.Errorf("%s: is asked again: %+v", without, got)
		}
		w.provide(`{enabled: true}`)
		if got := w.injectedIn(c); len(got) != 0 {
			t.Errorf("to and fro at once: %+v", got)
		}
	}
	never := w.offCPE(policy.RootTR098, 50, natted, nil)
	w.provide(`{enabled: false}`)
	if got := w.injectedIn(never); len(got) != 0 {
		t.Errorf("a CPE that was given nothing: %+v", got)
	}
}

// TestS41_AfterARestart nothing is done twice, and what was done can be undone.
func TestS41_AfterARestart(t *testing.T) {
	w := newSTUNSetWorld(t, `{enabled: true}`)
	good := w.offCPE(policy.RootDevice, 1, natted, nil)
	bad := w.offCPE(policy.RootDevice, 2, natted, func(_ *simnet.Make, own []simnet.Parameter) []simnet.Parameter {
		own[2].Writable = false
		return own
	})
	w.session(good)
	w.session(bad)
	before, word := w.record(good), has(good, "STUNPassword")
	cpe, err := w.Addr("cpe")
	if err != nil {
		t.Fatal(err)
	}
	w.stop()
	w.startAt(cpe)
	if r := w.record(good); r.Root != before.Root || !r.Ours || r.Set.Runs != 1 || len(r.Former) != len(before.Former) || r.Last.Result != policy.STUNDone {
		t.Errorf("after the restart %+v, before %+v", r, before)
	}
	for _, c := range []*simnet.CPE{good, bad} {
		if got := w.injectedIn(c); len(got) != 0 {
			t.Errorf("is asked again: %+v", got)
		}
	}
	if password, _ := w.reach.vault.STUNPassword([]byte(has(good, "STUNUsername"))); string(password) != word {
		t.Error("the STUN server does not know the password any more")
	}
	w.provide(`{enabled: false}`)
	if why := w.explained(good); !strings.Contains(why, "STUN parameters back: stun_provisioning is not enabled") {
		t.Errorf("what is pending: %q", why)
	}
	if got := w.injectedIn(good); len(got) != 1 || stunOf(good) != stunOff {
		t.Errorf("undo: %+v, has %q", got, stunOf(good))
	}
	if why := w.explained(good); !strings.Contains(why, "done: the CPE has set its STUN parameters") || strings.Contains(why, "back") {
		t.Errorf("what was done: %q", why)
	}
}

// TestS41_WakesWhatItHasSwitchedOn: a CPE that nobody could reach has a session,
// and can be woken through its NAT from then on.
func TestS41_WakesWhatItHasSwitchedOn(t *testing.T) {
	w := newSTUNSetWorld(t, `{enabled: true, min_keep_alive: 10s}`)
	c := w.offCPE(policy.RootDevice, 1, natted, nil)
	w.session(c)
	server, err := netip.ParseAddrPort(net.JoinHostPort(has(c, "STUNServerAddress"), has(c, "STUNServerPort")))
	if err != nil || has(c, "STUNEnable") != "1" {
		t.Fatalf("has %q: %v", stunOf(c), err)
	}
	outside, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	client, _ := simnet.STUNProfileNamed("standard")
	h := &home{id: c.Device()}
	h.Home, err = simnet.NewHome(simnet.HomeConfig{
		CPE: c, Private: netip.MustParseAddrPort("192.168.1.2:7547"), Outside: outside,
		STUN: simnet.STUNConfig{
			Profile: client, Server: server, Username: has(c, "STUNUsername"), Password: has(c, "STUNPassword"),
			ConnectionRequestUsername: requestUser, ConnectionRequestPassword: requestPassword,
			MinKeepAlive: 500 * time.Millisecond, MaxKeepAlive: 500 * time.Millisecond,
		},
		Requested: func(simnet.ConnectionRequest) { h.called.Add(1) },
		Session:   func(simnet.Result, error) { h.sessions.Add(1) },
	})
	if err != nil {
		t.Fatal(err)
	}
	w.runs(h.Run)
	w.eventually("the CPE has reported its binding", func() bool {
		r, ok := w.devices.Lookup(h.id)
		return ok && r.UDPConnectionRequestAddress == h.NAT().Outside().String() && h.sessions.Load() >= 2
	})
	if got := w.wake(h); !got.OK || got.Transport != "udp" || h.called.Load() == 0 {
		t.Errorf("%+v, called %d times", got, h.called.Load())
	}
}

// TestS41_AnothersUserName: a CPE whose user name would be another device's is left
// alone, for the STUN server could not tell them apart.
func TestS41_AnothersUserName(t *testing.T) {
	w := newSTUNSetWorld(t, `{enabled: true, username: "cpe-{serial}"}`)
	c := w.offCPE(policy.RootDevice, 1, natted, nil)
	other := cwmp.DeviceID{OUI: "00D09E", ProductClass: "HG", SerialNumber: "x"}
	w.reach.bindings.SetUser(other, "cpe-"+c.Device().SerialNumber)
	if got := w.injectedIn(c); len(got) != 0 || stunOf(c) != stunOff {
		t.Errorf("%+v, has %q", got, stunOf(c))
	}
	if !w.metric(`acsgate_stun_provisioning_refused_total{reason="user_taken"} 1`) {
		t.Errorf("the metric says otherwise:\n%s", grep(w.get("/metrics"), "acsgate_stun_provisioning"))
	}
}
