package connreq

import "net/netip"

// kindNobody is of addresses that no host has.
const kindNobody = "unspecified, multicast or reserved"

// Addresses that are not public (IANA IPv4 and IPv6 Special-Purpose Address
// Registries). The networks of documentation are not here: they are nobody's, and
// test networks use them.
var specials = []struct {
	network netip.Prefix
	kind    string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), kindNobody},
	{netip.MustParsePrefix("10.0.0.0/8"), "private"},
	{netip.MustParsePrefix("100.64.0.0/10"), "shared by CGNAT, thus private"},
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local"},
	{netip.MustParsePrefix("172.16.0.0/12"), "private"},
	{netip.MustParsePrefix("192.0.0.0/24"), "reserved for protocols"},
	{netip.MustParsePrefix("192.168.0.0/16"), "private"},
	{netip.MustParsePrefix("198.18.0.0/15"), "for benchmarks, thus private"},
	{netip.MustParsePrefix("224.0.0.0/3"), kindNobody}, // multicast, class E, broadcast

	{netip.MustParsePrefix("::/128"), kindNobody},
	{netip.MustParsePrefix("::1/128"), "loopback"},
	{netip.MustParsePrefix("::/96"), kindNobody}, // IPv4-compatible
	{netip.MustParsePrefix("64:ff9b:1::/48"), "for local NAT64, thus private"},
	{netip.MustParsePrefix("100::/64"), kindNobody}, // discard-only
	{netip.MustParsePrefix("fc00::/7"), "private"},
	{netip.MustParsePrefix("fe80::/10"), "link-local"},
	{netip.MustParsePrefix("fec0::/10"), "site-local, thus private"},
	{netip.MustParsePrefix("ff00::/8"), kindNobody},
}

// Networks of IPv6 whose addresses lead to an IPv4 address inside them, and the
// place of its first byte.
var embeddings = []struct {
	network netip.Prefix
	at      int
	flip    byte // Teredo writes it inverted
}{
	{netip.MustParsePrefix("::ffff:0:0:0/96"), 12, 0}, // RFC 2765
	{netip.MustParsePrefix("64:ff9b::/96"), 12, 0},    // NAT64, RFC 6052
	{netip.MustParsePrefix("2002::/16"), 2, 0},        // 6to4, RFC 3056
	{netip.MustParsePrefix("2001::/32"), 12, 0xff},    // Teredo, RFC 4380
}

// special says in words what is special about an address that is not public, or
// "".
func special(addr netip.Addr) string {
	addr = plainAddr(addr)
	for _, s := range specials {
		if s.network.Contains(addr) {
			return s.kind
		}
	}
	for _, e := range embeddings {
		if e.network.Contains(addr) {
			b := addr.As16()
			var v4 [4]byte
			for i := range v4 {
				v4[i] = b[e.at+i] ^ e.flip
			}
			return special(netip.AddrFrom4(v4))
		}
	}
	return ""
}
