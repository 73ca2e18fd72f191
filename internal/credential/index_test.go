package credential

import (
	"fmt"
	"testing"

	"github.com/acsgate/acsgate/internal/cwmp"
)

func TestOnSTUNUser(t *testing.T) {
	var told []string
	deps := depsFor(t, newStore(t))
	deps.OnSTUNUser = func(id cwmp.DeviceID, name string) { told = append(told, id.SerialNumber+"="+name) }
	v := mustOpen(t, Config{}, "", deps)
	for _, l := range []Login{{"a", ""}, {"a", "p"}, {"", "q"}, {"b", ""}, {"b", "q"}, {"a", ""}} {
		v.Learn(device("1"), Set{STUN: l})
	}
	v.Learn(device("2"), Set{ConnectionRequest: Login{"c", "p"}})
	if got := fmt.Sprint(told); got != "[1=a 1=b 1=a]" {
		t.Errorf("%v", got)
	}
}

// TestIndex_SharedNames: several devices may have one name; when one leaves it
// another answers.
func TestIndex_SharedNames(t *testing.T) {
	x := newIndex(100)
	for i := range 5 {
		x.set(device(fmt.Sprint(i)), Login{"shared", Secret(fmt.Sprint("p", i))}, false)
	}
	expect := func(want ...string) {
		t.Helper()
		got, _ := x.password([]byte("shared"))
		for _, w := range want {
			if w == string(got) {
				return
			}
		}
		t.Errorf("%q, want one of %q", got, want)
	}
	expect("p4")
	x.set(device("2"), Login{"own", ""}, false)
	expect("p4")
	x.set(device("4"), Login{"fourth", ""}, false)
	expect("p0", "p1", "p3")
	x.remove(device("0"))
	expect("p1", "p3")
	x.remove(device("1"))
	expect("p3")
	x.remove(device("3"))
	expect("")
	x.remove(device("2"))
	x.remove(device("4"))
	if x.size() != 0 || len(x.users) != 0 {
		t.Errorf("%d devices, %d users are left", x.size(), len(x.users))
	}
}

// TestIndex_LoadGoesUnder: what was learned before the store was read is newer.
func TestIndex_LoadGoesUnder(t *testing.T) {
	x := newIndex(10)
	x.set(device("1"), Login{"new", ""}, false)
	x.set(device("1"), Login{"old", "p"}, true)
	if got, ok := x.password([]byte("new")); !ok || string(got) != "p" {
		t.Errorf("%q %v", got, ok)
	}
	if _, ok := x.password([]byte("old")); ok {
		t.Error("the older name counts")
	}
}

func TestSTUNPassword_TakesNoMemory(t *testing.T) {
	v := mustOpen(t, Config{Logins: []LoginConfig{{STUNUsername: "{oui}-{serial}", STUNPasswordFile: passwordFile(t, "configured")}}}, "", depsFor(t, newStore(t)))
	v.Learn(device("1"), full)
	learned, configured := []byte("stunuser"), []byte("00D09E-77")
	if n := testing.AllocsPerRun(100, func() {
		if _, ok := v.STUNPassword(learned); !ok {
			t.Error("not found")
		}
	}); n != 0 {
		t.Errorf("%v allocations for a learned user", n)
	}
	if got, _ := v.STUNPassword(configured); string(got) != "configured" {
		t.Errorf("%q", got)
	}
}

func BenchmarkSTUNPassword(b *testing.B) {
	x := newIndex(1 << 20)
	const devices = 100_000
	names := make([][]byte, devices)
	for i := range devices {
		names[i] = fmt.Appendf(nil, "00D09E-HG1-SN%010d", i)
		x.set(device(fmt.Sprint(i)), Login{string(names[i]), "password"}, false)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		x.password(names[i%devices])
		i++
	}
}
