package binding

import (
	"math/rand/v2"
	"testing"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// victim is how V is bound when the attack begins.
type victim struct {
	name             string
	user, remote     string
	source, reported string
	how              []int
	ev               Evidence
}

var victims = []victim{
	{name: "named", user: userV, remote: homeA, source: home, ev: SameIP},
	{name: "learned name", user: "cpe57689", remote: homeA, source: home, ev: SameIP},
	{name: "nameless", user: "", remote: homeA, source: home, ev: Alone},
	{name: "reported", user: userV, remote: "198.51.100.99:5000", source: home, reported: "198.51.100.99:5000", ev: Reported},
	{name: "reported and nameless", user: "", remote: "198.51.100.99:5000", source: home, reported: "198.51.100.99:5000", ev: Reported},
	{name: "signed", user: userV, remote: "198.51.100.99:5000", source: home, how: []int{signed}, ev: Signed},
	{name: "IPv6", user: userV, remote: "[2001:db8::7]:1024", source: "2001:db8::7", ev: SameIP},
}

// attack plays what data says against a victim: packets of any content from
// anywhere but the IP address of its sessions, sessions of the attacker's own
// devices from such places and with any lie, and names for those; the victim's own
// sessions go on. After each
// step the victim's binding must be what it was. Its keep-alives must refresh it,
// unless it was silent for so long that the NAT may have given its address away.
func attack(t *testing.T, vic *victim, data []byte) {
	f := newTable(t)
	f.claims(0, v, vic.source, vic.reported, "")
	f.SetUser(v, "cpe57689")
	now, lapsed := 0, false
	alive := func() { f.sees(now, vic.user, vic.remote, vic.how...) }
	for ; now < 120; now += 30 {
		alive()
	}
	f.want(v, vic.remote, vic.ev)
	want := f.binding(v)

	pick := func() int {
		if len(data) == 0 {
			return 0
		}
		b := data[0]
		data = data[1:]
		return int(b)
	}
	users := []string{userV, "00AA01-V", "cpe57689", userW, "whoever", ""}
	sources := []string{evil, evil2, "203.0.113.67:1", "198.51.100.99:1", "198.51.100.99:5000", "[2001:db8::8]:1024"}
	lies := append([]string{"", homeA, homeB}, sources...)
	places := []string{"203.0.113.66", "203.0.113.67", "198.51.100.99", "2001:db8::8"}
	owned := []cwmp.DeviceID{w, x}
	for len(data) > 0 {
		op := pick()
		before := f.binding(v)
		lapsed = lapsed || before.Stale(at(now))
		switch op % 7 {
		case 0, 1:
			how := []int{}
			if pick()%2 == 0 {
				how = append(how, announced)
			}
			f.sees(now, users[pick()%len(users)], sources[pick()%len(sources)], how...)
		case 2:
			f.claims(now, owned[pick()%2], places[pick()%len(places)], lies[pick()%len(lies)], "")
		case 3:
			f.SetUser(owned[pick()%2], users[pick()%len(users)])
		case 4:
			now += []int{0, 1, 5, 29, 30, 60, 700, 40_000}[pick()%8]
		case 6:
			f.claims(now, v, vic.source, vic.reported, "")
		case 5:
			alive()
			if b := f.binding(v); b.LastSeen != at(now) && !lapsed {
				t.Fatalf("last seen %v, want %v: the victim's own packet is not its own any more", b.LastSeen, at(now))
			}
			if id, ok := f.Device(want.Remote); !lapsed && (!ok || id != v) {
				t.Fatalf("%v holds the victim's address", id)
			}
		}
		b := f.binding(v)
		if b.Remote != want.Remote || b.Local != want.Local || b.Evidence < want.Evidence || b.Changes != want.Changes {
			t.Fatalf("the binding was\n%+v\nand is\n%+v", want, b)
		}
	}
	f.check()
}

func TestABindingIsNotStolen(t *testing.T) {
	for i := range victims {
		t.Run(victims[i].name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, uint64(i)))
			data := make([]byte, 2000)
			for range 20 {
				for j := range data {
					data[j] = byte(random.Uint32())
				}
				attack(t, &victims[i], data)
			}
		})
	}
}

func FuzzABindingIsNotStolen(f *testing.F) {
	f.Add(byte(0), []byte{0, 0, 0, 0, 5, 4, 7, 0, 0, 0, 1, 2, 0, 0, 4, 5})
	f.Fuzz(func(t *testing.T, which byte, data []byte) {
		if len(data) < 4096 {
			attack(t, &victims[int(which)%len(victims)], data)
		}
	})
}

func TestFloodsAreBounded(t *testing.T) {
	f := newFixture(t, Config{Max: 100}, newTable(t).store)
	for i := range 100 {
		id := v
		id.SerialNumber = "V" + string(rune('a'+i%26)) + string(rune('a'+i/26))
		f.claims(0, id, home, "", "")
		f.sees(1, "00AA01-Box-"+id.SerialNumber, homeA)
	}
	f.claims(2, w, home, "", "")
	f.SetUser(x, "name")
	f.wantMetric("acsgate_bindings_refused_total", "full", 2)
	f.want(w, "", None)
	s := Sighting{Local: f.binding(cwmp.DeviceID{OUI: v.OUI, ProductClass: v.ProductClass, SerialNumber: "Vaa"}).Local, At: at(3)}
	user := make([]byte, 8)
	for i := range 100_000 { // names that nobody has, from everywhere
		for j := range user {
			user[j] = 'a' + byte(i>>(3*j)&7)
		}
		s.Username, s.Source = user, randomSource(uint32(i))
		f.NoteSighting(&s)
	}
	if len(f.refs) != 100 || f.Len() != 100 || len(f.byUser.table) > 1024 {
		t.Errorf("%d devices, %d bindings, %d places for names", len(f.refs), f.Len(), len(f.byUser.table))
	}
	f.wantMetric("acsgate_bindings_unattributed_total", "", 100_000)
	f.check()
}

func TestRefusals(t *testing.T) {
	long := string(make([]byte, 300))
	f := newTable(t)
	f.claims(0, cwmp.DeviceID{}, home, "", "")
	f.claims(0, cwmp.DeviceID{OUI: "00AA01", SerialNumber: long}, home, "", "")
	f.SetUser(v, long)
	f.NoteSighting(&Sighting{})
	for reason, want := range map[string]float64{"identity": 2, "user": 1, "source": 1, "full": 0, "memory": 0, "local": 0} {
		f.wantMetric("acsgate_bindings_refused_total", reason, want)
	}
	if f.Len() != 0 {
		t.Errorf("%d bindings", f.Len())
	}

	f = newFixture(t, Config{Max: 2}, f.store) // 512 bytes of records
	big := cwmp.DeviceID{OUI: "00AA01", ProductClass: long[:128], SerialNumber: long[:128]}
	f.claims(0, cwmp.DeviceID{OUI: "00AA01", SerialNumber: "1"}, home, "", "")
	f.SetUser(cwmp.DeviceID{OUI: "00AA01", SerialNumber: "1"}, long[:250])
	f.claims(0, big, home, "", "")
	f.wantMetric("acsgate_bindings_refused_total", "identity", 1) // 256 bytes of NUL make no key
	for i := range big.ProductClass {
		big.ProductClass, big.SerialNumber = big.ProductClass[:i]+"x"+big.ProductClass[i+1:], big.SerialNumber[:i]+"x"+big.SerialNumber[i+1:]
	}
	f.claims(0, big, home, "", "")
	f.wantMetric("acsgate_bindings_refused_total", "memory", 1)
	f.check()
}
