package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/acsgate/acsgate/internal/store"
)

func (st suite) testScan(t *testing.T) {
	t.Run("order and prefix", st.testScanOrder)
	t.Run("many entries", st.testScanMany)
	t.Run("stop", st.testScanStop)
	t.Run("one moment", st.testScanSnapshot)
}

func (st suite) testScanOrder(t *testing.T) {
	s := st.newStore(t)
	all := []string{
		"\x00", "A", "a", "a\x00", "a/", "a/1", "a/10", "a/2", "a/\xff", "a0", "aa", "b", "\xfe", "\xfe\xff", "\xff",
		"\xff\x00", "\xff\xff", "\xff\xffa",
	}
	slices.Sort(all)
	for i := range all { // in another order
		mustPut(t, s, all[(i*7+3)%len(all)], "v", store.PutOptions{})
	}
	for prefix, want := range map[string][]string{
		"":             all,
		"a":            {"a", "a\x00", "a/", "a/1", "a/10", "a/2", "a/\xff", "a0", "aa"},
		"a/":           {"a/", "a/1", "a/10", "a/2", "a/\xff"},
		"a/1":          {"a/1", "a/10"},
		"a/\xff":       {"a/\xff"},
		"\xfe":         {"\xfe", "\xfe\xff"},
		"\xfe\xff":     {"\xfe\xff"},
		"\xff":         {"\xff", "\xff\x00", "\xff\xff", "\xff\xffa"},
		"\xff\xff":     {"\xff\xff", "\xff\xffa"},
		"\xff\xff\xff": {},
		"\x00":         {"\x00"},
		"c":            {},
		"aaa":          {},
	} {
		if found := keys(t, s, prefix); !slices.Equal(found, want) {
			t.Errorf("scan of %q: %q, want %q", prefix, found, want)
		}
	}
}

// testScanMany reads more than a backend would fetch at once.
func (st suite) testScanMany(t *testing.T) {
	const count = 3000
	s := st.newStore(t)
	for start := 0; start < count; start += store.MaxWrites {
		writes := make([]store.Write, store.MaxWrites)
		for i := range writes {
			key := fmt.Sprintf("%06d", start+i)
			writes[i] = store.Write{Key: key, Value: []byte("value of " + key)}
		}
		if err := s.PutMany(t.Context(), writes); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	err := s.Scan(t.Context(), "", func(e store.Entry) error {
		if want := fmt.Sprintf("%06d", n); e.Key != want || string(e.Value) != "value of "+want || e.Revision == 0 {
			return fmt.Errorf("entry %d is %q with %q of revision %d", n, e.Key, e.Value, e.Revision)
		}
		n++
		return nil
	})
	if err != nil || n != count {
		t.Errorf("scan ended after %d of %d: %v", n, count, err)
	}
}

func (st suite) testScanStop(t *testing.T) {
	s := st.newStore(t)
	for i := range 10 {
		mustPut(t, s, fmt.Sprint(i), "v", store.PutOptions{})
	}
	stop, n := errors.New("enough"), 0
	err := s.Scan(t.Context(), "", func(store.Entry) error {
		if n++; n == 3 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || n != 3 {
		t.Errorf("scan went on to %d with error %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	n = 0
	err = s.Scan(ctx, "", func(store.Entry) error {
		cancel()
		n++
		return nil
	})
	wantErr(t, "scan whose context ends", err, context.Canceled)
	if n == 10 {
		t.Error("scan went on to its end")
	}
}

// testScanSnapshot changes the store behind the back of a scan.
func (st suite) testScanSnapshot(t *testing.T) {
	s := st.newStore(t)
	for _, key := range []string{"1", "3", "5"} {
		mustPut(t, s, key, "old", store.PutOptions{})
	}
	found := ""
	begun, changed := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(changed)
		<-begun
		mustPut(t, s, "2", "new", store.PutOptions{})
		mustPut(t, s, "3", "new", store.PutOptions{})
		mustDelete(t, s, "5", 0)
	}()
	err := s.Scan(t.Context(), "", func(e store.Entry) error {
		if found == "" {
			close(begun)
			<-changed
		}
		found += e.Key + string(e.Value) + " "
		return nil
	})
	if err != nil || found != "1old 3old 5old " {
		t.Errorf("scan saw %q, %v", found, err)
	}
	if found := keys(t, s, ""); !slices.Equal(found, []string{"1", "2", "3"}) {
		t.Errorf("later scan saw %q", found)
	}
}
