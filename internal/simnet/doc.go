// Package simnet plays the two ends of a CWMP session, so that a gateway can be
// driven without hardware: CPEs with the habits of real makes, and an ACS that
// follows a script and misbehaves on demand. Tests, the demo, load runs and
// cmd/cpesim use it.
//
// It owns its wire format down to the byte, because what real clients and
// servers get wrong is the point: neither end uses net/http. It never contacts
// an address that its caller did not name, and everything that it starts ends
// with the Run or Session that started it.
package simnet
