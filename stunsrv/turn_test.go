package stunsrv

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v2"
	"github.com/pion/turn/v3"
)

// TestTURN_PionClient does what an ACS with a TURN library does.
func TestTURN_PionClient(t *testing.T) {
	w := startTURN(t, nil)
	device, own := newCPE(t, "127.0.0.1"), newCPE(t, "127.0.0.1")
	w.entitle("acs-1", device)
	client, err := turn.NewClient(&turn.ClientConfig{
		STUNServerAddr: w.addr.String(), TURNServerAddr: w.addr.String(), Conn: own.conn,
		Username: "acs-1", Password: "acs-1-password", Realm: "gateway.example.net", LoggerFactory: turnLog{w.relay.metrics},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err = client.Listen(); err != nil {
		t.Fatal(err)
	}
	relayed, err := client.Allocate()
	if err != nil {
		t.Fatal(err)
	}
	if relayed.LocalAddr().String() != w.addr.String() {
		t.Errorf("relayed address %v, want that of STUN, %v", relayed.LocalAddr(), w.addr)
	}
	to := net.UDPAddrFromAddrPort(device.address())
	if err = client.CreatePermission(to); err != nil {
		t.Error(err)
	}
	for range 3 {
		if _, err = relayed.WriteTo(wake("pion"), to); err != nil {
			t.Error(err)
		}
		if payload, from := device.receive(); from != w.addr || string(payload) != string(wake("pion")) {
			t.Errorf("device got %q from %v", payload, from)
		}
	}
	device.ask(w.addr, classicChange) // the device's own STUN goes on
	if w.held("acs-1") != 1 {
		t.Errorf("%d allocations", w.held("acs-1"))
	}
	eventually(t, "all are counted", func() bool { return w.result(turnSent) == 3 })
	if err = relayed.Close(); err != nil {
		t.Error(err)
	}
	eventually(t, "the allocation is given back", func() bool { return w.held("acs-1") == 0 })
}

func TestTURN_SendAndChannelData(t *testing.T) {
	w := startTURN(t, nil)
	device, acs := newCPE(t, "127.0.0.1"), w.acs("acs-1")
	w.entitle("acs-1", device)
	reply := acs.allocate()
	var relayed stun.XORMappedAddress
	if err := relayed.GetFromAs(reply, stun.AttrXORRelayedAddress); err != nil || relayed.String() != w.addr.String() {
		t.Errorf("relayed address %v, %v", relayed, err)
	}
	acs.permit(device.address())
	acs.must(stun.MethodChannelBind, raw(stun.AttrChannelNumber, 0x47, 0x45, 0, 0), peerAttr(device.address()))
	acs.indicate(device.address(), wake("indication"))
	acs.over(0x4745, wake("channel")) // 0x4745 is "GE" (quirk S-02)
	for _, want := range []string{"indication", "channel"} {
		if payload, from := device.receive(); from != w.addr || string(payload) != string(wake(want)) {
			t.Errorf("device got %q from %v", payload, from)
		}
	}
}

// TestTURN_SendsAlone leaves what a device sends to itself: it is for the STUN
// server, and the client gets none of it.
func TestTURN_SendsAlone(t *testing.T) {
	w := startTURN(t, nil)
	device, acs := newCPE(t, "127.0.0.1"), w.acs("acs-1")
	acs.allocate()
	acs.permit(device.address())
	device.send(w.addr, []byte("to the peer"))
	device.silent(w.addr)
	acs.silent(w.addr)
}

func TestTURN_RefusedDatagrams(t *testing.T) {
	w := startTURN(t, nil)
	device, foreign, acs := newCPE(t, "127.0.0.1"), newCPE(t, "127.0.0.1"), w.acs("acs-1")
	w.entitle("acs-1", device)
	w.entitle("acs-2", foreign)
	acs.allocate()
	acs.permit(device.address())
	for _, channel := range []struct {
		number byte
		peer   *cpe
	}{{0, device}, {1, foreign}} {
		acs.must(stun.MethodChannelBind, raw(stun.AttrChannelNumber, 0x40, channel.number, 0, 0), peerAttr(channel.peer.address()))
	}
	unbound := netip.AddrPortFrom(device.address().Addr(), 9)
	long := wake(strings.Repeat("x", 200))
	cases := []struct {
		name    string
		payload []byte
		to      netip.AddrPort
		want    turnResult
	}{
		{"unbound destination", wake("x"), unbound, turnNotEntitled},
		{"device of another", wake("x"), foreign.address(), turnNotEntitled},
		{"STUN", classicChange, device.address(), turnNotRequest},
		{"empty", nil, device.address(), turnNotRequest},
		{"another GET", []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), device.address(), turnNotRequest},
		{"too long", long, device.address(), turnTooLong},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			before := w.result(tc.want)
			acs.indicate(tc.to, tc.payload)
			if tc.to != unbound {
				acs.over(0x4000|b2u(tc.to == foreign.address()), tc.payload)
				before++
			}
			acs.indicate(device.address(), wake("last"))
			if payload, _ := device.receive(); string(payload) != string(wake("last")) {
				t.Errorf("device got %q", payload)
			}
			if n := w.result(tc.want); n != before+1 {
				t.Errorf("%s was counted %d times too often", turnResultNames[tc.want], n-before-1)
			}
		})
	}
	foreign.silent(w.addr)
	eventually(t, "one of each case is sent", func() bool { return w.result(turnSent) == len(cases) })
}

