package journal

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

func read(t *testing.T, r *Reader) (ids []uint64, lost uint64) {
	t.Helper()
	frames, lost, err := r.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range frames {
		ids = append(ids, f.ID)
	}
	return ids, lost
}

func subscribe(t *testing.T, j *Journal, f Filter, after uint64) *Reader {
	t.Helper()
	r, err := j.Subscribe(f, after)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func TestSubscribe_FromWhere(t *testing.T) {
	j := newJournal(t, Config{})
	first := j.next
	for range 4 {
		j.Publish(Event{Kind: KindACS})
	}
	toCome := subscribe(t, j, Filter{}, 0) // the four are pending
	for range 2 {
		j.Publish(Event{Kind: KindACS})
	}
	j.Flush()
	for _, test := range []struct {
		name string
		r    *Reader
		want uint64
	}{
		{"to come", toCome, first + 4},
		{"after one", subscribe(t, j, Filter{}, first+1), first + 2},
		{"all", subscribe(t, j, Filter{}, first-1), first},
	} {
		ids, lost := read(t, test.r)
		if len(ids) != int(first+6-test.want) || ids[0] != test.want || lost != 0 {
			t.Errorf("%s: %v from %d, %d lost", test.name, ids, first, lost)
		}
	}
	after := subscribe(t, j, Filter{}, first+1000) // of a life with another clock
	j.Publish(Event{Kind: KindACS})
	j.Flush()
	if ids, lost := read(t, after); len(ids) != 1 || ids[0] != first+6 || lost != 0 {
		t.Errorf("%v, %d lost", ids, lost)
	}
}

func TestSubscribe_Filters(t *testing.T) {
	j := newJournal(t, Config{})
	readers := map[string]*Reader{
		"kinds":  subscribe(t, j, Filter{Kinds: []Kind{KindACS, KindMove}}, 0),
		"acs":    subscribe(t, j, Filter{ACS: "south"}, 0),
		"device": subscribe(t, j, Filter{Device: numbered(1)}, 0),
		"allow":  subscribe(t, j, Filter{Allow: func(h *Header) bool { return h.Device.SerialNumber == "2" }}, 0),
		"both":   subscribe(t, j, Filter{Kinds: []Kind{KindMove}, Allow: func(h *Header) bool { return h.ACS == "north" }}, 0),
	}
	first := j.next
	j.Publish(Event{Kind: KindACS, ACS: "north"})                         // 0
	j.Publish(Event{Kind: KindMove, ACS: "south", Device: numbered(1)})   // 1
	j.Publish(Event{Kind: KindInform, ACS: "south", Device: numbered(2)}) // 2
	j.Publish(Event{Kind: KindMove, ACS: "north", Device: numbered(2)})   // 3
	j.Publish(Event{Kind: KindInform, ACS: "east", Device: numbered(1)})  // 4
	j.Flush()
	for name, want := range map[string][]uint64{"kinds": {0, 1, 3}, "acs": {1, 2}, "device": {1, 4}, "allow": {2, 3}, "both": {3}} {
		ids, lost := read(t, readers[name])
		for i := range ids {
			ids[i] -= first
		}
		if fmt.Sprint(ids) != fmt.Sprint(want) || lost != 0 {
			t.Errorf("%s: %v, want %v", name, ids, want)
		}
	}
}

// TestReader_Slow: one who does not read costs nobody anything, and is told what it
// has lost.
func TestReader_Slow(t *testing.T) {
	j := newJournal(t, Config{Replay: 64 << 10})
	slow, quick := subscribe(t, j, Filter{}, 0), subscribe(t, j, Filter{}, 0)
	first, seen := j.next, 0
	for range 100 {
		for range 50 {
			j.Publish(Event{Kind: KindInform, Device: numbered(1)})
		}
		j.Flush()
		ids, lost := read(t, quick)
		if seen += len(ids); lost != 0 {
			t.Fatalf("the quick one has lost %d", lost)
		}
	}
	if seen != 5000 || j.stream.size > 64<<10 {
		t.Errorf("%d events seen, %d bytes kept", seen, j.stream.size)
	}
	ids, lost := read(t, slow)
	if lost == 0 || ids[0] != first+lost || ids[0] != j.stream.oldest {
		t.Errorf("%d lost, then %d of %d", lost, ids[0]-first, j.stream.oldest-first)
	}
	if got := j.stream.lost.Load(); got != lost {
		t.Errorf("%d are counted as lost, want %d", got, lost)
	}
	sse := subscribe(t, j, Filter{Kinds: []Kind{KindAudit}}, first)
	text, lost2, err := sse.NextSSE(t.Context())
	if want := fmt.Sprintf("event: lost\ndata: {\"lost\":%d}\n\n", lost2); err != nil || lost2 != lost-1 || string(bytes.Join(text, nil)) != want {
		t.Errorf("%q, %d, %v", text, lost2, err)
	}
}

// TestPublish_Full: what finds no room is counted, and readers learn of it.
func TestPublish_Full(t *testing.T) {
	j := newJournal(t, Config{Replay: 64 << 20})
	r := subscribe(t, j, Filter{}, 0)
	for range maxPending + 7 {
		j.Publish(Event{Kind: KindACS})
	}
	j.Flush()
	j.Publish(Event{Kind: KindACS})
	j.Flush()
	var seen, lost uint64
	for seen+lost < maxPending+8 {
		ids, n := read(t, r)
		seen, lost = seen+uint64(len(ids)), lost+n
	}
	if seen != maxPending+1 || lost != 7 || testutil.ToFloat64(j.metrics.full) != 7 {
		t.Errorf("%d seen, %d lost, %v counted", seen, lost, testutil.ToFloat64(j.metrics.full))
	}
}

func TestSubscribe_Bounded(t *testing.T) {
	j := newJournal(t, Config{})
	var readers []*Reader
	for range maxReaders {
		readers = append(readers, subscribe(t, j, Filter{}, 0))
	}
	if _, err := j.Subscribe(Filter{}, 0); err == nil || !strings.Contains(err.Error(), "256 readers") {
		t.Errorf("%v", err)
	}
	readers[3].Close()
	readers[3].Close()
	if _, _, err := readers[3].Next(t.Context()); err != io.EOF {
		t.Errorf("%v of a closed reader", err)
	}
	if j.stream.count() != maxReaders-1 {
		t.Errorf("%d readers", j.stream.count())
	}
	subscribe(t, j, Filter{}, 0)
}

func TestRun_WakesReadersAndEndsThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournal(t, Config{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- j.Run(ctx) }()
		r := subscribe(t, j, Filter{}, 0)
		began := time.Now()
		for range 3 { // a batch, however many come within the interval
			time.Sleep(time.Millisecond)
			j.Publish(Event{Kind: KindACS})
		}
		if ids, _ := read(t, r); len(ids) != 3 || time.Since(began) != time.Millisecond+interval {
			t.Errorf("%v after %v", ids, time.Since(began))
		}
		waiting, stop := context.WithTimeout(ctx, time.Second)
		if _, _, err := r.Next(waiting); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		stop()
		for range maxPending/2 + 1 { // too many to wait
			j.Publish(Event{Kind: KindACS})
		}
		began = time.Now()
		if ids, _ := read(t, r); len(ids) == 0 || time.Since(began) != 0 {
			t.Errorf("%v after %v", ids, time.Since(began))
		}
		j.Publish(Event{Kind: KindMove})
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		var last Frame
		for {
			frames, _, err := r.Next(t.Context())
			if err == io.EOF {
				break
			}
			last = frames[len(frames)-1]
		}
		if last.Kind != KindMove {
			t.Errorf("the last one is %+v", last)
		}
	})
}

