package stunsrv

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// step reads and serves batches until n packets are done. The reader's server
// does not run.
func step(t testing.TB, r *reader, n int) {
	t.Helper()
	for n > 0 {
		got, err := r.batch.read()
		if err != nil {
			t.Fatal(err)
		}
		r.serve(got)
		n -= got
	}
}

// TestS15_NoAllocationFromSocketToSocket covers reading, limiting, answering,
// counting and sending.
func TestS15_NoAllocationFromSocketToSocket(t *testing.T) {
	s := newServer(t, Config{Listen: []string{"127.0.0.1:0"}, RequestsPerSource: 1_000_000}, quiet())
	r := newReader(s, s.sockets[0])
	conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(s.Addrs()[0]))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	packet, buffer := request(classicID, attribute(attrUsername, "00D09E-HG8245-SN12345678"), bindingAttr), make([]byte, 512)
	allocations := testing.AllocsPerRun(500, func() {
		for range 4 {
			if _, err := conn.Write(packet); err != nil {
				t.Error(err)
			}
		}
		step(t, r, 4)
		for range 4 {
			if _, err := conn.Read(buffer); err != nil {
				t.Error(err)
			}
		}
	})
	if allocations != 0 {
		t.Errorf("%v allocations for four packets", allocations)
	}
}

// TestBatch_SkipsWhatTheKernelRefuses has the second of three answers too long
// for a datagram.
func TestBatch_SkipsWhatTheKernelRefuses(t *testing.T) {
	if batchSize < 3 {
		t.Skip("datagrams are sent one by one on this system")
	}
	s := newServer(t, Config{Listen: []string{"127.0.0.1:0"}}, quiet())
	b, c := newBatch(s.sockets[0]), newCPE(t, "127.0.0.1")
	for range 3 {
		c.send(s.Addrs()[0], []byte("x"))
	}
	if n, err := b.read(); n != 3 || err != nil {
		t.Fatalf("%d datagrams, %v", n, err)
	}
	for i, reply := range [][]byte{[]byte("first"), make([]byte, 70_000), []byte("third")} {
		b.answer(i, c.address().Port(), reply)
	}
	failed := b.flush()
	if len(failed) != 1 || failed[0].place != 1 || failed[0].err == nil {
		t.Errorf("failed: %v", failed)
	}
	for _, want := range []string{"first", "third"} {
		if got, from := c.receive(); string(got) != want || from != s.Addrs()[0] {
			t.Errorf("%q from %v, want %q", got, from, want)
		}
	}
	if failed := b.flush(); len(failed) != 0 {
		t.Errorf("failed once more: %v", failed)
	}
}

// TestBatch_Unsent counts what could not be sent as that, and not as answered.
func TestBatch_Unsent(t *testing.T) {
	s := newServer(t, Config{Listen: []string{"127.0.0.1:0"}}, quiet())
	r, c := newReader(s, s.sockets[0]), newCPE(t, "127.0.0.1")
	c.send(s.Addrs()[0], request(classicID))
	n, err := r.batch.read()
	if n != 1 || err != nil {
		t.Fatalf("%d datagrams, %v", n, err)
	}
	s.Close()
	r.serve(n)
	if s.counted(answered) != 0 || s.counted(unsent) != 1 || testutil.ToFloat64(s.metrics.sendErrors[otherSendError]) != 1 {
		t.Errorf("answered %d, unsent %d", s.counted(answered), s.counted(unsent))
	}
}

// TestBatch_FullReads takes more datagrams than one call fetches, of several CPEs.
func TestBatch_FullReads(t *testing.T) {
	s := newServer(t, Config{Listen: []string{"127.0.0.1:0"}}, quiet())
	r := newReader(s, s.sockets[0])
	clients := []*cpe{newCPE(t, "127.0.0.1"), newCPE(t, "127.0.0.2"), newCPE(t, "127.0.0.1")}
	const packets = 2*batchSize + 3
	for i := range packets {
		clients[i%len(clients)].send(s.Addrs()[0], request([]byte{15: byte(i)}))
	}
	step(t, r, packets)
	for i := range packets {
		c := clients[i%len(clients)]
		reply, _ := c.receive()
		if reply[19] != byte(i) || !bytes.Contains(reply, addressAttr(attrMappedAddress, c.address().String())) {
			t.Errorf("request %d of %v is answered %x", i, c.address(), reply)
		}
	}
	if reads := testutil.ToFloat64(s.metrics.reads); reads > packets || reads < packets/batchSize {
		t.Errorf("%v reads", reads)
	}
}

