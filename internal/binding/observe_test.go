package binding

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"
	"time"
)

// seen is a packet of V: its second, the port at home, and whether it had
// BINDING-CHANGE.
type seen struct {
	second int
	remote string
	change bool
}

func (f *fixture) replayAll(packets []seen) {
	for _, p := range packets {
		if p.change {
			f.sees(p.second, userV, p.remote, announced)
		} else {
			f.sees(p.second, userV, p.remote)
		}
	}
}

// repeat makes keep-alives from a port.
func repeat(from, every, until int, remote string, change bool) (packets []seen) {
	for second := from; second <= until; second += every {
		packets = append(packets, seen{second, remote, change})
	}
	return packets
}

// merge puts packets in order of time.
func merge(all ...[]seen) (merged []seen) {
	for len(all) > 0 {
		first := -1
		for i := range all {
			if len(all[i]) > 0 && (first < 0 || all[i][0].second < all[first][0].second) {
				first = i
			}
		}
		if first < 0 {
			break
		}
		merged = append(merged, all[first][0])
		all[first] = all[first][1:]
	}
	return merged
}

func TestS20_OneBindingOfSeveralPorts(t *testing.T) {
	tests := []struct {
		name    string
		packets []seen
		want    string
		changes uint32
	}{
		{
			"timeout discovery from a second socket, out of step",
			merge(repeat(0, 30, 300, homeA, false), repeat(13, 40, 300, homeB, false)), homeA, 2,
		},
		{
			"the second socket in step, just before the keep-alive",
			merge(repeat(0, 30, 300, homeA, false), repeat(29, 30, 300, homeB, false)), homeA, 2,
		},
		{
			"the second socket first, then the announced one",
			merge([]seen{{0, homeB, false}, {1, homeA, false}, {1, homeA, true}}, repeat(31, 30, 300, homeA, false), repeat(44, 200, 300, homeB, false)), homeA, 1,
		},
		{
			"the second socket stops, the other goes on",
			merge(repeat(0, 30, 90, homeB, false), repeat(10, 30, 300, homeA, false)), homeA, 1,
		},
		{
			"BINDING-CHANGE on every packet (icwmp), one new socket",
			merge(repeat(0, 30, 90, homeA, true), repeat(100, 30, 300, homeB, true)), homeB, 1,
		},
		{
			"BINDING-CHANGE on every packet of two sockets: the first goes on",
			merge(repeat(0, 30, 300, homeA, true), repeat(10, 30, 300, homeB, true)), homeA, 2,
		},
		{
			"a third port",
			merge(repeat(0, 30, 300, homeA, false), []seen{{65, homeB, true}, {70, homeC, true}}), homeA, 3,
		},
		{
			"icwmp looks for its server: a new socket each 9 s",
			[]seen{{0, homeA, true}, {3, homeA, true}, {9, homeB, true}, {12, homeB, true}, {18, homeC, true}, {48, homeC, true}}, homeC, 2,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newTable(t)
			f.claims(0, v, home, "", "")
			f.replayAll(tt.packets)
			f.want(v, tt.want, SameIP)
			if b := f.binding(v); b.Changes > tt.changes {
				t.Errorf("%d changes, want at most %d", b.Changes, tt.changes)
			}
			f.check()
		})
	}
}

// Packets as captured from two real clients. The order and the ports are those of
// the capture's headings: keep-alive, announcement, keep-alive by the primary
// port; the same packets by the second socket while it looks for the timeout.
var captured = `
tr069agent primary   000100203bd95807be40e879541a9e43270957240006000474657374c001001464736c666f72756d2e6f72672f54522d31313120
tr069agent announce  00010024f4d0625d32556e24f3f21c18f52e70370006000474657374c001001464736c666f72756d2e6f72672f54522d31313120c0020000
icwmp      primary   00010020c0bdd66f40abab3fd142b8590912fb0e0006000474657374c001001464736c666f72756d2e6f72672f54522d31313120
icwmp      announce  00010024c0bdd66f40abab3fd142b8590912fb0e0006000474657374c001001464736c666f72756d2e6f72672f54522d31313120c0020000
`

