package device

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

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/search"
	"github.com/acsgate/acsgate/internal/store/memstore"
)

// fits is what Filter says, of a record that is not packed.
func (f *Filter) fits(r *Record) bool {
	in := func(list []string, s string) bool { return len(list) == 0 || slices.Contains(list, s) }
	serial := len(f.Serial) == 0
	for _, s := range f.Serial {
		prefix, isPrefix := strings.CutSuffix(s, "*")
		serial = serial || s == r.ID.SerialNumber || isPrefix && strings.HasPrefix(r.ID.SerialNumber, prefix)
	}
	var ouis []string
	for _, oui := range f.OUI {
		ouis = append(ouis, cwmp.NormalizeOUI(oui))
	}
	return serial && in(ouis, r.ID.OUI) && in(f.ProductClass, r.ID.ProductClass) && in(f.SoftwareVersion, r.SoftwareVersion) &&
		in(f.ACS, r.CurrentACS) && in(f.Rule, r.Rule) && in(f.Listener, r.Listener) &&
		(f.InformedAfter.IsZero() || r.LastInform.After(f.InformedAfter)) &&
		(f.InformedBefore.IsZero() || r.LastInform.Before(f.InformedBefore)) &&
		(!f.Failing || r.LastFailed || 2*r.Failed > r.Sessions) && f.hasTextIn(r)
}

func (f *Filter) hasTextIn(r *Record) bool {
	upper := strings.ToUpper // the texts of these tests are ASCII
	texts := []string{r.ID.Manufacturer, r.ID.OUI, r.ID.ProductClass, r.ID.SerialNumber, r.SoftwareVersion}
	if strings.ContainsAny(f.Text, "-%") {
		texts = append(texts, r.ID.String())
	}
	if r.Source.IsValid() {
		texts = append(texts, r.Source.Addr().String())
		if f.Text == r.Source.String() {
			return true
		}
	}
	return slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(upper(s), upper(f.Text)) })
}

func (q *Query) fits(r *Record) bool {
	for i := range q.All {
		if !q.All[i].fits(r) {
			return false
		}
	}
	id := r.ID
	id.Manufacturer = ""
	if q.Among != nil && !slices.Contains(q.Among, id) {
		return false
	}
	if q.Match == nil {
		return true
	}
	keep := []bool{true}
	q.Match([]cwmp.DeviceID{id}, keep)
	return keep[0]
}

// expect is what the pages of a query have, put together.
func (f *fixture) expect(q Query) (want []Record) {
	for r := range f.All() {
		if q.fits(&r) {
			want = append(want, r)
		}
	}
	if q.Order == ByLastInform {
		slices.SortStableFunc(want, func(x, y Record) int { return y.LastInform.Compare(x.LastInform) })
	}
	return want
}

// pages returns all pages of a query, put together.
func (f *fixture) pages(t testing.TB, q Query) (got []Record) {
	t.Helper()
	limit := q.Limit
	if limit == 0 {
		limit = DefaultLimit
	}
	for {
		page, err := f.Find(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if page.More != (page.Next != "") || len(page.Records) > limit || page.More && len(page.Records) < limit {
			t.Fatalf("page of %d of %d, more %v, next %q", len(page.Records), q.Limit, page.More, page.Next)
		}
		got = append(got, page.Records...)
		if !page.More {
			return got
		}
		q.After = page.Next
	}
}

func (f *fixture) wantFound(t testing.TB, q Query) {
	t.Helper()
	want, got := f.expect(q), f.pages(t, q)
	if !reflect.DeepEqual(got, want) && len(got)+len(want) > 0 {
		t.Fatalf("%+v (-want +got):\n%s", q, cmp.Diff(want, got, cmpopts.EquateComparable(netip.AddrPort{}, netip.Addr{})))
	}
}

type chooser struct{ *rand.Rand }

func (c chooser) of(texts ...string) string { return texts[c.IntN(len(texts))] }

// populate makes devices of all sorts.
func (f *fixture) populate(t testing.TB, c chooser, n int) {
	t.Helper()
	long := strings.Repeat("long", 20) // has no number
	for range n {
		id := cwmp.DeviceID{
			Manufacturer: c.of("Example", "ACME Networks", ""), OUI: c.of("00D09E", "AABBCC", "ISP"),
			ProductClass: c.of("", "HG", "hg-2", "B x", long), SerialNumber: fmt.Sprint(c.of("SN", "sn", "-", "é", "1 2", ""), c.IntN(4*n)),
		}
		if c.IntN(20) == 0 {
			if err := f.Assign(t.Context(), id, "south", "test", nil); err != nil {
				t.Fatal(err)
			}
			continue
		}
		in := Sighting{
			ID: id, ACS: c.of("north", "south", long), Rule: c.of("default", "r2", ""), Listener: c.of("cpe", "tls"),
			SoftwareVersion: c.of("1.0", "V5R019-C2", "", long), Root: "Device.", At: time.Unix(1_800_000_000+int64(c.IntN(50)), 0),
		}
		switch c.IntN(3) {
		case 0:
			in.Source = netip.AddrPortFrom(netip.AddrFrom4([4]byte{100, 64, byte(c.IntN(3)), byte(c.IntN(20))}), uint16(c.IntN(4)+5000))
		case 1:
			in.Source = netip.AddrPortFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(c.IntN(20))}), 7)
		}
		f.NoteInform(in)
		for range c.IntN(3) {
			f.NoteEnd(id, End{Failed: c.IntN(2) == 0})
		}
		if c.IntN(3) == 0 {
			f.NoteInform(in)
		}
	}
}

