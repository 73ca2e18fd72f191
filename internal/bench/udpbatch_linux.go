package main

import (
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	udpBatch   = 64       // datagrams in one system call
	udpBuffer  = 64 << 20 // what the CPEs' socket holds, so that nothing is lost there
	udpMaxSize = 512      // bytes of a datagram
)

// cpeSocket is one UDP socket that stands for a whole fleet: it sends from any
// loopback address (IP_PKTINFO, ip(7)) and receives what comes for any. It moves
// many datagrams in one system call, so that the CPEs cost less than the server
// that is measured. One goroutine uses it.
type cpeSocket struct {
	fd   int
	port uint16

	out     [udpBatch]unix.Mmsghdr
	outIOV  [udpBatch]unix.Iovec
	sources [udpBatch]pktinfo
	packets [udpBatch][]byte
	queued  int
	to      unix.RawSockaddrInet4

	in      [udpBatch]unix.Mmsghdr
	inIOV   [udpBatch]unix.Iovec
	stamps  [udpBatch]stamp
	buffers [udpBatch][udpMaxSize]byte
}

// pktinfo is a control message that says which address a datagram comes from.
type pktinfo struct {
	header unix.Cmsghdr
	info   unix.Inet4Pktinfo
	_      [4]byte
}

// stamp is the control message of when the kernel took a datagram.
type stamp struct {
	header unix.Cmsghdr
	at     unix.Timespec
}

// newCPESocket opens a socket on a port, 0 for any.
func newCPESocket(port uint16) (*cpeSocket, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	s := &cpeSocket{fd: fd}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, udpBuffer) != nil {
		// Without privilege: as large as the machine allows.
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, udpBuffer)
	}
	var bound unix.Sockaddr
	if err = unix.Bind(fd, &unix.SockaddrInet4{Port: int(port)}); err == nil {
		bound, err = unix.Getsockname(fd)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	s.port = uint16(bound.(*unix.SockaddrInet4).Port)
	s.prepare()
	return s, nil
}

// prepare ties the parts of the batches together.
func (s *cpeSocket) prepare() {
	for i := range udpBatch {
		s.packets[i] = make([]byte, 0, udpMaxSize)
		src := &s.sources[i]
		src.header.Level, src.header.Type = unix.IPPROTO_IP, unix.IP_PKTINFO
		src.header.SetLen(unix.CmsgLen(unix.SizeofInet4Pktinfo))
		h := &s.out[i].Hdr
		h.Name, h.Namelen = (*byte)(unsafe.Pointer(&s.to)), unix.SizeofSockaddrInet4
		h.Iov = &s.outIOV[i]
		h.SetIovlen(1)
		h.Control = (*byte)(unsafe.Pointer(src))
		h.SetControllen(int(unsafe.Sizeof(*src)))

		s.inIOV[i].Base = &s.buffers[i][0]
		s.inIOV[i].SetLen(udpMaxSize)
		g := &s.in[i].Hdr
		g.Iov = &s.inIOV[i]
		g.SetIovlen(1)
		g.Control = (*byte)(unsafe.Pointer(&s.stamps[i]))
	}
}

func (s *cpeSocket) close() { _ = unix.Close(s.fd) }

// stampArrivals has the kernel note when it takes a datagram.
func (s *cpeSocket) stampArrivals() error {
	return unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
}

// aim sets where all datagrams go.
func (s *cpeSocket) aim(to netip.AddrPort) {
	s.to = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: to.Addr().As4(), Port: to.Port()<<8 | to.Port()>>8}
}

// slot returns the buffer of the next datagram, which leaves from source when it
// is queued; nil if the batch is full.
func (s *cpeSocket) slot(source netip.Addr) []byte {
	if s.queued == udpBatch {
		return nil
	}
	s.sources[s.queued].info.Spec_dst = source.As4()
	return s.packets[s.queued][:0]
}

// queue takes the filled buffer.
func (s *cpeSocket) queue(packet []byte) {
	s.outIOV[s.queued].Base = unsafe.SliceData(packet)
	s.outIOV[s.queued].SetLen(len(packet))
	s.queued++
}

// flush sends what is queued and returns how many datagrams the kernel took.
func (s *cpeSocket) flush() (sent int, err error) {
	for sent < s.queued {
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.out[sent])), uintptr(s.queued-sent), 0, 0, 0)
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			err = errno
			break
		}
		sent += int(n)
	}
	s.queued = 0
	return sent, err
}

// receive fetches what has come, without waiting. Datagrams are valid until the
// next call.
func (s *cpeSocket) receive() (n int, err error) {
	for i := range s.in {
		s.in[i].Hdr.SetControllen(int(unsafe.Sizeof(s.stamps[i])))
	}
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.in[0])), udpBatch, unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		case unix.EAGAIN:
			return 0, nil
		default:
			return 0, errno
		}
	}
}

// datagram returns one that receive fetched.
func (s *cpeSocket) datagram(i int) []byte { return s.buffers[i][:s.in[i].Len] }

// arrival is when the kernel took it, if stampArrivals was called.
func (s *cpeSocket) arrival(i int) time.Time {
	return time.Unix(s.stamps[i].at.Sec, s.stamps[i].at.Nsec)
}

// wait blocks until something can be received, for limit at most.
func (s *cpeSocket) wait(limit time.Duration) {
	timeout := unix.NsecToTimespec(int64(limit))
	_, _ = unix.Ppoll([]unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}}, &timeout, nil) // the caller looks again
}

// giveWay lets others on this processor run first.
func giveWay() { _, _, _ = unix.Syscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }
