package simnet

import (
	"net/netip"
	"slices"
	"strconv"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// EventConnectionRequest is what a CPE tells in the session that a Connection
// Request has asked for.
const EventConnectionRequest = "6 CONNECTION REQUEST"

// WithSTUN returns the make with the parameters of TR-111 part 2, those that an
// Inform must hold (UDPConnectionRequestAddress, NATDetected) in its Inform.
func (m Make) WithSTUN(server netip.AddrPort) Make {
	root := m.Root + "ManagementServer."
	m.Inform = slices.Clone(m.Inform)
	for _, p := range []Parameter{
		{Name: root + "UDPConnectionRequestAddress"},
		{Name: root + "NATDetected", Value: "0", Type: "boolean"},
		{Name: root + "STUNEnable", Value: "1", Type: "boolean", Writable: true},
		{Name: root + "STUNServerAddress", Value: server.Addr().String(), Writable: true},
		{Name: root + "STUNServerPort", Value: portText(server.Port()), Type: "unsignedInt", Writable: true},
	} {
		i := slices.IndexFunc(m.Inform, func(have Parameter) bool { return have.Name == p.Name })
		if i < 0 {
			m.Inform = append(m.Inform, p)
			continue
		}
		m.Inform[i] = p
	}
	return m
}

// QueueEvent leaves an event to be told in the next session.
func (c *CPE) QueueEvent(e cwmp.Event) { c.addEvent(e) }

// SetBinding sets UDPConnectionRequestAddress and NATDetected, and leaves
// "4 VALUE CHANGE" to be told when that changes the address. The make must be one
// WithSTUN, or know the parameters by itself.
func (c *CPE) SetBinding(mapped netip.AddrPort, nat bool) {
	root := c.make.Root + "ManagementServer."
	before, _ := c.tree.Get(root + "UDPConnectionRequestAddress")
	detected := "0"
	if nat {
		detected = "1"
	}
	c.tree.Put(root+"UDPConnectionRequestAddress", mapped.String())
	c.tree.Put(root+"NATDetected", detected)
	if after, _ := c.tree.Get(root + "UDPConnectionRequestAddress"); after.Value != before.Value {
		c.addEvent(cwmp.Event{Code: "4 VALUE CHANGE"})
	}
}

// SetConnectionRequestURL sets ConnectionRequestURL.
func (c *CPE) SetConnectionRequestURL(url string) {
	c.tree.Put(c.make.Root+"ManagementServer.ConnectionRequestURL", url)
}

func portText(port uint16) string { return strconv.Itoa(int(port)) }
