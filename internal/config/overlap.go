package config

import (
	"cmp"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// socket is one address that the gateway listens on.
type socket struct {
	key   string
	value string
	host  string     // lower case; a name that is not localhost
	ip    netip.Addr // invalid for names, and for all addresses of both families
	all   bool       // every address of both families
	port  uint16
	udp   bool
}

// overlaps reports addresses that cannot both be listened on.
func (v *validation) overlaps() {
	var seen []socket
	for _, s := range v.sockets() {
		for _, other := range seen {
			if s.udp != other.udp {
				continue
			}
			if !s.overlaps(other) {
				continue
			}
			a, b := s, other
			if _, n := v.root.locate(a.key); n == nil { // a default: point at the line that clashes with it
				a, b = b, a
			}
			v.report(a.key, a.value, "overlaps "+strconv.Quote(b.value)+" of "+v.named(b.key)+": give one of them another port")
			break
		}
		seen = append(seen, s)
	}
}

// circles reports ACSs that are the gateway itself. An address that is not one
// of this machine for certain is believed to be another one's.
func (v *validation) circles() {
	for i, a := range v.config.ACS {
		u, err := url.Parse(a.Upstream.URL)
		if err != nil {
			continue
		}
		port := cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
		target, ok := parseSocket("", net.JoinHostPort(u.Hostname(), port))
		for j, l := range v.config.Listen {
			own, ok2 := parseSocket("", l.Address)
			if ok && ok2 && target.isHere(own) {
				v.report(element("acs", i)+".url", a.Upstream.URL, "is "+element("listen", j)+" of the gateway itself: sessions would go in a circle")
				break
			}
		}
	}
}

// isHere tells whether a connection to s surely reaches the listener own.
func (s socket) isHere(own socket) bool {
	return s.ip.IsValid() && s.overlaps(own) && (s.ip.IsLoopback() || s.ip.IsUnspecified() || s.ip == own.ip)
}

func (v *validation) named(key string) string {
	if _, n := v.root.locate(key); n == nil {
		return key + " (the default)"
	}
	return key
}

// sockets returns the addresses that are sound, in the order of the file.
func (v *validation) sockets() []socket {
	var all []socket
	add := func(key, value string) {
		if s, ok := parseSocket(key, value); ok && !v.found.suspect(key) {
			all = append(all, s)
		}
	}
	for i, l := range v.config.Listen {
		add(element("listen", i)+".address", l.Address)
	}
	if acme := v.config.TLS.ACME; acme != nil {
		add("tls.acme.http_address", acme.HTTPAddress)
	}
	add("admin.address", v.config.Admin.Address)
	add("connection_request.listen", v.config.ConnectionRequest.Listen)
	tcp := len(all)
	for i, address := range v.config.STUN.Listen {
		add(element("stun.listen", i), address)
	}
	if relay := v.config.ConnectionRequest.Relay; relay != nil {
		add("connection_request.relay.listen", relay.Listen)
	}
	for i := tcp; i < len(all); i++ {
		all[i].udp = true
	}
	return all
}

// parseSocket reads an address; port 0 is any free port and clashes with none.
func parseSocket(key, value string) (socket, bool) {
	host, text, err := net.SplitHostPort(value)
	if err != nil {
		return socket{}, false
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return socket{}, false
	}
	s := socket{key: key, value: value, host: strings.ToLower(host), port: uint16(port)}
	if s.host == "localhost" {
		s.host = "127.0.0.1"
	}
	if ip, err := netip.ParseAddr(s.host); err == nil {
		s.ip = ip.Unmap()
	}
	s.all = s.host == "" || s.ip == netip.IPv6Unspecified() // Go listens on both families
	return s, true
}

func (s socket) overlaps(o socket) bool {
	switch {
	case s.port != o.port:
		return false
	case s.all || o.all:
		return true
	case !s.ip.IsValid() || !o.ip.IsValid():
		return s.host == o.host || s.ip.IsUnspecified() || o.ip.IsUnspecified()
	case s.ip.Is4() != o.ip.Is4():
		return false
	default:
		return s.ip == o.ip || s.ip.IsUnspecified() || o.ip.IsUnspecified()
	}
}
