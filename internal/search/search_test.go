package search

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/acsgate/acsgate/internal/cwmp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errTest = errors.New("test")

func TestEachTakesEachPartOnce(t *testing.T) {
	for _, parts := range []int{0, 1, 2, 100} {
		var taken [100]atomic.Int32
		if err := Each(t.Context(), parts, func(part int) error { taken[part].Add(1); return nil }); err != nil {
			t.Error(err)
		}
		for part := range taken {
			if n := taken[part].Load(); n == 1 != (part < parts) {
				t.Errorf("%d parts: part %d was taken %d times", parts, part, n)
			}
		}
	}
}

func TestEachFails(t *testing.T) {
	err := Each(t.Context(), 1000, func(part int) error {
		if part >= 10 {
			return fmt.Errorf("%d: %w", part, errTest)
		}
		return nil
	})
	if !errors.Is(err, errTest) || err.Error() != "10: test" {
		t.Errorf("%v, want the error of part 10", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := Each(ctx, 1000, func(int) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v after the context has ended", err)
	}
}

func TestFirstFindsTheFirst(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for range 500 {
		content, want := make([][]int, random.IntN(20)), []int{}
		for part := range content {
			for range random.IntN(4) * random.IntN(4) {
				want = append(want, len(want))
				content[part] = append(content[part], len(want)-1)
			}
		}
		most := 1 + random.IntN(30)
		got, err := First(t.Context(), len(content), most, func(part int, into []int, done func() bool) ([]int, error) {
			for _, n := range content[part] {
				if len(into) < cap(into) && !done() {
					into = append(into, n)
				}
			}
			return into, nil
		})
		if want = want[:min(most, len(want))]; err != nil || !slices.Equal(got, want) {
			t.Fatalf("%v %v, want %v", got, err, want)
		}
	}
}

func TestFirstFails(t *testing.T) {
	_, err := First(t.Context(), 10, 5, func(part int, into []int, _ func() bool) ([]int, error) {
		if part == 3 {
			return nil, errTest
		}
		return into, nil
	})
	if !errors.Is(err, errTest) {
		t.Errorf("%v, want the error of a part", err)
	}
}

func TestCursor(t *testing.T) {
	c := NewCursor('x', 7, 1<<40)
	if p, err := c.Position('x', 7); p != 1<<40 || err != nil {
		t.Errorf("%v %v", p, err)
	}
	longer := c + "A"
	for _, tt := range []struct {
		c    Cursor
		list byte
		run  uint32
		want error
	}{
		{c, 'y', 7, ErrMalformed}, {c, 'x', 8, ErrOtherRun}, {"", 'x', 7, ErrMalformed}, {longer, 'x', 7, ErrMalformed},
		{c[1:], 'x', 7, ErrMalformed}, {c[:10] + "_" + c[11:], 'x', 7, ErrMalformed}, {"%00<script>", 'x', 7, ErrMalformed},
	} {
		if _, err := tt.c.Position(tt.list, tt.run); !errors.Is(err, tt.want) {
			t.Errorf("%q: %v, want %v", tt.c, err, tt.want)
		}
	}
	if _, err := Cursor(strings.Repeat("x", 10_000)).Position('x', 7); len(err.Error()) > 200 {
		t.Errorf("an error of %d bytes", len(err.Error()))
	}
}

func FuzzCursor(f *testing.F) {
	f.Add("", byte(0), uint32(0))
	f.Add(string(NewCursor('x', 7, 9)), byte('x'), uint32(7))
	f.Fuzz(func(t *testing.T, text string, list byte, run uint32) {
		position, err := Cursor(text).Position(list, run)
		if err == nil && string(NewCursor(list, run, position)) != text {
			t.Errorf("%q is position %d, whose cursor is another", text, position)
		}
	})
}

func upper(s string) string {
	b := []byte(s)
	for i := range b {
		b[i] = upperOf(b[i])
	}
	return string(b)
}

func FuzzText(f *testing.F) {
	f.Add("b", "aBc", []byte{1, 2, 3, 4}, uint16(80))
	f.Add("1.2", "", []byte{1, 2, 3, 4}, uint16(80))
	f.Add("[2001:DB8::1]:7", "\xff", netip.MustParseAddr("2001:db8::1").AsSlice(), uint16(7))
	f.Add("\xff-", "x\xff-", []byte{}, uint16(0))
	f.Fuzz(func(t *testing.T, text, in string, addr []byte, port uint16) {
		found := NewText(text)
		want := strings.Contains(upper(in), upper(text))
		if found.In([]byte(in)) != want || found.InString(in) != want || found.Empty() != (text == "") {
			t.Errorf("%q in %q: %v", text, in, !want)
		}
		a, ok := netip.AddrFromSlice(addr)
		if !ok || text == "" {
			return
		}
		source := netip.AddrPortFrom(a.Unmap(), port)
		exact, err := netip.ParseAddrPort(text)
		want = strings.Contains(upper(source.Addr().String()), upper(text)) || err == nil && exact == source
		if found.InAddress(source) != want {
			t.Errorf("%q in %v: %v", text, source, !want)
		}
		if want && !found.LikeAddress() {
			t.Errorf("%q is not like an address", text)
		}
	})
}

// FuzzAcross takes a text that is in the string form of an identity.
func FuzzAcross(f *testing.F) {
	f.Add("00D09E", "HG 1", "a-b%\xff", uint8(3), uint8(9))
	f.Add("x", "", "\x00y", uint8(0), uint8(4))
	f.Fuzz(func(t *testing.T, oui, class, serial string, from, to uint8) {
		form := cwmp.DeviceID{OUI: oui, ProductClass: class, SerialNumber: serial}.String()
		from = min(from, uint8(min(len(form), 255)))
		to = min(max(from, to), uint8(min(len(form), 255)))
		text := NewText(upper(form[from:to]))
		in := text.InString(oui) || text.InString(class) || text.InString(serial)
		if !in && strings.ContainsAny(form[from:to], "-%") && !Across(&text, class, []byte(serial)) {
			t.Errorf("%q is in %q, but ruled out", form[from:to], form)
		}
	})
}

func FuzzIdentity(f *testing.F) {
	f.Add("00D09E", "HG 1", "a-b%\xff")
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, oui, class, serial string) {
		want := cwmp.DeviceID{OUI: oui, ProductClass: class, SerialNumber: serial}
		if got := string(AppendIdentity([]byte("x"), oui, []byte(class), []byte(serial))); got != "x"+want.String() {
			t.Errorf("%q, want %q", got, want.String())
		}
		var l Identities
		AddIdentity(&l, "a", "b", []byte("c"))
		l.Reset()
		AddIdentity(&l, oui, []byte(class), []byte(serial))
		AddIdentity(&l, []byte(serial), oui, []byte(class))
		want2 := cwmp.DeviceID{OUI: serial, ProductClass: oui, SerialNumber: class}
		var got []cwmp.DeviceID
		l.Each(func(i int, oui, class, serial string) {
			if i == len(got) {
				got = append(got, cwmp.DeviceID{OUI: oui, ProductClass: class, SerialNumber: serial})
			}
		})
		if !slices.Equal(got, []cwmp.DeviceID{want, want2}) {
			t.Errorf("%v, want %v and %v", got, want, want2)
		}
	})
}

