package device

import (
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/search"
)

// candidates are the devices of one chunk that fit the filters. Their memory is
// used again for the next one.
type candidates struct {
	reading
	handles []Handle
	key     uint64 // of the one that is read, if it has one
	keys    []uint64

	// For Match alone:
	identities search.Identities
	ids        []cwmp.DeviceID
	kept       []bool
}

func (c *candidates) reset() {
	c.handles, c.keys, c.kept = c.handles[:0], c.keys[:0], c.kept[:0]
	c.identities.Reset()
}

func (c *candidates) keep(i int) bool { return len(c.kept) == 0 || c.kept[i] }

// note takes down the device that was read.
func (c *candidates) note(f *finder, h Handle) {
	c.handles = append(c.handles, h)
	if f.newest != nil {
		c.keys = append(c.keys, c.key)
	}
	if f.match == nil {
		return
	}
	c.kept = append(c.kept, true)
	search.AddIdentity(&c.identities, c.st.oui.string(f.cpes), c.st.class.string(f.cpes), c.st.serial.own)
}

// identify returns the identities that were noted.
func (c *candidates) identify() []cwmp.DeviceID {
	c.ids = c.ids[:0]
	c.identities.Each(func(_ int, oui, class, serial string) {
		c.ids = append(c.ids, cwmp.DeviceID{OUI: oui, ProductClass: class, SerialNumber: serial})
	})
	return c.ids
}
