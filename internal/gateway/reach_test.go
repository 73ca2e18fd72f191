package gateway

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/acsgate/acsgate/connreq"
	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/simnet"
	"github.com/acsgate/acsgate/proxy"
)

const (
	requestUser     = "cruser"
	requestPassword = "crpass"
	wakeToken       = "a-token-of-an-operator"
)

// freePort returns a port that nobody listens on.
func freePort(t *testing.T, network string) int {
	t.Helper()
	if network == "udp" {
		c, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.LocalAddr().(*net.UDPAddr).Port
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// natWorld is a gateway with everything that wakes CPEs, whose ACS north sets
// their Connection Request login, as ACSs do.
type natWorld struct {
	*world
	relay netip.AddrPort
}

func newNATWorld(t *testing.T) *natWorld {
	t.Helper()
	set := func(name, value string) simnet.RPC { return simnet.SetValue("{root}ManagementServer."+name, value) }
	w := &world{
		t: t, file: filepath.Join(t.TempDir(), "acsgate.yaml"), south: startACS(t, "south"),
		north: startACS(t, "north", set("ConnectionRequestUsername", requestUser), set("ConnectionRequestPassword", requestPassword)),
	}
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(wakeToken), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(admin.TokenVariable, wakeToken)
	w.tokens = fmt.Sprintf("{name: noc, role: operator, token_file: %q}", token)
	relay := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(freePort(t, "udp")))
	w.extra = fmt.Sprintf(`stun: {listen: ["127.0.0.1:%d"]}
credentials: {learn: true}
connection_request:
  url_base: http://127.0.0.1:%d
  acs_networks: [127.0.0.1]
  timeout: 6s
  min_interval: 1s
  http: {allow_networks: [127.0.0.0/8]}
  relay: {listen: %q, host: "*.cr.isp.example"}
`, freePort(t, "udp"), freePort(t, "tcp"), relay)
	w.start()
	return &natWorld{world: w, relay: relay}
}

// home is a CPE behind a NAT that has reported its binding.
type home struct {
	*simnet.Home
	id       cwmp.DeviceID
	called   atomic.Int32
	sessions atomic.Int32
}

// home starts a CPE of a make, with a STUN client as that of a profile, behind a
// NAT, and waits until its binding is known.
func (w *natWorld) home(profile string, number int) *home {
	w.t.Helper()
	addr, err := w.Addr("cpe")
	if err != nil {
		w.t.Fatal(err)
	}
	m, _ := simnet.MakeNamed("easycwmp")
	m = m.WithSTUN(w.reach.stun.Addrs()[0])
	c, err := simnet.NewCPE(simnet.CPEConfig{URL: "http://" + addr + "/", Make: m, Device: m.DeviceNumber(number)})
	if err != nil {
		w.t.Fatal(err)
	}
	outside, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	client, ok := simnet.STUNProfileNamed(profile)
	if !ok {
		w.t.Fatalf("no STUN profile %q", profile)
	}
	h := &home{id: c.Device()}
	h.Home, err = simnet.NewHome(simnet.HomeConfig{
		CPE: c, Private: netip.MustParseAddrPort("192.168.1.2:7547"), Outside: outside,
		STUN: simnet.STUNConfig{
			Profile: client, Server: w.reach.stun.Addrs()[0], Username: h.id.OUI + "-" + h.id.SerialNumber, Password: "stunpass",
			ConnectionRequestUsername: requestUser, ConnectionRequestPassword: requestPassword,
			MinKeepAlive: 500 * time.Millisecond, MaxKeepAlive: 500 * time.Millisecond,
			Refused: func(r simnet.ConnectionRequest, err error) { w.t.Logf("refused %q: %v", r.Raw, err) },
		},
		Requested: func(simnet.ConnectionRequest) { h.called.Add(1) },
		Session: func(_ simnet.Result, err error) {
			if err != nil {
				w.t.Errorf("session: %v", err)
			}
			h.sessions.Add(1)
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.runs(h.Run)
	w.eventually("the CPE has reported its binding", func() bool {
		r, ok := w.devices.Lookup(h.id)
		return ok && r.UDPConnectionRequestAddress == h.NAT().Outside().String() && h.sessions.Load() >= 2
	})
	return h
}

func (w *natWorld) runs(run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		if err := run(ctx); err != nil {
			w.t.Errorf("run: %v", err)
		}
	})
	w.t.Cleanup(func() { cancel(); done.Wait() })
}

func (w *natWorld) wake(h *home) admin.WakeResult {
	w.t.Helper()
	c := admin.Client{Address: w.AdminAddr()}
	result, err := c.Wake(w.t.Context(), h.id)
	if err != nil {
		w.t.Fatal(err)
	}
	return result
}

// shownToNorth returns what the ACS has seen last of a parameter that ends so.
func (w *natWorld) shownToNorth(h *home, name string) (value string) {
	w.t.Helper()
	for _, x := range w.north.Of(h.id) {
		m, err := cwmp.Scan(x.Body, cwmp.Options{Params: func(n []byte) bool { return strings.HasSuffix(string(n), name) }})
		if err == nil && m.Method == cwmp.MethodInform && len(m.Params) > 0 {
			value = m.Params[0].Value
		}
	}
	return value
}

// TestWake_ByAPIThroughANAT, for every real STUN client.
func TestWake_ByAPIThroughANAT(t *testing.T) {
	w := newNATWorld(t)
	for n, profile := range []string{"standard", "works", "cwmpc", "icwmp", "rdkb", "tr069agent", "tecom", "evcpe", "huawei"} {
		h := w.home(profile, n+1)
		got := w.wake(h)
		if !got.OK || got.Transport != "udp" || h.called.Load() == 0 {
			t.Errorf("%s: %+v, called %d times", profile, got, h.called.Load())
		}
	}
	if !w.metric(`acsgate_connection_requests_total{result="woken",transport="udp"} 9`) {
		t.Errorf("the metric says otherwise:\n%s", grep(w.get("/metrics"), "acsgate_connection_requests_total"))
	}
}

func grep(text, part string) string {
	var found []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			found = append(found, line)
		}
	}
	return strings.Join(found, "")
}