func randomFilter(c chooser) (f Filter) {
	list := func(odds int, texts ...string) (list []string) {
		if c.IntN(odds) > 0 {
			return nil
		}
		for range 1 + c.IntN(2) {
			list = append(list, c.of(texts...))
		}
		return list
	}
	long := strings.Repeat("long", 20)
	f.OUI = list(4, "00D09E", "00-d0-9e", "ISP", "nobody")
	f.ProductClass = list(4, "", "HG", "hg", "hg-2", long)
	f.SoftwareVersion = list(6, "1.0", "", long, "2")
	f.ACS = list(4, "north", "south", "nobody", long)
	f.Rule, f.Listener = list(8, "default", "r2"), list(8, "cpe", "tls")
	f.Serial = list(4, "SN*", "*", "sn1*", "SN", "é*", "1 2*", "S*N", "")
	if c.IntN(2) == 0 {
		f.Text = c.of("sn1", "Sn", "7", "é", "acme", "works", "d09e", "HG", "hg-2-", "9E-HG", "%202", "-", "--", "-HG-SN", "00d09e-hg-sn1", "B x", "b%20", "c2",
			"100.64", "64.1.", ":", "2001:db8::1", "[2001:db8::5]:7", "100.64.1.5:5001", "5001", "ffffff", "longlong", "nowhere", strings.Repeat("x", 300))
	}
	if c.IntN(6) == 0 {
		f.InformedAfter = time.Unix(1_800_000_000+int64(c.IntN(50)), int64(c.IntN(2)*500))
	}
	if c.IntN(6) == 0 {
		f.InformedBefore = time.Unix(1_800_000_000+int64(c.IntN(50)), int64(c.IntN(2)*500))
	}
	f.Failing = c.IntN(8) == 0
	return f
}

// some is none, or some devices of which one is not known.
func (f *fixture) some(c chooser) []cwmp.DeviceID {
	ids := []cwmp.DeviceID{}
	if c.IntN(4) == 0 {
		return ids
	}
	odds := 1 + c.IntN(5)
	for r := range f.All() {
		if r.ID.Manufacturer = ""; c.IntN(odds) == 0 {
			ids = append(ids, r.ID)
		}
	}
	c.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	return append(ids, cwmp.DeviceID{OUI: "00D09E", SerialNumber: "nobody"})
}

func TestFindFindsWhatFits(t *testing.T) {
	for seed := range uint64(5) {
		c := chooser{rand.New(rand.NewPCG(1, seed))}
		f := newMemory(t)
		f.populate(t, c, 500)
		for range 60 {
			q := Query{Limit: 1 + c.IntN(200), Order: Order(c.IntN(2))}
			for range c.IntN(3) {
				q.All = append(q.All, randomFilter(c))
			}
			if c.IntN(4) == 0 {
				last := c.of("1", "2", "9")
				q.Match = func(ids []cwmp.DeviceID, keep []bool) {
					for i := range ids {
						keep[i] = strings.HasSuffix(ids[i].String(), last)
					}
				}
			}
			if c.IntN(4) == 0 {
				q.Among = f.some(c)
			}
			f.wantFound(t, q)
		}
		f.wantFound(t, Query{Limit: MaxLimit})
		f.wantFound(t, Query{})
		f.wantFound(t, Query{Order: ByLastInform})
	}
}

