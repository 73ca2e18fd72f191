//go:build linux

package natlab

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/simnet"
	"github.com/acsgate/acsgate/stunsrv"
)

const stunUser, stunPassword = "cpe-stun-1", "stun-secret"

// newSTUN makes a STUN server that reports to sighted.
func newSTUN(address, authentication string, sighted func([]stunsrv.Sighting)) (*stunsrv.Server, error) {
	return stunsrv.New(stunsrv.Config{Listen: []string{address}, Authentication: authentication}, stunsrv.TURNConfig{}, stunsrv.Deps{
		Sighted:  sighted,
		Password: func(user []byte) ([]byte, bool) { return []byte(stunPassword), string(user) == stunUser },
		Metrics:  prometheus.NewRegistry(), Log: zap.NewNop(), Now: time.Now,
	})
}

// background runs something until the test ends.
func background(t testing.TB, run func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// until waits for a condition, and reports false when it does not come true.
func until(condition func() bool) bool {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if condition() {
			return true
		}
	}
	return condition()
}

// hasty makes a client try often.
func hasty(p simnet.STUNProfile) simnet.STUNProfile {
	p.Retransmits, p.GiveUp, p.RetryAfter = []time.Duration{}, 150*time.Millisecond, 10*time.Millisecond
	return p
}

// clients are all profiles, and those whose convention of signing varies.
func clients(t *testing.T) []simnet.STUNProfile {
	t.Helper()
	list := simnet.STUNProfiles()
	for _, form := range []simnet.STUNIntegrity{
		simnet.IntegrityExact, simnet.IntegrityBefore, simnet.IntegrityZero, simnet.IntegrityPlus4, simnet.IntegrityMinus44, simnet.IntegritySwapped,
	} {
		p, ok := simnet.STUNProfileNamed("works")
		if !ok {
			t.Fatal("no profile works")
		}
		p.Name, p.Integrity = "works signing "+form.Name, form
		list = append(list, p)
	}
	return list
}

// TestS06_EveryClientIsServed runs each client against the STUN server with each
// policy of authentication.
func TestS06_EveryClientIsServed(t *testing.T) {
	for _, policy := range []string{stunsrv.AuthOff, stunsrv.AuthOnChange, stunsrv.AuthAlways} {
		for _, p := range clients(t) {
			t.Run(policy+"/"+p.Name, func(t *testing.T) {
				t.Parallel()
				serveClient(t, policy, hasty(p))
			})
		}
	}
}

func serveClient(t *testing.T, policy string, p simnet.STUNProfile) {
	t.Helper()
	seen, signed, announced := make(chan struct{}, 1), make(chan struct{}, 1), make(chan struct{}, 1)
	tell := func(event chan struct{}, happened bool) {
		if happened {
			select {
			case event <- struct{}{}:
			default:
			}
		}
	}
	server, err := newSTUN("127.0.0.1:0", policy, func(sightings []stunsrv.Sighting) {
		for _, s := range sightings {
			if string(s.Username) != stunUser {
				t.Errorf("user name %q", s.Username)
			}
			tell(seen, true)
			tell(announced, s.Change)
			tell(signed, s.Verified)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	background(t, server.Run)
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client, err := simnet.NewSTUNClient(simnet.STUNConfig{
		Profile: p, Server: server.Addrs()[0], Conn: conn, Username: stunUser, Password: stunPassword, MinKeepAlive: 50 * time.Millisecond,
		Unserved: func(reply []byte, err error) { t.Logf("reply %x: %v", reply, err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	background(t, client.Run)
	if policy == stunsrv.AuthAlways && p.Name == "rdkb" {
		// It is why RDK-B must not be challenged: nothing helps it any more.
		if !until(func() bool { return client.Status().Unserved >= 5 }) || client.Status().Mapped.IsValid() {
			t.Errorf("after a challenge: %+v", client.Status())
		}
		return
	}
	want := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	if !until(func() bool { return client.Status().Mapped == want }) {
		t.Fatalf("client is not served: %+v", client.Status())
	}
	if p.Name == "tecom" {
		// It cannot read what asks for a signature, and its BINDING-CHANGE comes with
		// RESPONSE-ADDRESS; the keep-alive before that has told the same.
		await(t, seen, "packet")
		return
	}
	await(t, announced, "BINDING-CHANGE")
	if policy != stunsrv.AuthOff {
		await(t, signed, "signature")
	}
}

func await(t *testing.T, event <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-event:
	case <-time.After(patience):
		t.Errorf("no %s", what)
	}
}

// TestS10_TimeoutDiscovery: the server lets both ways of it work.
func TestS10_TimeoutDiscovery(t *testing.T) {
	for _, name := range []string{"standard", "tr069agent"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, err := newSTUN("127.0.0.1:0", stunsrv.AuthOff, func([]stunsrv.Sighting) {})
			if err != nil {
				t.Fatal(err)
			}
			background(t, server.Run)
			open := func() (net.PacketConn, error) {
				return net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
			}
			conn, err := open()
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			p, _ := simnet.STUNProfileNamed(name)
			p.Step = 20 * time.Millisecond
			client, err := simnet.NewSTUNClient(simnet.STUNConfig{
				Profile: p, Server: server.Addrs()[0], Conn: conn, Spare: open, Username: stunUser,
				MinKeepAlive: 20 * time.Millisecond, MaxKeepAlive: 100 * time.Millisecond,
				Unserved: func(reply []byte, err error) { t.Errorf("reply %x: %v", reply, err) },
			})
			if err != nil {
				t.Fatal(err)
			}
			background(t, client.Run)
			if !until(func() bool { return client.Status().KeepAlive == 100*time.Millisecond }) {
				t.Errorf("discovery ends at %+v", client.Status())
			}
		})
	}
}
