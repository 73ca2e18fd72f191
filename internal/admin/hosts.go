package admin

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// secured wraps everything that the listener serves: what no browser is to be
// talked into, whatever page it shows, is refused here.
func secured(c *Config, next http.Handler) http.Handler {
	hosts := newHosts(c)
	var origins http.CrossOriginProtection
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setSecurityHeaders(w.Header(), r)
		switch err := origins.Check(r); {
		case !hosts.allow(r.Host):
			fail(w, refuse(http.StatusMisdirectedRequest, "%q is not a name of this listener: ask for its IP address, or add the name to admin.hosts", clip(r.Host)))
		case !cleanPath(r.URL):
			fail(w, refuse(http.StatusBadRequest, "the path has empty parts, dots or characters that no path of this listener has"))
		case err != nil:
			fail(w, refuse(http.StatusForbidden, "a page of another site asks for this"))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func setSecurityHeaders(h http.Header, r *http.Request) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	if name := hostName(r.Host); r.TLS != nil && name != "localhost" { // where other ports may be others'
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// hosts are the names by which the listener may be asked for. A page whose name
// was made to lead to the listener (DNS rebinding) asks for its own name; nobody
// can do that with an IP address.
type hosts struct {
	any   bool
	names []string // lower case
}

func newHosts(c *Config) hosts {
	h := hosts{any: !loopback(c.Address) && len(c.Hosts) == 0, names: []string{"localhost"}}
	if host, _, err := net.SplitHostPort(c.Address); err == nil && host != "" {
		h.names = append(h.names, strings.ToLower(host))
	}
	for _, name := range c.Hosts {
		h.names = append(h.names, strings.ToLower(name))
	}
	return h
}

func (h hosts) allow(host string) bool {
	if h.any || host == "" { // every browser names one, old health checks do not
		return true
	}
	name := hostName(host)
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return slices.Contains(h.names, name)
}

// hostName returns what a Host header names, without a port and in lower case.
func hostName(host string) string {
	if bare, _, err := net.SplitHostPort(host); err == nil {
		host = bare
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

// cleanPath tells whether a path is one that a mux leads where it seems to lead: no
// empty part but the last, none of dots, escaped or not, and nothing unprintable.
func cleanPath(u *url.URL) bool {
	if !strings.HasPrefix(u.Path, "/") || strings.ContainsFunc(u.EscapedPath(), unicode.IsControl) {
		return false
	}
	parts := strings.Split(u.EscapedPath()[1:], "/")
	for i, part := range parts {
		plain, err := url.PathUnescape(part)
		if err != nil || plain == "." || plain == ".." || plain == "" && i < len(parts)-1 {
			return false
		}
	}
	return true
}

// validateHosts reports names that are none.
func (c *Config) validateHosts(report func(key, value, problem string)) {
	for i, name := range c.Hosts {
		if name == "" || strings.ContainsAny(name, " /:*\"'") {
			report(fmt.Sprintf("hosts[%d]", i), name, "is not a name of a host, which has no port and no *")
		}
	}
}