func TestTesterTestsAsFindDoes(t *testing.T) {
	c := chooser{rand.New(rand.NewPCG(2, 2))}
	f := newMemory(t)
	f.populate(t, c, 300)
	for range 200 {
		filters := []Filter{randomFilter(c), randomFilter(c)}[:c.IntN(3)]
		q := Query{All: filters}
		test := f.Tester(filters...)
		for r := range f.All() {
			if got, want := test(r.ID), q.fits(&r); got != want {
				t.Fatalf("%v fits %+v: %v, want %v", r, filters, got, want)
			}
		}
	}
	if f.Tester(Filter{OUI: []string{"00D09E"}})(cwmp.DeviceID{OUI: "00D09E", SerialNumber: "nobody"}) {
		t.Error("a device that is not known fits")
	}
}

func TestTesterForSearchTestsAsTesterDoes(t *testing.T) {
	const devices = 40_000
	f := newMemory(t)
	for i := range devices {
		in := sighting(numberedID(i))
		if i%500 == 0 {
			in.ACS = "rare"
		}
		f.NoteInform(in)
	}
	for acs, want := range map[string]int{"rare": devices / 500, "north": devices - devices/500, "none": 0} {
		exact, quick, fit := f.Tester(Filter{ACS: []string{acs}}), f.TesterForSearch(Filter{ACS: []string{acs}}), 0
		for i := range devices + 100 {
			id := numberedID(i)
			if quick(id) != exact(id) {
				t.Fatalf("%s fits ACS %s: %v", id, acs, quick(id))
			}
			if quick(id) {
				fit++
			}
		}
		if fit != want {
			t.Errorf("%d devices of ACS %s, want %d", fit, acs, want)
		}
	}
	if !f.TesterForSearch()(cwmp.DeviceID{}) {
		t.Error("no filter, but not all fit")
	}
}

func TestNamesThatComeDuringASearch(t *testing.T) {
	f := newMemory(t)
	f.NoteInform(sighting(numberedID(0)))
	test := f.Tester(Filter{Text: "fresh"}, Filter{ACS: []string{"young"}})
	in := sighting(numberedID(1))
	in.ACS, in.SoftwareVersion = "young", "Fresh1"
	f.NoteInform(in)
	if test(numberedID(0)) || !test(numberedID(1)) {
		t.Error("names that were not known when the filter was made are taken for others")
	}
	test = f.Tester(Filter{Text: "so long"})
	in = sighting(numberedID(2))
	in.SoftwareVersion = strings.Repeat("so long ", 10)
	f.NoteInform(in)
	if test(numberedID(0)) || !test(numberedID(2)) {
		t.Error("a version that is too long for a name is not looked at")
	}
}

