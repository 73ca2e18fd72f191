package journal

import (
	"fmt"
	"io"
	"sort"
	"sync"
	"sync/atomic"
)

// maxReaders is how many readers there may be.
const maxReaders = 256

// stream keeps the last batches for readers, who ask for what comes after what they
// have had. So nobody waits for a slow one, and it takes no memory of its own.
type stream struct {
	most int // bytes
	lost atomic.Uint64
	squeezer

	mu      sync.Mutex
	batches []*batch // oldest first
	size    int      // bytes of batches
	news    chan struct{}
	fresh   bool // something was added since news was replaced
	ended   bool
	readers int
	oldest  uint64 // ID before which events are kept no longer
}

func newStream(first uint64, most int) *stream {
	return &stream{most: most, news: make(chan struct{}), oldest: first}
}

// add appends a batch and forgets the oldest ones for it.
func (s *stream) add(b *batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batches = append(s.batches, b)
	s.size += b.cost()
	s.fresh = true
	for s.size > s.most && len(s.batches) > 1 {
		s.size -= s.batches[0].cost()
		s.oldest = s.batches[0].last() + 1
		s.batches[0] = nil
		s.batches = s.batches[1:]
	}
}

// wake tells readers that there is more.
func (s *stream) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fresh {
		s.fresh = false
		close(s.news)
		s.news = make(chan struct{})
	}
}

// end ends all readers once they have read what there is.
func (s *stream) end() {
	s.mu.Lock()
	s.ended, s.fresh = true, true
	s.mu.Unlock()
	s.wake()
}

func (s *stream) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.readers
}

// subscribe returns a reader of the events from an ID on.
func (s *stream) subscribe(f Filter, from uint64) (*Reader, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readers >= maxReaders {
		return nil, fmt.Errorf("events have %d readers, which is the most that there may be: close one, or try again later", maxReaders)
	}
	s.readers++
	return &Reader{stream: s, pick: f.compile(), next: from, closed: make(chan struct{})}, nil
}

func (s *stream) unsubscribe() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers--
}

// after returns the first batch that has events from an ID on, with how many events
// before it are lost. If there is none yet it returns what tells of the next, or
// io.EOF.
func (s *stream) after(from uint64) (b *batch, lost uint64, news <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := sort.Search(len(s.batches), func(i int) bool { return s.batches[i].last() >= from })
	switch {
	case i < len(s.batches):
		b = s.batches[i]
		if first := b.first(); first > from { // forgotten, or dropped by Publish
			lost = first - from
		}
		return b, lost, nil, nil
	case s.ended:
		return nil, 0, nil, io.EOF
	}
	return nil, 0, s.news, nil
}
