package simnet

import (
	"net"
	"net/netip"
	"sync"
)

// Names is the DNS of simulated CPEs: it maps the host names of URLs to
// addresses on which something listens. The zero value knows no name. All
// methods are safe for concurrent use, so that a host can come and go while
// CPEs look for it.
type Names struct {
	mu sync.RWMutex
	to map[string]string
}

// Set lets a host, or a host:port only, be found at an address, host:port.
func (n *Names) Set(host, address string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.to == nil {
		n.to = map[string]string{}
	}
	n.to[host] = address
}

// Remove makes a host unknown.
func (n *Names) Remove(host string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.to, host)
}

// Resolve is for CPEConfig. IP addresses stay as they are; an unknown name is a
// *net.DNSError.
func (n *Names) Resolve(address string) (string, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	for _, name := range []string{address, host} {
		if to, ok := n.to[name]; ok {
			return to, nil
		}
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return address, nil
	}
	return "", noSuchHost(host)
}
