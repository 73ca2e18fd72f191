package proxy

import (
	"net/netip"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// InjectionInput is what is known of a session when it is asked for RPCs of the
// gateway's own. The ACS has accepted its Inform.
type InjectionInput struct {
	Device          cwmp.DeviceID
	SoftwareVersion string
	Root            string // "Device." or "InternetGatewayDevice."; "" if the Inform tells none
	// ParameterKey is ManagementServer.ParameterKey as the ACS knows it.
	ParameterKey                string
	ConnectionRequestURL        string // as the CPE tells it
	UDPConnectionRequestAddress string // as the CPE tells it, mostly ""
	Events                      []string
	ACS                         string // that holds the session
	Route                       Route
	Listener                    string
	Source                      netip.AddrPort // that the CPE comes from now
	Local                       netip.AddrPort // that the CPE has come to
	TLS                         bool
	// TransferPending tells that a Download, Upload or ScheduleDownload of this
	// session has not been reported complete.
	TransferPending bool
	// Tail tells that the ACS has said all that it has to say.
	Tail bool
}

// Injection is a program of RPCs that the gateway asks a CPE within a session
// of its ACS (protocol notes 1.13). One RPC is outstanding at a time; the ACS
// sees nothing of them.
type Injection struct {
	// Name tells injections apart in metrics, logs and records. It is a constant
	// of the gateway. A session takes each name once.
	Name string
	// Head runs the program before the CPE's first empty POST goes to the ACS,
	// within HeadBudget; else it runs after the ACS's empty answer.
	Head bool
	// EvenDuringTransfer runs the program although a transfer is pending.
	EvenDuringTransfer bool
	// Limit is how long the program may take before no further RPC is sent; zero
	// means DefaultInjectionLimit. A longer SessionTimeout of the Inform wins.
	Limit time.Duration
	// Next returns the RPC to send: the first for nil, then the one that follows
	// on the result of the one before. False ends the program. It is not asked
	// again once the CPE has ignored an RPC or is lost. It is called by the
	// session's goroutine and must not block.
	Next func(last *RPCResult) (RPC, bool)
	// Ended is told, once, how the program ended. Optional; it must not block.
	Ended func(InjectionResult)
}

// Limits of injections.
const (
	DefaultInjectionLimit = time.Minute
	HeadBudget            = 15 * time.Second // of all injections at the head of a session
	MaxInjections         = 8                // of a session; further ones are deferred
	MaxInjectedRPCs       = 32               // of an injection
)

// RPC is one request of the gateway to a CPE.
type RPC struct {
	// Method is one of cwmp.Methods: GetParameterValues, GetParameterNames,
	// SetParameterValues, SetParameterAttributes, AddObject, DeleteObject and
	// GetRPCMethods with the arguments below, any other with Args.
	Method string
	// Names are full names or paths that end in a dot: those that
	// GetParameterValues asks for, or the one of GetParameterNames, AddObject
	// and DeleteObject.
	Names     []string
	NextLevel bool // of GetParameterNames
	// Values are those of SetParameterValues. ManagementServer.ParameterKey stays
	// as it is: SetParameterValues, AddObject and DeleteObject repeat it.
	Values     []cwmp.Param
	Attributes []cwmp.Attribute // of SetParameterAttributes
	Args       []cwmp.Argument  // of other methods
}

// RPCResult is what became of one injected RPC. Either FaultCode is set, or one
// of Ignored, Unreadable and Unknown, or the CPE has answered as asked.
type RPCResult struct {
	Method string
	// Names are those that were asked for or set. What they were set to is not
	// kept: it may be a password.
	Names []string
	// Status of a SetParameterValuesResponse, AddObjectResponse or
	// DeleteObjectResponse: 0 applied, 1 not yet.
	Status int
	// Values of a GetParameterValuesResponse, as far as they were asked for.
	Values []cwmp.Param
	// Listed are the names of a GetParameterNamesResponse or the methods of a
	// GetRPCMethodsResponse.
	Listed      []string
	Instance    string // number of the object of an AddObjectResponse
	FaultCode   string // such as "9003"
	FaultString string
	ParamFaults []cwmp.ParamFault // SetParameterValuesFaults
	Ignored     bool              // an empty POST came in place of an answer
	Unreadable  bool              // an answer came that makes no sense
	Unknown     bool              // no answer came: nobody knows whether it was done
	At          time.Time         // when it was sent
	Took        time.Duration
}

// Done tells whether the CPE has done as asked.
func (r *RPCResult) Done() bool {
	return r.FaultCode == "" && !r.Ignored && !r.Unreadable && !r.Unknown
}

// Outcomes of an injection, the values of InjectionResult.Outcome and of the
// metric label.
const (
	InjectionDone     = "done"           // the program ended by itself, its last RPC done
	InjectionFault    = "fault"          // the program ended by itself after a fault
	InjectionIgnored  = "ignored"        // the CPE did not answer as asked
	InjectionLost     = "lost"           // the session ended with an RPC out: its effect is not known
	InjectionTimeout  = "timeout"        // the time limit came, perhaps with an RPC out
	InjectionDeferred = "deferred"       // no RPC was sent
	InjectionResumed  = "resumed_by_cpe" // the CPE had more to say than to answer, and the session ended
)

// InjectionResult is how an injection ended.
type InjectionResult struct {
	Name    string
	Outcome string
	Detail  string // why, in words; "" when there is nothing to add
	RPCs    []RPCResult
	Head    bool
}
