package config

import "slices"

// validateNAT reports what the sections of NAT traversal need of each other.
func (c *Config) validateNAT(report func(key, value, problem string)) {
	if len(c.STUN.Listen) == 0 {
		const missing = "needs the STUN server, whose sockets it sends from: add stun.listen"
		if c.TURN.Enabled {
			report("turn.enabled", "true", missing)
		}
		if c.ConnectionRequest.Relay != nil {
			report("connection_request.relay", "", missing)
		}
		if c.ConnectionRequest.STUNRelay != nil {
			report("connection_request.stun_relay", "", missing)
		}
	}
	if c.STUNProvisioning.Enabled {
		if _, _, key, problem := c.STUNProvisioning.Target(c.STUN.Listen); problem != "" {
			report("stun_provisioning."+key, "", problem)
		}
	}
	var names []string
	for _, a := range c.ACS {
		names = append(names, a.Policy.Name)
	}
	for i, u := range c.TURN.Users {
		for j, name := range u.ACS {
			if !slices.Contains(names, name) {
				report(element(element("turn.users", i)+".acs", j), name, "is no ACS of this file")
			}
		}
	}
}
