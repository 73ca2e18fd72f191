package binding

import (
	"context"
	"errors"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/search"
)

var errMany = errors.New("many fit")

// Having returns a test of devices by their bindings, for one search among all
// devices: it clears keep[i] where the binding of ids[i] does not fit. It is quick
// for many, whether most fit or hardly any; see search.Few. It may be called
// concurrently. fits is called with the table's lock, and must do nothing but look
// at the Brief.
func (t *Table) Having(fits func(Brief) bool) func(ids []cwmp.DeviceID, keep []bool) {
	if fits(Brief{State: NoBinding}) {
		return func(ids []cwmp.DeviceID, keep []bool) { t.keepFitting(ids, keep, fits) }
	}
	few := search.NewFew(func(few *search.Few) error { return t.addFitting(few, fits) })
	return func(ids []cwmp.DeviceID, keep []bool) {
		if !few.Ask(len(ids)) {
			t.keepFitting(ids, keep, fits)
			return
		}
		for i := range ids {
			keep[i] = keep[i] && !few.Excludes(ids[i].OUI, ids[i].ProductClass, ids[i].SerialNumber) && fits(t.Brief(ids[i]))
		}
	}
}

func (t *Table) keepFitting(ids []cwmp.DeviceID, keep []bool, fits func(Brief) bool) {
	var room [chunk]Brief
	for len(ids) > 0 {
		n := min(len(ids), len(room))
		t.Briefs(ids[:n], room[:n])
		for i := range n {
			keep[i] = keep[i] && fits(room[i])
		}
		ids, keep = ids[n:], keep[n:]
	}
}

// addFitting adds the devices whose bindings fit. It takes some ten milliseconds
// for a million, which is why it needs no context.
func (t *Table) addFitting(few *search.Few, fits func(Brief) bool) error {
	now := toSeconds(t.now())
	return search.Each(context.Background(), t.rangesFrom(0), func(part int) error {
		for from, end := uint32(part*rangeSize), uint32((part+1)*rangeSize); from < end; from += chunk {
			if !t.addSome(few, from, now, fits) {
				return errMany
			}
		}
		return nil
	})
}

func (t *Table) addSome(few *search.Few, from, now uint32, fits func(Brief) bool) (goOn bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for number := from; number < min(from+chunk, uint32(len(t.refs))); number++ {
		h := readHead(t.record(number))
		if !fits(h.brief(now)) {
			continue
		}
		var st state
		r := reader{rest: h.record}
		r.identity(&st)
		if !search.AddFew(few, st.oui, st.class, st.serial) {
			return false
		}
	}
	return true
}
