//go:build !linux

package main

import (
	"net/netip"
	"time"
)

const udpBatch = 1

// cpeSocket exists so that the module builds: see errNotLinux.
type cpeSocket struct{ port uint16 }

func newCPESocket(uint16) (*cpeSocket, error) { return nil, errNotLinux }

func (*cpeSocket) close()                 {}
func (*cpeSocket) stampArrivals() error   { return errNotLinux }
func (*cpeSocket) aim(netip.AddrPort)     {}
func (*cpeSocket) slot(netip.Addr) []byte { return nil }
func (*cpeSocket) queue([]byte)           {}
func (*cpeSocket) flush() (int, error)    { return 0, errNotLinux }
func (*cpeSocket) receive() (int, error)  { return 0, errNotLinux }
func (*cpeSocket) datagram(int) []byte    { return nil }
func (*cpeSocket) arrival(int) time.Time  { return time.Time{} }
func (*cpeSocket) wait(time.Duration)     {}
func giveWay()                            {}
