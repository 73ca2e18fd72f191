package policy

import (
	"net/netip"
	"strings"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Keys of a match, as in the file.
const (
	keyOUI             = "oui"
	keyProductClass    = "product_class"
	keySerial          = "serial"
	keySoftwareVersion = "software_version"
	keyManufacturer    = "manufacturer"
	keySource          = "source"
	keyListener        = "listener"
	keyPath            = "path"
	keyPercent         = "percent"
	// keyDevice stands for all that speak of the device, when nothing is known
	// of it.
	keyDevice = "device"
)

// matcher is a MatchConfig made ready. The zero value matches every session.
type matcher struct {
	device          bool // asks for something that only an Inform tells
	oui             *textSet
	productClass    *textSet
	serial          *textSet
	softwareVersion *textSet
	manufacturer    *textSet
	source          []netip.Prefix
	listener        *textSet
	path            *textSet
	share           *share
}

// newMatcher compiles a match that Validate found no problem with.
func newMatcher(rule string, c MatchConfig) matcher {
	m := matcher{
		oui:             ouiSet(c.OUI),
		productClass:    foldedSet(c.ProductClass),
		serial:          serialSet(c.Serial),
		softwareVersion: foldedSet(c.SoftwareVersion),
		manufacturer:    foldedSet(c.Manufacturer),
		listener:        foldedSet(c.Listener),
		path:            foldedSet(c.Path),
	}
	for _, entry := range c.Source {
		n, _ := parseSource(entry)
		m.source = append(m.source, n)
	}
	if c.Percent != nil {
		m.share = newShare(rule, *c.Percent)
	}
	m.device = m.oui != nil || m.productClass != nil || m.serial != nil ||
		m.softwareVersion != nil || m.manufacturer != nil || m.share != nil
	return m
}

// mismatch returns the first key that a session does not meet, "" when it
// matches. in is normalised.
func (m *matcher) mismatch(in *Input) string {
	switch {
	case m.device && !in.Known:
		return keyDevice
	case !m.oui.has(in.Device.OUI):
		return keyOUI
	case !m.productClass.has(in.Device.ProductClass):
		return keyProductClass
	case !m.serial.has(in.Device.SerialNumber):
		return keySerial
	case !m.softwareVersion.has(in.SoftwareVersion):
		return keySoftwareVersion
	case !m.manufacturer.has(in.Device.Manufacturer):
		return keyManufacturer
	case !within(in.Source, m.source):
		return keySource
	case !m.listener.has(in.Listener):
		return keyListener
	case !m.path.has(in.Path):
		return keyPath
	case !m.share.has(in.Device.Key()):
		return keyPercent
	}
	return ""
}

// within tells whether an address lies in one of the networks; no networks are
// all of them.
func within(a netip.Addr, networks []netip.Prefix) bool {
	for _, n := range networks {
		if n.Contains(a) {
			return true
		}
	}
	return len(networks) == 0
}

// textSet is the entries of a text key. A nil one has every text.
type textSet struct {
	exact  map[string]struct{} // compared byte by byte
	ranges []serialRange
	globs  []glob
}

func (t *textSet) has(s string) bool {
	if t == nil {
		return true
	}
	if len(t.exact) > 0 {
		if _, ok := t.exact[s]; ok {
			return true
		}
	}
	for i := range t.ranges {
		if t.ranges[i].contains(s) {
			return true
		}
	}
	for i := range t.globs {
		if t.globs[i].matches(s) {
			return true
		}
	}
	return false
}

func (t *textSet) addExact(s string) {
	if t.exact == nil {
		t.exact = map[string]struct{}{}
	}
	t.exact[s] = struct{}{}
}

// foldedSet compiles entries that are compared without regard to case.
func foldedSet(entries []string) *textSet {
	if len(entries) == 0 {
		return nil
	}
	t := &textSet{}
	for _, entry := range entries {
		t.globs = append(t.globs, newGlob(entry, true))
	}
	return t
}

// ouiSet compiles OUIs in any spelling; those of devices are normalised.
func ouiSet(entries []string) *textSet {
	if len(entries) == 0 {
		return nil
	}
	t := &textSet{}
	for _, entry := range entries {
		if isGlob(entry) {
			t.globs = append(t.globs, newGlob(ouiGlob(entry), true))
		} else {
			t.addExact(cwmp.NormalizeOUI(entry))
		}
	}
	return t
}

// ouiGlob takes the separators out of a glob such as "00:D0:*". Those of an OUI
// that is not hexadecimal belong to it.
func ouiGlob(entry string) string {
	bare := strings.NewReplacer(":", "", "-", "", ".", "", " ", "").Replace(entry)
	if strings.Trim(bare, "0123456789abcdefABCDEF*?") != "" {
		return entry
	}
	return bare
}

// serialSet compiles serial numbers, globs and ranges.
func serialSet(entries []string) *textSet {
	if len(entries) == 0 {
		return nil
	}
	t := &textSet{}
	for _, entry := range entries {
		switch {
		case isRange(entry):
			r, _ := parseRange(entry)
			t.ranges = append(t.ranges, r)
		case isGlob(entry):
			t.globs = append(t.globs, newGlob(entry, false))
		default:
			t.addExact(entry)
		}
	}
	return t
}
