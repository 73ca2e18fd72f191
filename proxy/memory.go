package proxy

import (
	"errors"
	"sync"
	"sync/atomic"
)

// errNoMemory refuses a large message while others fill the budget.
var errNoMemory = errors.New("memory for large messages is used up")

// budget bounds what all large messages take together, so that many half-sent
// bodies cannot exhaust the gateway. Small ones are not counted.
type budget struct {
	limit atomic.Int64
	used  atomic.Int64
}

// loan is what one exchange has taken of a budget; it belongs to one goroutine.
type loan struct {
	from  *budget
	taken int64
}

func (l *loan) reserve(n int) error {
	if l.from.used.Add(int64(n)) > l.from.limit.Load() {
		l.from.used.Add(int64(-n))
		return errNoMemory
	}
	l.taken += int64(n)
	return nil
}

func (l *loan) release() {
	if l.taken > 0 {
		l.from.used.Add(-l.taken)
		l.taken = 0
	}
}

// pooledBody is the size up to which body buffers are used again.
const pooledBody = 64 << 10

var bodies = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

func takeBuffer() *[]byte { return bodies.Get().(*[]byte) }

// giveBuffer returns a buffer to the pool, unless it has grown large.
func giveBuffer(b *[]byte) {
	if cap(*b) <= pooledBody {
		*b = (*b)[:0]
		bodies.Put(b)
	}
}
