package device

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/store"
	"github.com/acsgate/acsgate/internal/store/memstore"
)

// broken is a store of which a part cannot be read.
type broken struct{ store.Store }

func (b broken) Scan(ctx ctx, prefix string, fn func(store.Entry) error) error {
	return errors.Join(b.Store.Scan(ctx, prefix, fn), store.ErrDamaged)
}

func TestLoadLeavesOutWhatMakesNoSense(t *testing.T) {
	f := newMemory(t)
	for i := range 5 {
		f.NoteInform(sighting(numberedID(i)))
		if err := f.Assign(t.Context(), numberedID(i), "south", "test", nil); err != nil {
			t.Fatal(err)
		}
	}
	f.flushAll(t)
	good := stored(t, f)[devicePrefix+numberedID(4).String()]
	for key, value := range map[string]string{
		devicePrefix + numberedID(0).String(): "",                       // empty
		devicePrefix + numberedID(1).String(): "\x02" + good[1:],        // of a later version
		devicePrefix + numberedID(2).String(): good[:len(good)-1],       // truncated
		devicePrefix + numberedID(3).String(): "\x01\x13\x03abc",        // a source of three bytes
		devicePrefix + "no identity":          good,                     // no identity
		devicePrefix + "":                     good,                     // none either
		assignPrefix + numberedID(1).String(): "garbage",                // of no version
		assignPrefix + numberedID(2).String(): "\x01\x03\xff",           // truncated
		"other/" + numberedID(2).String():     "what others keep there", // not ours
	} {
		if _, err := f.store.Put(t.Context(), key, []byte(value), store.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	other := f.reload(t)
	if rec := other.mustLookup(t, numberedID(4)); rec.Sessions != 1 || rec.HomeACS != "south" {
		t.Errorf("what is whole was not loaded: %+v", rec)
	}
	if rec := other.mustLookup(t, numberedID(3)); rec.Sessions != 0 || rec.HomeACS != "south" {
		t.Errorf("an assignment goes without the soft state: %+v", rec)
	}
	if _, ok := other.Lookup(numberedID(1)); ok {
		t.Error("a device of which nothing is whole is known")
	}
	other.wantMetric(t, "acsgate_devices_damaged_total", "", 8)
	if n := other.logged(zap.ErrorLevel, "make no sense"); n != 2 {
		t.Errorf("logged %d times, want once for each kind", n)
	}
	// The devices come back with their next Inform.
	other.NoteInform(sighting(numberedID(1)))
	other.flushAll(t)
	if rec := other.reload(t).mustLookup(t, numberedID(1)); rec.Sessions != 1 {
		t.Errorf("record %+v", rec)
	}
}

func TestLoadSkipsFieldsOfLaterVersions(t *testing.T) {
	f := newMemory(t)
	f.NoteInform(sighting(numberedID(1)))
	f.flushAll(t)
	key := devicePrefix + numberedID(1).String()
	value := appendText(appendNumber([]byte(stored(t, f)[key]), 1000, 7), 1001, "of a later version")
	if _, err := f.store.Put(t.Context(), key, value, store.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	other := f.reload(t)
	if d := diff(f.mustLookup(t, numberedID(1)), other.mustLookup(t, numberedID(1))); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	other.wantMetric(t, "acsgate_devices_damaged_total", "", 0)
}

func TestLoadReportsADamagedStore(t *testing.T) {
	f := newMemory(t)
	f.NoteInform(sighting(numberedID(1)))
	f.flushAll(t)
	other := newFixture(t, Config{}, broken{f.store.Store})
	if err := other.Load(t.Context()); !errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), "load assignments") {
		t.Errorf("load: %v", err)
	}
}

func TestLoadIsBounded(t *testing.T) {
	f := newMemory(t)
	for i := range 20 {
		f.NoteInform(sighting(numberedID(i)))
	}
	if err := f.Assign(t.Context(), numberedID(19), "south", "test", nil); err != nil {
		t.Fatal(err)
	}
	f.flushAll(t)
	other := newFixture(t, Config{MaxDevices: 5}, f.store.Store)
	if err := other.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if other.Len() != 5 || other.Assigned(numberedID(19)) != "south" || other.mustLookup(t, numberedID(19)).Sessions != 1 {
		t.Errorf("%d devices, %q", other.Len(), other.Assigned(numberedID(19)))
	}
	if other.logged(zap.ErrorLevel, "more devices than the registry may hold") != 1 {
		t.Error("not logged")
	}
	other.wantMetric(t, "acsgate_devices_refused_total", "full", 15)
}

func TestWhatWasNotedBeforeLoadIsNewer(t *testing.T) {
	f := newMemory(t)
	f.NoteInform(sighting(numberedID(1)))
	f.flushAll(t)
	other := newFixture(t, Config{}, f.store.Store)
	in := sighting(numberedID(1))
	in.ACS, in.At = "south", in.At.Add(time.Hour)
	other.NoteInform(in)
	if err := other.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if rec := other.mustLookup(t, numberedID(1)); rec.CurrentACS != "south" || !rec.LastInform.Equal(in.At) || other.Len() != 1 {
		t.Errorf("record %+v", rec)
	}
}

func TestLoadedDevicesAreNotWrittenAgain(t *testing.T) {
	f := newMemory(t)
	f.NoteInform(sighting(numberedID(1)))
	if err := f.Assign(t.Context(), numberedID(2), "south", "test", nil); err != nil {
		t.Fatal(err)
	}
	f.flushAll(t)
	if other := f.reload(t); other.dirty() != 0 {
		t.Errorf("%d devices have changed by being loaded", other.dirty())
	}
}

func TestTwoRegistriesInOneProcess(t *testing.T) {
	s := memstore.New(time.Now)
	a, b := newFixture(t, Config{}, s), newFixture(t, Config{}, memstore.New(time.Now))
	a.NoteInform(sighting(numberedID(1)))
	if b.Len() != 0 {
		t.Error("registries share devices")
	}
}