// parse reads the attributes that matter here of a captured packet.
func parse(t *testing.T, packet string) (user string, announces bool) {
	b, err := hex.DecodeString(packet)
	if err != nil {
		t.Fatal(err)
	}
	for b = b[20:]; len(b) > 0; {
		kind, size := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		switch kind {
		case 0x0006:
			user = string(b[4 : 4+size])
		case 0xC002:
			announces = true
		}
		b = b[4+size:]
	}
	return user, announces
}

func TestS20_CapturedClients(t *testing.T) {
	packets := map[string]Sighting{}
	for lines := bufio.NewScanner(strings.NewReader(captured)); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) == 3 {
			user, announces := parse(t, fields[2])
			packets[fields[0]+" "+fields[1]] = Sighting{Username: []byte(user), Change: announces}
		}
	}
	send := func(f *fixture, second int, packet, remote string) {
		p := packets[packet]
		f.replayUser(second, string(p.Username), remote, p.Change)
	}
	t.Run("tr069agent, minimum and maximum keep-alive differ", func(t *testing.T) {
		f := newTable(t)
		f.claims(0, v, home, "", "")
		f.SetUser(v, "test")
		send(f, 1, "tr069agent primary", homeA)
		send(f, 2, "tr069agent announce", homeA)
		for cycle := range 8 { // the second socket asks again and again, the primary keeps alive
			send(f, 32+30*cycle, "tr069agent primary", homeA)
			send(f, 32+30*cycle+20, "tr069agent primary", homeB)
		}
		f.want(v, homeA, SameIP)
		if b := f.binding(v); b.KeepAlive != 30*time.Second || b.Changes != 0 {
			t.Errorf("keep-alive %v, %d changes", b.KeepAlive, b.Changes)
		}
	})
	t.Run("icwmp, announces for ever", func(t *testing.T) {
		f := newTable(t)
		f.claims(0, v, home, "", "")
		f.SetUser(v, "test")
		send(f, 1, "icwmp primary", homeA)
		for i := range 5 {
			send(f, 2+30*i, "icwmp announce", homeA)
		}
		send(f, 140, "icwmp announce", homeB)
		f.want(v, homeB, SameIP)
		if b := f.binding(v); b.Changes != 1 {
			t.Errorf("%d changes: the flag alone is none", b.Changes)
		}
	})
}

func (f *fixture) replayUser(second int, user, remote string, change bool) {
	if change {
		f.sees(second, user, remote, announced)
	} else {
		f.sees(second, user, remote)
	}
}

func TestAForgerAtHomeHoldsTheBindingForOneKeepAliveAtMost(t *testing.T) {
	f := newTable(t)
	f.claims(0, v, home, "", "")
	f.replayAll(repeat(0, 30, 90, homeA, false))
	changes := uint32(0)
	for second := 91; second < 1800; second++ {
		if second%30 == 0 {
			f.sees(second, userV, homeA)
		} else {
			f.sees(second, userV, []string{homeB, homeC}[second%2], announced)
		}
		if second == 120 {
			changes = f.binding(v).Changes
		}
		if second >= 120 {
			f.want(v, homeA, SameIP)
		}
	}
	if b := f.binding(v); b.Changes != changes || b.KeepAlive != 30*time.Second {
		t.Errorf("%d changes after %d, keep-alive %v", b.Changes, changes, b.KeepAlive)
	}
}

func TestLocalIsTheSocketThatSawIt(t *testing.T) {
	f := newTable(t)
	f.claims(0, v, home, "", "")
	f.sees(0, userV, homeA, second)
	if b := f.binding(v); b.Local.String() != ours2 {
		t.Errorf("local %v", b.Local)
	}
	f.sees(30, userV, homeA)
	if b := f.binding(v); b.Local.String() != ours || b.FirstSeen != at(0) || b.LastSeen != at(30) {
		t.Errorf("binding %+v", b)
	}
}