// TestC61_WakeByTheACS: the ACS calls the URL that it was shown, with the login
// that it has set itself, and the CPE behind the NAT comes.
func TestC61_WakeByTheACS(t *testing.T) {
	w := newNATWorld(t)
	h := w.home("icwmp", 1)
	url := w.shownToNorth(h, "ConnectionRequestURL")
	if strings.Contains(url, h.id.SerialNumber) || !strings.HasPrefix(url, "http://127.0.0.1:") {
		t.Fatalf("the ACS sees %q", url)
	}
	if status, err := simnet.Wake(t.Context(), url, requestUser, "wrong"); err != nil || status != 401 {
		t.Errorf("with a wrong password: %d, %v", status, err)
	}
	if status, err := simnet.Wake(t.Context(), url+"x", requestUser, requestPassword); err != nil || status != 404 {
		t.Errorf("with another token: %d, %v", status, err)
	}
	if h.called.Load() != 0 {
		t.Error("the CPE was called by a stranger")
	}
	before := h.sessions.Load()
	if status, err := simnet.Wake(t.Context(), url, requestUser, requestPassword); err != nil || status != 200 {
		t.Fatalf("%d, %v", status, err)
	}
	w.eventually("the CPE has come", func() bool { return h.sessions.Load() > before })
	if got, _ := w.devices.Lookup(h.id); len(got.LastEvents) == 0 || got.LastEvents[0] != cwmp.EventConnectionRequest {
		t.Errorf("last events %q", got.LastEvents)
	}
}

