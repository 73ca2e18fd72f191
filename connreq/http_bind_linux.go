package connreq

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// lateBind lets the kernel choose the local port when it knows the destination, so
// that one source address serves as many connections as there are pairs. Without
// it a burst of requests from one address uses up its ports.
func lateBind(_, _ string, conn syscall.RawConn) error {
	return conn.Control(func(fd uintptr) {
		// Kernels before 4.2 do not know it, and do well without.
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	})
}
