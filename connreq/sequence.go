package connreq

import "time"

const (
	// idModulus is the prime 2^31-1: ids are 1 to idModulus-1 (quirk S-34).
	idModulus = 1<<31 - 1
	// idFactor is a generator of the residues modulo idModulus.
	idFactor = 48271
	// floorAhead is how far the durable floor is ahead of the clock, in seconds.
	floorAhead = 10
	// floorLeast is when the floor is moved on.
	floorLeast = 6
)

// sequence makes sure that a device never sees a ts or an id twice, nor a ts that
// goes back (quirks S-32, S-34, S-44), whatever happens to the gateway.
//
// Each device has one sequence of Unix seconds: the next number is now, or one
// more than the last. What was used is written behind, so a crash may lose it.
// Therefore there is a floor in the store, which is written before any number up
// to it is used: after a crash every number is greater than the floor that was
// found. While the gateway runs, the floor is at most floorAhead seconds ahead of
// the clock, so a ts after a crash is that much ahead of real time at most, plus
// one for each further crash in that time. Where the clock was stepped back, a ts
// is as far ahead as the step, for the numbers before it are used. A number
// above the floor, as when an ACS whose clock is ahead has used one for a device,
// is safe once the device's own record of it is in the store.
type sequence struct {
	base  int64 // no number is lower
	floor int64 // all up to here may be used; 0 until the store has it
}

// next returns the number that follows for a device, and whether it may be used
// at once.
func (q *sequence) next(r *record, reserved int64, now time.Time) (seq int64, safe bool) {
	seq = max(now.Unix(), r.last+1, q.base)
	for requestID(seq) == 0 || requestID(seq) == r.relayedID {
		seq++
	}
	return seq, q.floor != 0 && (seq <= q.floor || seq <= reserved)
}

// begin takes the floor that was found in the store, 0 for none.
func (q *sequence) begin(found int64) {
	if found != 0 {
		q.base = found + 1
	}
}

// wanted returns the floor that the store should have now.
func (q *sequence) wanted(now time.Time) int64 { return max(now.Unix()+floorAhead, q.base) }

// due tells whether the floor must be written anew: it is used up, or further
// ahead than it need be after the clock was stepped back.
func (q *sequence) due(now time.Time) bool {
	return q.floor != q.wanted(now) && (q.floor < now.Unix()+floorLeast || q.floor > q.wanted(now))
}

// rest returns the floor for a time without the gateway, when all records are in
// the store: what an earlier crash demands, or 0.
func (q *sequence) rest(now time.Time) int64 {
	if q.base > now.Unix() {
		return q.base - 1
	}
	return 0
}

// requestID returns the id of a number: a bijection of any idModulus-1 numbers in
// a row, which is 68 years, but 0 for one that must be left out.
func requestID(seq int64) uint32 {
	return uint32(uint64(seq) % idModulus * idFactor % idModulus)
}

// timestamp returns the ts of a number. In milliseconds, it grows as well.
func timestamp(seq int64, millis bool, now time.Time) int64 {
	switch {
	case !millis:
		return seq
	case seq == now.Unix():
		return now.UnixMilli()
	default:
		return seq * 1000
	}
}

// isMillis tells the unit of a ts: seconds have ten digits until the year 2286.
func isMillis(ts int64) bool { return ts >= 1e11 }