// TestS38_RelayOfTheACSsOwnRequest: the ACS sends a UDP Connection Request to the
// address that it was shown; it reaches the CPE from the STUN server's address.
func TestS38_RelayOfTheACSsOwnRequest(t *testing.T) {
	w := newNATWorld(t)
	h := w.home("tr069agent", 1)
	shown := w.shownToNorth(h, "UDPConnectionRequestAddress")
	if !strings.HasSuffix(shown, fmt.Sprintf(".cr.isp.example:%d", w.relay.Port())) {
		t.Fatalf("the ACS sees %q", shown)
	}
	acs, err := net.Dial("udp4", w.relay.String())
	if err != nil {
		t.Fatal(err)
	}
	defer acs.Close()
	before := h.sessions.Load()
	datagram := simnet.UDPConnectionRequest(shown, requestUser, requestPassword, time.Now())
	for range 3 {
		if _, err := acs.Write(datagram); err != nil {
			t.Fatal(err)
		}
	}
	w.eventually("the CPE has come", func() bool { return h.called.Load() > 0 && h.sessions.Load() > before })
}

// TestWake_AfterARestart: the binding is remembered, and the CPE takes the first
// request of the new process though it has taken one of the old one.
func TestWake_AfterARestart(t *testing.T) {
	w := newNATWorld(t)
	h := w.home("works", 1)
	if got := w.wake(h); !got.OK {
		t.Fatalf("before: %+v", got)
	}
	remote := h.NAT().Outside()
	cpe, err := w.Addr("cpe")
	if err != nil {
		t.Fatal(err)
	}
	w.stop()
	w.extra = strings.Replace(w.extra, "min_interval: 1s", "min_interval: 2s", 1)
	w.startAt(cpe)
	if b, ok := w.reach.bindings.Lookup(h.id); !ok || b.Remote != remote || !b.Corroborated() {
		t.Errorf("binding after the restart: %+v, %v", b, ok)
	}
	// Works Systems' agent ignores what comes within 30 s of another request, so
	// only the datagram is looked for.
	if got := w.wake(h); len(got.Attempts) == 0 || got.Attempts[0].To != remote.String() || got.Attempts[0].Sent == 0 {
		t.Errorf("after: %+v", got)
	}
}

// startAt starts the gateway again where its CPEs know it.
func (w *world) startAt(cpe string) {
	w.t.Helper()
	w.listen = cpe
	w.start()
}

// TestBinding_IsNotStolen: whoever knows the STUN user name of a device gets none
// of its Connection Requests.
func TestBinding_IsNotStolen(t *testing.T) {
	w := newNATWorld(t)
	h := w.home("standard", 1)
	thief, err := net.ListenPacket("udp4", "127.0.0.66:0")
	if err != nil {
		t.Skipf("no second loopback address: %v", err)
	}
	defer thief.Close()
	name := h.id.OUI + "-" + h.id.SerialNumber
	for len(name)%4 != 0 {
		name += " "
	}
	request := append([]byte{0, 1, 0, byte(4 + len(name) + 24 + 4)}, "0123456789abcdef"...)
	request = append(append(request, 0, 6, 0, byte(len(name))), name...)
	request = append(append(request, 0xc0, 1, 0, 20), "dslforum.org/TR-111 "...)
	request = append(request, 0xc0, 2, 0, 0)
	for range 20 {
		if _, err := thief.WriteTo(request, net.UDPAddrFromAddrPort(w.reach.stun.Addrs()[0])); err != nil {
			t.Fatal(err)
		}
	}
	w.eventually("the thief is a candidate", func() bool {
		b, _ := w.reach.bindings.Lookup(h.id)
		return b.Candidate.Addr() == netip.MustParseAddr("127.0.0.66")
	})
	if got := w.wake(h); !got.OK || h.called.Load() == 0 {
		t.Errorf("%+v", got)
	}
	if err := thief.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for buf := make([]byte, 1024); ; {
		n, _, err := thief.ReadFrom(buf)
		if err != nil {
			break
		}
		if strings.HasPrefix(string(buf[:n]), "GET") {
			t.Fatalf("the thief got %q", buf[:n])
		}
	}
}

