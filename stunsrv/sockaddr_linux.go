package stunsrv

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sockaddr is a socket address as the kernel has it, of either family.
type sockaddr struct {
	raw unix.RawSockaddrInet6 // the longer one
}

const sockaddrSize = unix.SizeofSockaddrInet6

// inet4 returns the same memory as an address of IPv4. Family and port lie at
// the same place in both.
func (s *sockaddr) inet4() *unix.RawSockaddrInet4 {
	return (*unix.RawSockaddrInet4)(unsafe.Pointer(&s.raw))
}

// port returns the two bytes of the port, in network order.
func (s *sockaddr) port() []byte {
	return (*[2]byte)(unsafe.Pointer(&s.raw.Port))[:]
}

func (s *sockaddr) setPort(port uint16) { binary.BigEndian.PutUint16(s.port(), port) }

func (s *sockaddr) addrPort() netip.AddrPort {
	port := binary.BigEndian.Uint16(s.port())
	if s.raw.Family == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4(s.inet4().Addr), port)
	}
	ip := netip.AddrFrom16(s.raw.Addr)
	if ip.IsLinkLocalUnicast() {
		ip = ip.WithZone(strconv.FormatUint(uint64(s.raw.Scope_id), 10))
	}
	return netip.AddrPortFrom(ip, port)
}

// set makes s the address, whose IP must not be mapped, and returns its length.
func (s *sockaddr) set(address netip.AddrPort) (size uintptr) {
	ip := address.Addr()
	s.raw = unix.RawSockaddrInet6{}
	s.setPort(address.Port())
	if ip.Is4() {
		s.raw.Family = unix.AF_INET
		s.inet4().Addr = ip.As4()
		return unix.SizeofSockaddrInet4
	}
	s.raw.Family = unix.AF_INET6
	s.raw.Addr = ip.As16()
	if zone := ip.Zone(); zone != "" {
		s.raw.Scope_id = scope(zone)
	}
	return unix.SizeofSockaddrInet6
}

// scope returns the index of the interface that a zone names; 0, which the
// kernel refuses, if there is none.
func scope(zone string) uint32 {
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n)
	}
	if ifi, err := net.InterfaceByName(zone); err == nil {
		return uint32(ifi.Index)
	}
	return 0
}
