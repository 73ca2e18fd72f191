package proxy

import "github.com/acsgate/acsgate/internal/cwmp"

// forbids tells an RPC that the ACS may not ask of the CPE, such as all that
// change it, of a backup that only reads. What a CPE can do anybody may ask.
func (g *guarding) forbids(method string) bool {
	return g.allow != nil && method != cwmp.MethodGetRPCMethods && !g.allow(method)
}
