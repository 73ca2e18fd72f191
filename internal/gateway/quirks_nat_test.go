package gateway

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/simnet"
)

// stunRequest is a Binding Request of TR-111 for a user, with BINDING-CHANGE.
func stunRequest(user string) []byte {
	for len(user)%4 != 0 {
		user += " "
	}
	b := append([]byte{0, 1, 0, byte(4 + len(user) + 24 + 4)}, "0123456789abcdef"...)
	b = append(append(b, 0, 6, 0, byte(len(user))), user...)
	b = append(append(b, 0xc0, 1, 0, 20), "dslforum.org/TR-111 "...)
	return append(b, 0xc0, 2, 0, 0)
}

// restart starts the gateway anew with more in its configuration.
func (w *natWorld) restart(change func(extra string) string) {
	w.t.Helper()
	w.stop()
	w.extra = change(w.extra)
	w.start()
}

// knock sends a STUN request to the gateway and returns what comes back.
func (w *natWorld) knock(conn net.PacketConn, request []byte) []byte {
	w.t.Helper()
	if _, err := conn.WriteTo(request, net.UDPAddrFromAddrPort(w.reach.stun.Addrs()[0])); err != nil {
		w.t.Fatal(err)
	}
	return w.hear(conn)
}

func (w *natWorld) hear(conn net.PacketConn) []byte {
	w.t.Helper()
	b := make([]byte, 1024)
	_ = conn.SetReadDeadline(time.Now().Add(15 * time.Second))
	n, from, err := conn.ReadFrom(b)
	if err != nil {
		w.t.Fatal(err)
	}
	if from.String() != w.reach.stun.Addrs()[0].String() {
		w.t.Errorf("%q came from %v, not from the STUN server", b[:n], from)
	}
	return b[:n]
}

