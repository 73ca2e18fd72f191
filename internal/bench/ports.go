package main

import (
	"errors"
	"fmt"
	"net"
)

// ports hands out loopback addresses to listen on, none of them twice. They lie
// below those that the kernel gives to outgoing connections, one of which could
// otherwise take a port before its listener does.
type ports struct{ next int }

const (
	firstPort = 20_000
	lastPort  = 29_999
)

// free returns an address that nobody listens on, neither by TCP nor by UDP.
func (p *ports) free() (string, error) {
	for p.next = max(p.next, firstPort); p.next <= lastPort; {
		address := fmt.Sprintf("127.0.0.1:%d", p.next)
		p.next++
		l, err := net.Listen("tcp4", address)
		if err != nil {
			continue // in use
		}
		u, err := net.ListenPacket("udp4", address)
		if err != nil {
			_ = l.Close()
			continue
		}
		return address, errors.Join(l.Close(), u.Close())
	}
	return "", fmt.Errorf("no free port from %d to %d", firstPort, lastPort)
}
