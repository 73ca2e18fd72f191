package proxy

import (
	"crypto/tls"
	"errors"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/tlsconf"
)

// Config is all that the proxy is configured with.
type Config struct {
	Listen    []ListenConfig
	Upstreams []UpstreamConfig
	Session   SessionConfig
	Limits    LimitsConfig
	// DrainTimeout bounds how long running sessions may take to finish when
	// the proxy stops.
	DrainTimeout time.Duration
}

// Deps are what the proxy needs of others. All functions are called from many
// goroutines and must not block. Those marked optional may be nil.
type Deps struct {
	// Route decides where a session goes. It is called once a session, and once
	// more if the device of an anonymous session becomes known.
	Route func(RouteInput) Route
	// Quirks of a CPE model. Optional.
	Quirks func(id cwmp.DeviceID, softwareVersion string) cwmp.Quirks
	// Started is told of each Inform that an ACS accepted. Optional.
	Started func(Inform)
	// Ended is told of each session's end. Optional.
	Ended func(Summary)
	// Result is told how each exchange with an ACS went. Optional.
	Result func(Result)
	// Shown says what ACSs see of how a CPE is reached. It is called once a
	// session, and once more if the CPE tells of a parameter only later. Optional:
	// without it ACSs see what the CPE tells.
	Shown func(cwmp.DeviceID, Reported) Shown
	// Learned is told of logins and of STUN settings that are in force on a CPE.
	// Optional.
	Learned func(cwmp.DeviceID, Learned)
	// Injections returns the RPCs of the gateway's own for a session. It is asked
	// when the ACS has accepted the Inform, of which only those with Head are
	// taken, and again after the ACS's empty answer, of which all are taken that
	// the session has not had. Optional.
	Injections func(InjectionInput) []Injection

	// Guard returns what guards the URLs between a device and an ACS, nil for
	// nothing. It is asked once a session, and once more if the device of an
	// anonymous session becomes known or the session falls back to another ACS.
	// Optional.
	Guard func(GuardInput) *Guard
	// Filter returns which RPCs the ACS of a session may ask of its CPE, nil for
	// all. It is asked when Guard is. GetRPCMethods is always allowed. Optional.
	Filter func(GuardInput) (allow func(method string) bool)

	// Mirror returns the ACS that an Inform of a device is also shown to, "" for
	// none: of what that one answers nothing reaches the CPE, and what it asks is
	// not answered. It is asked when an ACS has accepted the Inform, and once more
	// before a copy is shown. Names that are no ACS count as none. Optional.
	Mirror func(cwmp.DeviceID, Route) (acs string)

	// Capture returns what taps the session of a device, nil for nothing. It is
	// asked at each exchange of a session that is not tapped, and must cost next to
	// nothing while no capture runs. Optional.
	Capture func(cwmp.DeviceID) Tap

	// ListenTLS makes the TLS of a listener. Required where a listener has TLS.
	ListenTLS func(tlsconf.ListenerConfig) (*tls.Config, error)
	// VerifyDevice checks a client certificate against the device of an Inform.
	// Optional.
	VerifyDevice func(tlsconf.ListenerConfig, tls.ConnectionState, cwmp.DeviceID) error
	// HandshakeReason names a failed handshake for the metrics. Optional.
	HandshakeReason func(error) string
	// HandshakeFailed is told of each failed handshake and of what the client
	// offered. Optional.
	HandshakeFailed func(listener string, source netip.Addr, offered *tlsconf.Hello, err error)
	// ClientCert renders the RFC 9440 headers of a connection. Optional.
	ClientCert func(tls.ConnectionState) (cert, chain string)
	// Challenge answers ACME HTTP-01 requests. Optional.
	Challenge func(host, path string) (body string, ok bool)

	Metrics prometheus.Registerer
	Log     *zap.Logger
}

func (d *Deps) check() error {
	switch {
	case d.Route == nil:
		return errors.New("proxy: Deps.Route is required")
	case d.Metrics == nil || d.Log == nil:
		return errors.New("proxy: Deps.Metrics and Deps.Log are required")
	}
	return nil
}

// RouteInput is what is known of a session when it is routed.
type RouteInput struct {
	Device          cwmp.DeviceID
	Known           bool // an Inform was read: Device and SoftwareVersion mean something
	SoftwareVersion string
	Source          netip.Addr
	Listener        string
	Path            string
}

// Route is where a session goes and why.
type Route struct {
	ACS      string // tried first
	Fallback string // tried for an Inform of which no answer byte came back; "" for none
	Home     string // the ACS that the rule names
	Rule     string
	Reason   string
	// Park has the gateway answer the session itself, or refuse an Inform whose
	// events must reach an ACS. ACS names the one that is away; it is not asked.
	Park bool
}

// Inform is what one accepted Inform told.
type Inform struct {
	Device                      cwmp.DeviceID
	SoftwareVersion             string
	ConnectionRequestURL        string
	UDPConnectionRequestAddress string
	ParameterKey                string
	Root                        string // "Device." or "InternetGatewayDevice."
	Events                      []string
	Source                      netip.AddrPort
	Local                       netip.AddrPort // that the CPE came to; the load balancer's, where that tells it
	Listener                    string
	Route                       Route
	ACS                         string // that accepted it
	At                          time.Time
}

// Result is how one exchange with an ACS went.
type Result struct {
	ACS    string
	Status int   // of the answer; 0 when none came
	Err    error // why no whole answer came
	Took   time.Duration
}

// Outcomes of a session, the values of Summary.Outcome and of the metric label.
const (
	Complete     = "complete"      // the ACS ended it with an empty answer
	Unauthorized = "unauthorized"  // challenged, and the CPE did not come back
	Idle         = "cpe_silent"    // begun, and the CPE did not come back
	Superseded   = "superseded"    // the CPE began a new one
	ACSFailed    = "acs_failed"    // no answer, or a broken one
	ACSRefused   = "acs_refused"   // an answer that ends the session: 503, 4xx, a SOAP fault to the Inform
	Redirected   = "redirected"    // the ACS sent the CPE elsewhere
	NoChallenge  = "no_challenge"  // an empty POST for a challenge, which the ACS has none for
	Stopped      = "stopped"       // the gateway stopped
	Faulted      = "gateway_fault" // a fault in the gateway itself
	Guarded      = "guarded"       // the ACS insisted on what its CPEs must not get
	Parked       = "parked"        // answered by the gateway itself
)

// Summary is one session in short.
type Summary struct {
	Device     cwmp.DeviceID
	Known      bool
	Route      Route
	ACS        string // that held the session
	Listener   string
	Remote     netip.AddrPort
	TLS        string // version, "" for plain HTTP
	Started    time.Time
	Took       time.Duration
	Events     []string
	RPCs       []string          // names in order, the first 32
	Injections []InjectionResult // of the gateway's own RPCs; in RPCs they are marked "gw:"
	Exchanges  int
	Reconnects int // CPE connections beyond the first
	Legs       []Leg
	LegsCut    int // legs that are not in Legs: the first 56 and the last 8 are
	Faults     []string
	Outcome    string
	Err        error
}
