package natlab

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds waits that end with an event; settle is how long a packet
// that should be lost is given to arrive before the one that ends the wait.
const (
	patience = 10 * time.Second
	settle   = 100 * time.Millisecond
)

// echo answers each datagram with the address that it came from.
func echo(conn *net.UDPConn) {
	buf := make([]byte, 2048)
	for {
		_, from, err := conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		_, _ = conn.WriteToUDPAddrPort([]byte(from.String()), from)
	}
}

// servers opens sockets from which packets are tried: the server's address, and
// elsewhere.
func servers(t *testing.T, l *Lab) []*net.UDPConn {
	t.Helper()
	return append([]*net.UDPConn{l.Server.ListenUDP(l.ServerAddr())}, elsewhere(l)...)
}

// elsewhere opens sockets at another port of the server, at another address of it,
// and at another host.
func elsewhere(l *Lab) []*net.UDPConn {
	return []*net.UDPConn{
		l.Server.ListenUDP(netip.AddrPortFrom(l.Server.Addrs[0], ServerPort+1)),
		l.Server.ListenUDP(netip.AddrPortFrom(l.Server.Addrs[1], ServerPort)),
		l.Attacker.ListenUDP(netip.AddrPortFrom(l.Attacker.Addrs[0], ServerPort)),
	}
}

func local(conn *net.UDPConn) netip.AddrPort {
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

// ask sends a datagram from cpe and returns how the echo at to saw it.
func ask(t *testing.T, cpe *net.UDPConn, to netip.AddrPort) netip.AddrPort {
	t.Helper()
	if _, err := cpe.WriteToUDPAddrPort([]byte("?"), to); err != nil {
		t.Fatal(err)
	}
	got, from := receive(t, cpe)
	if from != to {
		t.Fatalf("asked %v, %v answered %q", to, from, got)
	}
	mapped, err := netip.ParseAddrPort(got)
	if err != nil {
		t.Fatal(err)
	}
	return mapped
}

func receive(t *testing.T, conn *net.UDPConn) (string, netip.AddrPort) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, 2048)
	n, from, err := conn.ReadFromUDPAddrPort(buf)
	if err != nil {
		t.Fatalf("nothing arrives at %v: %v", conn.LocalAddr(), err)
	}
	return string(buf[:n]), from
}

// arrived returns which of the senders get a datagram to the CPE. The first is
// the one that must: its second datagram ends the wait.
func arrived(t *testing.T, senders []*net.UDPConn, mapped netip.AddrPort, cpe *net.UDPConn) []bool {
	t.Helper()
	for i, s := range senders {
		if _, err := s.WriteToUDPAddrPort(fmt.Appendf(nil, "from %d", i), mapped); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(settle)
	if _, err := senders[0].WriteToUDPAddrPort([]byte("end"), mapped); err != nil {
		t.Fatal(err)
	}
	got := make([]bool, len(senders))
	for {
		text, from := receive(t, cpe)
		if text == "end" {
			return got
		}
		var i int
		if _, err := fmt.Sscanf(text, "from %d", &i); err != nil || from != local(senders[i]) {
			t.Fatalf("%q came from %v", text, from)
		}
		got[i] = true
	}
}

// TestKinds proves with a plain echo that each NAT is of its kind.
func TestKinds(t *testing.T) {
	for _, kind := range Kinds() {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			l := New(t, kind)
			senders := servers(t, l)
			cpes := make([]*net.UDPConn, len(l.CPEs))
			mapped := make([]netip.AddrPort, len(cpes))
			for i, h := range l.CPEs {
				cpes[i] = h.ListenUDP(netip.AddrPortFrom(h.Addrs[0], CPEPort))
			}
			done := make(chan struct{})
			go func() { defer close(done); echo(senders[0]) }()
			for i, cpe := range cpes {
				mapped[i] = ask(t, cpe, local(senders[0]))
				if again := ask(t, cpe, local(senders[0])); again != mapped[i] {
					t.Errorf("mapping is %v, then %v", mapped[i], again)
				}
				if isOpen := mapped[i] == local(cpe); isOpen != (kind == Open) || mapped[i].Port() == CPEPort && kind != Open {
					t.Errorf("CPE %v is seen as %v", local(cpe), mapped[i])
				}
			}
			_ = senders[0].SetReadDeadline(time.Unix(1, 0))
			<-done
			_ = senders[0].SetReadDeadline(time.Time{})
			checkFilter(t, l, senders, cpes, mapped)
			checkMapping(t, l, senders, cpes, mapped)
		})
	}
}

