package device

import (
	"net/netip"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Record is all that is known of one device. Empty fields are not known.
type Record struct {
	ID cwmp.DeviceID

	// Assignment is durable. A device that was never assigned has none.
	Assignment

	CurrentACS string // accepted the last Inform
	Rule       string // that chose it
	Listener   string // that the CPE came to
	Source     netip.AddrPort
	Local      netip.Addr // of ours, that the CPE talks to

	SoftwareVersion             string
	ConnectionRequestURL        string
	UDPConnectionRequestAddress string
	Root                        string // of the data model, such as "Device."

	FirstSeen  time.Time // to the second
	LastInform time.Time // to the second
	LastEvents []string  // of the last Inform; vendors' own as "X"

	Sessions uint32 // begun
	Failed   uint32 // of these, ended otherwise than well
	Faults   uint32 // SOAP faults in sessions (quirk C-59)

	LastFailed bool // the last session that has ended did not end well
}

// Failing reports whether the device has trouble: its last session did not end
// well, or most did not.
func (r *Record) Failing() bool { return r.LastFailed || failedMostly(r.Sessions, r.Failed) }

func failedMostly(sessions, failed uint32) bool { return failed > sessions/2 }

// Assignment is where a device belongs, by decision of an operator or of a
// migration.
type Assignment struct {
	HomeACS      string
	AssignReason string
	AssignedAt   time.Time // to the second
}

// Sighting is what one accepted Inform tells of a device. Fields that are empty
// leave unchanged what is known: not every Inform carries every parameter.
type Sighting struct {
	ID       cwmp.DeviceID
	ACS      string // that accepted the Inform
	Rule     string
	Listener string
	Source   netip.AddrPort
	Local    netip.Addr // of ours, that the CPE came to

	SoftwareVersion             string
	ConnectionRequestURL        string
	UDPConnectionRequestAddress string
	Root                        string
	Events                      []string // event codes, such as "2 PERIODIC"

	At time.Time // zero means the registry's clock
}

// End is how a session ended, for Registry.NoteEnd.
type End struct {
	Failed bool
	Faults int // SOAP faults of either side
}
