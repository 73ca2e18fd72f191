package connreq

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// udpRequest is a Connection Request as GenieACS makes it, for an authority.
func udpRequest(authority string, ts, id int64, username, password string) []byte {
	sig := sign(password, fmt.Sprint(ts)+fmt.Sprint(id)+username+"f9c42c656b55ba54")
	return fmt.Appendf(nil, "GET http://%s?ts=%d&id=%d&un=%s&cn=f9c42c656b55ba54&sig=%s HTTP/1.1\r\nHost: %s\r\n\r\n", authority, ts, id, username, sig, authority)
}

// sendFrom sends a datagram to the relay from a loopback address.
func (w *acsWorld) sendFrom(ip string, payload []byte) {
	w.t.Helper()
	conn, err := net.DialUDP("udp4", &net.UDPAddr{IP: net.ParseIP(ip)}, w.side.relay.conn.LocalAddr().(*net.UDPAddr))
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(payload); err != nil {
		w.t.Fatal(err)
	}
}

// receive returns the next datagram at the CPE.
func (w *acsWorld) receive() string {
	w.t.Helper()
	if err := w.cpe.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		w.t.Fatal(err)
	}
	buffer := make([]byte, 2048)
	n, from, err := w.cpe.ReadFromUDPAddrPort(buffer)
	if err != nil {
		w.t.Fatal(err)
	}
	if from != addrOf(w.stun) {
		w.t.Errorf("came from %v, not the STUN socket %v (S-30)", from, addrOf(w.stun))
	}
	return string(buffer[:n])
}

func TestS38_GenieACSWakesThroughRelay(t *testing.T) {
	w := newACSWorld(t, nil)
	shown := w.token + ".udp.example.net:7551"
	request := udpRequest(shown, 1795229054, 2812238097, "cruser", "crpass")
	for range 3 { // as GenieACS does
		w.sendFrom("127.0.0.1", request)
	}
	want := strings.ReplaceAll(string(request), shown, addrOf(w.cpe).String())
	for range 3 {
		if got := w.receive(); got != want {
			t.Fatalf("CPE got  %q\nwant %q", got, want)
		}
	}
	d, err := ParseDatagram([]byte(want))
	if err != nil || sign("crpass", d.Signed()) != d.Sig {
		t.Errorf("the signature does not hold: %v", err)
	}
	w.count(countDatagrams, outcomeSent, 3)
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.noted) != 1 || w.noted[0] != [2]int64{1795229054, 2812238097} {
		t.Errorf("S-32: the core was told of %v", w.noted)
	}
}

// TestRelay_OutlivesFailuresToRead: what a socket fails with may pass, and without
// the relay the whole gateway would stop.
func TestRelay_OutlivesFailuresToRead(t *testing.T) {
	w := newACSWorld(t, nil)
	conn := w.side.relay.conn
	if err := conn.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); counted(t, w.m, countDatagrams, outcomeReceive) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no failure is counted")
		}
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	w.sendFrom("127.0.0.1", udpRequest(w.token+".udp.example.net:7551", 1795229054, 1, "cruser", "crpass"))
	w.receive()
}

func TestS38_FreeACSWakesThroughPort(t *testing.T) {
	w := newACSWorld(t, func(w *acsWorld) {
		w.cfg.Relay = &RelayConfig{Listen: "127.0.0.1:0", Ports: "20000-20009"}
	})
	port, _ := w.side.ports.Port(device1)
	if port == 0 {
		t.Fatal("the device has no port")
	}
	authority := fmt.Sprintf("127.0.0.1:%d", port)
	sig := strings.ToUpper(sign("crpass", "17952290541237cruserabc"))
	w.sendFrom("127.0.0.1", []byte("GET http://"+authority+"/?ts=1795229054123&id=7&un=cruser&cn=abc&sig="+sig+" HTTP/1.1\r\nHost: "+authority+"\r\n\r\n"))
	want := fmt.Sprintf("GET http://%[1]v/?ts=1795229054123&id=7&un=cruser&cn=abc&sig=%[2]s HTTP/1.1\r\nHost: %[1]v\r\n\r\n", addrOf(w.cpe), sig)
	if got := w.receive(); got != want {
		t.Errorf("CPE got  %q\nwant %q", got, want)
	}
	w.sendFrom("127.0.0.1", udpRequest("127.0.0.1:20009", 1, 1, "u", "p"))
	w.count(countDatagrams, string(refusedDevice), 1)
}

