package main

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func TestKeepAliveIsWhatCPEsSend(t *testing.T) {
	want := "\x00\x01\x00\x3c" + string(make([]byte, 16)) +
		"\x00\x06\x00\x20" + "00D09E-HG8245H-BENCH000000007   " + "\xc0\x01\x00\x14" + "dslforum.org/TR-111 "
	if got := string(keepAlive(numberedDevice(7))); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestFleetAddresses(t *testing.T) {
	seen := map[netip.Addr]bool{}
	for _, n := range []int{0, 1, 255, 256, 65_535, 65_536, 1_000_000, mostCPEs - 1} {
		a := fleetAddress(n)
		if !a.IsLoopback() || seen[a] || fleetNumber(a) != n {
			t.Errorf("CPE %d at %v, which is CPE %d", n, a, fleetNumber(a))
		}
		seen[a] = true
	}
}

func TestRequested(t *testing.T) {
	for text, want := range map[string]int{
		"GET http://127.16.1.2:7547?ts=1&id=2 HTTP/1.1\r\n\r\n":  258,
		"GET http://127.17.0.0:7547/?ts=1&id=2 HTTP/1.1\r\n\r\n": 65_536,
	} {
		if got, err := requested([]byte(text)); err != nil || got != want {
			t.Errorf("%q is for CPE %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "GET http://127.16.1.2:7547", "GET http://nobody:7547?ts=1", "POST http://127.16.1.2:7547?ts=1"} {
		if got, err := requested([]byte(text)); err == nil {
			t.Errorf("%q is for CPE %d", text, got)
		}
	}
}

// startTestEcho echoes datagrams, but for every n-th, for the test's time.
func startTestEcho(t *testing.T, lose int) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	udp := conn.(*net.UDPConn)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if lose == 0 {
			_ = echoDatagrams(udp)
			return
		}
		buf := make([]byte, 2048)
		for i := 1; ; i++ {
			n, from, err := udp.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			if i%lose != 0 {
				_, _ = udp.WriteToUDPAddrPort(buf[:n], from)
			}
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return udp.LocalAddr().(*net.UDPAddr).AddrPort()
}

func newTestSTUNLoad(t *testing.T) *stunLoad {
	t.Helper()
	l, err := newSTUNLoad(50)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.socket.close)
	return l
}

func TestSTUNLoadIsAnswered(t *testing.T) {
	l, to := newTestSTUNLoad(t), startTestEcho(t, 0)
	for name, load := range map[string]func() (stunResult, error){
		"saturate": func() (stunResult, error) { return l.saturate(t.Context(), to, 500) },
		"pace":     func() (stunResult, error) { return l.pace(t.Context(), to, 500, 10_000) },
	} {
		if got, err := load(); err != nil || got.Sent != 500 || got.Answered != 500 || got.rate() <= 0 {
			t.Errorf("%s = %+v, %v", name, got, err)
		}
	}
}

func TestSTUNLoadCountsLosses(t *testing.T) {
	got, err := newTestSTUNLoad(t).pace(t.Context(), startTestEcho(t, 10), 100, 10_000)
	if err != nil || got.Sent != 100 || got.Answered != 90 || got.loss() < 0.099 || got.loss() > 0.101 {
		t.Errorf("load = %+v, loss %v, %v", got, got.loss(), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newTestSTUNLoad(t).pace(ctx, startTestEcho(t, 0), 100, 10); err == nil {
		t.Error("a load outlives its context")
	}
}

func TestBindingsOfAFleet(t *testing.T) {
	dir := t.TempDir() + "/data"
	f := boundFleet{size: 20, stun: netip.MustParseAddrPort("127.0.0.1:3478"), port: 7}
	if err := fillFleet(t.Context(), dir, f); err != nil {
		t.Fatal(err)
	}
	s, err := openStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	table, err := newTable(s, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	if err := table.Load(t.Context()); err != nil || table.Len() != f.size {
		t.Fatalf("%d bindings, %v", table.Len(), err)
	}
	b, ok := table.Lookup(numberedDevice(3))
	if usable, why := table.Usable(&b); !ok || !usable || b.Remote != f.source(3) || b.Local != f.stun || b.Stale(time.Now()) {
		t.Errorf("binding %+v, %s", b, why)
	}
}
