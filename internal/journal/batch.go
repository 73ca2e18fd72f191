package journal

import (
	"compress/flate"
	"encoding/binary"
	"sync"
)

// maxBatch is the size beyond which a batch of events is closed, in bytes.
const maxBatch = 256 << 10

// batch is events that were encoded together. It is not changed once it is made, and
// shared by all readers.
type batch struct {
	frames []Frame
	text   []byte // all of them as text/event-stream
	starts []int  // of each frame in text, and where the last one ends

	once     sync.Once
	squeezed []byte // text as blocks of RFC 1951 that lean on nothing before them
}

func (b *batch) first() uint64 { return b.frames[0].ID }
func (b *batch) last() uint64  { return b.frames[len(b.frames)-1].ID }

// cost is how much memory the batch takes, about.
func (b *batch) cost() int { return len(b.text) + len(b.frames)*frameCost }

// frameCost is what a frame takes beside its text: itself and the device's names.
const frameCost = 200

// deflated returns text, compressed. The first one who asks does the work.
func (b *batch) deflated(w *squeezer) []byte {
	b.once.Do(func() { b.squeezed = w.squeeze(b.text) })
	return b.squeezed
}

// squeezer compresses batches. Its zero value is ready.
type squeezer struct {
	mu  sync.Mutex
	w   *flate.Writer
	out []byte
}

func (s *squeezer) Write(p []byte) (int, error) {
	s.out = append(s.out, p...)
	return len(p), nil
}

// squeeze returns text as blocks of RFC 1951 that end on a byte and of which none is
// the last one, so that what it returns can follow anything of its kind.
func (s *squeezer) squeeze(text []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out = s.out[:0]
	if s.w == nil {
		s.w, _ = flate.NewWriter(s, flate.BestSpeed) // fails for unknown levels alone
	} else {
		s.w.Reset(s)
	}
	_, err := s.w.Write(text)
	if err == nil {
		err = s.w.Flush()
	}
	if err != nil { // of Write above, which has none
		return stored(nil, text)
	}
	return append([]byte(nil), s.out...)
}

// stored appends text as blocks that are not compressed (RFC 1951 3.2.4), and an
// empty one, at which readers hand on what they have.
func stored(dst, text []byte) []byte {
	for len(text) > 0 {
		n := min(len(text), 0xFFFF)
		dst = append(storedHeader(dst, n), text[:n]...)
		text = text[n:]
	}
	return storedHeader(dst, 0)
}

func storedHeader(dst []byte, n int) []byte {
	dst = append(dst, 0)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(n))
	return binary.LittleEndian.AppendUint16(dst, ^uint16(n))
}

// gzipHeader begins a stream of RFC 1952: no name, no time, unknown system.
var gzipHeader = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}