// TestWake_ByHTTP wakes a CPE without a NAT at the URL that it has reported.
func TestWake_ByHTTP(t *testing.T) {
	w := newNATWorld(t)
	for n, form := range simnet.RequestForms() {
		if form.Scheme == "basic" {
			continue // is not allowed by default
		}
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		c := w.cpe("easycwmp", 100+n)
		path := "/ab:cd?x=1"
		if form.RootURI {
			path = "/"
		}
		called := make(chan struct{}, 8)
		server, err := simnet.NewRequestServer(simnet.RequestServerConfig{
			Listener: l, Form: form, Path: path, Username: requestUser, Password: requestPassword,
			Requested: func(simnet.ConnectionRequest) { called <- struct{}{} },
		})
		if err != nil {
			t.Fatal(err)
		}
		w.runs(server.Run)
		c.SetConnectionRequestURL(server.URL())
		w.session(c)
		result := make(chan admin.WakeResult, 1)
		go func() {
			got, err := (&admin.Client{Address: w.AdminAddr()}).Wake(t.Context(), c.Device())
			if err != nil {
				t.Error(err)
			}
			result <- got
		}()
		select {
		case <-called:
			w.session2(c)
			if got := <-result; !got.OK || got.Transport != "http" {
				t.Errorf("%s: %+v", form.Name, got)
			}
		case got := <-result:
			t.Errorf("%s was not called: %+v", form.Name, got)
		}
	}
}

func (w *world) session2(c *simnet.CPE) {
	w.t.Helper()
	if _, err := c.Session(w.t.Context(), cwmp.EventConnectionRequest); err != nil {
		w.t.Error(err)
	}
}

// TestDevice_TellsHowItIsReached in the API and why not.
func TestDevice_TellsHowItIsReached(t *testing.T) {
	w := newNATWorld(t)
	h := w.home("standard", 1)
	w.session(w.cpe("netcwmp", 1))
	c := admin.Client{Address: w.AdminAddr()}
	v, err := c.Device(t.Context(), h.id)
	if err != nil || v.Reach == nil || v.Reach.Binding == nil || v.Reach.Binding.Remote != h.NAT().Outside().String() || v.Reach.NotByUDP != "" || v.ACSSees == nil {
		t.Errorf("%+v, %v", v, err)
	}
	m, _ := simnet.MakeNamed("netcwmp")
	v, err = c.Device(t.Context(), m.DeviceNumber(1))
	if err != nil || v.Reach == nil || !strings.Contains(v.Reach.NotByUDP, "no STUN packet") || v.Reach.NotByHTTP != "" {
		t.Errorf("%+v, %v", v, err)
	}
}

// TestC83_AUserNameAloneIsNoLogin: CPEs tell their ConnectionRequestUsername but
// never the password. Who knows no more must leave the challenge to the CPE, and
// not refuse the ACS, which knows both.
func TestC83_AUserNameAloneIsNoLogin(t *testing.T) {
	w := newNATWorld(t)
	id := cwmp.DeviceID{OUI: "00D09E", ProductClass: "HG", SerialNumber: "told"}
	w.learned(id, proxy.Learned{ConnectionRequestUsername: requestUser})
	if got := w.logins(id); len(got) != 0 {
		t.Errorf("a user name alone counts as %d logins", len(got))
	}
	w.learned(id, proxy.Learned{ByACS: true, ConnectionRequestPassword: requestPassword})
	if got := w.logins(id); len(got) != 1 || got[0] != (connreq.Login{Username: requestUser, Password: requestPassword}) {
		t.Errorf("with its password there are %d logins", len(got))
	}
}

// TestRelayPorts_GoToKnownDevicesAlone: a port is given for good, and anybody can
// send an Inform of a device that does not exist.
func TestRelayPorts_GoToKnownDevicesAlone(t *testing.T) {
	w := newNATWorld(t)
	w.stop()
	w.extra = strings.Replace(w.extra, `host: "*.cr.isp.example"`, `ports: "20000-20001"`, 1)
	w.start()
	reported := proxy.Reported{UDPConnectionRequestAddress: "198.51.100.7:7547"}
	for i := range 10 {
		id := cwmp.DeviceID{OUI: "00D09E", ProductClass: "HG", SerialNumber: fmt.Sprint("invented ", i)}
		if got := w.shown(id, reported).UDPConnectionRequestAddress; got != "" {
			t.Errorf("a device that no ACS has accepted is given %q", got)
		}
	}
	h := w.home("standard", 1)
	if got := w.shown(h.id, reported).UDPConnectionRequestAddress; got != "127.0.0.1:20000" {
		t.Errorf("the device is given %q", got)
	}
	if got := w.shownToNorth(h, "UDPConnectionRequestAddress"); got != "127.0.0.1:20000" {
		t.Errorf("the ACS sees %q", got)
	}
}

