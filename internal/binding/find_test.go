package binding

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/search"
)

// mix makes bindings of all sorts, and devices without one.
func (f *fixture) mix(random *rand.Rand, n int) {
	of := func(texts ...string) string { return texts[random.IntN(len(texts))] }
	for i := range n {
		id := cwmp.DeviceID{OUI: of("00AA01", "ISP"), ProductClass: of("", "Box", "b-7"), SerialNumber: of("SN", "x y", "é") + fmt.Sprint(i)}
		remote := randomSource(uint32(i))
		if random.IntN(4) == 0 {
			remote = netip.AddrPortFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 14: byte(i >> 8), 15: byte(i)}), 3479)
		}
		c := Claim{Device: id, Source: remote.Addr(), At: epoch}
		switch random.IntN(3) {
		case 0:
			c.Own = remote.Addr()
		case 1:
			c.Own = netip.MustParseAddr("192.168.1.1")
		}
		f.NoteClaim(c)
		user := fmt.Sprint("user", i)
		f.SetUser(id, user)
		s := Sighting{Local: netip.MustParseAddrPort(ours), Source: remote, Username: []byte(user), At: at(random.IntN(90_000) + 30)}
		if random.IntN(3) == 0 {
			s.At = at(90_050 + random.IntN(100)) // heard until now
		}
		unstable := random.IntN(5) == 0
		for range random.IntN(12) {
			f.NoteSighting(&s)
			s.At = s.At.Add(30 * time.Second)
			if unstable {
				s.Source = netip.AddrPortFrom(s.Source.Addr(), uint16(10_000+random.IntN(50_000)))
			}
		}
	}
	f.clock = at(90_400)
}

// fits is what a Query says, of a binding that is not packed.
func (q *Query) fits(id cwmp.DeviceID, b *Binding, now time.Time) bool {
	if len(q.Kinds) > 0 && !slices.Contains(q.Kinds, b.Kind) || q.State != AnyState && (q.State == Stale) != b.Stale(now) {
		return false
	}
	texts := []string{id.OUI, id.ProductClass, id.SerialNumber}
	if strings.ContainsAny(q.Text, "-%") {
		texts = append(texts, id.String())
	}
	whole := false
	for _, a := range []netip.AddrPort{b.Remote, b.Candidate} {
		if a.IsValid() {
			texts = append(texts, a.Addr().String())
			whole = whole || a.String() == q.Text
		}
	}
	has := func(s string) bool { return strings.Contains(strings.ToUpper(s), strings.ToUpper(q.Text)) }
	return (whole || slices.ContainsFunc(texts, has)) && (q.Allow == nil || q.Allow(id))
}

func (f *fixture) pages(q Query) (got []Found) {
	f.t.Helper()
	for {
		page, err := f.Find(f.t.Context(), q)
		if err != nil {
			f.t.Fatal(err)
		}
		if page.More != (page.Next != "") || page.More && len(page.Bindings) != q.Limit || len(page.Bindings) > q.Limit {
			f.t.Fatalf("page of %d of %d, more %v, next %q", len(page.Bindings), q.Limit, page.More, page.Next)
		}
		got = append(got, page.Bindings...)
		if !page.More {
			return got
		}
		q.After = page.Next
	}
}

func TestFindFindsWhatFits(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	f := newTable(t)
	f.mix(random, 1500)
	texts := []string{"", "sn1", "Y", "é", "aa01", "box", "-", "01-box-", "x%20", "b%2d7", ".", "198.", "2001:DB8::1", "[2001:db8::7]:3479", "nowhere", "12345", "123456"}
	for _, b := range f.all() {
		texts = append(texts, b.Remote.String(), b.Remote.Addr().String())
		if len(texts) > 30 {
			break
		}
	}
	matched := 0
	for range 300 {
		q := Query{Text: texts[random.IntN(len(texts))], Limit: 1 + random.IntN(300)}
		q.State = []State{AnyState, AnyState, Fresh, Stale}[random.IntN(4)]
		for random.IntN(3) == 0 {
			q.Kinds = append(q.Kinds, Kind(random.IntN(int(KindUnstable)+1)))
		}
		if random.IntN(3) == 0 {
			q.Allow = func(id cwmp.DeviceID) bool { return strings.HasSuffix(id.SerialNumber, "3") }
		}
		var want []Found
		for id, b := range f.All() {
			if q.fits(id, &b, f.clock) {
				want = append(want, Found{id, b})
			}
		}
		if got := f.pages(q); !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v: %d bindings, want %d:\n%v\n%v", q, len(got), len(want), got, want)
		}
		matched += len(want)
	}
	if matched == 0 {
		t.Error("no query finds anything")
	}
}

