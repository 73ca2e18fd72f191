package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/store"
)

const ttl = 2 * time.Second

func (st suite) testExpiry(t *testing.T) {
	t.Run("gone", st.testGone)
	t.Run("renewed", st.testRenewed)
	t.Run("watch", st.testExpiryWatch)
}

func (st suite) testGone(t *testing.T) {
	s := st.newStore(t)
	old := mustPut(t, s, "k", "short", store.PutOptions{TTL: ttl})
	mustPut(t, s, "l", "for ever", store.PutOptions{})
	if err := s.PutMany(t.Context(), []store.Write{{Key: "m", Value: []byte("short"), TTL: ttl}}); err != nil {
		t.Fatal(err)
	}
	if found := keys(t, s, ""); !slices.Equal(found, []string{"k", "l", "m"}) {
		t.Fatalf("keys before expiry: %q", found)
	}
	st.advance(2 * ttl)
	wantValue(t, s, "k", "")
	wantValue(t, s, "l", "for ever")
	if found := keys(t, s, ""); !slices.Equal(found, []string{"l"}) {
		t.Errorf("keys after expiry: %q", found)
	}
	_, err := s.Put(t.Context(), "k", nil, store.PutOptions{Expect: store.Revision(old)})
	wantErr(t, "put on an expired revision", err, store.ErrConflict)
	wantErr(t, "delete of an expired revision", s.Delete(t.Context(), "k", old), store.ErrConflict)
	mustDelete(t, s, "m", 0)
	if revision := mustPut(t, s, "k", "again", store.PutOptions{Expect: store.Absent}); revision <= old {
		t.Errorf("revision %d after that of the expired entry, %d", revision, old)
	}
	wantValue(t, s, "k", "again")
}

// testRenewed writes keys that would expire otherwise.
func (st suite) testRenewed(t *testing.T) {
	s := st.newStore(t)
	for _, key := range []string{"longer", "for ever", "many", "deleted"} {
		mustPut(t, s, key, "1", store.PutOptions{TTL: ttl})
	}
	mustPut(t, s, "longer", "2", store.PutOptions{TTL: 10 * ttl})
	mustPut(t, s, "for ever", "2", store.PutOptions{})
	mustDelete(t, s, "deleted", 0)
	mustPut(t, s, "deleted", "2", store.PutOptions{})
	if err := s.PutMany(t.Context(), []store.Write{{Key: "many", Value: []byte("2")}}); err != nil {
		t.Fatal(err)
	}
	st.advance(2 * ttl)
	mustPut(t, s, "another", "1", store.PutOptions{}) // a chance to remove too much
	for _, key := range []string{"longer", "for ever", "many", "deleted"} {
		wantValue(t, s, key, "2")
	}
	st.advance(20 * ttl)
	wantValue(t, s, "longer", "")
	wantValue(t, s, "for ever", "2")
}

func (st suite) testExpiryWatch(t *testing.T) {
	s := st.newStore(t)
	first := mustPut(t, s, "k", "short", store.PutOptions{TTL: ttl})
	events := mustWatch(t, t.Context(), s, "k")
	st.advance(2 * ttl)
	mustPut(t, s, "x", "any write", store.PutOptions{})
	e := next(t, events)
	if e.Op != store.OpDelete || e.Key != "k" || len(e.Value) != 0 || e.Revision <= first {
		t.Errorf("expiry gave %+v", e)
	}
	second := mustPut(t, s, "k", "again", store.PutOptions{TTL: ttl})
	if e := next(t, events); e.Op != store.OpPut || e.Revision != second {
		t.Errorf("put after expiry gave %+v", e)
	}
}
