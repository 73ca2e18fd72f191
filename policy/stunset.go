package policy

import "github.com/acsgate/acsgate/internal/cwmp"

// STUNSettings are what a CPE is to have for TR-111 STUN.
type STUNSettings struct {
	Enable             bool
	Server             string  // "" leaves what the CPE has: the host of its URL, if nothing
	Port               int     // 0 means 3478
	Username, Password *string // nil leaves what the CPE has
	// MinKeepAlive and MaxKeepAlive are in seconds; 0 leaves what the CPE has, -1
	// as MaxKeepAlive means no maximum.
	MinKeepAlive, MaxKeepAlive int
	// Notify asks for active notification on UDPConnectionRequestAddress.
	Notify bool
}

// STUNResult is how a STUNSet ended.
type STUNResult string

// Results of a STUNSet.
const (
	STUNAlready     STUNResult = "already"     // the CPE had the settings
	STUNDone        STUNResult = "done"        // set, and read back
	STUNPending     STUNResult = "pending"     // Status 1: applied after a reboot
	STUNUnsupported STUNResult = "unsupported" // the CPE's model has no STUN parameters
	STUNFault       STUNResult = "fault"       // the CPE refused
	STUNNotKept     STUNResult = "not kept"    // the CPE agreed, and reads back otherwise
	STUNIgnored     STUNResult = "ignored"     // the CPE did not answer an RPC
	STUNUnknown     STUNResult = "unknown"     // the session broke
)

// STUNOutcome is how a STUNSet ended, for people and for the device's record.
type STUNOutcome struct {
	Result STUNResult
	// Former are the values that the CPE had before, by parameter name without
	// the root: what Undo needs. Set are the values that it was given, without
	// passwords.
	Former, Set map[string]string
	Notified    bool     // notification was set
	Left        []string // parameters that the CPE lacks or refused and can do without
	FaultCode   string
	Parameter   string // at fault
	Detail      string // for people; holds no secret
}

// STUNSet is the program that sets a CPE's STUN parameters (quirk S-41), or
// takes them back.
type STUNSet struct {
	root    string
	want    []cwmp.Param
	outcome STUNOutcome
}