// TestS44_TURNRequestsAreToldOfAndJudged: the gateway's own requests must come after
// those that an ACS sends this way, and none may lock the CPE out.
func TestS44_TURNRequestsAreToldOfAndJudged(t *testing.T) {
	w := startTURN(t, nil)
	w.implausible = "tomorrow"
	device, acs := newCPE(t, "127.0.0.1"), w.acs("acs-1")
	w.entitle("acs-1", device)
	acs.allocate()
	acs.permit(device.address())
	acs.indicate(device.address(), wake("tomorrow"))
	acs.indicate(device.address(), wake("today"))
	if payload, _ := device.receive(); string(payload) != string(wake("today")) {
		t.Errorf("device got %q", payload)
	}
	eventually(t, "both are counted", func() bool { return w.result(turnSent) == 1 && w.result(turnImplausible) == 1 })
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := w.toldOf[device.address().String()+" "+string(wake("today"))]; n != 1 {
		t.Errorf("told of the request %d times", n)
	}
}

func b2u(b bool) uint16 {
	if b {
		return 1
	}
	return 0
}

func TestTURN_Rate(t *testing.T) {
	w := startTURN(t, func(c *TURNConfig) { c.RequestsPerSecond = 3 })
	device, one, two := newCPE(t, "127.0.0.1"), w.acs("acs-1"), w.acs("acs-1")
	w.entitle("acs-1", device)
	for _, acs := range []*turnClient{one, two} { // two allocations share the user's rate
		acs.allocate()
		acs.permit(device.address())
		for range 4 {
			acs.indicate(device.address(), wake("x"))
		}
		acs.permit(device.address()) // it has come after them
	}
	if w.result(turnSent) != 3 || w.result(turnRateLimited) != 5 {
		t.Errorf("%d sent, %d over the rate", w.result(turnSent), w.result(turnRateLimited))
	}
	w.pass(time.Second / 2)
	one.indicate(device.address(), wake("later"))
	for _, want := range []string{"x", "x", "x", "later"} {
		if payload, _ := device.receive(); string(payload) != string(wake(want)) {
			t.Errorf("device got %q", payload)
		}
	}
}

// TestTURN_TwoUsers has two users take turns at one socket: each allocation
// belongs to who signed for it.
func TestTURN_TwoUsers(t *testing.T) {
	w := startTURN(t, func(c *TURNConfig) { c.Allocations = 10 })
	devices := map[string]*cpe{"acs-1": newCPE(t, "127.0.0.1"), "acs-2": newCPE(t, "127.0.0.1")}
	var clients []*turnClient
	for i := range strangerRate / 2 {
		name := "acs-" + strconv.Itoa(1+i%2)
		w.entitle(name, devices[name])
		acs := w.acs(name)
		acs.allocate()
		clients = append(clients, acs)
		acs.do(stun.MethodAllocate, overUDP) // 437, and it changes nothing
	}
	for _, acs := range clients {
		if a := w.conn().of(acs.address()); a.user.name != acs.user {
			t.Errorf("allocation of %q belongs to %q", acs.user, a.user.name)
		}
		for _, device := range devices {
			acs.permit(device.address())
			acs.indicate(device.address(), wake(acs.user))
		}
		if payload, _ := devices[acs.user].receive(); string(payload) != string(wake(acs.user)) {
			t.Errorf("device of %s got %q", acs.user, payload)
		}
	}
	eventually(t, "what is for the device of another is refused", func() bool { return w.result(turnNotEntitled) == len(clients) })
	for _, device := range devices {
		device.silent(w.addr)
	}
}

