package device

import (
	"context"
	"slices"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// eachNamed calls found with the candidates among devices that are named, instead
// of among all, a chunk at a time.
func (f *finder) eachNamed(ctx context.Context, found func(*candidates)) error {
	var c candidates
	for ids := range slices.Chunk(f.among, chunk) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.reset()
		for i := range ids {
			f.readNamed(&ids[i], &c)
		}
		if f.match != nil && len(c.handles) > 0 {
			f.match(c.identify(), c.kept)
		}
		found(&c)
	}
	return nil
}

// readNamed makes a device a candidate if it is known and fits the filters.
func (f *finder) readNamed(id *cwmp.DeviceID, c *candidates) {
	place, hash := f.place(id)
	s := &f.shards[place]
	s.mu.RLock()
	defer s.mu.RUnlock()
	number, ok := s.find(hash, id)
	if !ok {
		return
	}
	h, record := newHandle(int(place), number), s.record(number)
	if f.newest != nil {
		if c.key = newestKey(lastOf(record), h); !f.newest.wants(c.key) {
			return
		}
	}
	if f.fit(record, &c.reading) {
		c.note(f, h)
	}
}

// namedInOrder returns at most most of the named devices that fit, in the order of
// the registry and beginning with the handle first.
func (f *finder) namedInOrder(ctx context.Context, first Handle, most int) ([]Handle, error) {
	var handles []Handle
	err := f.eachNamed(ctx, func(c *candidates) {
		for i, h := range c.handles {
			if c.keep(i) && h >= first {
				handles = append(handles, h)
			}
		}
	})
	slices.Sort(handles)
	return handles[:min(len(handles), most)], err
}
