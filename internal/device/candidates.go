package device

import "github.com/acsgate/acsgate/internal/cwmp"

// candidates are the devices of one chunk that fit the filters. Their memory is
// used again for the next one.
type candidates struct {
	reading
	handles []Handle
	key     uint64 // of the one that is read, if it has one
	keys    []uint64

	kept  []bool // nil without Match
	ids   []cwmp.DeviceID
	texts []byte   // identities, one after the other
	ends  []uint32 // in texts, of each part
}

func (c *candidates) reset() {
	c.handles, c.keys, c.kept, c.texts, c.ends = c.handles[:0], c.keys[:0], c.kept[:0], c.texts[:0], c.ends[:0]
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
	c.texts = append(c.texts, c.st.oui.string(f.cpes)...)
	c.ends = append(c.ends, uint32(len(c.texts)))
	c.texts = append(c.texts, c.st.class.string(f.cpes)...)
	c.ends = append(c.ends, uint32(len(c.texts)))
	c.texts = append(c.texts, c.st.serial.own...)
	c.ends = append(c.ends, uint32(len(c.texts)))
}

// identify returns the identities that were noted. Those of a chunk are cut from
// one string, so that they cost one allocation.
func (c *candidates) identify() []cwmp.DeviceID {
	all, start := string(c.texts), uint32(0)
	part := func(i int) string {
		text := all[start:c.ends[i]]
		start = c.ends[i]
		return text
	}
	c.ids = c.ids[:0]
	for i := 0; i < len(c.ends); i += 3 {
		c.ids = append(c.ids, cwmp.DeviceID{OUI: part(i), ProductClass: part(i + 1), SerialNumber: part(i + 2)})
	}
	return c.ids
}
