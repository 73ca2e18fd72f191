package device

import (
	"encoding/binary"

	"github.com/acsgate/acsgate/internal/search"
)

// filters are filters that a device must fit, all of them.
type filters struct {
	*tables
	all   []filter
	stage stage
}

func (t *tables) filters(all []Filter) filters {
	f := filters{tables: t}
	for i := range all {
		f.all = append(f.all, t.filter(&all[i]))
		f.stage = max(f.stage, f.all[i].stage)
	}
	return f
}

// reading is memory for reading one record after the other: a state in which
// only what has been read counts, and the string form of an identity.
type reading struct {
	st   state
	form []byte
}

// fit reads a record as far as the filters need it, and reports whether it fits
// them. Nothing is allocated.
func (f *filters) fit(record []byte, r *reading) bool {
	last := int64(lastOf(record))
	for i := range f.all {
		if last <= f.all[i].after || last >= f.all[i].before || f.all[i].failing && record[0]&failing == 0 {
			return false
		}
	}
	st := &r.st
	u := unpacker{record}
	flags := u.identity(st)
	for i := range f.all {
		if !f.all[i].fitsIdentity(st) {
			return false
		}
	}
	if f.stage == identityStage {
		return true
	}
	for i := range f.all {
		if f.all[i].lacksText(f.tables, r) {
			return false
		}
	}
	u.assignment(st, flags)
	u.routing(st)
	for i := range f.all {
		if !f.all[i].fitsRouting(st) {
			return false
		}
	}
	if f.stage == routingStage {
		return true
	}
	u.sighting(st, flags)
	for i := range f.all {
		if !f.all[i].fitsSighting(st) || !f.all[i].hasText(f.tables, r) {
			return false
		}
	}
	return true
}

// lastOf returns when a record's device has last informed.
func lastOf(record []byte) uint32 { return binary.LittleEndian.Uint32(record[1:]) }

func (f *filter) fitsIdentity(st *state) bool {
	return f.oui.has(&st.oui) && f.class.has(&st.class) && f.hasSerial(st.serial.own)
}

func (f *filter) fitsRouting(st *state) bool {
	return f.acs.has(&st.acs) && f.rule.has(&st.rule) && f.listener.has(&st.listener)
}

func (f *filter) fitsSighting(st *state) bool { return f.software.has(&st.software) }

// lacksText reports whether the identity shows that a record does not have the text.
// Names that have come since the filter was made may have it.
func (f *filter) lacksText(t *tables, r *reading) bool {
	return f.serialAlone && f.cpes.complete(f.inName.known) && !f.inIdentity(t, r)
}

func (f *filter) hasText(t *tables, r *reading) bool {
	st := &r.st
	return f.text.Empty() || f.in(&st.oui) || f.in(&st.class) || f.in(&st.manufacturer) || f.in(&st.software) ||
		f.text.InAddress(st.source) || f.inIdentity(t, r)
}

// inIdentity reports whether the text is in the serial number, or goes across the
// parts of the identity's string form.
func (f *filter) inIdentity(t *tables, r *reading) bool {
	st := &r.st
	if f.text.In(st.serial.own) {
		return true
	}
	class := st.class.string(t.cpes)
	if !search.Across(&f.text, class, st.serial.own) {
		return false
	}
	r.form = search.AppendIdentity(r.form[:0], st.oui.string(t.cpes), class, st.serial.own)
	return f.text.In(r.form)
}
