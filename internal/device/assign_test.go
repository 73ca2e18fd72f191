package device

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/store"
	"github.com/acsgate/acsgate/internal/store/memstore"
)

func TestAssign(t *testing.T) {
	f := newMemory(t)
	id := numberedID(1)
	if f.Assigned(id) != "" {
		t.Error("assigned before it was")
	}
	assign := func(acs string, expect *string) error { return f.Assign(t.Context(), id, acs, "because", expect) }
	none, north, south := "", "north", "south"
	for _, step := range []struct {
		name   string
		err    error
		want   error
		assign string // afterwards
	}{
		{"to an expected other", assign(south, &north), ErrOtherAssignment, ""},
		{"to none expected", assign(north, &none), nil, north},
		{"none expected again", assign(south, &none), ErrOtherAssignment, north},
		{"the right one expected", assign(south, &north), nil, south},
		{"without expectation", assign(north, nil), nil, north},
		{"unassign another", f.Unassign(t.Context(), id, "over", &south), ErrOtherAssignment, north},
		{"unassign", f.Unassign(t.Context(), id, "over", &north), nil, ""},
		{"unassign again", f.Unassign(t.Context(), id, "over", &none), nil, ""},
		{"after all", assign(south, &none), nil, south},
	} {
		if !errors.Is(step.err, step.want) {
			t.Errorf("%s: error %v, want %v", step.name, step.err, step.want)
		}
	}
	rec := f.mustLookup(t, id)
	if rec.HomeACS != south || rec.AssignReason != "because" || time.Since(rec.AssignedAt) > time.Minute || rec.Sessions != 0 {
		t.Errorf("record %+v", rec)
	}
	f.NoteInform(sighting(id))
	if assigned, current := f.Placement(id); assigned != south || current != "north" {
		t.Errorf("placement %q, %q", assigned, current)
	}
	f.flushAll(t)
	if d := diff(f.mustLookup(t, id), f.reload(t).mustLookup(t, id)); d != "" {
		t.Errorf("after a restart (-want +got):\n%s", d)
	}
}

func TestUnassignIsRemembered(t *testing.T) {
	f := newMemory(t)
	id := numberedID(1)
	if err := f.Unassign(t.Context(), id, "never was", nil); err != nil {
		t.Errorf("unassign of what was not: %v", err)
	}
	if n := len(stored(t, f)); n != 0 {
		t.Errorf("that left %d entries in the store", n)
	}
	if err := f.Assign(t.Context(), id, "south", "move", nil); err != nil {
		t.Fatal(err)
	}
	if err := f.Unassign(t.Context(), id, "moved back", nil); err != nil {
		t.Fatal(err)
	}
	rec := f.reload(t).mustLookup(t, id)
	if rec.HomeACS != "" || rec.AssignReason != "moved back" || rec.AssignedAt.IsZero() {
		t.Errorf("after a restart: %+v", rec.Assignment)
	}
}

// stored returns the values of the store by key.
func stored(t *testing.T, f *fixture) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := f.store.Scan(t.Context(), "", func(e store.Entry) error { found[e.Key] = string(e.Value); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestAssignRefusesNonsense(t *testing.T) {
	f := newMemory(t)
	long := fmt.Sprintf("%*s", maxText+1, "x")
	for name, err := range map[string]error{
		"no ACS":         f.Assign(t.Context(), numberedID(1), "", "test", nil),
		"a long name":    f.Assign(t.Context(), numberedID(1), long, "test", nil),
		"a long reason":  f.Assign(t.Context(), numberedID(1), "south", long, nil),
		"a long reason ": f.Unassign(t.Context(), numberedID(1), long, nil),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if n := len(stored(t, f)); n != 0 {
		t.Errorf("%d entries in the store", n)
	}
}

func TestAssignHasOneWinner(t *testing.T) {
	f := newMemory(t)
	id := numberedID(1)
	none := ""
	var winners atomic.Int32
	var winner atomic.Value
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			acs := fmt.Sprint("acs", i)
			switch err := f.Assign(t.Context(), id, acs, "race", &none); {
			case err == nil:
				winners.Add(1)
				winner.Store(acs)
			case !errors.Is(err, ErrOtherAssignment):
				t.Errorf("assign: %v", err)
			}
		})
	}
	wg.Wait()
	if winners.Load() != 1 || f.Assigned(id) != winner.Load() {
		t.Errorf("%d winners; %v won, assigned to %q", winners.Load(), winner.Load(), f.Assigned(id))
	}
}

// Without expectations all succeed, one after the other, and memory ends up as
// the store does.
func TestAssignmentsInARaceEndUpAsStored(t *testing.T) {
	f := newMemory(t)
	id := numberedID(1)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			var err error
			if i%4 == 3 {
				err = f.Unassign(t.Context(), id, "race", nil)
			} else {
				err = f.Assign(t.Context(), id, fmt.Sprint("acs", i), "race", nil)
			}
			if err != nil {
				t.Errorf("assign: %v", err)
			}
		})
	}
	wg.Wait()
	if memory, disk := f.Assigned(id), f.reload(t).Assigned(id); memory != disk {
		t.Errorf("memory has %q, the store %q", memory, disk)
	}
}

func TestAssignIsNotAcknowledgedByAFailingStore(t *testing.T) {
	f := newMemory(t)
	id := numberedID(1)
	if err := f.Assign(t.Context(), id, "north", "test", nil); err != nil {
		t.Fatal(err)
	}
	f.store.onPut(func(context.Context, string) error { return errDisk })
	if err := f.Assign(t.Context(), id, "south", "test", nil); !errors.Is(err, errDisk) {
		t.Errorf("assign: %v", err)
	}
	if f.Assigned(id) != "north" {
		t.Errorf("assigned to %q though that is not stored", f.Assigned(id))
	}
	ctx, cancel := context.WithCancel(t.Context())
	f.store.onPut(func(ctx context.Context, _ string) error { cancel(); <-ctx.Done(); return ctx.Err() })
	if err := f.Assign(ctx, id, "south", "test", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("assign at a store that hangs: %v", err)
	}
}

// An older assignment that arrives late does not replace a newer one.
func TestSetAssignmentGoesByRevision(t *testing.T) {
	f := newMemory(t)
	id := numberedID(1)
	f.setAssignment(&id, Assignment{HomeACS: "new"}, 7)
	f.setAssignment(&id, Assignment{HomeACS: "old"}, 5)
	if f.Assigned(id) != "new" {
		t.Errorf("assigned to %q", f.Assigned(id))
	}
	f.setAssignment(&id, Assignment{}, 9)
	f.setAssignment(&id, Assignment{HomeACS: "old"}, 8)
	if f.Assigned(id) != "" {
		t.Errorf("assigned to %q after the assignment ended", f.Assigned(id))
	}
}

func TestNoRoomForAssignment(t *testing.T) {
	f := newFixture(t, Config{MaxDevices: 1}, memstore.New(time.Now))
	f.NoteInform(sighting(numberedID(1)))
	if err := f.Assign(t.Context(), numberedID(2), "south", "test", nil); !errors.Is(err, ErrNoRoom) {
		t.Errorf("assign: %v", err)
	}
	if n := len(stored(t, f)); n != 0 {
		t.Errorf("%d entries in the store", n)
	}
}
