package journal

import (
	"slices"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Filter says which events a reader gets. What is empty fits all.
type Filter struct {
	Kinds  []Kind
	ACS    string
	Device cwmp.DeviceID
	// Allow is asked of each event, from the reader's goroutine. Optional.
	Allow func(*Header) bool
}

// Header is what filters look at.
type Header struct {
	ID     uint64
	Kind   Kind
	Device cwmp.DeviceID // without Manufacturer
	ACS    string
}

// compile returns what tells whether an event fits, nil if all do.
func (f Filter) compile() func(*Header) bool {
	key := f.Device.Key()
	one := key != cwmp.Key{}
	if len(f.Kinds) == 0 && f.ACS == "" && !one {
		return f.Allow
	}
	kinds := slices.Clone(f.Kinds)
	return func(h *Header) bool {
		return (len(kinds) == 0 || slices.Contains(kinds, h.Kind)) && (f.ACS == "" || h.ACS == f.ACS) &&
			(!one || h.Device.Key() == key) && (f.Allow == nil || f.Allow(h))
	}
}
