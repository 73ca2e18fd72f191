package binding

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/search"
)

// Sizes of pages.
const (
	DefaultLimit = 50
	MaxLimit     = 1000
)

// ErrQuery says that a query makes no sense; its text says what does. A cursor
// that cannot be used is search.ErrMalformed or search.ErrOtherRun instead.
var ErrQuery = errors.New("query of bindings")

// Query asks for a page of bindings. What is empty fits all.
type Query struct {
	Kinds []Kind // one of these
	State State  // Fresh or Stale
	// Text is a part of the identity, of the remote address or of the candidate's,
	// or the whole of one of those with its port; with a dash or a percent sign in
	// it, of the string form of the identity too. The case of letters A to Z does
	// not matter.
	Text string
	// Allow, if there is one, is the last test. It is called without a lock and
	// concurrently, for all bindings that fit otherwise if the page does not fill.
	Allow func(cwmp.DeviceID) bool
	Limit int           // of a page; 0 means DefaultLimit, the most is MaxLimit
	After search.Cursor // Page.Next of the page before; "" for the first
}

// Found is a binding and whose it is. The manufacturer is not known here.
type Found struct {
	Device cwmp.DeviceID
	Binding
}

// Page is some of the bindings of a query, in the order in which their devices
// came to the table. A binding that is there while pages are read is on one of
// them, exactly once; new ones may be missed.
type Page struct {
	Bindings []Found
	Next     search.Cursor // of the next page, if there is More
	More     bool
}

const (
	// chunk is how many records are read under one lock: some ten microseconds.
	chunk = 256
	// rangeSize is how many devices a processor searches before it takes other work.
	rangeSize = 64 * chunk

	bindingCursor = 'b'
)

// Find returns a page of the bindings that fit a query. It makes no packet wait
// for more than a chunk of records to be read. The error is that of the context,
// or says what is wrong with the query.
func (t *Table) Find(ctx context.Context, q Query) (Page, error) {
	limit := q.Limit
	switch {
	case limit < 0 || limit > MaxLimit:
		return Page{}, fmt.Errorf("%w: limit %d: want 1 to %d", ErrQuery, q.Limit, MaxLimit)
	case q.State == NoBinding:
		return Page{}, fmt.Errorf("%w: state %q: want fresh or stale", ErrQuery, q.State)
	case limit == 0:
		limit = DefaultLimit
	}
	from, err := t.position(q.After)
	if err != nil {
		return Page{}, err
	}
	f := finder{Table: t, Query: q, text: search.NewText(q.Text), at: toSeconds(t.now())}
	numbers, err := search.First(ctx, t.rangesFrom(from), limit+1, func(part int, into []uint32, done func() bool) ([]uint32, error) {
		first := from/rangeSize*rangeSize + uint32(part*rangeSize)
		return f.findIn(max(first, from), first+rangeSize, into, done), nil
	})
	if err != nil {
		return Page{}, err
	}
	var page Page
	if len(numbers) > limit {
		page.Next, page.More = search.NewCursor(bindingCursor, t.run(), uint64(numbers[limit])), true
		numbers = numbers[:limit]
	}
	page.Bindings = make([]Found, len(numbers))
	for i, number := range numbers {
		page.Bindings[i] = t.foundAt(number)
	}
	return page, nil
}

// position returns the number of the first device of a page.
func (t *Table) position(after search.Cursor) (uint32, error) {
	if after == "" {
		return 0, nil
	}
	position, err := after.Position(bindingCursor, t.run())
	return uint32(min(position, mostDevices)), err
}

// run is a number that another table does not have, nor this one after a restart.
func (t *Table) run() uint32 { return uint32(maphash.String(t.seed, "run")) }

// rangesFrom returns how many ranges of devices there are from that of a device on.
func (t *Table) rangesFrom(number uint32) int {
	return int((max(t.numbers(), number)+rangeSize-1)/rangeSize - number/rangeSize)
}

func (t *Table) foundAt(number uint32) Found {
	t.mu.RLock()
	defer t.mu.RUnlock()
	st := t.state(number)
	return Found{st.id(), st.export(t.locals)}
}

// finder is a search that is under way.
type finder struct {
	*Table
	Query
	text search.Text
	at   uint32
}

// candidates are the devices of a chunk that fit, but for Allow. Their memory is
// used again for the next chunk.
type candidates struct {
	numbers    []uint32
	identities search.Identities // of these, for Allow
	form       []byte
}

// findIn appends the numbers of devices from from on and below to that fit, until
// into is full or the search is done.
func (f *finder) findIn(from, to uint32, into []uint32, done func() bool) []uint32 {
	var c candidates
	for ; from < to && len(into) < cap(into) && !done(); from += chunk {
		f.read(from, min(from+chunk, to), &c)
		if f.Allow == nil {
			into = append(into, c.numbers[:min(len(c.numbers), cap(into)-len(into))]...)
			continue
		}
		c.identities.Each(func(i int, oui, class, serial string) {
			if len(into) < cap(into) && f.Allow(cwmp.DeviceID{OUI: oui, ProductClass: class, SerialNumber: serial}) {
				into = append(into, c.numbers[i])
			}
		})
	}
	return into
}

// read makes the devices of a chunk that fit the candidates.
func (f *finder) read(from, to uint32, c *candidates) {
	c.numbers = c.numbers[:0]
	c.identities.Reset()
	f.mu.RLock()
	defer f.mu.RUnlock()
	for number := from; number < min(to, uint32(len(f.refs))); number++ {
		h := readHead(f.record(number))
		if !f.fits(&h, c) {
			continue
		}
		c.numbers = append(c.numbers, number)
		if f.Allow != nil {
			c.note(h.record)
		}
	}
}

// fits reports whether a binding fits, but for Allow.
func (f *finder) fits(h *head, c *candidates) bool {
	b := h.brief(f.at)
	if b.State == NoBinding || f.State != AnyState && b.State != f.State || len(f.Kinds) > 0 && !slices.Contains(f.Kinds, b.Kind) {
		return false
	}
	return f.text.Empty() || f.hasText(h, c)
}

func (f *finder) hasText(h *head, c *candidates) bool {
	var st state
	id := reader{rest: h.record}
	id.identity(&st)
	if f.text.In(st.serial) || f.text.In(st.oui) || f.text.In(st.class) {
		return true
	}
	if f.text.LikeAddress() {
		addresses := reader{rest: h.rest}
		remote := addresses.addrPort(h.forms&3, st.remote)
		if f.text.InAddress(remote) || f.text.InAddress(addresses.addrPort(h.forms>>2&3, st.remote)) {
			return true
		}
	}
	if !search.Across(&f.text, st.class, st.serial) {
		return false
	}
	c.form = search.AppendIdentity(c.form[:0], st.oui, st.class, st.serial)
	return f.text.In(c.form)
}

// note takes down the identity of a record.
func (c *candidates) note(record []byte) {
	var st state
	r := reader{rest: record}
	r.identity(&st)
	search.AddIdentity(&c.identities, st.oui, st.class, st.serial)
}