func TestS42_Kind(t *testing.T) {
	ports := []string{"198.51.100.7:1", "198.51.100.7:2", "198.51.100.7:3", "198.51.100.7:4", "198.51.100.7:5", "198.51.100.7:6", "198.51.100.7:7", "198.51.100.7:8", "198.51.100.7:9"}
	tests := []struct {
		name string
		do   func(f *fixture)
		want Kind
	}{
		{"nothing told", func(f *fixture) { f.sees(0, userV, homeA) }, KindUnknown},
		{"its own address", func(f *fixture) {
			f.claims(0, v, home, "", home)
			f.sees(0, userV, homeA)
		}, KindOpen},
		{"another of its own", func(f *fixture) {
			f.sees(0, userV, homeA)
			f.claims(1, v, home, "", "192.168.1.1")
		}, KindNAT},
		{"another mapping each time, unannounced", func(f *fixture) {
			for i, p := range ports {
				f.sees(30*i, userV, p)
			}
			f.want(v, ports[8], SameIP)
		}, KindUnstable},
		{"another mapping each time, announced", func(f *fixture) {
			for i, p := range ports {
				f.sees(30*i, userV, p)
				f.sees(30*i, userV, p, announced)
				f.want(v, p, SameIP)
			}
		}, KindUnstable},
		{"one other mapping", func(f *fixture) {
			f.claims(0, v, home, "", "192.168.1.1")
			f.replayAll(merge(repeat(0, 30, 90, homeA, false), repeat(120, 30, 300, homeB, false)))
		}, KindNAT},
		{"other mapping toward our other address", func(f *fixture) {
			for second_ := 0; second_ < 300; second_ += 30 {
				f.sees(second_, userV, homeA)
				f.sees(second_+5, userV, homeB, second)
			}
			f.want(v, homeA, SameIP)
		}, KindPerPeer},
		{"same mapping toward our other address", func(f *fixture) {
			f.claims(0, v, home, "", "10.0.0.1")
			for second_ := 0; second_ < 300; second_ += 30 {
				f.sees(second_, userV, homeA)
				f.sees(second_+5, userV, homeA, second)
			}
		}, KindNAT},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newTable(t)
			f.claims(0, v, home, "", "")
			tt.do(f)
			if b := f.binding(v); b.Kind != tt.want {
				t.Errorf("kind %d, want %d: %+v", b.Kind, tt.want, b)
			}
			want := 0.0
			if tt.want == KindUnstable {
				want = 1
			}
			f.wantMetric("acsgate_bindings_unstable_total", "", want)
		})
	}
}

