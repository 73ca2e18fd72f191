package natlab

import (
	"fmt"
	"net/netip"
	"strings"
)

// ruleset describes one router to nftables.
type ruleset struct {
	kind     Kind
	external netip.Addr
	cpes     []netip.Addr
	shift    int // added to mapped ports
}

// mappedPorts are the ports of a CPE that have a mapping of their own, which
// differs from the port: some clients report the one for the other.
var mappedPorts = []int{CPEPort, CPEPort + 1, CPEPort + 2}

// port is the external port of the n-th CPE's port.
func (r *ruleset) port(n, port int) int { return 35_000 + 1000*n + port - CPEPort + r.shift }

// text is the whole configuration, to be loaded at once in place of the last.
func (r *ruleset) text() string {
	var out, in []string
	for n, cpe := range r.cpes {
		for _, port := range mappedPorts {
			out = append(out, fmt.Sprintf("%v . %d : %d", cpe, port, r.port(n, port)))
			in = append(in, fmt.Sprintf("%d : %v . %d", r.port(n, port), cpe, port))
		}
	}
	// SNAT keeps one mapping for all peers because nothing else has its ports; the
	// connection tracking below it filters by address and port.
	source := fmt.Sprintf(`oifname "wan" meta l4proto udp snat ip to %v : ip saddr . udp sport map { %s }`, r.external, strings.Join(out, ", "))
	if r.kind.PerPeer() {
		source = fmt.Sprintf(`oifname "wan" meta l4proto udp snat to %v : 1024-65535 fully-random`, r.external)
	}
	entry := ""
	back := "dnat ip to udp dport map { " + strings.Join(in, ", ") + " }"
	switch r.kind {
	case FullCone:
		entry = `iifname "wan" udp dport @open ` + back
	case Restricted:
		entry = `iifname "wan" udp dport . ip saddr @peers ` + back
	}
	return strings.NewReplacer("SOURCE", source, "ENTRY", entry, "EXTERNAL", r.external.String()).Replace(`
table ip lab
delete table ip lab
table ip lab {
	# External ports that are mapped, and to whom the CPE has sent from them.
	set open { type inet_service; flags dynamic,timeout; timeout 60s; }
	set peers { type inet_service . ipv4_addr; flags dynamic,timeout; timeout 60s; }
	chain prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		ENTRY
	}
	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		SOURCE
		oifname "wan" snat to EXTERNAL
	}
	chain note {
		type filter hook postrouting priority srcnat + 100; policy accept;
		oifname "wan" update @open { udp sport }
		oifname "wan" update @peers { udp sport . ip daddr }
	}
	chain forward {
		type filter hook forward priority filter; policy drop;
		iifname "lan" accept
		iifname "wan" ct state established accept
		iifname "wan" ct status dnat accept
	}
	chain input {
		type filter hook input priority filter; policy accept;
		iifname "wan" meta l4proto udp drop
	}
}
`)
}
