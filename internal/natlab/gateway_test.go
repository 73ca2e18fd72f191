//go:build linux

package natlab

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/connreq"
	"github.com/acsgate/acsgate/internal/binding"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/simnet"
	"github.com/acsgate/acsgate/internal/store/memstore"
	"github.com/acsgate/acsgate/stunsrv"
)

const requestUser, requestPassword = "cruser", "crpass"

// gateway is what wakes CPEs, on the server of a lab: the STUN server, the table
// of bindings and the Connection Requests, and an ACS in place of the proxy.
type gateway struct {
	lab      *Lab
	stun     *stunsrv.Server
	table    *binding.Table
	requests *connreq.Service
	acs      *simnet.ACS

	mu   sync.Mutex
	sent []byte                                  // the last datagram
	also func(to netip.AddrPort, payload []byte) // called once, when the next one has left
}

func startGateway(t *testing.T, l *Lab) *gateway {
	t.Helper()
	g := &gateway{lab: l}
	data := memstore.New(time.Now)
	var err error
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	g.table, err = binding.New(binding.Config{}, binding.Deps{Store: data, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(), Now: time.Now})
	check(err)
	check(l.Server.Do(func() error {
		g.stun, err = newSTUN(l.ServerAddr().String(), stunsrv.AuthOff, func(s []stunsrv.Sighting) {
			g.table.NoteSightings(unsafe.Slice((*binding.Sighting)(&s[0]), len(s)))
		})
		return err
	}))
	g.requests, err = connreq.New(connreq.Config{
		Timeout: 3 * time.Second, MinInterval: time.Millisecond,
		UDP:  connreq.UDPConfig{Copies: []time.Duration{0, 50 * time.Millisecond, 100 * time.Millisecond}},
		HTTP: connreq.HTTPConfig{Disabled: true},
	}, connreq.Deps{
		Target: g.target, SendUDP: g.send, Store: data, Metrics: prometheus.NewRegistry(), Log: zap.NewNop(), Now: time.Now,
	})
	check(err)
	check(l.Server.Do(func() error {
		g.acs, err = simnet.NewACS(simnet.ACSConfig{Address: netip.AddrPortFrom(l.Server.Addrs[0], 7547).String(), Misbehave: g.watch})
		return err
	}))
	for _, run := range []func(context.Context) error{g.table.Run, g.stun.Run, g.requests.Run, g.acs.Run} {
		background(t, run)
	}
	return g
}

func (g *gateway) target(id cwmp.DeviceID) (connreq.Target, bool) {
	t := connreq.Target{Device: id, Logins: []connreq.Login{{Username: requestUser, Password: requestPassword}}}
	b, ok := g.table.Lookup(id)
	if !ok {
		t.NoBinding = "no binding"
		return t, true
	}
	if ok, why := g.table.Usable(&b); !ok {
		t.NoBinding = why
		return t, true
	}
	t.Local, t.Remote, t.Stale = b.Local, b.Remote, b.Stale(time.Now())
	return t, true
}

func (g *gateway) send(local, to netip.AddrPort, payload []byte) error {
	err := g.stun.SendFrom(local, to, payload)
	g.mu.Lock()
	g.sent = slices.Clone(payload)
	also := g.also
	g.also = nil
	g.mu.Unlock()
	if also != nil {
		also(to, payload)
	}
	return err
}

// watch sees what comes to the ACS, as the proxy would.
func (g *gateway) watch(x *simnet.Exchange) simnet.Misbehaviour {
	at := time.Now()
	m, err := cwmp.Scan(x.Body, cwmp.Options{Params: func(name []byte) bool {
		return strings.HasSuffix(string(name), ".UDPConnectionRequestAddress")
	}})
	if err != nil || m.Method != "Inform" {
		return simnet.Misbehaviour{}
	}
	claim := binding.Claim{Device: m.Device, Source: x.Remote.Addr().Unmap(), At: at}
	for _, p := range m.Params {
		if reported, err := netip.ParseAddrPort(p.Value); err == nil {
			claim.Reported = reported
		}
	}
	g.table.NoteClaim(claim)
	var events []string
	for _, e := range m.Events {
		events = append(events, e.Code)
	}
	g.requests.NoteInform(m.Device, events, at)
	return simnet.Misbehaviour{}
}

// cpe is one simulated CPE in a lab.
type cpe struct {
	device cwmp.DeviceID
	conn   *net.UDPConn
	cfg    simnet.STUNConfig
	client *simnet.STUNClient
	stop   func()

	wakes chan string // events to be told in a session, "" for a change alone
	bound chan boundTo

	mu    sync.Mutex
	from  map[netip.AddrPort][]arrival
	owing int // sessions that are still to be held
}

// arrival is a datagram that has reached a CPE.
type arrival struct {
	rule string // that it breaks, "" for none
	raw  string
}

type boundTo struct {
	mapped netip.AddrPort
	nat    bool
}