// TestSTUNUser_ADeviceCannotAnswerForAnother: what a CPE tells of its own STUN user
// name is a claim. One that is another device's takes no password from it.
func TestSTUNUser_ADeviceCannotAnswerForAnother(t *testing.T) {
	w := newNATWorld(t)
	victim := cwmp.DeviceID{OUI: "00D09E", ProductClass: "HG", SerialNumber: "victim"}
	thief := cwmp.DeviceID{OUI: "00D09E", ProductClass: "HG", SerialNumber: "thief"}
	const name = "stun-7"
	keeps := func(when string) {
		t.Helper()
		if password, ok := w.reach.vault.STUNPassword([]byte(name)); !ok || string(password) != "secret" {
			t.Errorf("%s, the name's password is not the victim's: %v", when, ok)
		}
		if id, ok := w.reach.bindings.ByUser([]byte(name)); ok && id.Key() == thief.Key() {
			t.Errorf("%s, the name is the thief's", when)
		}
	}
	w.learned(victim, proxy.Learned{ByACS: true, STUNUsername: name, STUNPassword: "secret"})
	w.learned(thief, proxy.Learned{ByACS: true, STUNUsername: "own", STUNPassword: "known to the thief"})
	w.learned(thief, proxy.Learned{STUNUsername: name})
	keeps("after a claim with a password")
	third := cwmp.DeviceID{OUI: "00D09E", ProductClass: "HG", SerialNumber: "third"}
	w.learned(third, proxy.Learned{ByACS: true, STUNUsername: name})
	keeps("after an ACS has given the name to another device without a password")
}

func TestDevice_ShowsNoLoginOfAURL(t *testing.T) {
	for url, want := range map[string]string{
		"http://user:secret@198.51.100.7:7547/a@b": "http://***@198.51.100.7:7547/a@b",
		"http://a@b:c@198.51.100.7":                "http://***@198.51.100.7",
		"http://198.51.100.7/a@b":                  "http://198.51.100.7/a@b",
		"http://198.51.100.7:7547/a@b:c@d":         "http://198.51.100.7:7547/a@b:c@d",
		"http://user:sec/ret@198.51.100.7:7547/x":  "http://***@198.51.100.7:7547/x",
		"http://us/er:secret@198.51.100.7:7547/x":  "http://***@198.51.100.7:7547/x",
		"http://user:12/secret@198.51.100.7/x":     "http://***@198.51.100.7/x",
		"//user:secret@198.51.100.7:7547/x":        "***@198.51.100.7:7547/x",
		"user:secret@198.51.100.7:7547/x":          "***@198.51.100.7:7547/x",
		`http:\\user:secret@198.51.100.7`:          "***@198.51.100.7",
		"http%3A%2F%2Fuser%3Asecret%40192.0.2.1":   "***",
		"/F@ST":                                    "/F@ST",
		"":                                         "",
	} {
		if got := withoutLogin(url); got != want {
			t.Errorf("%q is shown as %q", url, got)
		}
	}
}

// TestLogins_AStoreThatFailsIsToldOnce: an ACS that wakes its fleet asks for the
// secrets of every device, and of each datagram's.
func TestLogins_AStoreThatFailsIsToldOnce(t *testing.T) {
	w := newNATWorld(t)
	w.stop() // which closes the store
	core, lines := observer.New(zap.WarnLevel)
	w.log = zap.New(core)
	for i := range 100 {
		if got := w.logins(cwmp.DeviceID{OUI: "00D09E", SerialNumber: fmt.Sprint(i)}); got != nil {
			t.Fatalf("%d logins of a closed store", len(got))
		}
	}
	if lines.Len() != 1 {
		t.Errorf("%d lines are logged", lines.Len())
	}
}
