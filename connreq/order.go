package connreq

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// order returns the transports in the order in which they should be tried for a
// device: the one that worked last; else HTTP for a device without NAT, that is
// one whose URL names the address that its sessions come from; else UDP.
func order(ways []*way, t *Target, worked string) []*way {
	first := worked
	if first == "" {
		if first = UDP; withoutNAT(t) {
			first = HTTP
		}
	}
	plan := slices.Clone(ways)
	slices.SortStableFunc(plan, func(a, b *way) int { return rank(a, first) - rank(b, first) })
	return plan
}

func rank(w *way, first string) int {
	switch w.Name() {
	case first:
		return 0
	case UDP:
		return 1
	default:
		return 2
	}
}

// withoutNAT tells whether the device's ConnectionRequestURL has the address from
// which its sessions come.
func withoutNAT(t *Target) bool {
	if t.URL == "" || !t.Source.IsValid() {
		return false
	}
	u, err := url.Parse(t.URL)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(strings.ToLower(u.Hostname()))
	return err == nil && addr.Unmap().WithZone("") == t.Source.Unmap().WithZone("")
}
