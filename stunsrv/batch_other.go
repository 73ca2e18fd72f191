//go:build !linux

package stunsrv

import "net/netip"

// batchSize is one where the system has no call for several datagrams.
const batchSize = 1

// batch fetches a datagram from a socket and sends the answer to it. One
// goroutine uses it.
type batch struct {
	socket   *socket
	buffer   [maxPacket + 1]byte // a datagram that fills it is longer than maxPacket
	fetched  int
	source   netip.AddrPort
	answered []byte
	to       netip.AddrPort
	queued   bool
	failed   [1]sendFailure
}

func newBatch(s *socket) *batch {
	return &batch{socket: s, answered: make([]byte, 0, maxReply)}
}

// read waits for a datagram and returns 1. It fails with net.ErrClosed once the
// socket is closed.
func (b *batch) read() (n int, err error) {
	b.fetched, b.source, err = b.socket.conn.ReadFromUDPAddrPort(b.buffer[:])
	if err != nil {
		return 0, err
	}
	b.source = netip.AddrPortFrom(b.source.Addr().Unmap(), b.source.Port())
	return 1, nil
}

// packet returns the datagram and its source; whole is false if it was longer
// than maxPacket. It is valid until the next read.
func (b *batch) packet(int) (payload []byte, source netip.AddrPort, whole bool) {
	return b.buffer[:b.fetched], b.source, b.fetched <= maxPacket
}

// reply returns the empty buffer for the answer.
func (b *batch) reply(int) []byte { return b.answered[:0] }

// answer queues the answer, to a port of the IP address that the datagram came
// from. reply may have outgrown its buffer and then replaces it.
func (b *batch) answer(_ int, port uint16, reply []byte) {
	b.answered, b.to, b.queued = reply, netip.AddrPortFrom(b.source.Addr(), port), true
}

// flush sends what is queued and returns it if the kernel did not take it.
func (b *batch) flush() []sendFailure {
	if !b.queued {
		return nil
	}
	b.queued = false
	if err := b.socket.send(b.to, b.answered); err != nil {
		b.failed[0] = sendFailure{0, err}
		return b.failed[:]
	}
	return nil
}
