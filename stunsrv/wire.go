package stunsrv

import "encoding/binary"

const (
	headerSize  = 20         // RFC 3489 11.1, RFC 8489 5
	magicCookie = 0x2112A442 // RFC 8489 5
)

// traffic is the kind of a datagram by its first bytes (protocol of one socket
// for STUN and TURN).
type traffic uint8

const (
	noise       traffic = iota // neither STUN nor TURN
	binding                    // for the handler: anything classic, and Binding with the cookie
	turnMessage                // STUN with the cookie, a method other than Binding
	channelData                // TURN ChannelData (RFC 8656 12.4)
)

// classify tells what a datagram is without parsing it. A text such as "GET "
// looks like ChannelData by its first byte and is told apart by its length
// (quirk S-02).
func classify(packet []byte) traffic {
	switch {
	case len(packet) < 4:
		return noise
	case packet[0]&0xC0 == 0x40:
		if n := 4 + int(binary.BigEndian.Uint16(packet[2:])); n <= len(packet) {
			return channelData
		}
		return noise
	case packet[0]&0xC0 != 0 || len(packet) < headerSize:
		return noise
	case binary.BigEndian.Uint32(packet[4:]) != magicCookie || method(packet) == methodBinding:
		return binding
	}
	return turnMessage
}

const methodBinding = 0x001

// method returns the method of a STUN message, its type without the two class
// bits (RFC 8489 5).
func method(packet []byte) uint16 {
	t := binary.BigEndian.Uint16(packet)
	return t&0x000F | t>>1&0x0070 | t>>2&0x0F80
}
