package device

import (
	"net/netip"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
)

// Lengths in bytes beyond which something is not what it says (TR-069 A.3.3.1
// allows 64 characters, the data models 256 for URLs): identities are then
// refused, and other texts not kept. No record is larger than maxSlot then.
const (
	maxIdentityPart = 128
	maxText         = 96
	maxURL          = 640
	maxAddr         = 46 // an IP address without a zone
)

// NoteInform notes an accepted Inform. It never waits for the store.
func (r *Registry) NoteInform(in Sighting) {
	at := toSeconds(in.At)
	if in.At.IsZero() {
		at = toSeconds(r.now())
	}
	r.noteRefusal(r.change(&in.ID, softState, func(s *shard, st state) (state, extent) {
		isNew := st.first == 0
		if isNew {
			st.first = at
		}
		if s.apply(&st, &in, at) || isNew {
			return st, urgentChange
		}
		return st, quietChange
	}))
}

// NoteEnd notes how a session ended. It never waits for the store; of a device
// that is not known it notes nothing.
func (r *Registry) NoteEnd(id cwmp.DeviceID, end End) {
	r.noteRefusal(r.change(&id, knownDevice, func(_ *shard, st state) (state, extent) {
		if !end.Failed && end.Faults == 0 && !st.lastFailed {
			return st, noChange
		}
		st.lastFailed = end.Failed
		if end.Failed {
			st.failed++
		}
		st.faults += uint32(end.Faults)
		return st, quietChange
	}))
}

func (r *Registry) noteRefusal(refused reason) {
	if refused != "" {
		r.metrics.refuse(refused)
	}
}

// kind is what a change of a device is about.
type kind uint8

const (
	softState    kind = iota // soft state: recorded if there is room
	knownDevice              // the same, of devices that are known alone
	durableState             // what the store has, which known devices must not lose for want of memory
)

// extent is how much a change changes.
type extent uint8

const (
	noChange     extent = iota // nothing at all
	storedChange               // what the store has already
	quietChange                // what changes with every Inform, to be stored at leisure
	urgentChange               // more, to be stored at once
)

// change gives fn the state of a device, that of a new one if it is not known,
// and records what fn made of it. The state is passed by value, so that it can
// stay on the stack.
func (r *Registry) change(id *cwmp.DeviceID, k kind, fn func(*shard, state) (state, extent)) (refused reason) {
	if !recordable(id) {
		return refusedIdentity
	}
	s, hash := r.locate(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	number, found := s.find(hash, id)
	if !found && k == knownDevice {
		return ""
	}
	var st state
	if found {
		st = unpack(s.record(number))
	} else {
		st = s.newState(id)
	}
	st, how := fn(s, st)
	if how == noChange {
		return ""
	}
	if found {
		refused = s.replace(number, &st, k == durableState)
	} else {
		number, refused = s.add(hash, &st)
	}
	if refused == "" && how != storedChange {
		s.mark(number, how == urgentChange)
	}
	return refused
}

// apply puts what an Inform tells into a device's state. It reports whether that
// is more than what changes with every Inform.
func (s *shard) apply(st *state, in *Sighting, at uint32) (more bool) {
	more = st.acs.set(in.ACS, s.ours, maxText)
	more = st.rule.set(in.Rule, s.ours, maxText) || more
	more = st.listener.set(in.Listener, s.ours, maxText) || more
	more = s.applyLocal(st, in.Local.Unmap().WithZone("")) || more
	more = st.manufacturer.set(in.ID.Manufacturer, s.cpes, maxText) || more
	more = st.software.set(in.SoftwareVersion, s.cpes, maxText) || more
	more = st.root.set(in.Root, s.cpes, maxText) || more
	more = st.url.setOwn(in.ConnectionRequestURL, maxURL) || more
	more = st.udp.setOwn(in.UDPConnectionRequestAddress, maxText) || more
	if source := plainSource(in.Source); source.IsValid() {
		more = st.source.Addr() != source.Addr() || more // the port is another each time
		st.source = source
	}
	st.last = at
	st.events = newEventSet(in.Events)
	st.sessions++
	return more
}

// applyLocal allocates only what is new: the address is the same at nearly every
// Inform.
func (s *shard) applyLocal(st *state, addr netip.Addr) (more bool) {
	if !addr.IsValid() {
		return false
	}
	var room [maxAddr]byte
	b := addr.AppendTo(room[:0])
	return st.local.string(s.ours) != string(b) && st.local.set(string(b), s.ours, maxAddr)
}

// newState returns the state of a device of which only the identity is known.
func (s *shard) newState(id *cwmp.DeviceID) (st state) {
	st.oui.set(id.OUI, s.cpes, maxIdentityPart)
	st.class.set(id.ProductClass, s.cpes, maxIdentityPart)
	st.serial.setOwn(id.SerialNumber, maxIdentityPart)
	return st
}

// plainSource leaves out what a record has no room for.
func plainSource(source netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(source.Addr().Unmap().WithZone(""), source.Port())
}

// recordable tells whether the identity is one, and fits into a key.
func recordable(id *cwmp.DeviceID) bool {
	longest := max(len(id.OUI), len(id.ProductClass), len(id.SerialNumber))
	if id.OUI == "" && id.SerialNumber == "" || longest > maxIdentityPart {
		return false
	}
	const room = store.MaxKey - len(devicePrefix)
	const separators, escaped = 2, 3 // bytes, the latter at most of one byte
	total := len(id.OUI) + len(id.ProductClass) + len(id.SerialNumber)
	return separators+escaped*total <= room || len(id.String()) <= room
}
