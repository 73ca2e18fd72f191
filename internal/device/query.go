package device

import (
	"errors"
	"fmt"
	"time"

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
var ErrQuery = errors.New("query of devices")

// Query asks for a page of devices.
type Query struct {
	All []Filter // a device must fit each
	// Match, if there is one, is the last test: it clears keep[i] where ids[i] does
	// not fit. It is called for some hundred devices at a time, without a lock and
	// concurrently, for all devices that fit the filters if the page does not fill.
	// The slices are valid during the call only; the ids are without manufacturers.
	Match func(ids []cwmp.DeviceID, keep []bool)
	// Among, unless it is nil, are the only devices that may be found. Some thousands
	// of them are looked up in a fraction of the time that a scan of all takes. They
	// may be without manufacturers, none is there twice, and unknown ones are left out.
	Among []cwmp.DeviceID
	Order Order
	Limit int           // of a page; 0 means DefaultLimit, the most is MaxLimit
	After search.Cursor // Page.Next of the page before; "" for the first
}

// Order is in what order devices are listed.
type Order uint8

const (
	// ByRegistry is the order of the registry: no order that means anything, but
	// one that stays. A device that is there while pages are read is on one of
	// them, exactly once. New devices may be missed. A page ends the search.
	ByRegistry Order = iota
	// ByLastInform has the newest Inform first. Each page needs a scan of all
	// devices. One that informs while pages are read goes to the first page, and
	// may be missed on the later ones; none is there twice.
	ByLastInform
)

// Filter tells devices apart. A device fits if it fits all fields that are not
// empty; it fits a list if it fits one of its elements.
type Filter struct {
	// Text is a part of the manufacturer, OUI, product class, serial number,
	// software version or source address, or the whole source address with its
	// port; with a dash or a percent sign in it, of the string form of the identity
	// too. The case of letters A to Z does not matter.
	Text            string
	OUI             []string
	ProductClass    []string
	SoftwareVersion []string
	ACS             []string // that accepted the last Inform
	Rule            []string
	Listener        []string
	Serial          []string  // whole, or the beginning before a * at the end
	InformedAfter   time.Time // the last Inform is later
	InformedBefore  time.Time // the last Inform is earlier, or there was none
	Failing         bool      // see Record.Failing
}

// Page is some of the devices of a query, in its order. Records are as they were
// when the page was put together, just after the search.
type Page struct {
	Records []Record
	Next    search.Cursor // of the next page, if there is More
	More    bool
}

func (q *Query) limit() (int, error) {
	switch {
	case q.Limit == 0:
		return DefaultLimit, nil
	case q.Limit < 0 || q.Limit > MaxLimit:
		return 0, fmt.Errorf("%w: limit %d: want 1 to %d", ErrQuery, q.Limit, MaxLimit)
	}
	return q.Limit, nil
}
