package device

import (
	"context"
	"errors"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/search"
)

// Tester returns a test of single devices, for those who find devices elsewhere.
// It may be kept, and called concurrently. A device that is not known does not fit,
// unless there is no filter.
func (r *Registry) Tester(all ...Filter) func(cwmp.DeviceID) bool {
	f := r.tables.filters(all)
	return func(id cwmp.DeviceID) bool { return r.test(&f, &id) }
}

// TesterForSearch is Tester for one search among many devices, after which it is
// thrown away: it is quick for many, whether most fit or hardly any; see search.Few.
func (r *Registry) TesterForSearch(all ...Filter) func(cwmp.DeviceID) bool {
	f := r.tables.filters(all)
	if len(all) == 0 {
		return func(cwmp.DeviceID) bool { return true }
	}
	few := search.NewFew(func(few *search.Few) error { return r.addFitting(few, &f) })
	return func(id cwmp.DeviceID) bool {
		if few.Ask(1) && few.Excludes(id.OUI, id.ProductClass, id.SerialNumber) {
			return false
		}
		return r.test(&f, &id)
	}
}

func (r *Registry) test(f *filters, id *cwmp.DeviceID) bool {
	if len(f.all) == 0 {
		return true
	}
	for i := range f.all {
		if !f.all[i].oui.hasString(id.OUI) || !f.all[i].class.hasString(id.ProductClass) {
			return false
		}
	}
	s, hash := r.locate(id)
	s.mu.RLock()
	defer s.mu.RUnlock()
	number, ok := s.find(hash, id)
	return ok && f.fit(s.record(number), new(reading))
}

var errMany = errors.New("many fit")

// addFitting adds the devices that fit. It takes some ten milliseconds for a
// million, which is why it needs no context.
func (r *Registry) addFitting(few *search.Few, f *filters) error {
	return search.Each(context.Background(), len(r.shards), func(place int) error {
		s := &r.shards[place]
		var memory reading
		for from, more := uint32(0), true; more; from += chunk {
			var goOn bool
			if more, goOn = s.addSome(few, from, f, &memory); !goOn {
				return errMany
			}
		}
		return nil
	})
}

func (s *shard) addSome(few *search.Few, from uint32, f *filters, memory *reading) (more, goOn bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	end := min(from+chunk, uint32(len(s.refs)))
	for number := from; number < end; number++ {
		if !f.fit(s.record(number), memory) {
			continue
		}
		st := &memory.st
		if !search.AddFew(few, st.oui.string(s.cpes), st.class.string(s.cpes), st.serial.own) {
			return true, false
		}
	}
	return end < uint32(len(s.refs)), true
}
