package storetest

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/acsgate/acsgate/internal/store"
)

func (st suite) testEntries(t *testing.T) {
	s := st.newStore(t)
	wantValue(t, s, "a", "")
	first := mustPut(t, s, "a", "1", store.PutOptions{})
	second := mustPut(t, s, "a", "2", store.PutOptions{})
	if first == 0 || second <= first {
		t.Errorf("revisions %d, %d do not ascend from 1", first, second)
	}
	if e := mustGet(t, s, "a"); string(e.Value) != "2" || e.Revision != second {
		t.Errorf("got %q of revision %d, want 2 of %d", e.Value, e.Revision, second)
	}
	mustPut(t, s, "ab", "other", store.PutOptions{})
	mustDelete(t, s, "a", 0)
	wantValue(t, s, "a", "")
	wantValue(t, s, "ab", "other")
	mustDelete(t, s, "a", 0) // no error
	if third := mustPut(t, s, "a", "3", store.PutOptions{}); third <= second {
		t.Errorf("revision %d of a key that was deleted at %d does not ascend", third, second)
	}
	mustPut(t, s, "empty", "", store.PutOptions{})
	if e := mustGet(t, s, "empty"); len(e.Value) != 0 {
		t.Errorf("empty value became %q", e.Value)
	}
	st.testOwnership(t, s)
}

// testOwnership changes what was passed after the call.
func (st suite) testOwnership(t *testing.T, s store.Store) {
	value := []byte("before")
	if _, err := s.Put(t.Context(), "own", value, store.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	writes := []store.Write{{Key: "own many", Value: []byte("before")}}
	if err := s.PutMany(t.Context(), writes); err != nil {
		t.Fatal(err)
	}
	copy(value, "after!")
	copy(writes[0].Value, "after!")
	wantValue(t, s, "own", "before")
	wantValue(t, s, "own many", "before")
}

func (st suite) testLimits(t *testing.T) {
	t.Run("keys", st.testKeys)
	t.Run("values", st.testValues)
	t.Run("refused", st.testRefused)
}

func (st suite) testKeys(t *testing.T) {
	s := st.newStore(t)
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	odd := []string{
		string(all), "\x00", "\xff", "\xff\xff", "\x00\x00", "a/b", "a.b", "a b", "*", ">", "ä", "a\n",
		strings.Repeat("k", store.MaxKey), strings.Repeat("\xff", store.MaxKey), " ", "/", ".", "..", "%2F",
	}
	for i, key := range odd {
		mustPut(t, s, key, fmt.Sprint("value ", i), store.PutOptions{})
	}
	for i, key := range odd {
		wantValue(t, s, key, fmt.Sprint("value ", i))
	}
	if found := keys(t, s, ""); len(found) != len(odd) {
		t.Errorf("scan found %d keys, want %d: %q", len(found), len(odd), found)
	}
	for _, key := range odd {
		mustDelete(t, s, key, mustGet(t, s, key).Revision)
	}
	if found := keys(t, s, ""); len(found) != 0 {
		t.Errorf("keys %q are left", found)
	}
}

func (st suite) testValues(t *testing.T) {
	s := st.newStore(t)
	large := bytes.Repeat([]byte("0123456789abcdef"), store.MaxValue/16)
	for _, key := range []string{"large 1", "large 2"} {
		if _, err := s.Put(t.Context(), key, large, store.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		if e := mustGet(t, s, key); !bytes.Equal(e.Value, large) {
			t.Errorf("%s: got %d other bytes", key, len(e.Value))
		}
	}
	seen := 0
	err := s.Scan(t.Context(), "large", func(e store.Entry) error {
		if !bytes.Equal(e.Value, large) {
			t.Errorf("scan: %s has %d other bytes", e.Key, len(e.Value))
		}
		seen++
		return nil
	})
	if err != nil || seen != 2 {
		t.Errorf("scan of large values: %d, %v", seen, err)
	}
	mustPut(t, s, "large 1", "small", store.PutOptions{})
	wantValue(t, s, "large 1", "small")
}

func (st suite) testRefused(t *testing.T) {
	s := st.newStore(t)
	ctx := t.Context()
	long := strings.Repeat("k", store.MaxKey+1)
	put := func(key string, size int, opts store.PutOptions) error {
		_, err := s.Put(ctx, key, make([]byte, size), opts)
		return err
	}
	get := func(key string) error { _, err := s.Get(ctx, key); return err }
	many := func(n, size int) error {
		writes := make([]store.Write, n)
		for i := range writes {
			writes[i] = store.Write{Key: fmt.Sprint(i), Value: make([]byte, size)}
		}
		return s.PutMany(ctx, writes)
	}
	for what, err := range map[string]error{
		"put without a key":       put("", 1, store.PutOptions{}),
		"put with a long key":     put(long, 1, store.PutOptions{}),
		"put of a large value":    put("k", store.MaxValue+1, store.PutOptions{}),
		"put for a short time":    put("k", 1, store.PutOptions{TTL: store.MinTTL - 1}),
		"put for a negative time": put("k", 1, store.PutOptions{TTL: -store.MinTTL}),
		"get without a key":       get(""),
		"get with a long key":     get(long),
		"delete without a key":    s.Delete(ctx, "", 0),
		"delete with a long key":  s.Delete(ctx, long, 0),
		"too many writes":         many(store.MaxWrites+1, 1),
		"too large a batch":       many(9, store.MaxValue),
		"a bad write among good":  s.PutMany(ctx, []store.Write{{Key: "good"}, {Key: ""}}),
	} {
		wantErr(t, what, err, store.ErrInvalid)
	}
	if found := keys(t, s, ""); len(found) != 0 {
		t.Errorf("refused writes left %q", found)
	}
	if err := many(store.MaxWrites, 10); err != nil {
		t.Errorf("the largest batch: %v", err)
	}
}

func (st suite) testContext(t *testing.T) {
	s := st.newStore(t)
	mustPut(t, s, "kept", "1", store.PutOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, getErr := s.Get(ctx, "kept")
	_, putErr := s.Put(ctx, "kept", []byte("2"), store.PutOptions{})
	_, watchErr := s.Watch(ctx, "")
	for what, err := range map[string]error{
		"get": getErr, "put": putErr, "watch": watchErr,
		"put many": s.PutMany(ctx, []store.Write{{Key: "kept", Value: []byte("3")}}),
		"delete":   s.Delete(ctx, "kept", 0),
		"scan":     s.Scan(ctx, "", func(store.Entry) error { return nil }),
	} {
		wantErr(t, what, err, context.Canceled)
	}
	wantValue(t, s, "kept", "1")
}

func (st suite) testClose(t *testing.T) {
	s := st.newStore(t)
	ctx := t.Context()
	mustPut(t, s, "k", "v", store.PutOptions{})
	events := mustWatch(t, ctx, s, "")
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	drain(t, events)
	_, getErr := s.Get(ctx, "k")
	_, putErr := s.Put(ctx, "k", nil, store.PutOptions{})
	_, watchErr := s.Watch(ctx, "")
	for what, err := range map[string]error{
		"get": getErr, "put": putErr, "watch": watchErr,
		"put many": s.PutMany(ctx, []store.Write{{Key: "k"}}),
		"delete":   s.Delete(ctx, "k", 0),
		"scan":     s.Scan(ctx, "", func(store.Entry) error { return nil }),
	} {
		wantErr(t, what, err, store.ErrClosed)
	}
	if err := s.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}
