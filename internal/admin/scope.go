package admin

import (
	"slices"
	"strings"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Whole tells whether the scope is every device.
func (s Scope) Whole() bool {
	return len(s.OUI)+len(s.ProductClass)+len(s.Serial)+len(s.ACS) == 0
}

// Matches tells whether a device is one of the scope. The ACS is the one that holds
// its sessions, "" where none is known.
func (s Scope) Matches(id cwmp.DeviceID, acs string) bool {
	return fits(s.OUI, id.OUI) && fits(s.ProductClass, id.ProductClass) &&
		(len(s.Serial) == 0 || slices.ContainsFunc(s.Serial, func(pattern string) bool { return serialFits(pattern, id.SerialNumber) })) &&
		fits(s.ACS, acs)
}

func fits(list []string, value string) bool { return len(list) == 0 || slices.Contains(list, value) }

func serialFits(pattern, serial string) bool {
	if beginning, cut := strings.CutSuffix(pattern, "*"); cut {
		return strings.HasPrefix(serial, beginning)
	}
	return serial == pattern
}