func TestRelay_RefusesWithoutATrace(t *testing.T) {
	const ts = 1795229054
	authority := NewTokens([]byte("0123456789abcdef")).Of(device1) + ".udp.example.net:7551"
	good := udpRequest(authority, ts, 1, "cruser", "crpass")
	tests := []struct {
		name    string
		from    string
		payload []byte
		change  func(*acsWorld)
		want    Refusal
	}{
		{"spoofed source network", "127.0.0.2", good, nil, refusedSource},
		{"oversized", "127.0.0.1", bytes.Repeat([]byte("x"), 60_000), nil, RefusedSize},
		{"STUN", "127.0.0.1", append([]byte{0, 1, 0, 32}, make([]byte, 48)...), nil, RefusedForm},
		{"two sig", "127.0.0.1", bytes.Replace(good, []byte("&un="), []byte("&sig=&un="), 1), nil, RefusedParameter},
		{"C-61 unknown token", "127.0.0.1", udpRequest(someToken+".udp.example.net:7551", ts, 1, "cruser", "crpass"), nil, refusedDevice},
		{"another name", "127.0.0.1", bytes.ReplaceAll(good, []byte("udp.example.net"), []byte("udp.example.org")), nil, refusedDevice},
		{"the binding itself", "127.0.0.1", udpRequest("127.0.0.1:9", ts, 1, "cruser", "crpass"), nil, refusedDevice},
		{"no binding", "127.0.0.1", good, func(w *acsWorld) { w.target.Remote = netip.AddrPort{} }, refusedBinding},
		{"the gateway's own socket", "127.0.0.1", good, func(w *acsWorld) { w.target.Remote = w.target.Local }, refusedBinding},
		{"S-44 ts of next year", "127.0.0.1", udpRequest(authority, ts+31_536_000, 1, "cruser", "crpass"), nil, refusedClock},
		{"S-44 ts of next year in milliseconds", "127.0.0.1", udpRequest(authority, (ts+31_536_000)*1000, 1, "cruser", "crpass"), nil, refusedClock},
		{"too long for CPEs", "127.0.0.1", bytes.Replace(udpRequest(authority, ts, 1, strings.Repeat("u", 63), "crpass"), []byte("cn="), []byte("cn="+strings.Repeat("c", 47)), 1), nil, refusedLength},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newACSWorld(t, tt.change)
			w.sendFrom(tt.from, tt.payload)
			w.count(countDatagrams, string(tt.want), 1)
			if w.sent() != 0 {
				t.Error("something went out")
			}
		})
	}
}

func TestRelay_HostHeaderNamesTheDevice(t *testing.T) {
	w := newACSWorld(t, nil)
	request := udpRequest("10.0.0.1:7551", 1795229054, 1, "cruser", "crpass")
	w.sendFrom("127.0.0.1", bytes.Replace(request, []byte("Host: 10.0.0.1"), []byte("Host: "+strings.ToUpper(w.token)+".UDP.example.net"), 1))
	if got := w.receive(); !strings.Contains(got, "\r\nHost: "+addrOf(w.cpe).String()+"\r\n") {
		t.Errorf("CPE got %q", got)
	}
}

func TestRelay_StaleBindingIsTriedAndCounted(t *testing.T) {
	w := newACSWorld(t, func(w *acsWorld) { w.target.Stale = true })
	w.sendFrom("127.0.0.1", udpRequest(w.token+".udp.example.net:7551", 1795229054, 1, "cruser", "crpass"))
	w.receive()
	w.count(countDatagrams, outcomeStale, 1)
}

// fakePasser has a clock and a device, but no sockets.
func fakePasser(t *testing.T, fail error) (*passer, *[]string) {
	t.Helper()
	cfg := &Config{}
	cfg.SetDefaults()
	var sent []string
	local, remote := netip.MustParseAddrPort("192.0.2.1:3478"), netip.MustParseAddrPort("198.51.100.7:1024")
	return newPasser(cfg, &acsDeps{
		Target: func(id cwmp.DeviceID) (Target, bool) { return Target{Device: id, Local: local, Remote: remote}, true },
		SendUDP: func(_, _ netip.AddrPort, payload []byte) error {
			sent = append(sent, string(payload))
			return fail
		},
		NoteRelayed: func(cwmp.DeviceID, int64, uint32) {},
	}), &sent
}

func parsed(t *testing.T, payload []byte) *Datagram {
	t.Helper()
	d, err := ParseDatagram(payload)
	if err != nil {
		t.Fatal(err)
	}
	return &d
}

