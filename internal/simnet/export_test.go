package simnet

// FixRandom replaces what differs from run to run in the CPE's messages.
func (c *CPE) FixRandom(id, cnonce func() string) { c.newID, c.newCNonce = id, cnonce }
