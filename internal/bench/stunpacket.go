package main

import (
	"encoding/binary"
	"net/netip"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Parts of a classic Binding Request (RFC 3489 11) with what TR-111 adds.
const (
	stunHeader           = 20
	stunRequest          = 0x0001
	stunResponse         = 0x0101
	stunUsername         = 0x0006
	stunRequestBinding   = 0xC001 // CONNECTION-REQUEST-BINDING
	stunRequestBindingIs = "dslforum.org/TR-111 "
)

// stunUser is the STUN user name of a device, by one of the templates that
// acsgate has without configuration.
func stunUser(d cwmp.DeviceID) string { return d.OUI + "-" + d.ProductClass + "-" + d.SerialNumber }

// keepAlive is the Binding Request with which a device keeps its binding alive;
// the transaction ID is left empty. User names are padded with blanks, as CPEs do.
func keepAlive(d cwmp.DeviceID) []byte {
	user := stunUser(d)
	for len(user)%4 != 0 {
		user += " "
	}
	p := make([]byte, stunHeader, 128)
	p = appendSTUN(p, stunUsername, user)
	p = appendSTUN(p, stunRequestBinding, stunRequestBindingIs)
	binary.BigEndian.PutUint16(p, stunRequest)
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)-stunHeader))
	return p
}

func appendSTUN(p []byte, kind uint16, value string) []byte {
	p = binary.BigEndian.AppendUint16(p, kind)
	p = binary.BigEndian.AppendUint16(p, uint16(len(value)))
	return append(p, value...)
}

// mostCPEs have an address of their own in 127.16.0.0 to 127.255.255.255.
const mostCPEs = 15 << 20

// fleetAddress is the loopback address of the n-th CPE: each has its own.
func fleetAddress(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, byte(16 + n>>16), byte(n >> 8), byte(n)})
}

// fleetNumber is the CPE of an address.
func fleetNumber(a netip.Addr) int {
	ip := a.As4()
	return int(ip[1]-16)<<16 | int(ip[2])<<8 | int(ip[3])
}
