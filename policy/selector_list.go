package policy

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// deviceList is a set of devices in little memory: their names, sorted, in one
// string, and where each ends. A nil one has every device.
type deviceList struct {
	names string
	ends  []uint32
}

// newDeviceList reads a list. Empty lines and those that begin with # are
// skipped, and a device that comes twice counts once. Nil gives no list; a list
// without entries has no device.
func newDeviceList(entries []string) (*deviceList, error) {
	if entries == nil {
		return nil, nil
	}
	names := make([]string, 0, len(entries))
	size := 0
	for i, entry := range entries {
		entry = strings.TrimSpace(entry)
		if entry == "" || strings.HasPrefix(entry, "#") {
			continue
		}
		id, err := cwmp.ParseDeviceID(entry)
		if err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", keyDevices, i, err)
		}
		names = append(names, id.String())
		size += len(names[len(names)-1])
	}
	if size > math.MaxUint32 {
		return nil, fmt.Errorf("%s: the list has %d MB, which is too much for one campaign", keyDevices, size>>20)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	l := &deviceList{ends: make([]uint32, len(names))}
	var b strings.Builder
	b.Grow(size)
	for i, name := range names {
		b.WriteString(name)
		l.ends[i] = uint32(b.Len())
	}
	l.names = b.String()
	return l, nil
}

func (l *deviceList) len() int { return len(l.ends) }

func (l *deviceList) at(i int) string {
	var start uint32
	if i > 0 {
		start = l.ends[i-1]
	}
	return l.names[start:l.ends[i]]
}

func (l *deviceList) has(id cwmp.Key) bool {
	if l == nil {
		return true
	}
	name := cwmp.DeviceID{OUI: id.OUI, ProductClass: id.ProductClass, SerialNumber: id.SerialNumber}.String()
	i := sort.Search(l.len(), func(i int) bool { return l.at(i) >= name })
	return i < l.len() && l.at(i) == name
}

// Survey looks at the devices that a gateway knows, to find before anything
// moves what a selector of the operator's hand would do. The zero value counts
// nothing yet.
type Survey struct {
	Known, Taken int // devices
	// Listed is how many of the selector's listed devices are known.
	Listed int
}

// Add counts one known device, and tells whether it is taken.
func (v *Survey) Add(s *Selector, in SelectorInput) bool {
	v.Known++
	if s.listed != nil && s.listed.has(in.input().Device.Key()) {
		v.Listed++
	}
	if s.Takes(in) {
		v.Taken++
		return true
	}
	return false
}

// Problem says why a campaign must not begin with this selector, "" when it may:
// it takes nothing; it takes everything, unless that is asked for by all; or it
// lists devices that nobody knows.
func (v *Survey) Problem(s *Selector, all bool) string {
	switch {
	case s.listed != nil && v.Listed < s.listed.len():
		return "lists " + strconv.Itoa(s.listed.len()) + " devices, " + strconv.Itoa(s.listed.len()-v.Listed) + " of them unknown here"
	case v.Taken == 0:
		return "takes none of the " + strconv.Itoa(v.Known) + " known devices"
	case all:
		return ""
	case s.unconditional():
		return "asks for nothing, and so takes every device: name what it is to take, or say that all is meant"
	case v.Taken == v.Known && v.Known > 1:
		return "takes all " + strconv.Itoa(v.Known) + " known devices: narrow it, or say that all is meant"
	}
	return ""
}

// unconditional tells whether the selector takes whatever there is.
func (s *Selector) unconditional() bool {
	return len(s.acs) == 0 && s.listed == nil && takesAll(RouteConfig{Match: s.rule.config})
}

// Unknown returns up to limit of the listed devices of which known says no.
func (s *Selector) Unknown(limit int, known func(cwmp.DeviceID) bool) []string {
	var out []string
	for i := 0; s.listed != nil && i < s.listed.len() && len(out) < limit; i++ {
		name := s.listed.at(i)
		if id, err := cwmp.ParseDeviceID(name); err == nil && !known(id) {
			out = append(out, name)
		}
	}
	return out
}