// TestTURN_WrongUser keeps users from the allocations of others (RFC 8656 5).
func TestTURN_WrongUser(t *testing.T) {
	w := startTURN(t, nil)
	one := w.acs("acs-1")
	one.allocate()
	two := w.acs("acs-2")
	two.cpe = one.cpe
	for method, setter := range map[stun.Method]stun.Setter{
		stun.MethodRefresh: seconds(0), stun.MethodCreatePermission: peerAttr(one.address()),
	} {
		if code := errorCode(t, two.do(method, setter)); code != stun.CodeWrongCredentials {
			t.Errorf("%v: code %d", method, code)
		}
	}
	if w.held("acs-1") != 1 {
		t.Error("the allocation is gone")
	}
}

func TestTURN_Quota(t *testing.T) {
	w := startTURN(t, func(c *TURNConfig) { c.Allocations = 2 })
	one, two, three := w.acs("acs-1"), w.acs("acs-1"), w.acs("acs-1")
	one.allocate()
	two.allocate()
	if code := errorCode(t, three.do(stun.MethodAllocate, overUDP)); code != stun.CodeAllocQuotaReached {
		t.Errorf("code %d", code)
	}
	w.acs("acs-2").allocate() // has its own
	one.must(stun.MethodRefresh, seconds(0))
	eventually(t, "it is given back", func() bool { return w.held("acs-1") == 1 })
	three.allocate()
	two.must(stun.MethodRefresh, seconds(0))
	two.send(w.addr, stun.MustBuild(two.request(stun.MethodAllocate, overUDP)...).Raw) // right after: silence
	eventually(t, "it is counted", func() bool { return w.fate(turnTooSoon) == 1 })
	two.silent(w.addr)
	if w.fate(turnQuota) != 1 {
		t.Errorf("%d beyond the quota", w.fate(turnQuota))
	}
	w.pass(turnRest)
	two.allocate()
	c := w.conn()
	c.mu.Lock()
	kept := len(c.allocations)
	c.mu.Unlock()
	if w.held("acs-1") != 2 || w.held("acs-2") != 1 || kept != 3 {
		t.Errorf("%d and %d allocations, %d kept", w.held("acs-1"), w.held("acs-2"), kept)
	}
}

func TestTURN_Lifetime(t *testing.T) {
	const most = 30 * 60
	cases := []struct {
		name  string
		asked stun.Setter
		want  uint32
	}{
		{"nothing asked", raw(stun.AttrSoftware, 'x'), 600},
		{"less than the default", seconds(1), 600},
		{"between", seconds(1200), 1200},
		{"more than the most", seconds(most + 1), most},
		{"what pion overlooks", seconds(7200), most},
		{"all bits", seconds(0xFFFFFFFF), most},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			w := startTURN(t, func(c *TURNConfig) { c.Lifetime = most * time.Second })
			acs := w.acs("acs-1")
			allocated := acs.must(stun.MethodAllocate, overUDP, tc.asked)
			if n := lifetimeOf(t, allocated); n != tc.want {
				t.Errorf("allocated for %d s, want %d", n, tc.want)
			}
			if n := lifetimeOf(t, acs.must(stun.MethodRefresh, tc.asked)); n != tc.want {
				t.Errorf("refreshed for %d s, want %d", n, tc.want)
			}
		})
	}
	w := startTURN(t, nil)
	if n := lifetimeOf(t, w.acs("acs-1").must(stun.MethodAllocate, overUDP, seconds(3600))); n != 3599 {
		t.Errorf("an hour became %d s", n)
	}
}

func lifetimeOf(t *testing.T, m *stun.Message) uint32 {
	t.Helper()
	value, err := m.Get(stun.AttrLifetime)
	if err != nil {
		t.Fatal(err)
	}
	return binary.BigEndian.Uint32(value)
}

// TestTURN_NoPermissionAtTheEnd keeps out of the moment in which pion deletes.
func TestTURN_NoPermissionAtTheEnd(t *testing.T) {
	w := startTURN(t, nil)
	acs := w.acs("acs-1")
	acs.allocate()
	w.pass(defaultLifetime - turnMargin)
	acs.permit(w.addr)
	w.pass(time.Millisecond)
	acs.send(w.addr, stun.MustBuild(acs.request(stun.MethodCreatePermission, peerAttr(w.addr))...).Raw)
	eventually(t, "it is counted", func() bool { return w.fate(turnTooLate) == 1 })
	acs.silent(w.addr)
	acs.must(stun.MethodRefresh)
	acs.permit(w.addr)
}