func TestLifetime(t *testing.T) {
	const s = time.Second
	tests := []struct {
		name                      string
		packets                   []seen
		keepAlive, survived, lost time.Duration
	}{
		{"one packet", repeat(0, 30, 0, homeA, false), 0, 0, 0},
		{"regular", repeat(0, 30, 300, homeA, false), 30 * s, 30 * s, 0},
		{"retransmissions", merge(repeat(0, 30, 300, homeA, false), repeat(1, 30, 300, homeA, false), repeat(3, 30, 300, homeA, false)), 27 * s, 27 * s, 0},
		{"longer and longer", []seen{{0, homeA, false}, {30, homeA, false}, {90, homeA, false}, {210, homeA, false}}, 43 * s, 120 * s, 0},
		{"lost after 120, confirmed", []seen{{0, homeA, false}, {60, homeA, false}, {180, homeB, true}, {240, homeB, false}}, 60 * s, 60 * s, 120 * s},
		{"not yet confirmed", []seen{{0, homeA, false}, {60, homeA, false}, {180, homeB, true}}, 60 * s, 60 * s, 0},
		{"twice: the shorter", []seen{{0, homeA, false}, {60, homeA, false}, {180, homeB, true}, {240, homeB, false}, {330, homeA, true}, {390, homeA, false}}, 60 * s, 60 * s, 90 * s},
		{"a restart is no loss", []seen{{0, homeA, false}, {60, homeA, false}, {70, homeB, true}, {130, homeB, false}}, 60 * s, 60 * s, 0},
		{"another address is no loss", []seen{{0, homeA, false}, {60, homeA, false}, {180, "198.51.100.8:1024", true}, {240, "198.51.100.8:1024", false}}, 60 * s, 60 * s, 0},
		{"a second socket is no loss", []seen{{0, homeA, false}, {30, homeA, false}, {62, homeB, true}, {63, homeA, false}, {93, homeA, false}}, 30 * s, 30 * s, 0},
		{"survived contradicts", []seen{{0, homeA, false}, {60, homeA, false}, {180, homeB, true}, {240, homeB, false}, {400, homeB, false}}, 60 * s, 160 * s, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newTable(t)
			for _, p := range tt.packets {
				f.claims(p.second, v, strings.Split(p.remote, ":")[0], "", "")
				f.replayUser(p.second, userV, p.remote, p.change)
			}
			b := f.binding(v)
			if d := b.KeepAlive - tt.keepAlive; d < -15*s || d > 15*s || (tt.keepAlive == 0) != (b.KeepAlive == 0) {
				t.Errorf("keep-alive %v, want about %v", b.KeepAlive, tt.keepAlive)
			}
			if b.Survived != tt.survived || b.Lost != tt.lost {
				t.Errorf("survived %v, lost %v, want %v and %v", b.Survived, b.Lost, tt.survived, tt.lost)
			}
		})
	}
}

func TestNextPeriod(t *testing.T) {
	tests := []struct{ period, silence, want uint16 }{
		{30, 30, 30}, {30, 31, 31}, {30, 29, 29}, {30, 34, 31}, {30, 60, 33}, {30, 10, 20}, {300, 30, 165}, {65535, 65535, 65535}, {5, 65535, 8196},
	}
	for _, tt := range tests {
		if got := nextPeriod(tt.period, tt.silence); got != tt.want {
			t.Errorf("%d after %d is %d, want %d", tt.period, tt.silence, got, tt.want)
		}
	}
	for _, start := range []uint16{1, 10, 600, 65535} { // it gets there
		period := start
		for range 120 {
			period = nextPeriod(period, 45)
		}
		if period != 45 {
			t.Errorf("from %d it comes to %d", start, period)
		}
	}
}

func TestStale(t *testing.T) {
	tests := []struct {
		keepAlive, silence time.Duration
		want               bool
	}{
		{30 * time.Second, 45 * time.Second, false}, {30 * time.Second, 46 * time.Second, true},
		{0, 10 * time.Minute, false}, {0, 10*time.Minute + 1, true}, {0, -time.Hour, false},
		{5 * time.Second, 8 * time.Second, false}, {5 * time.Second, 9 * time.Second, true},
	}
	for _, tt := range tests {
		b := Binding{LastSeen: epoch, KeepAlive: tt.keepAlive}
		if got := b.Stale(epoch.Add(tt.silence)); got != tt.want {
			t.Errorf("keep-alive %v, silent for %v: %v", tt.keepAlive, tt.silence, got)
		}
		st := state{last: toSeconds(epoch), period: uint16(tt.keepAlive / time.Second)}
		if tt.silence%time.Second == 0 && st.staleAt(toSeconds(epoch.Add(tt.silence))) != tt.want {
			t.Errorf("state says otherwise: keep-alive %v, silent for %v", tt.keepAlive, tt.silence)
		}
	}
}

func TestPacketsOutOfOrder(t *testing.T) {
	f := newTable(t)
	f.claims(0, v, home, "", "")
	f.sees(30, userV, homeA)
	f.sees(29, userV, homeA)
	if b := f.binding(v); b.LastSeen != at(30) || b.KeepAlive != 0 {
		t.Errorf("%+v", b)
	}
}