func TestFindRefuses(t *testing.T) {
	f := newMemory(t)
	for i := range 10 {
		f.NoteInform(sighting(numberedID(i)))
	}
	page, err := f.Find(t.Context(), Query{Limit: 3})
	if err != nil {
		t.Fatal(err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	tests := []struct {
		name string
		ctx  context.Context
		r    *Registry
		q    Query
		want error
	}{
		{"negative limit", t.Context(), f.Registry, Query{Limit: -1}, ErrQuery},
		{"huge limit", t.Context(), f.Registry, Query{Limit: MaxLimit + 1}, ErrQuery},
		{"no cursor", t.Context(), f.Registry, Query{After: "x"}, search.ErrMalformed},
		{"another order", t.Context(), f.Registry, Query{After: page.Next, Order: ByLastInform}, search.ErrMalformed},
		{"another run", t.Context(), f.reload(t).Registry, Query{After: page.Next}, search.ErrOtherRun},
		{"context", stopped, f.Registry, Query{All: []Filter{{Text: "x"}}}, context.Canceled},
		{"context, newest", stopped, f.Registry, Query{Order: ByLastInform}, context.Canceled},
	}
	for _, tt := range tests {
		if _, err := tt.r.Find(tt.ctx, tt.q); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	if _, err := f.CountByACS(stopped); !errors.Is(err, context.Canceled) {
		t.Errorf("counted without a context: %v", err)
	}
}

func TestCountByACS(t *testing.T) {
	f := newMemory(t)
	f.populate(t, chooser{rand.New(rand.NewPCG(3, 3))}, 1000)
	want := map[string]int{}
	for r := range f.All() {
		want[r.CurrentACS]++
	}
	got, err := f.CountByACS(t.Context())
	if err != nil || cmp.Diff(want, got) != "" || want[""] == 0 {
		t.Errorf("%v %v, want %v", got, err, want)
	}
}

func TestLastFailed(t *testing.T) {
	f := newMemory(t)
	id := numberedID(1)
	for _, step := range []struct {
		end  End
		want bool
	}{{End{}, false}, {End{Failed: true}, true}, {End{Faults: 1}, false}, {End{Failed: true}, true}, {End{}, false}, {End{Failed: true}, true}} {
		f.NoteInform(sighting(id))
		f.NoteEnd(id, step.end)
		if rec := f.mustLookup(t, id); rec.LastFailed != step.want || rec.Failing() != (step.want || 2*rec.Failed > rec.Sessions) {
			t.Errorf("after %+v: %+v", step.end, rec)
		}
	}
	f.flushAll(t)
	if !f.reload(t).mustLookup(t, id).LastFailed {
		t.Error("that the last session failed is not stored")
	}
}

// TestFindWhileSessionsGoOn looks for devices that stay as they are while others
// inform and come.
func TestFindWhileSessionsGoOn(t *testing.T) {
	const staying = 1000
	f := newFixture(t, Config{}, memstore.New(time.Now))
	for i := range staying {
		in := sighting(numberedID(i))
		in.Rule = "staying"
		f.NoteInform(in)
	}
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() {
		for i := staying; ctx.Err() == nil; i++ {
			in := sighting(numberedID(i % (4 * staying)))
			if i%(4*staying) < staying {
				in.Rule, in.SoftwareVersion, in.At = "staying", fmt.Sprint("2.", i%50), time.Unix(1_800_000_000+int64(i%100), 0)
				in.ConnectionRequestURL = "http://192.0.2.1/" + strings.Repeat("x", i%100) // another size of slot
			}
			f.NoteInform(in)
			f.NoteEnd(in.ID, End{Failed: i%2 == 0})
		}
	})
	for range 8 {
		for _, match := range []func([]cwmp.DeviceID, []bool){nil, func(ids []cwmp.DeviceID, keep []bool) {
			for i := range ids {
				_, keep[i] = f.Lookup(ids[i])
			}
		}} {
			seen := map[cwmp.Key]int{}
			for _, r := range f.pages(t, Query{All: []Filter{{Rule: []string{"staying"}, Text: "hg"}}, Match: match, Limit: 300}) {
				seen[r.ID.Key()]++
			}
			for i := range staying {
				if n := seen[numberedID(i).Key()]; n != 1 {
					t.Fatalf("device %d is on %d pages", i, n)
				}
			}
		}
		newest := map[cwmp.Key]bool{}
		for _, r := range f.pages(t, Query{Limit: 500, Order: ByLastInform}) {
			if newest[r.ID.Key()] {
				t.Fatalf("%s is on two pages", r.ID)
			}
			newest[r.ID.Key()] = true
		}
		if _, err := f.CountByACS(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	group.Wait()
}

// FuzzFindCursor gives Find what it may take for a cursor.
func FuzzFindCursor(f *testing.F) {
	r := newMemory(f)
	for i := range 100 {
		r.NoteInform(sighting(numberedID(i)))
	}
	f.Add("", uint64(0), false)
	f.Add("AQ", uint64(1<<63), true)
	f.Fuzz(func(t *testing.T, text string, position uint64, newest bool) {
		q, list := Query{After: search.Cursor(text), Limit: 7}, byte(registryCursor)
		if newest {
			q.Order, list = ByLastInform, informCursor
		}
		if _, err := r.Find(t.Context(), q); err != nil && !errors.Is(err, search.ErrMalformed) && !errors.Is(err, search.ErrOtherRun) {
			t.Errorf("%q: %v", text, err)
		}
		q.After = search.NewCursor(list, r.run(), position)
		if _, err := r.Find(t.Context(), q); err != nil {
			t.Errorf("position %d: %v", position, err)
		}
	})
}

func TestSearchingDoesNotAllocateForEachDevice(t *testing.T) {
	f := newMemory(t)
	for i := range 20_000 {
		f.NoteInform(sighting(numberedID(i)))
	}
	for _, text := range []string{"nowhere", "nowhere-else", "9.9.9.9"} {
		q := Query{All: []Filter{{Text: text, ACS: []string{"north"}}}}
		if n := testing.AllocsPerRun(3, func() {
			if page, err := f.Find(t.Context(), q); err != nil || len(page.Records) != 0 {
				t.Error(page, err)
			}
		}); n > 1000 {
			t.Errorf("%q: %v allocations for 20,000 devices", text, n)
		}
	}
	test, id := f.Tester(Filter{ACS: []string{"north"}}), numberedID(3)
	if n := testing.AllocsPerRun(100, func() { test(id) }); n != 0 {
		t.Errorf("a test of one device: %v allocations", n)
	}
}