func TestTURN_Networks(t *testing.T) {
	w := startTURN(t, func(c *TURNConfig) { c.Networks = []string{"10.0.0.0/8", "127.0.0.1", "127.0.1.0/24", "::1"} })
	outside := newCPE(t, "127.0.0.2")
	outside.send(w.addr, stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest)).Raw)
	outside.silent(w.addr)
	if w.fate(turnNetwork) != 1 {
		t.Error("not counted")
	}
	w.acs("acs-1").allocate()
	inside := w.acs("acs-1")
	inside.cpe = newCPE(t, "127.0.1.9")
	inside.allocate()
}

// TestTURN_Strangers bounds what those are answered who have not signed in, who
// may be somebody else whose address was used.
func TestTURN_Strangers(t *testing.T) {
	w := startTURN(t, nil)
	stranger := newCPE(t, "127.0.0.3")
	unsigned := []stun.Setter{stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest)}
	wrong := append(unsigned, stun.NewUsername("acs-1"), stun.NewRealm("x"), stun.NewNonce("y"), stun.NewShortTermIntegrity("z"))
	for range 50 {
		stranger.send(w.addr, stun.MustBuild(unsigned...).Raw)
		stranger.send(w.addr, stun.MustBuild(wrong...).Raw)
	}
	eventually(t, "all are judged", func() bool {
		return w.fate(turnChallenged)+w.fate(turnBadCredentials)+w.fate(turnStrangerLimit) == 100
	})
	if n := w.fate(turnChallenged) + w.fate(turnBadCredentials); n != strangerRate {
		t.Errorf("%d were answered, want %d", n, strangerRate)
	}
	for range strangerRate {
		stranger.receive()
	}
	stranger.silent(w.addr)
	w.acs("acs-1").allocate() // from elsewhere
	w.pass(time.Second)
	stranger.ask(w.addr, stun.MustBuild(unsigned...).Raw)
}

// TestTURN_QueueFull drops what pion does not get done, and counts it on both
// sides.
func TestTURN_QueueFull(t *testing.T) {
	w := newTURN(t, nil)
	packet := stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest), stun.NewShortTermIntegrity("z")).Raw
	for i := range turnQueue + 3 {
		d := w.relayed(packet, w.addr, primaryAddr)
		if (d == toTURN) != (i < turnQueue) {
			t.Fatalf("packet %d: %v", i, d)
		}
	}
	if w.fate(turnQueueFull) != 3 {
		t.Errorf("%d counted", w.fate(turnQueueFull))
	}
}

// TestTURN_Off drops the packets of TURN in silence.
func TestTURN_Off(t *testing.T) {
	s := startServer(t, Config{Listen: []string{"127.0.0.1:0"}}, quiet())
	c := newCPE(t, "127.0.0.1")
	c.send(s.Addrs()[0], stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest)).Raw)
	c.send(s.Addrs()[0], []byte{0x40, 0, 0, 0})
	c.silent(s.Addrs()[0])
	eventually(t, "both are counted", func() bool { return s.counted(turnOff) == 2 })
}

// TestNew_TURN takes the relay's configuration, or says what is wrong with it.
func TestNew_TURN(t *testing.T) {
	listen := []string{"127.0.0.1:0"}
	mayReach := func(string, netip.AddrPort, netip.AddrPort) bool { return true }
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte(" \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name   string
		change func(*TURNConfig, *Config, *Deps)
		want   string // "" for none
	}{
		{"fine", func(*TURNConfig, *Config, *Deps) {}, ""},
		{"off", func(c *TURNConfig, _ *Config, d *Deps) { *c, d.MayReach = TURNConfig{}, nil }, ""},
		{"no MayReach", func(_ *TURNConfig, _ *Config, d *Deps) { d.MayReach = nil }, "MayReach"},
		{"no socket", func(_ *TURNConfig, c *Config, _ *Deps) { c.Listen = nil }, "stun.listen"},
		{"no file", func(c *TURNConfig, _ *Config, _ *Deps) { c.Users[1].PasswordFile = "/nonexistent" }, "turn.users[1].password_file"},
		{"empty file", func(c *TURNConfig, _ *Config, _ *Deps) { c.SecretFile = empty }, "turn.secret_file"},
		{"network", func(c *TURNConfig, _ *Config, _ *Deps) { c.Networks = []string{"here"} }, `turn.networks: "here"`},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			cfg, stunCfg, deps := turnConfig(t), Config{Listen: listen}, quiet()
			deps.MayReach = mayReach
			tc.change(&cfg, &stunCfg, &deps)
			s, err := New(stunCfg, cfg, deps)
			if err == nil {
				runServer(t, s)
				if (s.relay != nil) != cfg.Enabled {
					t.Error("the relay is there, or is not")
				}
			}
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
}
