package natlab

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
)

// Addresses of the lab. Each network has a /24 of its own.
var (
	serverAddrs   = addrs("203.0.113.1", "203.0.113.2")
	attackerAddrs = addrs("203.0.113.66")
	publicAddrs   = addrs("203.0.113.10", "203.0.113.11") // of the outermost NAT
	carrierInside = addrs("100.64.0.1")
	homeCarried   = addrs("100.64.0.2") // of a home NAT behind the carrier's
	homeInside    = addrs("192.168.1.1")
	cpeAddrs      = addrs("192.168.1.2", "192.168.1.3")
	openAddrs     = addrs("203.0.113.20") // of a CPE without a NAT
)

func addrs(list ...string) []netip.Addr {
	out := make([]netip.Addr, len(list))
	for i, s := range list {
		out[i] = netip.MustParseAddr(s)
	}
	return out
}

// link is a cable from an interface of one host to the switch in another.
type link struct {
	host  *Host
	name  string // of the interface
	to    string // host with the switch
	via   netip.Addr
	addrs []netip.Addr
}

// build makes the hosts, the cables and the rules.
func (l *Lab) build() error {
	l.Server = l.host("server", serverAddrs)
	l.Attacker = l.host("attacker", attackerAddrs)
	links := []link{
		{host: l.Server, name: "eth0", to: "internet", addrs: serverAddrs},
		{host: l.Attacker, name: "eth0", to: "internet", addrs: attackerAddrs},
	}
	switch l.Kind {
	case Open:
		l.CPEs = []*Host{l.host("cpe1", openAddrs)}
		links = append(links, link{host: l.CPEs[0], name: "eth0", to: "internet", addrs: openAddrs})
	case CGNAT:
		carrier := l.router("carrier", publicAddrs, Symmetric)
		home := l.router("home", homeCarried, PortRestricted)
		l.routers = []*router{home, carrier}
		links = append(links,
			link{host: carrier.Host, name: "wan", to: "internet", addrs: publicAddrs},
			link{host: home.Host, name: "wan", to: "carrier", addrs: homeCarried, via: carrierInside[0]})
	default:
		home := l.router("home", publicAddrs, l.Kind)
		l.routers = []*router{home}
		links = append(links, link{host: home.Host, name: "wan", to: "internet", addrs: publicAddrs})
	}
	for n := range l.Kind.cpes() {
		if l.Kind == Open {
			break
		}
		cpe := l.host(fmt.Sprintf("cpe%d", n+1), cpeAddrs[n:n+1])
		l.CPEs = append(l.CPEs, cpe)
		links = append(links, link{host: cpe, name: "eth0", to: "home", addrs: cpe.Addrs, via: homeInside[0]})
	}
	return l.wire(links)
}

// host describes a host; wire makes it.
func (l *Lab) host(name string, list []netip.Addr) *Host {
	return &Host{Addrs: list, namespace: l.name + name, t: l.t}
}

func (l *Lab) router(name string, list []netip.Addr, kind Kind) *router {
	return &router{l.host(name, list), ruleset{kind: kind, external: list[0], cpes: cpeAddrs}}
}

// wire makes all that the links speak of.
func (l *Lab) wire(links []link) error {
	for _, link := range links {
		if err := l.add(strings.TrimPrefix(link.host.namespace, l.name)); err != nil {
			return err
		}
	}
	inside := map[string]netip.Addr{"internet": {}, "home": homeInside[0], "carrier": carrierInside[0]}
	for name, addr := range inside {
		if name != "internet" && !l.routes(name) {
			continue
		}
		if err := l.addSwitch(l.name+name, addr); err != nil {
			return err
		}
	}
	for n, link := range links {
		if err := l.addLink(link, fmt.Sprintf("port%d", n)); err != nil {
			return err
		}
	}
	for _, r := range l.routers {
		if err := l.startRouter(r); err != nil {
			return err
		}
	}
	return nil
}

// routes reports whether the lab has a router of that name.
func (l *Lab) routes(name string) bool {
	for _, r := range l.routers {
		if r.namespace == l.name+name {
			return true
		}
	}
	return false
}

// addSwitch makes the switch of a network in a host; addr is the host's own
// address there.
func (l *Lab) addSwitch(namespace string, addr netip.Addr) error {
	script := "link set lo up\nlink add lan type bridge\nlink set lan up\n"
	if addr.IsValid() {
		script += fmt.Sprintf("address add %v/24 dev lan\n", addr)
	}
	return run(script, l.tools.ip, "-n", namespace, "-batch", "-")
}

// addLink makes a cable and sets up the interface at the host's end.
func (l *Lab) addLink(k link, port string) error {
	if err := run("", l.tools.ip, "link", "add", k.name, "netns", k.host.namespace, "type", "veth", "peer", "name", port, "netns", l.name+k.to); err != nil {
		return err
	}
	if err := run(fmt.Sprintf("link set %[1]s master lan\nlink set %[1]s up\n", port), l.tools.ip, "-n", l.name+k.to, "-batch", "-"); err != nil {
		return err
	}
	script := fmt.Sprintf("link set lo up\nlink set %s up\n", k.name)
	for _, a := range k.addrs {
		script += fmt.Sprintf("address add %v/24 dev %s\n", a, k.name)
	}
	if k.via.IsValid() {
		script += fmt.Sprintf("route add default via %v\n", k.via)
	}
	return run(script, l.tools.ip, "-n", k.host.namespace, "-batch", "-")
}

// startRouter makes a host forward and translate.
func (l *Lab) startRouter(r *router) error {
	if err := l.load(r); err != nil {
		return err
	}
	return r.Do(func() error {
		settings := map[string]string{"net/ipv4/ip_forward": "1"}
		if r.rules.kind == Forgetful {
			seconds := fmt.Sprint(int(Timeout.Seconds()))
			settings["net/netfilter/nf_conntrack_udp_timeout"] = seconds
			settings["net/netfilter/nf_conntrack_udp_timeout_stream"] = seconds
		}
		for key, value := range settings {
			if err := os.WriteFile("/proc/sys/"+key, []byte(value), 0o600); err != nil {
				return err
			}
		}
		return nil
	})
}
