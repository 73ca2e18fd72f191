package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// target is one place that requests of a session go to: the ACS's URL, or where
// the ACS has redirected the session. It is immutable but for its addresses.
type target struct {
	secure bool
	host   string // name or address without port
	port   string
	// path replaces the CPE's path and query when it is not empty.
	path  string
	query string
	tls   *tls.Config
	addrs *addresses
}

func newTarget(raw string, tlsConfig *tls.Config) (*target, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, fmt.Errorf("url %q is not http://host or https://host", raw)
	}
	t := &target{secure: u.Scheme == "https", host: u.Hostname(), port: u.Port(), path: u.EscapedPath(), query: strings.ReplaceAll(u.RawQuery, " ", "%20")}
	if t.port == "" {
		t.port = map[bool]string{false: "80", true: "443"}[t.secure]
	}
	if t.secure {
		t.tls = tlsConfig.Clone()
		if t.tls.ServerName == "" {
			t.tls.ServerName = t.host
		}
	}
	port, err := strconv.ParseUint(t.port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("url %q has no port from 1 to 65535", raw)
	}
	t.addrs = &addresses{host: t.host, port: uint16(port)}
	return t, nil
}

// authority is the Host header of the target itself.
func (t *target) authority() string {
	if t.port == "80" && !t.secure || t.port == "443" && t.secure {
		if strings.Contains(t.host, ":") {
			return "[" + t.host + "]"
		}
		return t.host
	}
	return net.JoinHostPort(t.host, t.port)
}

// pathFor returns the request target for a CPE's path with query.
func (t *target) pathFor(cpePath string) string {
	if t.path == "" {
		return cpePath
	}
	query := t.query
	if query == "" {
		_, query, _ = strings.Cut(cpePath, "?")
	}
	if query == "" {
		return t.path
	}
	return t.path + "?" + query
}

// follow returns the target of a Location that this target answered with. The
// port of an absolute location is its own; a relative one stays on the host.
func (t *target) follow(location string, tlsConfig *tls.Config) (*target, error) {
	scheme := map[bool]string{false: "http", true: "https"}[t.secure]
	base := &url.URL{Scheme: scheme, Host: net.JoinHostPort(t.host, t.port), Path: "/"}
	if t.path != "" {
		base.Path = t.path
	}
	ref, err := url.Parse(strings.TrimSpace(location))
	if err != nil {
		return nil, err
	}
	next := base.ResolveReference(ref)
	if next.Path == "" {
		next.Path = "/"
	}
	return newTarget(next.String(), tlsConfig)
}

// sameHost tells whether cookies of t may be sent to other.
func (t *target) sameHost(other *target) bool { return t.host == other.host && t.port == other.port }

// addresses resolves a host name and remembers the answer for a while, so that
// a storm of sessions is not a storm of DNS queries. Safe for concurrent use.
type addresses struct {
	host  string
	port  uint16
	known atomic.Pointer[resolved]
	busy  atomic.Bool
}

type resolved struct {
	list  []netip.AddrPort
	until time.Time
}

// resolveEvery is how long an answer is used.
const resolveEvery = 15 * time.Second

var errNoAddress = errors.New("host name has no address")

// get returns the addresses to try in order. While one caller asks the DNS
// again, others go on with what was known; a failing DNS keeps it as well.
func (a *addresses) get(deadline time.Time) ([]netip.AddrPort, error) {
	known, now := a.known.Load(), time.Now()
	if known != nil && (now.Before(known.until) || !a.busy.CompareAndSwap(false, true)) {
		return known.list, nil
	}
	defer a.busy.Store(false)
	list, err := a.lookup(deadline)
	switch {
	case err == nil:
		known = &resolved{list, now.Add(resolveEvery)}
	case known == nil:
		return nil, err
	default:
		known = &resolved{known.list, now.Add(resolveEvery / 5)}
	}
	a.known.Store(known)
	return known.list, nil
}

func (a *addresses) lookup(deadline time.Time) ([]netip.AddrPort, error) {
	if ip, err := netip.ParseAddr(a.host); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(ip, a.port)}, nil
	}
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", a.host)
	if err != nil {
		return nil, err
	}
	if len(ips) == 0 {
		return nil, errNoAddress
	}
	list := make([]netip.AddrPort, len(ips))
	for i, ip := range ips {
		list[i] = netip.AddrPortFrom(ip.Unmap(), a.port)
	}
	return list, nil
}