func TestFew(t *testing.T) {
	for _, passing := range []int{0, 100, fewMost, fewMost + 1} {
		scans := 0
		few := NewFew(func(f *Few) error {
			scans++
			for i := range passing {
				if !AddFew(f, "oui", []byte("class"), fmt.Sprint(i)) && i < fewMost {
					t.Errorf("not worth while after %d", i)
				}
			}
			return nil
		})
		if few.Ask(fewAsked-1) || scans != 0 {
			t.Error("scanned too soon")
		}
		first, again := few.Ask(1), few.Ask(1)
		if want := passing <= fewMost; first != want || again != want || scans != 1 {
			t.Errorf("%d of which few pass, after %d scans", passing, scans)
		}
		if passing > fewMost {
			continue
		}
		excluded := 0
		for i := range 1000 {
			if few.Excludes("oui", "class", fmt.Sprint(i)) {
				if excluded++; i < passing {
					t.Errorf("%d is excluded, but passes", i)
				}
			}
		}
		if passing == 100 && excluded < 800 || passing == 0 && excluded != 1000 {
			t.Errorf("%d of 1000 are excluded, %d pass", excluded, passing)
		}
	}
	failing := NewFew(func(*Few) error { return errTest })
	if failing.Ask(fewAsked) {
		t.Error("a scan that failed is believed")
	}
}