// startCPE sets up a CPE on a host: its STUN client, and a loop that holds sessions
// when there is a reason.
func startCPE(t *testing.T, g *gateway, h *Host, profile string, number, port int, keepAlive time.Duration) *cpe {
	t.Helper()
	p, ok := simnet.STUNProfileNamed(profile)
	if !ok {
		t.Fatalf("no profile %q", profile)
	}
	kind, _ := simnet.MakeNamed("generic")
	kind = kind.WithSTUN(g.lab.ServerAddr())
	c := &cpe{
		device: kind.DeviceNumber(number), conn: h.ListenUDP(netip.AddrPortFrom(h.Addrs[0], uint16(port))),
		wakes: make(chan string, 100), bound: make(chan boundTo, 100), from: map[netip.AddrPort][]arrival{},
	}
	model, err := simnet.NewCPE(simnet.CPEConfig{URL: g.acs.URL(), Make: kind, Device: c.device, Dial: h.Dial})
	if err != nil {
		t.Fatal(err)
	}
	c.cfg = simnet.STUNConfig{
		Profile: p, Server: g.lab.ServerAddr(), Conn: c.conn, MinKeepAlive: keepAlive,
		Username: c.device.OUI + "-" + c.device.SerialNumber, Password: stunPassword,
		ConnectionRequestUsername: requestUser, ConnectionRequestPassword: requestPassword,
		Bound: func(mapped netip.AddrPort, nat bool) {
			if profile == "tr069agent" { // which reports its own port (quirk S-12)
				mapped = netip.AddrPortFrom(mapped.Addr(), uint16(port))
			}
			c.owe(1)
			c.bound <- boundTo{mapped, nat}
		},
		Requested: func(r simnet.ConnectionRequest) {
			c.note(r, "")
			c.owe(1)
			c.wakes <- simnet.EventConnectionRequest
		},
		Refused: func(r simnet.ConnectionRequest, err error) {
			rule, _, _ := strings.Cut(err.Error(), ":")
			c.note(r, rule)
		},
		Unserved: func(reply []byte, err error) { t.Errorf("%s: reply %x: %v", profile, reply, err) },
	}
	c.owe(1)
	c.wakes <- "1 BOOT"
	background(t, func(ctx context.Context) error { return c.live(ctx, model) })
	t.Cleanup(func() { c.stop() })
	c.restart(t)
	return c
}

// restart runs the STUN client anew, as after a restart of the CPE.
func (c *cpe) restart(t *testing.T) {
	t.Helper()
	if c.stop != nil {
		c.stop()
	}
	client, err := simnet.NewSTUNClient(c.cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- client.Run(ctx) }()
	c.client, c.stop = client, sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// live holds sessions until the context ends. A session that fails, as when the
// NAT changes under it, is held again.
func (c *cpe) live(ctx context.Context, model *simnet.CPE) error {
	for {
		var events []string
		select {
		case <-ctx.Done():
			return nil
		case b := <-c.bound:
			model.SetBinding(b.mapped, b.nat)
		case event := <-c.wakes:
			events = []string{event}
		}
		for range 5 {
			if _, err := model.Session(ctx, events...); err == nil || ctx.Err() != nil {
				break
			}
		}
		c.owe(-1)
	}
}

// owe changes the number of sessions that are still to be held.
func (c *cpe) owe(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.owing += n
}

func (c *cpe) idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.owing == 0
}

func (c *cpe) note(r simnet.ConnectionRequest, rule string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.from[r.From] = append(c.from[r.From], arrival{rule, string(r.Raw)})
}

// reached returns what has come from an address.
func (c *cpe) reached(from netip.AddrPort) []arrival {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.from[from])
}

// any tells whether anything has come.
func (c *cpe) any() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.from) != 0
}

// learned waits until the gateway would use the CPE's present address, and the CPE
// has no more sessions to hold.
func (g *gateway) learned(t *testing.T, c *cpe) netip.AddrPort {
	t.Helper()
	var target connreq.Target
	ok := until(func() bool {
		target, _ = g.target(c.device)
		return target.Remote.IsValid() && target.Remote == c.client.Status().Mapped && c.idle()
	})
	if !ok {
		b, found := g.table.Lookup(c.device)
		t.Fatalf("binding is not learned: client %+v, table %+v %v", c.client.Status(), b, found)
	}
	return target.Remote
}

// wake makes a Connection Request.
func (g *gateway) wake(t *testing.T, c *cpe) connreq.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := g.requests.Request(ctx, c.device, "test")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// wakes makes one that should work, and waits until the CPE has held its session.
func (g *gateway) wakes(t *testing.T, c *cpe) bool {
	t.Helper()
	r := g.wake(t, c)
	if !r.OK || r.Transport != connreq.UDP {
		t.Errorf("CPE %s is not woken: %+v", c.device.SerialNumber, r)
		return false
	}
	return until(c.idle)
}
