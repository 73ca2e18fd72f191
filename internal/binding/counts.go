package binding

import (
	"context"
	"sync"
	"time"

	"github.com/acsgate/acsgate/internal/search"
)

// Ages are the times since the last packet by which bindings are counted.
func Ages() []time.Duration {
	return []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour}
}

// Counts is how many bindings there are.
type Counts struct {
	Total, Fresh, Stale int
	// Sure is how many of Fresh and of Stale more than a name ties to their devices,
	// see Binding.Corroborated.
	Sure  struct{ Fresh, Stale int }
	Kinds [KindUnstable + 1]int // by Kind
	// Ages is how many were last seen within each of Ages(), but not within the one
	// before; at its end how many before that.
	Ages [7]int
}

// Count counts the bindings as they are at a time. It reads all records, which
// takes some ten milliseconds for a million: who asks often keeps the answer for a
// second. The error is that of the context.
func (t *Table) Count(ctx context.Context, now time.Time) (Counts, error) {
	var mu sync.Mutex
	var all Counts
	var limits [len(all.Ages) - 1]uint32
	for i, age := range Ages() {
		limits[i] = uint32(age / time.Second)
	}
	second := toSeconds(now)
	err := search.Each(ctx, t.rangesFrom(0), func(part int) error {
		var c Counts
		for from, end := uint32(part*rangeSize), uint32((part+1)*rangeSize); from < end; from += chunk {
			t.countSome(from, second, &limits, &c)
		}
		mu.Lock()
		defer mu.Unlock()
		all.add(&c)
		return nil
	})
	return all, err
}

func (t *Table) countSome(from, now uint32, limits *[6]uint32, c *Counts) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for number := from; number < min(from+chunk, uint32(len(t.refs))); number++ {
		h := readHead(t.record(number))
		b := h.brief(now)
		sure := 0
		if h.evidence > Named {
			sure = 1
		}
		switch b.State {
		case Fresh:
			c.Fresh++
			c.Sure.Fresh += sure
		case Stale:
			c.Stale++
			c.Sure.Stale += sure
		case AnyState, NoBinding:
			continue
		}
		c.Total++
		c.Kinds[b.Kind]++
		age, bucket := since(h.last, now), 0
		for bucket < len(limits) && age > limits[bucket] {
			bucket++
		}
		c.Ages[bucket]++
	}
}

func (c *Counts) add(d *Counts) {
	c.Total += d.Total
	c.Fresh += d.Fresh
	c.Stale += d.Stale
	c.Sure.Fresh += d.Sure.Fresh
	c.Sure.Stale += d.Sure.Stale
	for i, n := range d.Kinds {
		c.Kinds[i] += n
	}
	for i, n := range d.Ages {
		c.Ages[i] += n
	}
}
