package stunsrv

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batchSize is how many datagrams one system call fetches or sends. Under load
// it spreads the cost of the call; more than this measures no better.
const batchSize = 32

// batch fetches datagrams from a socket and sends the answers to them, many in
// one call (recvmmsg(2), sendmmsg(2)), without allocation. One goroutine uses it.
type batch struct {
	socket *socket

	in      [batchSize]unix.Mmsghdr
	inIOV   [batchSize]unix.Iovec
	sources [batchSize]sockaddr
	packets [batchSize][maxPacket]byte
	fetched int
	inErr   error
	fetch   func(fd uintptr) bool

	out     [batchSize]unix.Mmsghdr
	outIOV  [batchSize]unix.Iovec
	replies [batchSize][]byte
	queued  int
	failed  []sendFailure
	deliver func(fd uintptr)
}

func newBatch(s *socket) *batch {
	b := &batch{socket: s, failed: make([]sendFailure, 0, batchSize)}
	b.fetch, b.deliver = b.recvmmsg, b.sendmmsg
	replies := make([]byte, batchSize*maxReply)
	for i := range batchSize {
		b.inIOV[i].Base = &b.packets[i][0]
		b.inIOV[i].SetLen(maxPacket)
		b.replies[i] = replies[i*maxReply : i*maxReply : (i+1)*maxReply]
		b.in[i].Hdr.Name = (*byte)(unsafe.Pointer(&b.sources[i]))
		b.in[i].Hdr.Iov = &b.inIOV[i]
		b.in[i].Hdr.SetIovlen(1)
	}
	b.fetched = batchSize // all are to be made ready
	return b
}

// read waits for datagrams and returns how many came. It fails with
// net.ErrClosed once the socket is closed.
func (b *batch) read() (int, error) {
	for i := range b.fetched {
		b.in[i].Hdr.Namelen = sockaddrSize
	}
	b.fetched, b.inErr = 0, nil
	if err := b.socket.raw.Read(b.fetch); err != nil {
		return 0, err
	}
	return b.fetched, b.inErr
}

// recvmmsg is called by the runtime's poller; false has it wait until there is
// something to read.
func (b *batch) recvmmsg(fd uintptr) bool {
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&b.in)), batchSize, unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			b.fetched = int(n)
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return false
		default:
			b.inErr = errno
		}
		return true
	}
}

// packet returns the datagram of that number and its source; whole is false if
// it was longer than maxPacket. It is valid until the next read.
func (b *batch) packet(i int) (payload []byte, source netip.AddrPort, whole bool) {
	h := &b.in[i]
	return b.packets[i][:h.Len], b.sources[i].addrPort(), h.Hdr.Flags&unix.MSG_TRUNC == 0
}

// reply returns the empty buffer for the answer to a datagram.
func (b *batch) reply(i int) []byte { return b.replies[i][:0] }

// answer queues the answer to a datagram, to a port of the IP address that it
// came from. reply may have outgrown its buffer and then replaces it.
func (b *batch) answer(i int, port uint16, reply []byte) {
	b.replies[i] = reply
	b.sources[i].setPort(port)
	b.outIOV[b.queued].Base = unsafe.SliceData(reply)
	b.outIOV[b.queued].SetLen(len(reply))
	h := &b.out[b.queued].Hdr
	h.Name, h.Namelen = b.in[i].Hdr.Name, b.in[i].Hdr.Namelen
	h.Iov = &b.outIOV[b.queued]
	h.SetIovlen(1)
	b.queued++
}

// flush sends what is queued and returns what the kernel did not take, by its
// place in the queue; the result is valid until the next flush. It never waits.
func (b *batch) flush() []sendFailure {
	b.failed = b.failed[:0]
	if b.queued == 0 {
		return nil
	}
	if err := b.socket.raw.Control(b.deliver); err != nil {
		b.failRest(0, err)
	}
	b.queued = 0
	return b.failed
}

// sendmmsg sends the queue. The kernel stops at a datagram that it does not
// take; that one is skipped, all the others get their chance. Where the send
// buffer is full none has.
func (b *batch) sendmmsg(fd uintptr) {
	for sent := 0; sent < b.queued; {
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&b.out[sent])), uintptr(b.queued-sent), unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			sent += int(n)
		case unix.EINTR:
		case unix.EAGAIN:
			b.failRest(sent, errno)
			return
		default:
			b.failed = append(b.failed, sendFailure{sent, errno})
			sent++
		}
	}
}

func (b *batch) failRest(from int, err error) {
	for i := from; i < b.queued; i++ {
		b.failed = append(b.failed, sendFailure{i, err})
	}
}
