package journal

import "encoding/binary"

// queue is the records of one device, oldest first, each after its length, in a chain
// of blocks.
type queue struct {
	key         key
	first, last uint32 // blocks
	start, end  int32  // of the bytes: in the data of first, behind those in that of last
	records     int32
	size        int32 // bytes

	order      int8 // which one it is in
	prev, next uint32
}

const lengthSize = 2 // of a record's length

// held is how many blocks the queue has.
func (q *queue) held() int {
	if q.records == 0 {
		return 0
	}
	return (int(q.start) + int(q.size) + payload - 1) / payload
}

// blocksFor returns how many blocks more a record of so many bytes takes.
func (q *queue) blocksFor(n int) int {
	if q.records == 0 {
		return (lengthSize + n + payload - 1) / payload
	}
	return (int(q.start)+int(q.size)+lengthSize+n+payload-1)/payload - q.held()
}

// push appends a record.
func (q *queue) push(b *blocks, record []byte) {
	if q.records == 0 {
		q.first = b.take()
		q.last, q.start, q.end, q.size = q.first, 0, 0, 0
	}
	length := binary.LittleEndian.AppendUint16(nil, uint16(len(record)))
	q.write(b, length)
	q.write(b, record)
	q.records++
}

func (q *queue) write(b *blocks, bytes []byte) {
	q.size += int32(len(bytes))
	for len(bytes) > 0 {
		if q.end == payload {
			n := b.take()
			b.setNext(q.last, n)
			q.last, q.end = n, 0
		}
		n := copy(b.data(q.last)[q.end:], bytes)
		q.end += int32(n)
		bytes = bytes[n:]
	}
}

// pop removes the oldest record. There must be one.
func (q *queue) pop(b *blocks) {
	r := reading{blocks: b, block: q.first, at: q.start}
	n := lengthSize + r.length()
	for at := int(q.start) + n; ; at -= payload {
		if at < payload {
			q.start = int32(at)
			break
		}
		if q.first == q.last { // the end of the last block
			break
		}
		freed := q.first
		q.first = b.next(freed)
		b.give(freed)
	}
	q.size -= int32(n)
	if q.records--; q.records == 0 {
		b.give(q.first)
	}
}

// reading reads the records of a queue.
type reading struct {
	blocks *blocks
	block  uint32
	at     int32
}

func (r *reading) read(into []byte) {
	for len(into) > 0 {
		if r.at == payload {
			r.block, r.at = r.blocks.next(r.block), 0
		}
		n := copy(into, r.blocks.data(r.block)[r.at:])
		r.at += int32(n)
		into = into[n:]
	}
}

func (r *reading) length() int {
	var b [lengthSize]byte
	r.read(b[:])
	return int(binary.LittleEndian.Uint16(b[:]))
}