// TestFault_CostsOnePacket has our own code fail on one packet of a batch.
func TestFault_CostsOnePacket(t *testing.T) {
	core, lines := observer.New(zap.InfoLevel)
	deps := quiet()
	deps.Log = zap.New(core)
	deps.NeverChallenge = func(username []byte) bool {
		if string(username) == "poison" {
			panic("of a test")
		}
		return false
	}
	deps.Password = func([]byte) ([]byte, bool) { return []byte("secret"), true }
	s := startServer(t, Config{Listen: []string{"127.0.0.1:0"}, Authentication: AuthAlways}, deps)
	c := newCPE(t, "127.0.0.1")
	for range 3 {
		c.send(s.Addrs()[0], request(classicID, attribute(attrUsername, "poison"), bindingAttr))
		c.silent(s.Addrs()[0])
	}
	eventually(t, "all are counted", func() bool { return s.total() == 6 })
	if s.counted(faulted) != 3 || s.counted(answered) != 3 {
		t.Errorf("faulted %d, answered %d", s.counted(faulted), s.counted(answered))
	}
	if n := lines.FilterLevelExact(zap.ErrorLevel).Len(); n != 1 {
		t.Errorf("%d error lines", n)
	}
}

// TestFault_OfWhoIsToldCostsNoAnswer has who takes the sightings fail.
func TestFault_OfWhoIsToldCostsNoAnswer(t *testing.T) {
	core, lines := observer.New(zap.InfoLevel)
	deps := quiet()
	deps.Log = zap.New(core)
	deps.Sighted = func([]Sighting) { panic("of a test") }
	s := startServer(t, Config{Listen: []string{"127.0.0.1:0"}}, deps)
	c := newCPE(t, "127.0.0.1")
	for range 3 {
		c.ask(s.Addrs()[0], classicChange)
	}
	eventually(t, "all are counted", func() bool { return s.counted(answered) == 3 })
	if n := testutil.ToFloat64(s.metrics.sightings); n != 0 {
		t.Errorf("%v sightings are said to be told", n)
	}
	if n := lines.FilterLevelExact(zap.ErrorLevel).Len(); n != 1 {
		t.Errorf("%d error lines", n)
	}
}

// TestSightings_ComeTogether: what was sighted among the packets of a batch is told
// at once, in order, once, with the names that the packets still have, and before
// the answers.
func TestSightings_ComeTogether(t *testing.T) {
	c, calls := newCPE(t, "127.0.0.1"), 0
	var users []string
	deps := quiet()
	deps.Sighted = func(sightings []Sighting) {
		calls++
		for _, s := range sightings {
			if s.Source != c.address() {
				t.Errorf("sighted at %v", s.Source)
			}
			users = append(users, string(s.Username))
		}
		if err := c.conn.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
			t.Error(err)
		}
		if n, err := c.conn.Read(make([]byte, maxPacket)); err == nil {
			t.Errorf("an answer of %d bytes has left", n)
		}
	}
	s := newServer(t, Config{Listen: []string{"127.0.0.1:0"}}, deps)
	r := newReader(s, s.sockets[0])
	for _, packets := range [][]string{{"a", "", "bb", "ccc"}, {""}, {"dd"}} {
		calls, users = 0, nil
		var want []string
		for _, user := range packets {
			if user == "" {
				c.send(s.Addrs()[0], request(classicID)) // no sighting
				continue
			}
			want = append(want, user)
			c.send(s.Addrs()[0], request(classicID, attribute(attrUsername, user), bindingAttr))
		}
		step(t, r, len(packets))
		if !slices.Equal(users, want) || calls != (len(want)+batchSize-1)/batchSize && batchSize > 1 {
			t.Errorf("%d calls with %q, want %q", calls, users, want)
		}
		for range packets {
			c.receive()
		}
	}
}

