package storetest

import (
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/acsgate/acsgate/internal/store"
)

func (st suite) testExpect(t *testing.T) {
	t.Run("put", st.testExpectPut)
	t.Run("delete", st.testExpectDelete)
	t.Run("one winner", st.testOneWinner)
	t.Run("counter", st.testCounter)
}

func (st suite) testExpectPut(t *testing.T) {
	s := st.newStore(t)
	put := func(value string, expect store.Expect) (uint64, error) {
		return s.Put(t.Context(), "k", []byte(value), store.PutOptions{Expect: expect})
	}
	_, err := put("0", store.Revision(1))
	wantErr(t, "revision of nothing", err, store.ErrConflict)
	first, err := put("1", store.Absent)
	if err != nil {
		t.Fatalf("absent: %v", err)
	}
	_, err = put("2", store.Absent)
	wantErr(t, "absent though it is there", err, store.ErrConflict)
	_, err = put("2", store.Revision(0))
	wantErr(t, "revision 0 though it is there", err, store.ErrConflict)
	_, err = put("2", store.Revision(first+1))
	wantErr(t, "another revision", err, store.ErrConflict)
	wantValue(t, s, "k", "1")
	second, err := put("2", store.Revision(first))
	if err != nil {
		t.Fatalf("the right revision: %v", err)
	}
	_, err = put("3", store.Revision(first))
	wantErr(t, "an old revision", err, store.ErrConflict)
	mustDelete(t, s, "k", 0)
	_, err = put("3", store.Revision(second))
	wantErr(t, "the revision before deletion", err, store.ErrConflict)
	if _, err = put("4", store.Revision(0)); err != nil {
		t.Fatalf("revision 0 of nothing: %v", err)
	}
	_, err = put("5", store.Revision(first))
	wantErr(t, "a revision of the time before deletion", err, store.ErrConflict)
	wantValue(t, s, "k", "4")
}

func (st suite) testExpectDelete(t *testing.T) {
	s := st.newStore(t)
	wantErr(t, "nothing", s.Delete(t.Context(), "k", 1), store.ErrConflict)
	first := mustPut(t, s, "k", "1", store.PutOptions{})
	second := mustPut(t, s, "k", "2", store.PutOptions{})
	wantErr(t, "an old revision", s.Delete(t.Context(), "k", first), store.ErrConflict)
	wantValue(t, s, "k", "2")
	mustDelete(t, s, "k", second)
	wantErr(t, "twice", s.Delete(t.Context(), "k", second), store.ErrConflict)
	wantValue(t, s, "k", "")
}

func (st suite) testOneWinner(t *testing.T) {
	s := st.newStore(t)
	for _, expect := range []func() store.Expect{
		func() store.Expect { return store.Absent },
		func() store.Expect { return store.Revision(mustGet(t, s, "k").Revision) },
	} {
		want := expect()
		var winners atomic.Int32
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				_, err := s.Put(t.Context(), "k", []byte(strconv.Itoa(i)), store.PutOptions{Expect: want})
				switch {
				case err == nil:
					winners.Add(1)
				case !errors.Is(err, store.ErrConflict):
					t.Errorf("put: %v", err)
				}
			})
		}
		wg.Wait()
		if winners.Load() != 1 {
			t.Errorf("%d writers won, want 1", winners.Load())
		}
	}
}

// testCounter loses no increment, and every increment has a revision of its own.
func (st suite) testCounter(t *testing.T) {
	const workers, each = 8, 25
	s := st.newStore(t)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				if err := increment(t, s); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	wantValue(t, s, "counter", strconv.Itoa(workers*each))
}

func increment(t *testing.T, s store.Store) error {
	for {
		e, err := s.Get(t.Context(), "counter")
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		n, _ := strconv.Atoi(string(e.Value))
		opts := store.PutOptions{Expect: store.Revision(e.Revision)}
		_, err = s.Put(t.Context(), "counter", []byte(strconv.Itoa(n+1)), opts)
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}
