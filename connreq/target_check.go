package connreq

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// maxURL bounds a ConnectionRequestURL; TR-181 has 256 characters.
const maxURL = 1024

// httpTarget is a ConnectionRequestURL that may be asked.
type httpTarget struct {
	addr      netip.AddrPort // to connect to
	authority string         // for Host, as the CPE wrote it
	path      string         // the request-target, byte for byte as in the URL
}

func (t *httpTarget) String() string { return "http://" + t.authority + t.path }

// guard decides which addresses HTTP Connection Requests may go to. A device
// chooses its ConnectionRequestURL, and whoever can pose as a device must not
// make the gateway ask for anything inside the operator's network (quirk C-85).
type guard struct {
	allow networks
	own   func() map[netip.Addr]bool // addresses of this machine
}

// checkTarget parses the device's ConnectionRequestURL and tells whether it may
// be asked. It does no I/O:
//
//   - The scheme is http (TR-069 3.2.2.1); user information is refused.
//   - The host is an IP literal. It may differ from Source, for a CPE may have
//     several addresses, but then as well it must be a public one.
//   - A host name is never looked up. It stands for Source, the address that the
//     device's last session came from: were it another's, it would be refused.
//   - Addresses that are not public, and those of the gateway, are refused unless
//     they are in allow_networks. What IPv6 embeds of IPv4 is judged as IPv4.
func (g *guard) checkTarget(t *Target) (httpTarget, error) {
	authority, path, err := splitURL(t.URL)
	if err != nil {
		return httpTarget{}, unusable(t.URL, err)
	}
	addr, err := resolve(authority, t.Source)
	if err != nil {
		return httpTarget{}, unusable(t.URL, err)
	}
	if err := g.checkAddr(addr.Addr(), t); err != nil {
		return httpTarget{}, err
	}
	return httpTarget{addr: addr, authority: authority, path: path}, nil
}

// unusable says what is wrong with a URL, and shows it unless a password may be in it.
func unusable(url string, err error) error {
	if errors.Is(err, errUserInfo) || strings.Contains(url, "@") || strings.Contains(url, "%40") {
		return fmt.Errorf("ConnectionRequestURL %w", err)
	}
	return fmt.Errorf("ConnectionRequestURL %.100q %w", url, err)
}

var errUserInfo = errors.New("has user information")

func (g *guard) checkAddr(addr netip.Addr, t *Target) error {
	kind := special(addr)
	if kind == kindNobody {
		return fmt.Errorf("%s is %s, which no CPE has", addr, kind)
	}
	if g.allow.contains(addr) {
		return nil
	}
	if kind != "" {
		return fmt.Errorf("%s is %s: if CPEs are there, list it in connection_request.http.allow_networks", addr, kind)
	}
	if g.own()[addr] || addr == plainAddr(t.Listener) || addr == plainAddr(t.Local.Addr()) {
		return fmt.Errorf("%s is an address of this gateway", addr)
	}
	return nil
}

// splitURL cuts an http URL into authority and request-target and changes neither:
// a CPE compares what it advertised, with all its colons and odd characters
// (quirk C-81).
func splitURL(url string) (authority, path string, err error) {
	const scheme = "http://"
	if url == "" {
		return "", "", errors.New("is not known")
	}
	if len(url) > maxURL {
		return "", "", errors.New("is longer than " + strconv.Itoa(maxURL) + " characters")
	}
	for i := range len(url) {
		if url[i] <= ' ' || url[i] == 0x7f {
			return "", "", errors.New("has a blank or a control character")
		}
	}
	if len(url) < len(scheme) || !strings.EqualFold(url[:len(scheme)], scheme) {
		return "", "", errors.New("does not begin with http://")
	}
	rest, _, _ := strings.Cut(url[len(scheme):], "#")
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	authority, path = rest[:end], rest[end:]
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	if strings.ContainsAny(authority, "@\\") {
		return "", "", errUserInfo
	}
	return authority, path, nil
}

// resolve returns the address that an authority means; port 80 is the default.
func resolve(authority string, source netip.Addr) (netip.AddrPort, error) {
	host, port := authority, ""
	if inside, after, ok := strings.Cut(strings.TrimPrefix(authority, "["), "]"); ok && strings.HasPrefix(authority, "[") {
		if host, port = inside, after; !strings.Contains(host, ":") {
			return netip.AddrPort{}, errors.New("has brackets around what is no IPv6 address")
		}
	} else if at := strings.IndexByte(authority, ':'); at >= 0 {
		host, port = authority[:at], authority[at:]
	}
	number := uint64(80)
	if port != "" && port != ":" {
		var err error
		number, err = strconv.ParseUint(strings.TrimPrefix(port, ":"), 10, 16)
		if err != nil || number == 0 || port[0] != ':' {
			return netip.AddrPort{}, errors.New("has an unusable port; IPv6 addresses need brackets")
		}
	}
	addr, err := hostAddr(host, source)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.AddrPortFrom(addr, uint16(number)), nil
}

func hostAddr(host string, source netip.Addr) (netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.Zone() != "" {
			return netip.Addr{}, errors.New("has a zone, which means nothing outside the CPE")
		}
		return addr.Unmap(), nil
	}
	switch {
	case !isName(host):
		return netip.Addr{}, errors.New("has a host that is neither an IP address nor a name")
	case !source.IsValid():
		return netip.Addr{}, errors.New("has a name, which stands for the address of the device's last session, and that is not known")
	}
	return plainAddr(source), nil
}

// isName tells whether host is a DNS name. One whose last label begins with a
// digit is none: it is an IPv4 address as C libraries read it, such as 127.1 or
// 0x7f000001.
func isName(host string) bool {
	if host == "" || len(host) > maxHostname {
		return false
	}
	for i := range len(host) {
		c := host[i] | 0x20
		if (c < 'a' || c > 'z') && (host[i] < '0' || host[i] > '9') && strings.IndexByte("-_.", host[i]) < 0 {
			return false
		}
	}
	trimmed := strings.TrimSuffix(host, ".")
	last := trimmed[strings.LastIndexByte(trimmed, '.')+1:]
	return last != "" && (last[0] < '0' || last[0] > '9')
}

// checkUDPTarget tells whether a datagram may go to a binding. Unlike a URL, a
// binding was not chosen by the device but seen as the source of its packets, so
// private addresses are as good as others: it refuses what can be no source of a
// packet, and the gateway's own socket.
func checkUDPTarget(t *Target) error {
	addr := plainAddr(t.Remote.Addr())
	switch {
	case !t.Remote.IsValid() || t.Remote.Port() == 0:
		return errors.New("binding has no port")
	case special(addr) == kindNobody:
		return fmt.Errorf("binding %s is %s, which no CPE has", t.Remote, kindNobody)
	case t.Local.Port() == t.Remote.Port() && plainAddr(t.Local.Addr()) == addr:
		return fmt.Errorf("binding %s is the gateway's own socket", t.Remote)
	}
	return nil
}

// plainAddr writes an address in the one way in which two can be compared.
func plainAddr(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }
