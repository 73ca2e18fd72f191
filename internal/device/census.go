package device

import (
	"context"
	"sync"

	"github.com/acsgate/acsgate/internal/search"
)

// CountByACS returns how many devices have had their last Inform accepted by each
// ACS, "" for those that never had one. It reads all records, which takes some ten
// milliseconds for a million: who asks often keeps the answer for a second.
func (r *Registry) CountByACS(ctx context.Context) (map[string]int, error) {
	var mu sync.Mutex
	counts := make(map[string]int)
	err := search.Each(ctx, len(r.shards), func(place int) error {
		byName, others := r.shards[place].countByACS()
		mu.Lock()
		defer mu.Unlock()
		for number, n := range byName {
			if n > 0 {
				counts[r.tables.ours.at(uint32(number))] += n
			}
		}
		for acs, n := range others {
			counts[acs] += n
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return counts, nil
}

// countByACS returns a shard's counts by the number of the ACS's name, and those
// of ACSs whose name has none.
func (s *shard) countByACS() (byName []int, others map[string]int) {
	others = make(map[string]int)
	for from, more := uint32(0), true; more; from += chunk {
		byName, more = s.countSome(from, byName, others)
	}
	return byName, others
}

func (s *shard) countSome(from uint32, byName []int, others map[string]int) (counts []int, more bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	end := min(from+chunk, uint32(len(s.refs)))
	var st state
	for number := from; number < end; number++ {
		u := unpacker{s.record(number)}
		u.assignment(&st, u.identity(&st))
		acs := u.text()
		if acs.name == 0 {
			others[string(acs.own)]++
			continue
		}
		for uint32(len(byName)) < acs.name {
			byName = append(byName, 0)
		}
		byName[acs.name-1]++
	}
	return byName, end < uint32(len(s.refs))
}