func TestC84_RelayLimits(t *testing.T) {
	now := time.Unix(1795229054, 0)
	pass, _ := fakePasser(t, nil)
	request := func(id int64) *Datagram { return parsed(t, udpRequest("h:1", 1795229054, id, "u", "p")) }
	try := func(id cwmp.DeviceID, d *Datagram) error {
		_, err := pass.clear(id, d, now)
		return err
	}
	for n := range relayCopies {
		if err := try(device1, request(1)); err != nil {
			t.Fatalf("copy %d: %v", n+1, err)
		}
	}
	if err := try(device1, request(1)); err != refusedCopies {
		t.Errorf("replay: %v", err)
	}
	for n := int64(2); n <= relayRequests; n++ {
		if err := try(device1, request(n)); err != nil {
			t.Fatalf("request %d: %v", n, err)
		}
	}
	for range 2 { // a refused request must not pass as a copy of itself
		if err := try(device1, request(99)); err != refusedDevRate {
			t.Errorf("one request too many: %v", err)
		}
	}
	another := device1
	another.SerialNumber = "another"
	if err := try(another, request(99)); err != nil {
		t.Errorf("another device: %v", err)
	}
	now = now.Add(30 * time.Second)
	if err := try(device1, request(99)); err != nil {
		t.Errorf("after the interval: %v", err)
	}
	for n := range relayPerSecond {
		id := device1
		id.SerialNumber = fmt.Sprint("bulk", n)
		if err := try(id, request(7)); errors.Is(err, refusedRate) {
			break
		}
	}
	if err := try(cwmp.DeviceID{OUI: "ABCDEF", SerialNumber: "last"}, request(7)); err != refusedRate {
		t.Errorf("all together: %v", err)
	}
}

func TestRelay_SendFailureIsCounted(t *testing.T) {
	pass, sent := fakePasser(t, errors.New("no buffer"))
	c, err := pass.clear(device1, parsed(t, udpRequest("h:1", 1, 1, "u", "p")), time.Unix(1795229054, 0))
	if err != nil {
		t.Fatal(err)
	}
	if err := pass.send(&c); err != refusedSend || len(*sent) != 1 {
		t.Errorf("got %v after %d datagrams", err, len(*sent))
	}
}

func TestRelay_SlashGoesWhereLengthDemands(t *testing.T) {
	pass, _ := fakePasser(t, nil)
	now := time.Unix(1795229054, 0)
	build := func(cn int, slash string) *Datagram {
		return parsed(t, fmt.Appendf(nil, "GET http://h:1%s?ts=1795229054&id=1&un=%s&cn=%s&sig=%s HTTP/1.1\r\n\r\n", slash, strings.Repeat("u", 63), strings.Repeat("c", cn), strings.Repeat("0", 40)))
	}
	cn := 1
	for len(build(cn, "").To(netip.MustParseAddrPort("198.51.100.7:1024"))) < maxToCPE {
		cn++
	}
	c, err := pass.clear(device1, build(cn, "/"), now)
	if err != nil || len(c.payload) != maxToCPE || bytes.Contains(c.payload, []byte("/?")) {
		t.Errorf("%d bytes %q: %v", len(c.payload), c.payload, err)
	}
	if _, err := pass.clear(device1, build(cn+1, "/"), now); err != refusedLength {
		t.Errorf("one byte more: %v", err)
	}
}

// FuzzRelay: whatever an ACS sends, what goes out is one Connection Request to the
// binding of the device that it names, with a query of the ACS's own.
func FuzzRelay(f *testing.F) {
	tokens := NewTokens([]byte("0123456789abcdef"))
	token := tokens.Of(device1)
	good := udpRequest(token+".udp.example.net:7551", 1795229054, 7, "cruser", "crpass")
	f.Add(good)
	f.Add(bytes.Replace(good, []byte("?"), []byte("/?"), 1))
	f.Add(bytes.Replace(good, []byte("http://"+token), []byte("http://x"), 1))
	f.Add([]byte(genieDatagram))
	local, remote := netip.MustParseAddrPort("192.0.2.1:3478"), netip.MustParseAddrPort("198.51.100.7:1024")
	acs, err := parseNetworks([]string{"10.0.0.5"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		var sent []byte
		deps := &acsDeps{
			Target:  func(id cwmp.DeviceID) (Target, bool) { return Target{Device: id, Local: local, Remote: remote}, true },
			ByToken: func(s string) (cwmp.DeviceID, bool) { return device1, tokens.Is(s, device1) },
			SendUDP: func(from, to netip.AddrPort, payload []byte) error {
				if from != local || to != remote || sent != nil {
					t.Errorf("sent from %v to %v, after %q", from, to, sent)
				}
				sent = payload
				return nil
			},
			NoteRelayed: func(cwmp.DeviceID, int64, uint32) {},
		}
		cfg := &Config{}
		cfg.SetDefaults()
		r := &relay{suffix: "udp.example.net", acs: acs, pass: newPasser(cfg, deps), deps: deps}
		outcome := r.handle(payload, netip.MustParseAddrPort("10.0.0.5:4000"), time.Unix(1795229054, 0))
		if (outcome == outcomeSent) != (sent != nil) {
			t.Errorf("outcome %q, and %q was sent", outcome, sent)
		}
		if sent == nil {
			return
		}
		d, err := ParseDatagram(sent)
		if err != nil || len(sent) > maxToCPE || d.Authority != remote.String() || d.Host != remote.String() {
			t.Errorf("sent %q: %v", sent, err)
		}
		if !bytes.Contains(payload, []byte("?"+d.Query+" ")) || !bytes.Contains(bytes.ToLower(payload), []byte(token)) {
			t.Errorf("sent %q for %q", sent, payload)
		}
	})
}