// checkFilter tries who gets through to CPEs that have sent to senders[0] alone.
func checkFilter(t *testing.T, l *Lab, senders, cpes []*net.UDPConn, mapped []netip.AddrPort) {
	t.Helper()
	otherPort, otherAddress := l.Kind.Reaches()
	want := []bool{true, otherPort, otherAddress, otherAddress}
	for i, cpe := range cpes {
		if got := arrived(t, senders, mapped[i], cpe); !slices.Equal(got, want) {
			t.Errorf("CPE %d: arrived %v, want %v", i+1, got, want)
		}
	}
}

// checkMapping compares how other peers see the CPEs.
func checkMapping(t *testing.T, l *Lab, senders, cpes []*net.UDPConn, mapped []netip.AddrPort) {
	t.Helper()
	for _, s := range senders[1:] {
		go echo(s)
	}
	same := 0
	for i, cpe := range cpes {
		for _, s := range senders[1:] {
			if ask(t, cpe, local(s)) == mapped[i] {
				same++
			}
		}
	}
	total := len(cpes) * (len(senders) - 1)
	if l.Kind.PerPeer() && same == total || !l.Kind.PerPeer() && same != total {
		t.Errorf("%d of %d peers see the same mapping", same, total)
	}
	if len(mapped) == 2 && (mapped[0] == mapped[1] || mapped[0].Addr() != mapped[1].Addr()) {
		t.Errorf("two CPEs behind one NAT are seen as %v", mapped)
	}
}

// TestRemap shows that a NAT that has changed its mapping lets nothing in through
// the old one.
func TestRemap(t *testing.T) {
	t.Parallel()
	for _, kind := range []Kind{Changing, CGNAT} {
		l := New(t, kind)
		sender, probe := l.Server.ListenUDP(l.ServerAddr()), l.CPEs[0].ListenUDP(netip.AddrPortFrom(l.CPEs[0].Addrs[0], CPEPort))
		go echo(sender)
		before := ask(t, probe, l.ServerAddr())
		for range 2 {
			l.Remap()
			if _, err := sender.WriteToUDPAddrPort([]byte("lost"), before); err != nil {
				t.Fatal(err)
			}
			time.Sleep(settle)
			after := ask(t, probe, l.ServerAddr()) // would read "lost", if it came
			if after == before || after.Addr() == before.Addr() {
				t.Errorf("%v: mapping is %v, then %v", kind, before, after)
			}
			before = after
		}
	}
}

// TestForgetful shows that a mapping that is not used comes to an end, and one
// that is used does not.
func TestForgetful(t *testing.T) {
	t.Parallel()
	l := New(t, Forgetful)
	sender, cpe := l.Server.ListenUDP(l.ServerAddr()), l.CPEs[0].ListenUDP(netip.AddrPortFrom(l.CPEs[0].Addrs[0], CPEPort))
	go echo(sender)
	before := ask(t, cpe, l.ServerAddr())
	for range 4 {
		time.Sleep(Timeout / 3)
		if after := ask(t, cpe, l.ServerAddr()); after != before {
			t.Errorf("mapping in use changes from %v to %v", before, after)
		}
	}
	expire()
	if _, err := sender.WriteToUDPAddrPort([]byte("lost"), before); err != nil {
		t.Fatal(err)
	}
	time.Sleep(settle)
	if after := ask(t, cpe, l.ServerAddr()); after == before {
		t.Errorf("mapping is still %v", after)
	}
}

// expire waits until a Forgetful NAT has forgotten everything. An entry that is
// too old counts no more, though it may be removed later.
func expire() { time.Sleep(Timeout + Timeout/4) }

// TestCleanup shows that nothing is left, and that leftovers of dead processes go.
func TestCleanup(t *testing.T) {
	var name string
	t.Run("lab", func(t *testing.T) {
		l := New(t, Symmetric)
		name = l.name
		if n := count(t, name); n != 5 {
			t.Errorf("%d namespaces, want 5", n)
		}
	})
	if name == "" {
		t.Skip("no lab here")
	}
	if n := count(t, name); n != 0 {
		t.Errorf("%d namespaces are left", n)
	}
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Skip("needs the program true")
	}
	leftover := fmt.Sprintf("%s%d-1-home", prefix, dead.Process.Pid)
	if err := run("", "ip", "netns", "add", leftover); err != nil {
		t.Fatal(err)
	}
	New(t, Open)
	if n := count(t, leftover); n != 0 {
		t.Errorf("a leftover of a dead process is still there")
	}
}

func count(t *testing.T, name string) int {
	t.Helper()
	entries, err := os.ReadDir(namespaces)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), name) {
			n++
		}
	}
	return n
}
