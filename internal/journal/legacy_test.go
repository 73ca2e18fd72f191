package journal

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/acsgate/acsgate/internal/cwmp"
)

func numbered(n int) cwmp.DeviceID {
	return cwmp.DeviceID{OUI: "00D09E", ProductClass: "HG", SerialNumber: fmt.Sprint(n)}
}

func TestJournal_KeepsTheLastOnesOfEachDevice(t *testing.T) {
	j := New(10)
	for n := range maxEntries + 5 {
		j.Note(numbered(1), Entry{At: time.Unix(int64(n), 0), What: "x", Text: fmt.Sprint(n)})
	}
	j.Note(numbered(2), Entry{Text: strings.Repeat("a", 2*maxText)})
	got := j.Of(numbered(1))
	if len(got) != maxEntries || got[0].Text != "5" || got[maxEntries-1].Text != fmt.Sprint(maxEntries+4) {
		t.Errorf("%+v", got)
	}
	if got := j.Of(numbered(2)); len(got) != 1 || len(got[0].Text) != maxText {
		t.Errorf("%+v", got)
	}
	if got := j.Of(numbered(3)); got != nil {
		t.Errorf("a device without entries has %+v", got)
	}
}

func TestJournal_ForgetsWhoIsQuiet(t *testing.T) {
	j := New(3)
	for n := range 3 {
		j.Note(numbered(n), Entry{})
	}
	j.Note(numbered(0), Entry{}) // so that 1 is the quietest
	j.Note(numbered(3), Entry{})
	for n, want := range []int{2, 0, 1, 1} {
		if got := len(j.Of(numbered(n))); got != want {
			t.Errorf("device %d has %d entries, want %d", n, got, want)
		}
	}
	if j.Len() != 3 {
		t.Errorf("%d devices", j.Len())
	}
}

func TestMemory_ManyAtOnce(t *testing.T) {
	j := New(50)
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for n := range 500 {
				j.Note(numbered((w*7+n)%120), Entry{Text: "x"})
				j.Of(numbered(n % 120))
			}
		})
	}
	all.Wait()
	if j.Len() != 50 {
		t.Errorf("%d devices, want 50", j.Len())
	}
}

// TestNote_KeepsNoMoreThanItShows: an entry is cut off a message of a CPE's, which
// may be large, and must not keep the rest of it in memory.
func TestNote_KeepsNoMoreThanItShows(t *testing.T) {
	j := New(1)
	text := "x" + strings.Repeat("é", 1<<20)
	j.Note(numbered(1), Entry{Text: text})
	got := j.Of(numbered(1))[0].Text
	if len(got) > maxText || !utf8.ValidString(got) {
		t.Errorf("%d bytes, %q", len(got), got[len(got)-4:])
	}
	if unsafe.StringData(got) == unsafe.StringData(text) {
		t.Error("all of it is kept")
	}
}
