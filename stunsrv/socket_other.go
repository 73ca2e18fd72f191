//go:build !linux

package stunsrv

import "net/netip"

// growBuffers asks for large buffers and takes what it gets.
func (s *socket) growBuffers() {
	_ = s.conn.SetReadBuffer(wishedBuffer)
	_ = s.conn.SetWriteBuffer(wishedBuffer)
}

// receiveBuffer returns how many bytes the receive buffer got, 0 if unknown.
func (s *socket) receiveBuffer() int { return 0 }

// dropped is known on Linux alone.
func (s *socket) dropped() (uint32, bool) { return 0, false }

// send sends one datagram.
func (s *socket) send(to netip.AddrPort, payload []byte) error {
	_, err := s.conn.WriteToUDPAddrPort(payload, to)
	return err
}
