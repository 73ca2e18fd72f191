package connreq

import (
	"testing"
	"time"
)

func TestBuckets(t *testing.T) {
	now := time.Unix(1000, 0)
	b := newBuckets(3, time.Second, 10)
	take := func(key uint64, n int) (taken int) {
		for range n {
			if b.take(key, now) {
				taken++
			}
		}
		return taken
	}
	if left, fresh := b.left(1, now); !left || !fresh {
		t.Errorf("new key: left %v, fresh %v", left, fresh)
	}
	if n := take(1, 5); n != 3 {
		t.Errorf("took %d at once, want 3", n)
	}
	if left, fresh := b.left(1, now); left || fresh {
		t.Errorf("used up: left %v, fresh %v", left, fresh)
	}
	if n := take(2, 5); n != 3 {
		t.Errorf("another key took %d, want 3", n)
	}
	now = now.Add(1500 * time.Millisecond)
	if n := take(1, 5); n != 1 {
		t.Errorf("took %d after a refill, want 1", n)
	}
	now = now.Add(time.Hour)
	if n := take(1, 5); n != 3 {
		t.Errorf("took %d after an hour, want 3", n)
	}
	now = now.Add(-time.Hour)
	if n := take(1, 5); n == 0 {
		t.Error("took none after the clock was set back")
	}
}

func TestBuckets_Bounded(t *testing.T) {
	now := time.Unix(1000, 0)
	b := newBuckets(2, time.Second, 10)
	taken := 0
	for key := uint64(1); key <= 100; key++ {
		if b.take(key, now) {
			taken++
		}
	}
	if taken != 12 || len(b.rest) > 11 {
		t.Errorf("%d keys took, and %d are remembered; want 10 of their own and 2 of the shared bucket", taken, len(b.rest))
	}
	now = now.Add(time.Minute)
	if !b.take(200, now) || len(b.rest) != 1 {
		t.Errorf("after a minute %d keys are remembered, want the new one", len(b.rest))
	}
}
