package stunsrv

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// machine returns a function that lists addresses as those of the machine.
func machine(addresses ...string) func() ([]netip.Addr, error) {
	return func() (out []netip.Addr, err error) {
		for _, a := range addresses {
			out = append(out, netip.MustParseAddr(a))
		}
		return out, nil
	}
}

// listenOn binds and closes with the test.
func listenOn(t *testing.T, entries []string, machine func() ([]netip.Addr, error)) *listener {
	t.Helper()
	l, err := listen(entries, machine)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeAll(l.sockets) })
	return l
}

func TestParseEndpoint(t *testing.T) {
	for value, want := range map[string]string{
		"203.0.113.10:3478":          "203.0.113.10:3478",
		":3478":                      "[::]:3478",
		"[::]:3478":                  "[::]:3478",
		"0.0.0.0:3478":               "0.0.0.0:3478",
		"[2001:db8::1]:0":            "[2001:db8::1]:0",
		"[::ffff:203.0.113.10]:3478": "203.0.113.10:3478",
		"[fe80::1%eth0]:3478":        "[fe80::1%eth0]:3478",
		"3478":                       "is not ip:port",
		"":                           "is not ip:port",
		"203.0.113.10":               "is not ip:port",
		"2001:db8::1:3478":           "is not ip:port",
		"203.0.113.10:65536":         "has a port",
		"203.0.113.10:stun":          "has a port",
		"stun.isp.example:3478":      "names are not looked up",
		"224.0.0.1:3478":             "is not the address of one machine",
		"255.255.255.255:3478":       "is not the address of one machine",
		"[fe80::1]:3478":             "without its zone",
	} {
		got, err := parseEndpoint(value)
		if err == nil && got.String() != want || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v; want %s", value, got, err, want)
		}
	}
}

// TestListen_ExpandsAllAddresses binds one socket for each address, all of them to
// the same port.
func TestListen_ExpandsAllAddresses(t *testing.T) {
	requireIPv6(t)
	all := machine("127.0.0.1", "127.0.0.2", "::1")
	for entry, want := range map[string][]string{
		":0":        {"127.0.0.1", "127.0.0.2", "::1"},
		"[::]:0":    {"127.0.0.1", "127.0.0.2", "::1"},
		"0.0.0.0:0": {"127.0.0.1", "127.0.0.2"},
	} {
		l := listenOn(t, []string{entry}, all)
		var got []string
		for _, s := range l.sockets {
			got = append(got, s.local.Addr().String())
			if s.local.Port() != l.sockets[0].local.Port() || s.topology != (topology{ownSocket: s.local}) {
				t.Errorf("%s: %v knows %v", entry, s.local, s.topology)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", entry, got, want)
		}
	}
}

// TestListen_SkipsAddressesThatLeft has an address that the machine does not have
// any more: of all addresses it is left out, by its name it is an error.
func TestListen_SkipsAddressesThatLeft(t *testing.T) {
	l := listenOn(t, []string{"0.0.0.0:0"}, machine("127.0.0.1", "192.0.2.77"))
	if len(l.sockets) != 1 || len(l.skipped) != 1 || l.skipped[0].Addr() != netip.MustParseAddr("192.0.2.77") {
		t.Errorf("bound %d, skipped %v", len(l.sockets), l.skipped)
	}
	if _, err := listen([]string{"192.0.2.77:0"}, machine()); !errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Errorf("a named address was left out: %v", err)
	}
	if _, err := listen([]string{"0.0.0.0:0"}, machine("::1")); err == nil || !strings.Contains(err.Error(), "no address") {
		t.Errorf("without any address: %v", err)
	}
	broken := func() ([]netip.Addr, error) { return nil, errors.New("netlink is gone") }
	if _, err := listen([]string{":0"}, broken); err == nil || !strings.Contains(err.Error(), "netlink is gone") {
		t.Errorf("without a list: %v", err)
	}
}

