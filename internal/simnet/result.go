package simnet

import (
	"net/netip"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Result tells what happened in a session, also in one that failed.
type Result struct {
	Device cwmp.DeviceID
	Legs   []Leg
	RPCs   []string // of the ACS that the CPE carried out, in order
	Sent   []string // of the CPE that the ACS answered, in order, Inform first
	Faults []string // codes of the faults that either side sent
	// Ignored are RPCs that the CPE answered by an empty POST.
	Ignored []string
	Took    time.Duration
	// Connections counts the TCP connections that the session used.
	Connections int
}

// Leg is one POST and its reply.
type Leg struct {
	Sent          string // RPC name, "probe" or "empty"
	URL           string
	Status        int    // 0 when no reply came
	Received      string // RPC name, "" for an empty reply
	Connection    int    // number within the session, from 1
	Local, Remote netip.AddrPort
	Took          time.Duration // from the first byte sent to the last byte read
	Cookies       []string      // Cookie fields sent
	SetCookies    []string      // Set-Cookie fields received
	Authorized    bool          // an Authorization field was sent
	Stray         bool          // the POST behind the end, protocol notes 1.5

	// With CPEConfig.Trace only.
	RequestHead, ReplyHead string
	ReplyBody              []byte
}

// Statuses lists the statuses of all legs.
func (r *Result) Statuses() []int {
	list := make([]int, len(r.Legs))
	for i := range r.Legs {
		list[i] = r.Legs[i].Status
	}
	return list
}
