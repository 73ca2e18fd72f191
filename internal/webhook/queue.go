package webhook

import "sync"

// Bounds of a queue, and of one delivery out of it.
const (
	maxQueued      = 10_000
	maxQueuedBytes = 8 << 20
	maxBatch       = 500
	maxBatchBytes  = 256 << 10
)

// queue holds the JSON documents of events until they are delivered.
type queue struct {
	ready chan struct{} // has one while there may be events

	mu     sync.Mutex
	events [][]byte // oldest first
	size   int      // bytes
}

func newQueue() *queue { return &queue{ready: make(chan struct{}, 1)} }

// push appends an event and returns how many older ones had to go for it.
func (q *queue) push(event []byte) (dropped int) {
	q.mu.Lock()
	q.events = append(q.events, event)
	q.size += len(event)
	for len(q.events) > maxQueued || q.size > maxQueuedBytes {
		q.drop()
		dropped++
	}
	q.mu.Unlock()
	select {
	case q.ready <- struct{}{}:
	default:
	}
	return dropped
}

// drop removes the oldest event. The caller holds the lock.
func (q *queue) drop() (event []byte) {
	event = q.events[0]
	q.events[0] = nil
	q.events = q.events[1:]
	q.size -= len(event)
	return event
}

// take removes the events of one delivery and returns them as a JSON array, with
// their number.
func (q *queue) take() (body []byte, n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for n < maxBatch && len(q.events) > 0 && (n == 0 || len(body)+len(q.events[0]) < maxBatchBytes) {
		separator := byte(',')
		if n == 0 {
			separator = '['
		}
		body = append(append(body, separator), q.drop()...)
		n++
	}
	if n == 0 {
		return nil, 0
	}
	return append(body, ']'), n
}
