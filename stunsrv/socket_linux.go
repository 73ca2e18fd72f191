package stunsrv

import (
	"net/netip"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// growBuffers asks for large buffers: beyond net.core.rmem_max where we may, up
// to it elsewhere.
func (s *socket) growBuffers() {
	_ = s.raw.Control(func(fd uintptr) {
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, wishedBuffer) != nil {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, wishedBuffer)
		}
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, wishedBuffer) != nil {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, wishedBuffer)
		}
	})
}

// receiveBuffer returns how many bytes the receive buffer got, 0 if unknown.
func (s *socket) receiveBuffer() (size int) {
	_ = s.raw.Control(func(fd uintptr) {
		size, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
	})
	return size / 2 // the kernel doubles it for its own bookkeeping, socket(7)
}

// skMeminfoDrops is the place of the drops in what SO_MEMINFO returns
// (SK_MEMINFO_DROPS of linux/sock_diag.h).
const skMeminfoDrops = 8

// dropped returns how many datagrams the kernel dropped for want of room in the
// receive buffer; false if the socket is closed.
func (s *socket) dropped() (n uint32, ok bool) {
	_ = s.raw.Control(func(fd uintptr) {
		var info [skMeminfoDrops + 1]uint32
		size := uint32(unsafe.Sizeof(info))
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
		n, ok = info[skMeminfoDrops], errno == 0
	})
	return n, ok
}

// dispatch is one call of sendto(2), kept for the next one.
type dispatch struct {
	payload []byte
	to      sockaddr
	size    uintptr
	err     error
	call    func(fd uintptr)
}

var dispatches = sync.Pool{New: func() any {
	d := new(dispatch)
	d.call = d.sendto
	return d
}}

func (d *dispatch) sendto(fd uintptr) {
	for {
		_, _, errno := unix.Syscall6(unix.SYS_SENDTO, fd, uintptr(unsafe.Pointer(unsafe.SliceData(d.payload))),
			uintptr(len(d.payload)), unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&d.to)), d.size)
		switch errno {
		case 0:
			d.err = nil
		case unix.EINTR:
			continue
		default:
			d.err = errno
		}
		return
	}
}

// send sends one datagram, or fails at once if the kernel has no room for it. It
// takes no lock that a reader or another sender holds.
func (s *socket) send(to netip.AddrPort, payload []byte) error {
	d := dispatches.Get().(*dispatch)
	d.payload, d.size = payload, d.to.set(to)
	err := s.raw.Control(d.call)
	if err == nil {
		err = d.err
	}
	d.payload = nil
	dispatches.Put(d)
	return err
}