func udpConn(t *testing.T) net.PacketConn {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// TestS06_AModelIsNeverChallenged: where signing is the policy, who is of a model
// with no_stun_challenge is answered unsigned, and any other is asked to sign.
func TestS06_AModelIsNeverChallenged(t *testing.T) {
	w := newNATWorld(t)
	password := filepath.Join(t.TempDir(), "stun.password")
	if err := os.WriteFile(password, []byte("stunpass"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.restart(func(extra string) string {
		logins := fmt.Sprintf("credentials: {logins: [{stun_username: \"{oui}-{serial}\", stun_password_file: %q}]}", password)
		extra = strings.Replace(extra, "credentials: {learn: true}", logins, 1)
		return strings.Replace(extra, "stun: {", "stun: {authentication: always, ", 1) +
			"quirks: [{name: rdk, oui: [\"" + w.cpe("easycwmp", 1).Device().OUI + "\"], no_stun_challenge: true}]\n"
	})
	for name, want := range map[string]uint16{"easycwmp": 0x0101, "netcwmp": 0x0111} {
		c := w.cpe(name, 1)
		w.session(c)
		reply := w.knock(udpConn(t), stunRequest(c.Device().OUI+"-"+c.Device().SerialNumber))
		if got := uint16(reply[0])<<8 | uint16(reply[1]); got != want {
			t.Errorf("%s is answered %#x, want %#x", name, got, want)
		}
	}
}

// TestS31_S33_QuirksOfAModel: what the configuration says of a model shows in the
// datagram that its CPE gets: a slash, milliseconds.
func TestS31_S33_QuirksOfAModel(t *testing.T) {
	w := newNATWorld(t)
	number := 0
	for rule, form := range map[string]string{
		"":                           `^GET http://127\.0\.0\.1:\d+\?ts=\d{10}&id=`,
		"request_slash: true":        `^GET http://127\.0\.0\.1:\d+/\?ts=\d{10}&id=`,
		"request_milliseconds: true": `^GET http://127\.0\.0\.1:\d+\?ts=\d{13}&id=`,
		"request_slash: true, request_milliseconds: true": `^GET http://127\.0\.0\.1:\d+/\?ts=\d{13}&id=`,
	} {
		w.restart(func(extra string) string {
			extra, _, _ = strings.Cut(extra, "quirks:")
			if rule != "" {
				extra += "quirks: [{name: model, " + rule + "}]\n"
			}
			return extra
		})
		number++ // another each time: a device is not called twice within min_interval
		c, conn := w.cpe("easycwmp", number), udpConn(t)
		w.session(c)
		id := c.Device()
		w.knock(conn, stunRequest(id.OUI+"-"+id.SerialNumber))
		w.eventually("the binding is known", func() bool {
			b, ok := w.reach.bindings.Lookup(id)
			return ok && b.Remote.String() == conn.LocalAddr().String() && b.Corroborated()
		})
		if _, err := w.reach.requests.Begin(id, "test"); err != nil {
			t.Fatal(err)
		}
		if got := w.hear(conn); !regexp.MustCompile(form).Match(got) {
			t.Errorf("with %q the CPE gets %q", rule, got)
		}
	}
}

// TestS16_ReloadsKeepTheSocket: every STUN request is answered while the
// configuration is taken anew again and again.
func TestS16_ReloadsKeepTheSocket(t *testing.T) {
	w := newNATWorld(t)
	w.restart(func(extra string) string {
		return strings.Replace(extra, "stun: {", "stun: {requests_per_source: 1000000, ", 1)
	})
	before, conn := w.reach.stun.Addrs(), udpConn(t)
	var reloads sync.WaitGroup
	done := make(chan struct{})
	reloads.Go(func() {
		defer close(done)
		for n := range 20 {
			extra := w.extra
			if n%2 == 0 {
				extra += "quirks: [{name: x, request_slash: true}]\n"
			}
			if err := w.Reload(w.parse(extra)); err != nil {
				t.Error(err)
			}
		}
	})
	for asked := 0; asked < 200 || !ended(done); asked++ {
		if reply := w.knock(conn, stunRequest("nobody")); reply[0] != 1 || reply[1] != 1 {
			t.Fatalf("%x", reply)
		}
	}
	reloads.Wait()
	if after := w.reach.stun.Addrs(); len(after) != len(before) || after[0] != before[0] {
		t.Errorf("addresses %v, before %v", after, before)
	}
	moved := strings.Replace(w.extra, `listen: ["127.0.0.1:`, `listen: ["127.0.0.2:`, 1)
	if err := w.Reload(w.parse(moved)); err == nil || !strings.Contains(err.Error(), "restart") {
		t.Errorf("another STUN address: %v", err)
	}
}

func ended(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// sourceListener notes where connections come from.
type sourceListener struct {
	net.Listener
	sources chan netip.AddrPort
}

func (l *sourceListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		if from, err := netip.ParseAddrPort(conn.RemoteAddr().String()); err == nil {
			select {
			case l.sources <- from:
			default:
			}
		}
	}
	return conn, err
}

// TestC80_FromTheListenerOfTheCPE: icwmp lets in none but the address that its
// sessions go to. The gateway calls from there, not from the address that the
// machine would choose.
func TestC80_FromTheListenerOfTheCPE(t *testing.T) {
	probe, err := net.Listen("tcp4", "127.0.0.5:0")
	if err != nil {
		t.Skipf("no further loopback address: %v", err)
	}
	probe.Close()
	w := newNATWorld(t)
	w.listen = "127.0.0.5:0"
	w.restart(func(extra string) string { return extra })
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	from := &sourceListener{l, make(chan netip.AddrPort, 8)}
	called := make(chan struct{}, 8)
	server, err := simnet.NewRequestServer(simnet.RequestServerConfig{
		Listener: from, Form: simnet.RequestForms()[0], Path: "/cr", Username: requestUser, Password: requestPassword,
		Requested: func(simnet.ConnectionRequest) { called <- struct{}{} },
	})
	if err != nil {
		t.Fatal(err)
	}
	w.runs(server.Run)
	c := w.cpe("easycwmp", 1)
	c.SetConnectionRequestURL(server.URL())
	w.session(c)
	if _, err := w.reach.requests.Begin(c.Device(), "test"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-called:
	case <-time.After(15 * time.Second):
		t.Fatal("the CPE was not called")
	}
	if _, err := c.Session(t.Context(), cwmp.EventConnectionRequest); err != nil {
		t.Error(err)
	}
	seen := map[netip.AddrPort]bool{}
	for range 2 { // the 401, and the answer on a connection of its own
		source := <-from.sources
		seen[source] = true
		if source.Addr() != netip.MustParseAddr("127.0.0.5") {
			t.Errorf("called from %v", source)
		}
	}
	if len(seen) != 2 {
		t.Errorf("one connection for both requests: %v", seen)
	}
}
