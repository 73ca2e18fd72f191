package connreq

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// maxShown is the size of ConnectionRequestURL and UDPConnectionRequestAddress in
// the data models (TR-098, TR-181: string(256)).
const maxShown = 256

// ShownURL returns what an ACS is to see as ConnectionRequestURL of the device
// with the token, in place of the CPE's own. It is false when the CPE's own is to
// stay: no url_base is configured, what the CPE reports is no http URL, or the
// result would be longer than the data model allows.
func ShownURL(cfg *Config, token, cpeURL string) (shown string, ok bool) {
	base, err := parseURLBase(cfg.URLBase)
	if err != nil {
		return "", false
	}
	rest, ok := afterAuthority(cpeURL)
	if !ok {
		return "", false
	}
	return fitting(base.shown(token, rest))
}

// ShownUDPAddress returns what an ACS is to see as UDPConnectionRequestAddress of
// the device with the token, or with the port that Ports gave it. It is false
// when the CPE's own address is to stay: there is no relay, or the device has no
// port, which is 0.
func ShownUDPAddress(cfg *Config, token string, port uint16) (shown string, ok bool) {
	relay := cfg.Relay
	if relay == nil {
		return "", false
	}
	listen, err := netip.ParseAddrPort(relay.Listen)
	if err != nil {
		return "", false
	}
	if suffix, star := strings.CutPrefix(relay.Host, "*."); star {
		return fitting(token + "." + suffix + ":" + strconv.Itoa(int(listen.Port())))
	}
	addr := listen.Addr()
	if relay.Address != "" {
		if addr, err = netip.ParseAddr(relay.Address); err != nil {
			return "", false
		}
	}
	if port == 0 || addr.IsUnspecified() {
		return "", false
	}
	return netip.AddrPortFrom(addr, port).String(), true
}

func fitting(shown string) (string, bool) {
	if len(shown) > maxShown {
		return "", false
	}
	return shown, true
}

// urlBase is Config.URLBase taken apart.
type urlBase struct {
	star bool   // the host began with "*."
	host string // without it, in lower case
	port string // as written, "" for none
	path string // without a slash at its end; "" with a star
}

var errURLBase = errors.New("is not a URL such as http://acsgate.example.net:7550/cr or http://*.cr.example.net:7550")

// parseURLBase takes a url_base apart. Only http is possible: the data models say
// so of ConnectionRequestURL, and GenieACS refuses https.
func parseURLBase(s string) (urlBase, error) {
	authority, ok := strings.CutPrefix(s, "http://")
	if !ok {
		return urlBase{}, errURLBase
	}
	var base urlBase
	authority, base.star = strings.CutPrefix(authority, "*.")
	// A star is no host to net/url, so it sees the rest alone.
	u, err := url.Parse("http://" + authority)
	if err != nil || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(s, "#") {
		return urlBase{}, errURLBase
	}
	base.host, base.port, base.path = strings.ToLower(u.Hostname()), u.Port(), strings.TrimRight(u.Path, "/")
	switch {
	case !hostname(base.host) || base.port == "" && strings.HasSuffix(u.Host, ":"):
		return urlBase{}, errURLBase
	case u.RawPath != "" || u.EscapedPath() != u.Path || strings.Contains(u.Path, "//"):
		return urlBase{}, errors.New("has a path with characters other than letters, digits, -, . and _")
	case base.star && u.Path != "" && u.Path != "/":
		return urlBase{}, errors.New("has both a star and a path: with a star, the path is the CPE's own")
	case base.star && isAddr(base.host):
		return urlBase{}, errors.New("has a star before an IP address: it can stand before a name alone")
	}
	if base.port != "" {
		if n, err := strconv.ParseUint(base.port, 10, 16); err != nil || n == 0 {
			return urlBase{}, errors.New("has a port that is not a number from 1 to 65535")
		}
	}
	return base, nil
}

// shown writes the URL of a token. rest is the path and query of the CPE's own.
func (b urlBase) shown(token, rest string) string {
	host := b.host
	if b.star {
		host = token + "." + host
	}
	switch {
	case b.port != "":
		host = net.JoinHostPort(host, b.port)
	case strings.Contains(host, ":"):
		host = "[" + host + "]"
	}
	if b.star {
		return "http://" + host + rest
	}
	return "http://" + host + b.path + "/" + token
}

// listen is the address to listen on if none is configured.
func (b urlBase) listen() string {
	if b.port == "" {
		return ":80"
	}
	return ":" + b.port
}

// token finds the token in a request for host, as in the Host header, and path.
// With a star any path will do: it is the CPE's own, and may have changed since.
func (b urlBase) token(host, path string) (token string, ok bool) {
	if b.star {
		return tokenOfHost(host, b.host)
	}
	rest, ok := strings.CutPrefix(path, b.path+"/")
	if !ok {
		return "", false
	}
	return asToken(rest)
}

// tokenOfHost finds the token in TOKEN.suffix or TOKEN.suffix:port. suffix is in
// lower case.
func tokenOfHost(host, suffix string) (token string, ok bool) {
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	label, rest, ok := strings.Cut(strings.TrimSuffix(host, "."), ".")
	if !ok || !strings.EqualFold(rest, suffix) {
		return "", false
	}
	return asToken(label)
}

// afterAuthority returns the path and query of an http or https URL byte for byte,
// for ACSs sign exactly these. It is false for anything else.
func afterAuthority(cpeURL string) (rest string, ok bool) {
	scheme, rest, found := strings.Cut(cpeURL, "://")
	if !found || !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return "", false
	}
	for i := range len(rest) {
		if rest[i] <= ' ' || rest[i] == 0x7f {
			return "", false
		}
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		return "", rest != ""
	}
	return rest[end:], end > 0
}

func isAddr(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}
