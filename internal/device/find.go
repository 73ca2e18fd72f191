package device

import (
	"context"
	"hash/maphash"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/search"
)

// chunk is how many records are read under one lock: some ten microseconds.
const chunk = 256

// Cursors of the registry's lists.
const (
	registryCursor = 'd'
	informCursor   = 'i'
)

// Find returns a page of the devices that fit a query. It makes no session wait
// for more than a chunk of records to be read. The error is that of the context,
// or says what is wrong with the query.
func (r *Registry) Find(ctx context.Context, q Query) (Page, error) {
	limit, err := q.limit()
	if err != nil {
		return Page{}, err
	}
	f := finder{Registry: r, filters: r.tables.filters(q.All), match: q.Match, among: q.Among}
	var handles []Handle // one more than the page has, if there is one
	var next search.Cursor
	if q.Order == ByLastInform {
		handles, next, err = f.byLastInform(ctx, q.After, limit+1)
	} else {
		handles, next, err = f.byRegistry(ctx, q.After, limit+1)
	}
	if err != nil {
		return Page{}, err
	}
	var page Page
	if len(handles) > limit {
		handles, page.Next, page.More = handles[:limit], next, true
	}
	page.Records = make([]Record, len(handles))
	for i, h := range handles {
		page.Records[i] = r.recordAt(h)
	}
	return page, nil
}

func (r *Registry) recordAt(h Handle) Record {
	s, number := &r.shards[h>>handleBits], uint32(h)&(1<<handleBits-1)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.export(number)
}

// run is a number that another registry does not have, nor this one after a
// restart.
func (r *Registry) run() uint32 { return uint32(maphash.String(r.seed, "run")) }

// finder is a search that is under way.
type finder struct {
	*Registry
	filters
	match  func([]cwmp.DeviceID, []bool)
	among  []cwmp.DeviceID
	newest *newest // that were found; nil in another order
}

// byRegistry finds at most most devices. The position of a cursor is the handle
// of the first device that is not shown yet.
func (f *finder) byRegistry(ctx context.Context, after search.Cursor, most int) ([]Handle, search.Cursor, error) {
	first := Handle(0)
	if after != "" {
		position, err := after.Position(registryCursor, f.run())
		if err != nil {
			return nil, "", err
		}
		first = Handle(position)
	}
	handles, err := f.inOrder(ctx, first, most)
	if err != nil || len(handles) < most {
		return handles, "", err
	}
	return handles, search.NewCursor(registryCursor, f.run(), uint64(handles[most-1])), nil
}

// inOrder finds at most most devices, the handle first and those after it.
func (f *finder) inOrder(ctx context.Context, first Handle, most int) ([]Handle, error) {
	if f.among != nil {
		return f.namedInOrder(ctx, first, most)
	}
	place := int(first >> handleBits)
	return search.First(ctx, len(f.shards)-place, most, func(part int, into []Handle, done func() bool) ([]Handle, error) {
		from := uint32(0)
		if part == 0 {
			from = uint32(first) & (1<<handleBits - 1)
		}
		return f.shardInOrder(place+part, from, into, done), nil
	})
}

// shardInOrder appends the handles of a shard's devices that fit, until into is
// full or the search is done.
func (f *finder) shardInOrder(place int, from uint32, into []Handle, done func() bool) []Handle {
	c := candidates{}
	for more := true; more && len(into) < cap(into) && !done(); from += chunk {
		room := chunk
		if f.match == nil {
			room = cap(into) - len(into)
		}
		more = f.read(place, from, room, &c)
		for i, h := range c.handles {
			if c.keep(i) && len(into) < cap(into) {
				into = append(into, h)
			}
		}
	}
	return into
}

// read makes the devices of the next chunk that fit the filters the candidates,
// room of them at most, and then asks Match. It reports whether there are devices
// after the chunk.
func (f *finder) read(place int, from uint32, room int, c *candidates) (more bool) {
	c.reset()
	more = f.readLocked(place, from, room, c)
	if f.match != nil && len(c.handles) > 0 {
		f.match(c.identify(), c.kept)
	}
	return more
}

func (f *finder) readLocked(place int, from uint32, room int, c *candidates) (more bool) {
	s := &f.shards[place]
	s.mu.RLock()
	defer s.mu.RUnlock()
	end := min(from+chunk, uint32(len(s.refs)))
	for number := from; number < end && len(c.handles) < room; number++ {
		h, record := newHandle(place, number), s.record(number)
		if f.newest != nil {
			key := newestKey(lastOf(record), h)
			if !f.newest.wants(key) {
				continue
			}
			c.key = key
		}
		if f.fit(record, &c.reading) {
			c.note(f, h)
		}
	}
	return end < uint32(len(s.refs))
}
