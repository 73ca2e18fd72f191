package journal

import (
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Kind says what an event tells of.
type Kind string

// Kinds of events. Each has the document beside it as its Data.
const (
	KindInform            Kind = "inform"             // *Inform
	KindSession           Kind = "session"            // *Session: one has ended
	KindBinding           Kind = "binding"            // *Binding: it is new, has moved or was lost
	KindConnectionRequest Kind = "connection_request" // *ConnectionRequest: one has its result
	KindInjection         Kind = "injection"          // *Injection: what the gateway asked of a CPE itself
	KindMove              Kind = "move"               // *Move: a device's place has changed
	KindACS               Kind = "acs"                // *ACSState
	KindCampaign          Kind = "campaign"           // *CampaignStep
	KindCertificate       Kind = "certificate"        // *Certificate
	KindAudit             Kind = "audit"              // *Audit: somebody has changed something by the API
)

// Kinds lists every Kind.
func Kinds() []Kind {
	return []Kind{
		KindInform, KindSession, KindBinding, KindConnectionRequest, KindInjection, KindMove,
		KindACS, KindCampaign, KindCertificate, KindAudit,
	}
}

// Event is one thing that happened.
type Event struct {
	// ID rises by one from event to event of a gateway's life; Publish sets it.
	ID   uint64
	At   time.Time
	Kind Kind
	// Device is zero where the event concerns none.
	Device cwmp.DeviceID
	ACS    string // that it concerns, "" for none
	Text   string // for people, one line, no secrets
	// Data is the document of the Kind. It is not changed after Publish.
	Data any
}

// Inform is the Data of KindInform.
type Inform struct {
	Events   []string `json:"events"`
	Source   string   `json:"source"`
	Listener string   `json:"listener"`
	Rule     string   `json:"rule"`
	Reason   string   `json:"reason"`
}

// Session is the Data of KindSession.
type Session struct {
	Outcome    string      `json:"outcome"`
	Error      string      `json:"error,omitempty"`
	Started    time.Time   `json:"started"`
	TookMS     float64     `json:"took_ms"`
	Listener   string      `json:"listener"`
	Source     string      `json:"source"`
	TLS        string      `json:"tls,omitempty"` // version
	Rule       string      `json:"rule,omitempty"`
	Reason     string      `json:"reason,omitempty"` // why it went to its ACS
	Events     []string    `json:"events,omitempty"`
	RPCs       []string    `json:"rpcs,omitempty"`
	Faults     []string    `json:"faults,omitempty"`
	Reconnects int         `json:"reconnects,omitempty"`
	Legs       []Leg       `json:"legs,omitempty"`
	LegsCut    int         `json:"legs_cut,omitempty"` // further ones that are not listed
	Injections []Injection `json:"injections,omitempty"`
}

// Leg is one HTTP exchange with the CPE, and what it took with the ACS.
type Leg struct {
	AtMS    float64  `json:"at_ms"`   // since the session's start
	TookMS  float64  `json:"took_ms"` // until its answer was there
	ACSMS   float64  `json:"acs_ms,omitempty"`
	Request string   `json:"request"` // such as "Inform", "empty", "GetParameterValuesResponse", "Fault 9005"
	Answer  string   `json:"answer"`  // such as "InformResponse", "GetParameterValues", "empty"
	Status  int      `json:"status"`  // of HTTP, toward the CPE
	In      int      `json:"in"`      // bytes of the CPE's body
	Out     int      `json:"out"`     // bytes of the answer's
	Edits   []string `json:"edits,omitempty"`
	New     bool     `json:"new_connection,omitempty"`
	Own     bool     `json:"own,omitempty"` // the gateway answered or asked itself
}

// Injection is the Data of KindInjection, and part of a Session.
type Injection struct {
	Name    string `json:"name"`
	Outcome string `json:"outcome"`
	Text    string `json:"text"` // names of parameters, no values
}

// Binding is the Data of KindBinding.
type Binding struct {
	Change   string `json:"change"` // new, moved, lost
	Local    string `json:"local"`
	Remote   string `json:"remote"`
	Former   string `json:"former,omitempty"`
	Evidence string `json:"evidence"`
	NAT      string `json:"nat"`
}

// ConnectionRequest is the Data of KindConnectionRequest.
type ConnectionRequest struct {
	OK        bool      `json:"ok"`
	Origin    string    `json:"origin"`
	Transport string    `json:"transport,omitempty"` // that worked
	TookMS    float64   `json:"took_ms"`
	Attempts  []Attempt `json:"attempts,omitempty"`
}

// Attempt is what became of one transport of a Connection Request.
type Attempt struct {
	Transport string  `json:"transport"`
	To        string  `json:"to,omitempty"`
	Sent      int     `json:"sent"`
	TookMS    float64 `json:"took_ms"`
	Reason    string  `json:"reason,omitempty"`
}

// Move is the Data of KindMove.
type Move struct {
	From     string `json:"from,omitempty"`
	To       string `json:"to,omitempty"`
	Campaign string `json:"campaign,omitempty"`
	State    string `json:"state"`
	Reason   string `json:"reason"`
}

// ACSState is the Data of KindACS.
type ACSState struct {
	State  string `json:"state"`
	Was    string `json:"was"`
	Reason string `json:"reason,omitempty"`
	Backup string `json:"backup,omitempty"`
	Away   bool   `json:"sessions_on_backup"`
}

// CampaignStep is the Data of KindCampaign.
type CampaignStep struct {
	Campaign string `json:"campaign"`
	Status   string `json:"status"`
	Wave     int    `json:"wave"`
	Reason   string `json:"reason,omitempty"`
}

// Certificate is the Data of KindCertificate.
type Certificate struct {
	Names  []string `json:"names"`
	Change string   `json:"change"`
	Reason string   `json:"reason,omitempty"`
}

// Audit is the Data of KindAudit.
type Audit struct {
	Token  string `json:"token"`
	Role   string `json:"role"`
	From   string `json:"from"` // address of the client
	Method string `json:"method"`
	Path   string `json:"path"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
}
