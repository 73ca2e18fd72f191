package connreq

import (
	"net"
	"net/netip"
	"sync/atomic"
	"time"
)

// ownRefresh is how long the list of the machine's addresses is taken to be true.
const ownRefresh = time.Minute

// ownAddrs are the addresses of this machine, looked up now and then: they change
// with DHCP and failover. Safe for concurrent use.
type ownAddrs struct {
	now    func() time.Time
	lookup func() ([]net.Addr, error) // net.InterfaceAddrs
	known  atomic.Pointer[ownSnapshot]
}

type ownSnapshot struct {
	at    time.Time
	addrs map[netip.Addr]bool
}

// addrs returns what was known at the last refresh.
func (o *ownAddrs) addrs() map[netip.Addr]bool {
	if known := o.known.Load(); known != nil {
		return known.addrs
	}
	return nil
}

// refresh looks the addresses up if they are old. If that fails the old ones stay.
func (o *ownAddrs) refresh() error {
	now := o.now()
	known := o.known.Load()
	if known != nil && now.Sub(known.at) < ownRefresh {
		return nil
	}
	list, err := o.lookup()
	if err != nil {
		return err
	}
	fresh := &ownSnapshot{at: now, addrs: make(map[netip.Addr]bool, len(list))}
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok {
			if addr, ok := netip.AddrFromSlice(n.IP); ok {
				fresh.addrs[plainAddr(addr)] = true
			}
		}
	}
	o.known.CompareAndSwap(known, fresh)
	return nil
}