// TestS11_Topology tells which sockets are each other's alternatives.
func TestS11_Topology(t *testing.T) {
	t.Run("four", func(t *testing.T) {
		l := listenOn(t, []string{"127.0.0.1:0", "127.0.0.2:0", "127.0.0.3:0"}, nil)
		if len(l.sockets) != 5 {
			t.Fatalf("%d sockets", len(l.sockets))
		}
		for _, s := range l.sockets {
			for k, other := range s.topology {
				want := sender(0)
				if other.Port() != s.local.Port() {
					want |= otherPort
				}
				if other.Addr() != s.local.Addr() {
					want |= otherIP
				}
				if other.IsValid() && (sender(k) != want || s.changed[k].local != other) {
					t.Errorf("%v has %v as %d", s.local, other, k)
				}
				if alone := s.local.Addr() == netip.MustParseAddr("127.0.0.3"); other.IsValid() != (!alone || k == 0) {
					t.Errorf("%v has %v as %d", s.local, other, k)
				}
			}
		}
	})
	t.Run("two ports", func(t *testing.T) {
		l := listenOn(t, []string{"127.0.0.1:0", "127.0.0.1:0"}, nil)
		a, b := l.sockets[0], l.sockets[1]
		if a.topology != (topology{ownSocket: a.local, otherPort: b.local}) || b.topology != (topology{ownSocket: b.local, otherPort: a.local}) {
			t.Errorf("%v, %v", a.topology, b.topology)
		}
	})
	t.Run("other families", func(t *testing.T) {
		requireIPv6(t)
		l := listenOn(t, []string{"127.0.0.1:0", "[::1]:0"}, nil)
		for _, s := range l.sockets {
			if len(l.sockets) != 2 || s.topology != (topology{ownSocket: s.local}) {
				t.Errorf("%v", s.topology)
			}
		}
	})
	t.Run("all addresses", func(t *testing.T) {
		// Loopback is no other address for those who ask from elsewhere.
		l := listenOn(t, []string{":0", ":0"}, machine("127.0.0.1", "127.0.0.2"))
		for _, s := range l.sockets {
			if len(l.sockets) != 4 || s.topology[otherPort].Addr() != s.local.Addr() || s.topology[otherIP].IsValid() || s.topology[otherBoth].IsValid() {
				t.Errorf("%v", s.topology)
			}
		}
	})
}

// TestListen_UndoesAll leaves nothing bound when the last address cannot be.
func TestListen_UndoesAll(t *testing.T) {
	taken := listenOn(t, []string{"127.0.0.1:0"}, nil).sockets[0].local.String()
	first := listenOn(t, []string{"127.0.0.2:0"}, nil)
	free := first.sockets[0].local.String()
	closeAll(first.sockets)
	for _, bad := range []string{taken, "nonsense"} {
		_, err := New(Config{Listen: []string{free, bad}}, TURNConfig{}, quiet())
		if err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	listenOn(t, []string{free}, nil)
}

// TestListen_TwiceIsOnce has an address by its name and among all.
func TestListen_TwiceIsOnce(t *testing.T) {
	first := listenOn(t, []string{"127.0.0.1:0"}, nil)
	port := strings.TrimPrefix(first.sockets[0].local.String(), "127.0.0.1")
	closeAll(first.sockets)
	if l := listenOn(t, []string{"127.0.0.1" + port, "0.0.0.0" + port}, machine("127.0.0.1", "127.0.0.2")); len(l.sockets) != 2 {
		t.Errorf("%d sockets", len(l.sockets))
	}
}

func TestListen_TooManyAddresses(t *testing.T) {
	var many []string
	for i := range maxSockets + 1 {
		many = append(many, netip.AddrFrom4([4]byte{127, 0, byte(1 + i>>8), byte(i)}).String())
	}
	if _, err := listen([]string{":0"}, machine(many...)); err == nil || !strings.Contains(err.Error(), "list those") {
		t.Errorf("%v", err)
	}
}

func TestMachineAddresses(t *testing.T) {
	all, err := machineAddresses()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(all, netip.MustParseAddr("127.0.0.1")) {
		t.Errorf("%v has no loopback address", all)
	}
	for _, ip := range all {
		if ip.IsMulticast() || ip.Is6() && ip.IsLinkLocalUnicast() {
			t.Errorf("%v is there", ip)
		}
	}
}