func TestTimeline_WakesReadersNoSooner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournal(t, Config{})
		ctx, cancel := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer cancel()
		go func() { _ = j.Run(ctx) }()
		r := subscribe(t, j, Filter{}, 0)
		j.Publish(Event{Kind: KindInform, Device: numbered(1)})
		if len(j.Timeline(numbered(1), 0)) != 1 {
			t.Error("what was published a moment ago is not there")
		}
		if ids, _ := read(t, r); len(ids) != 1 {
			t.Errorf("%v", ids)
		}
	})
}

func TestNextSSE_StaysAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournal(t, Config{})
		r := subscribe(t, j, Filter{Kinds: []Kind{KindMove}}, 0)
		began := time.Now()
		text, lost, err := r.NextSSE(t.Context())
		if err != nil || lost != 0 || string(bytes.Join(text, nil)) != ": still here\n\n" || time.Since(began) != keepAlive {
			t.Errorf("%q, %d, %v after %v", text, lost, err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := r.NextSSE(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
}

// TestNextGzipSSE reads what a browser would, as it comes: of one who reads all, of
// one who joins within a batch, of one with a filter.
func TestNextGzipSSE(t *testing.T) {
	j := newJournal(t, Config{Replay: 256 << 10})
	first := j.next
	publish := func(n int) {
		for i := range n {
			for _, e := range typical(i) {
				j.Publish(e)
			}
		}
		j.Flush()
	}
	for range 20 { // more than is kept
		publish(50)
	}
	for name, from := range map[string]struct {
		f     Filter
		after uint64
	}{
		"all": {Filter{}, first}, "within": {Filter{}, j.stream.oldest + 5}, "some": {Filter{Kinds: []Kind{KindSession}}, first},
	} {
		plain, squeezed := subscribe(t, j, from.f, from.after), subscribe(t, j, from.f, from.after)
		r, w := io.Pipe()
		go func() {
			for {
				chunks, _, err := squeezed.NextGzipSSE(t.Context())
				if err != nil {
					w.CloseWithError(err)
					return
				}
				for _, c := range chunks {
					_, _ = w.Write(c)
				}
			}
		}()
		unzipped, err := gzip.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(unzipped)
		for range 5 {
			publish(3)
			text, _, err := plain.NextSSE(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			want := bytes.Join(text, nil)
			got := make([]byte, len(want))
			if _, err := io.ReadFull(lines, got); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%s: %v\n got %.300q\nwant %.300q", name, err, got, want)
			}
		}
		squeezed.Close()
		if _, err := io.Copy(io.Discard, lines); err != io.ErrUnexpectedEOF { // it has no end of its own
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestJournal_ManyAtOnce is for the race detector, and loses nothing.
func TestJournal_ManyAtOnce(t *testing.T) {
	j := newJournal(t, Config{Memory: 1 << 20, Replay: 64 << 20})
	ctx, cancel := context.WithCancel(t.Context())
	var run, readers, writers sync.WaitGroup
	run.Go(func() { _ = j.Run(ctx) })
	const each, publishers = 1000, 4
	for i := range 6 {
		r := subscribe(t, j, Filter{}, 0)
		readers.Go(func() {
			seen, next := 0, uint64(0)
			for {
				var ids []uint64
				var err error
				if i%2 == 0 {
					var frames []Frame
					frames, _, err = r.Next(t.Context())
					for _, f := range frames {
						ids = append(ids, f.ID)
					}
				} else {
					var text [][]byte
					text, _, err = r.NextSSE(t.Context())
					for range strings.Count(string(bytes.Join(text, nil)), "\ndata: ") {
						ids = append(ids, 0)
					}
				}
				if err != nil {
					break
				}
				for _, id := range ids {
					if next != 0 && id != 0 && id != next {
						t.Errorf("ID %d, want %d", id, next)
					}
					next = id + 1
				}
				seen += len(ids)
			}
			if seen != each*publishers {
				t.Errorf("%d events seen", seen)
			}
		})
	}
	for p := range publishers {
		writers.Go(func() {
			for n := range each {
				j.Publish(typical(n % 50)[p%2])
				if n%100 == 0 {
					j.Timeline(typical(n % 50)[0].Device, 5)
				}
			}
		})
	}
	writers.Wait()
	cancel()
	run.Wait()
	readers.Wait()
}