// TestReceiveDrops_AreCounted overflows the buffer of a socket that nobody reads.
func TestReceiveDrops_AreCounted(t *testing.T) {
	s := newServer(t, Config{Listen: []string{"127.0.0.1:0"}}, quiet())
	if _, known := s.sockets[0].dropped(); !known {
		t.Skip("the system does not tell what it drops")
	}
	c, packet := newCPE(t, "127.0.0.1"), make([]byte, 1400)
	var before uint32
	for i := 0; before == 0; i++ {
		if i == 100_000 {
			t.Fatal("nothing was dropped")
		}
		c.send(s.Addrs()[0], packet)
		before, _ = s.sockets[0].dropped()
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if after := s.dropped(); after != float64(before) {
		t.Errorf("%v drops after Run, %v before", after, before)
	}
}

// TestS02_Demultiplexer tells what becomes of each kind of traffic, with the TURN
// relay off, on, and without room.
func TestS02_Demultiplexer(t *testing.T) {
	allocate := request(nil)
	allocate[1] = 3
	channel := []byte("\x40\x00\x00\x04GET ")
	s := newServer(t, Config{Listen: []string{"127.0.0.1:0"}, RequestsPerSource: 1_000_000}, quiet())
	r, c := newReader(s, s.sockets[0]), newCPE(t, "127.0.0.1")
	room := true
	var taken []string
	relay := func(packet []byte, local, source netip.AddrPort) bool {
		if local != s.Addrs()[0] || source != c.address() {
			t.Errorf("from %v at %v", source, local)
		}
		taken = append(taken, string(packet))
		return room
	}
	for _, tc := range []struct {
		name   string
		packet []byte
		off    disposition
		on     disposition
		full   disposition
	}{
		{"empty", nil, notSTUN, notSTUN, notSTUN},
		{"short", []byte{0, 1, 0}, notSTUN, notSTUN, notSTUN},
		{"classic", request(classicID), answered, answered, answered},
		{"cookie", request(nil), answered, answered, answered},
		{"classic Allocate", append([]byte{0, 3}, request(classicID)[2:]...), notRequest, notRequest, notRequest},
		{"Allocate", allocate, turnOff, toTURN, turnOff},
		{"ChannelData", channel, turnOff, toTURN, turnOff},
		{"Connection Request", []byte("GET http://192.0.2.1:7547?ts=1 HTTP/1.1\r\n\r\n"), misdirected, misdirected, misdirected},
		{"other text", []byte("OPTIONS sip:x SIP/2.0\r\n\r\n"), notSTUN, notSTUN, notSTUN},
		{"RTP", append([]byte{0x80}, make([]byte, 40)...), notSTUN, notSTUN, notSTUN},
		{"as long as can be", make([]byte, maxPacket), malformed, malformed, malformed},
		{"longer", make([]byte, maxPacket+1), oversized, oversized, oversized},
		{"Allocate, longer", append(allocate, make([]byte, maxPacket)...), oversized, oversized, oversized},
	} {
		for _, state := range []struct {
			name  string
			relay relayFunc
			room  bool
			want  disposition
		}{{"off", nil, true, tc.off}, {"on", relay, true, tc.on}, {"full", relay, false, tc.full}} {
			s.relay, room, taken = state.relay, state.room, nil
			before, total := s.counted(state.want), s.total()
			c.send(s.Addrs()[0], tc.packet)
			step(t, r, 1)
			if s.counted(state.want) != before+1 || s.total() != total+1 {
				t.Errorf("%s, relay %s: not counted once as %v", tc.name, state.name, state.want)
			}
			handed := len(taken) == 1 && taken[0] == string(tc.packet)
			if handed != (state.relay != nil && tc.on == toTURN) {
				t.Errorf("%s, relay %s: handed over %q", tc.name, state.name, taken)
			}
		}
	}
}