func TestCount(t *testing.T) {
	f := newTable(t)
	f.mix(rand.New(rand.NewPCG(6, 6)), 2000)
	var want Counts
	for _, b := range f.All() {
		want.Total++
		want.Kinds[b.Kind]++
		sure := 0
		if b.Corroborated() {
			sure = 1
		}
		if b.Stale(f.clock) {
			want.Stale++
			want.Sure.Stale += sure
		} else {
			want.Fresh++
			want.Sure.Fresh += sure
		}
		bucket := slices.IndexFunc(Ages(), func(age time.Duration) bool { return f.clock.Sub(b.LastSeen) <= age })
		if bucket < 0 {
			bucket = len(want.Ages) - 1
		}
		want.Ages[bucket]++
	}
	got, err := f.Count(t.Context(), f.clock)
	if err != nil || got != want || min(want.Fresh, want.Stale, want.Kinds[KindUnstable], want.Kinds[KindNAT], want.Ages[0], want.Ages[6]) == 0 {
		t.Errorf("%+v %v, want %+v", got, err, want)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := f.Count(stopped, f.clock); !errors.Is(err, context.Canceled) {
		t.Errorf("counted without a context: %v", err)
	}
}

func TestBriefs(t *testing.T) {
	f := newTable(t)
	var into [3]Brief
	f.Briefs([]cwmp.DeviceID{v, w, {}}, into[:])
	if into != [3]Brief{{State: NoBinding}, {State: NoBinding}, {State: NoBinding}} {
		t.Errorf("of an empty table: %v", into)
	}
	f.mix(rand.New(rand.NewPCG(7, 7)), 1000)
	ids := []cwmp.DeviceID{v, {SerialNumber: strings.Repeat("x", 1000)}, {}}
	for n := range f.refs {
		st := f.state(uint32(n))
		ids = append(ids, st.id())
	}
	briefs := make([]Brief, len(ids))
	f.Briefs(ids, briefs)
	states := map[State]int{}
	for i, id := range ids {
		want := Brief{State: NoBinding}
		if b, ok := f.Lookup(id); ok {
			want = Brief{b.Kind, Fresh}
			if b.Stale(f.clock) {
				want.State = Stale
			}
		}
		if briefs[i] != want || f.Brief(id) != want {
			t.Errorf("%v: %v, %v, want %v", id, briefs[i], f.Brief(id), want)
		}
		states[want.State]++
	}
	if len(states) != 3 {
		t.Errorf("states %v, want all three", states)
	}
	if n := testing.AllocsPerRun(10, func() { f.Briefs(ids[3:], briefs) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestHavingTestsAsBriefDoes(t *testing.T) {
	const devices = 20_000
	f := newTable(t)
	ids := make([]cwmp.DeviceID, devices)
	for i := range ids {
		ids[i] = cwmp.DeviceID{OUI: "00AA01", SerialNumber: fmt.Sprint(i)}
		if i%2 == 0 {
			c := Claim{Device: ids[i], Source: randomSource(uint32(i)).Addr(), At: epoch}
			if i%1000 == 0 {
				c.Own = c.Source
			}
			f.NoteClaim(c)
			f.NoteSighting(&Sighting{Local: netip.MustParseAddrPort(ours), Source: randomSource(uint32(i)), Username: []byte("00AA01-" + ids[i].SerialNumber), At: epoch})
		}
	}
	tests := map[string]struct {
		fits func(Brief) bool
		want int
	}{
		"few":     {func(b Brief) bool { return b.State != NoBinding && b.Kind == KindOpen }, devices / 1000},
		"many":    {func(b Brief) bool { return b.State == Fresh }, devices / 2},
		"none":    {func(b Brief) bool { return b.State == Stale }, 0},
		"no one":  {func(b Brief) bool { return b.State == NoBinding }, devices / 2},
		"all":     {func(Brief) bool { return true }, devices},
		"too few": {func(b Brief) bool { return b.State != NoBinding }, devices / 2},
	}
	for name, tt := range tests {
		test, kept := f.Having(tt.fits), 0
		var group sync.WaitGroup
		var mu sync.Mutex
		for worker := range 2 {
			group.Go(func() {
				for i := worker * 500; i < devices; i += 1000 {
					keep := slices.Repeat([]bool{true}, 500)
					keep[7] = false // by another test
					test(ids[i:i+500], keep)
					mu.Lock()
					for j := range keep {
						if j != 7 && keep[j] != tt.fits(f.Brief(ids[i+j])) || j == 7 && keep[j] {
							t.Errorf("%s: device %d: %v", name, i+j, keep[j])
						}
						if keep[j] || j == 7 && tt.fits(f.Brief(ids[i+j])) {
							kept++
						}
					}
					mu.Unlock()
				}
			})
		}
		group.Wait()
		if kept != tt.want {
			t.Errorf("%s: %d fit, want %d", name, kept, tt.want)
		}
		f.wantFitting(name, tt.fits)
	}
}

// wantFitting checks which devices Fitting returns, and that it does not return more
// than it may.
func (f *fixture) wantFitting(name string, fits func(Brief) bool) {
	f.t.Helper()
	want := 0
	for id := range f.All() {
		if b := f.Brief(id); b.State != NoBinding && fits(b) {
			want++
		}
	}
	for _, most := range []int{want, want - 1} {
		ids, few, err := f.Fitting(f.t.Context(), fits, most)
		if err != nil || few != (most == want) || few && (len(ids) != want || ids == nil) {
			f.t.Errorf("%s: %d devices fit, few %v, %v; want %d and at most %d", name, len(ids), few, err, want, most)
		}
		seen := map[cwmp.DeviceID]bool{}
		for _, id := range ids {
			if seen[id] || !fits(f.Brief(id)) {
				f.t.Errorf("%s: device %s is there twice, or does not fit", name, id)
			}
			seen[id] = true
		}
	}
}

func TestFindRefuses(t *testing.T) {
	f := newTable(t)
	f.mix(rand.New(rand.NewPCG(8, 8)), 100)
	page, err := f.Find(t.Context(), Query{Limit: 3})
	if err != nil {
		t.Fatal(err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	tests := []struct {
		name string
		ctx  context.Context
		t    *Table
		q    Query
		want error
	}{
		{"negative limit", t.Context(), f.Table, Query{Limit: -1}, ErrQuery},
		{"huge limit", t.Context(), f.Table, Query{Limit: MaxLimit + 1}, ErrQuery},
		{"bindings that are not there", t.Context(), f.Table, Query{State: NoBinding}, ErrQuery},
		{"no cursor", t.Context(), f.Table, Query{After: "x"}, search.ErrMalformed},
		{"another run", t.Context(), newTable(t).Table, Query{After: page.Next}, search.ErrOtherRun},
		{"context", stopped, f.Table, Query{}, context.Canceled},
	}
	for _, tt := range tests {
		if _, err := tt.t.Find(tt.ctx, tt.q); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	for _, position := range []uint64{0, 99, 1000, 1 << 40, 1<<64 - 1} {
		if _, err := f.Find(t.Context(), Query{After: search.NewCursor(bindingCursor, f.run(), position)}); err != nil {
			t.Errorf("position %d: %v", position, err)
		}
	}
}

// TestFindWhilePacketsCome looks for bindings that stay while others move and
// come.
func TestFindWhilePacketsCome(t *testing.T) {
	f := newTable(t)
	const staying = 700
	id := func(i int) cwmp.DeviceID { return cwmp.DeviceID{OUI: "00AA01", SerialNumber: fmt.Sprint(i)} }
	see := func(i, second, port int) {
		f.NoteClaim(Claim{Device: id(i), Source: randomSource(uint32(i)).Addr(), At: at(second)})
		f.NoteSighting(&Sighting{
			Local: netip.MustParseAddrPort(ours), Source: netip.AddrPortFrom(randomSource(uint32(i)).Addr(), uint16(port)),
			Username: []byte("00AA01-" + id(i).SerialNumber), At: at(second), Change: true,
		})
	}
	for i := range staying {
		see(i, 0, 1000)
	}
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() {
		for i := staying; ctx.Err() == nil; i++ {
			see(i%(3*staying), i/100, 1000+i%3)
		}
	})
	for range 15 {
		seen := map[string]int{}
		for _, b := range f.pages(Query{Limit: 100, Text: "00aa", Allow: func(id cwmp.DeviceID) bool { return f.Brief(id).State != NoBinding }}) {
			seen[b.Device.SerialNumber]++
		}
		for i := range staying {
			if n := seen[fmt.Sprint(i)]; n != 1 {
				t.Fatalf("device %d is on %d pages", i, n)
			}
		}
		if c, err := f.Count(t.Context(), f.clock); err != nil || c.Total < staying || c.Total != c.Fresh+c.Stale {
			t.Fatalf("%+v %v", c, err)
		}
	}
	stop()
	group.Wait()
}

// BenchmarkFind searches a million bindings.
func BenchmarkFind(b *testing.B) {
	table := newBare(b)
	fill(table, 1_000_000, false)
	for _, bm := range []struct {
		name string
		q    Query
	}{
		{"first page", Query{}},
		{"part of a serial", Query{Text: "000000777777"}},
		{"identity", Query{Text: "00AA01-HomeBox7-000000777777"}},
		{"address", Query{Text: "9.9.9.9"}},
		{"kind", Query{Kinds: []Kind{KindPerPeer}}},
		{"allow", Query{Allow: func(cwmp.DeviceID) bool { return false }}},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := table.Find(b.Context(), bm.q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("count", func(b *testing.B) {
		for b.Loop() {
			if _, err := table.Count(b.Context(), epoch); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("briefs of a thousand at random", func(b *testing.B) {
		ids, into := make([]cwmp.DeviceID, 1000), make([]Brief, 1000)
		for b.Loop() {
			b.StopTimer()
			for i := range ids {
				ids[i] = cwmp.DeviceID{OUI: "00AA01", ProductClass: "HomeBox7", SerialNumber: fmt.Sprintf("%012d", rand.IntN(1_000_000))}
			}
			b.StartTimer()
			table.Briefs(ids, into)
		}
	})
}
