package storetest

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/acsgate/acsgate/internal/store"
)

func (st suite) testMany(t *testing.T) {
	t.Run("writes", st.testManyWrites)
	t.Run("all or nothing", st.testAllOrNothing)
}

func (st suite) testManyWrites(t *testing.T) {
	s := st.newStore(t)
	if err := s.PutMany(t.Context(), nil); err != nil {
		t.Errorf("no writes: %v", err)
	}
	old := mustPut(t, s, "a", "old", store.PutOptions{})
	err := s.PutMany(t.Context(), []store.Write{
		{Key: "a", Value: []byte("1")}, {Key: "b", Value: []byte("1")}, {Key: "a", Value: []byte("2")}, {Key: "c"},
	})
	if err != nil {
		t.Fatal(err)
	}
	wantValue(t, s, "a", "2")
	wantValue(t, s, "b", "1")
	a, b, c := mustGet(t, s, "a"), mustGet(t, s, "b"), mustGet(t, s, "c")
	if a.Revision <= old || b.Revision <= old || a.Revision == b.Revision || b.Revision == c.Revision {
		t.Errorf("revisions %d, %d, %d after %d", a.Revision, b.Revision, c.Revision, old)
	}
}

// testAllOrNothing reads while batches are written: every scan must find one
// batch, never parts of two.
func (st suite) testAllOrNothing(t *testing.T) {
	const batches = 60
	s := st.newStore(t)
	writeBatch(t, s, 0)
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(func() {
		defer close(done)
		for i := range batches {
			writeBatch(t, s, i)
		}
	})
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		if err := scanBatch(t, s); err != nil {
			t.Error(err)
			break
		}
	}
	wg.Wait()
}

func writeBatch(t *testing.T, s store.Store, n int) {
	writes := make([]store.Write, 20)
	for i := range writes {
		writes[i] = store.Write{Key: fmt.Sprintf("batch/%02d", i), Value: []byte(strconv.Itoa(n))}
	}
	if err := s.PutMany(t.Context(), writes); err != nil {
		t.Errorf("batch %d: %v", n, err)
	}
}

func scanBatch(t *testing.T, s store.Store) error {
	value, count := "", 0
	err := s.Scan(t.Context(), "batch/", func(e store.Entry) error {
		if count > 0 && value != string(e.Value) {
			return fmt.Errorf("key %s is of batch %s, others of batch %s", e.Key, e.Value, value)
		}
		value = string(e.Value)
		count++
		return nil
	})
	if err == nil && count != 20 {
		err = errors.New("found " + strconv.Itoa(count) + " keys of a batch")
	}
	return err
}
