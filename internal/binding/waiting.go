package binding

import "iter"

const (
	waitingBuckets = 2048
	waitingWays    = 8
	waitingTime    = 300 // seconds for which a packet waits for its device's session
)

// waiting keeps, for some minutes, packets that could not be tied to a device: a
// session may tell soon whose they are. It is a table of fixed size in which each
// key, a user name or a source IP address, has a few places, the oldest of which
// is given up: a flood pushes out nothing but other packets that nobody knows.
type waiting struct {
	buckets [][waitingWays]waitingPlace
}

type waitingPlace struct {
	key uint64
	sighting
}

func newWaiting() *waiting {
	return &waiting{buckets: make([][waitingWays]waitingPlace, waitingBuckets)}
}

// put keeps a packet under a key.
func (w *waiting) put(key uint64, s *sighting) {
	bucket := &w.buckets[key%waitingBuckets]
	oldest := 0
	for i := range bucket {
		p := &bucket[i]
		if p.key == key && p.source == s.source && p.user == s.user {
			oldest = i
			break
		}
		if p.at < bucket[oldest].at {
			oldest = i
		}
	}
	bucket[oldest] = waitingPlace{key, *s}
}

// of returns the packets that wait under a key.
func (w *waiting) of(key uint64, at uint32) iter.Seq[*sighting] {
	return func(yield func(*sighting) bool) {
		bucket := &w.buckets[key%waitingBuckets]
		for i := range bucket {
			p := &bucket[i]
			if p.key == key && since(p.at, at) <= waitingTime && !yield(&p.sighting) {
				return
			}
		}
	}
}
