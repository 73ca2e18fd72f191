package binding

import (
	"context"
	"errors"
	"sync"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/search"
)

// Fitting returns the devices whose bindings fit, in no order, if they are not more
// than most; else few is false. It reads all records, which takes some ten
// milliseconds for a million, but ends early where many fit. fits is called with the
// table's lock, and must do nothing but look at the Brief, which is of a binding. The
// error is that of the context.
func (t *Table) Fitting(ctx context.Context, fits func(Brief) bool, most int) (ids []cwmp.DeviceID, few bool, err error) {
	f := fitting{fits: fits, now: toSeconds(t.now()), most: most, ids: []cwmp.DeviceID{}}
	err = search.Each(ctx, t.rangesFrom(0), func(part int) error {
		for from, end := uint32(part*rangeSize), uint32((part+1)*rangeSize); from < end; from += chunk {
			if !f.add(t.fittingSome(from, &f)) {
				return errMany
			}
		}
		return nil
	})
	if errors.Is(err, errMany) {
		return nil, false, nil
	}
	return f.ids, err == nil, err
}

// fitting is what a search has found so far.
type fitting struct {
	fits func(Brief) bool
	now  uint32
	most int

	mu  sync.Mutex
	ids []cwmp.DeviceID
}

func (f *fitting) add(ids []cwmp.DeviceID) (goOn bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ids = append(f.ids, ids...)
	return len(f.ids) <= f.most
}

func (t *Table) fittingSome(from uint32, f *fitting) (ids []cwmp.DeviceID) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for number := from; number < min(from+chunk, uint32(len(t.refs))); number++ {
		h := readHead(t.record(number))
		b := h.brief(f.now)
		if b.State == NoBinding || !f.fits(b) {
			continue
		}
		var st state
		r := reader{rest: h.record}
		r.identity(&st)
		ids = append(ids, cwmp.DeviceID{OUI: string(st.oui), ProductClass: string(st.class), SerialNumber: string(st.serial)})
	}
	return ids
}
