package policy

import (
	"slices"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Roots of the data model: TR-098, and TR-106 or TR-181.
const (
	RootTR098  = "InternetGatewayDevice."
	RootDevice = "Device."
)

// RPC is one call of a program to a CPE. Whoever carries it adds the cwmp:ID
// and the ParameterKey, which a program must not change (protocol notes 1.13).
type RPC struct {
	Method string // one of cwmp's: GetParameterValues, SetParameterValues, SetParameterAttributes
	// Names are the arguments of GetParameterValues: parameters, or a path that
	// ends with a dot and stands for all that is below it.
	Names      []string
	Values     []cwmp.Param     // the arguments of SetParameterValues; they may be secret
	Attributes []cwmp.Attribute // the arguments of SetParameterAttributes
}

// RPCResult is what became of an RPC. The zero value is a bare success.
type RPCResult struct {
	Status      int          // of a SetParameterValuesResponse: 0 applied, 1 not yet
	Values      []cwmp.Param // of a GetParameterValuesResponse, in any order
	FaultCode   string       // such as "9003", "" for none
	FaultString string
	ParamFaults []cwmp.ParamFault // SetParameterValuesFaults, as far as known
	Ignored     bool              // an empty POST came in place of an answer
	Unreadable  bool              // an answer came that makes no sense
	Unknown     bool              // no answer came: nobody knows whether it was done
}

// Program is a sequence of RPCs to one CPE in one session, each of which may
// depend on the results before it. It is used by one goroutine.
type Program interface {
	// Next takes the result of the RPC that it returned last, nil at first, and
	// returns the next one; false says that the program has ended. It should be
	// told of an RPC that was not answered as well, and sends none after it. A
	// session that ends before the program does leaves an outcome that says so.
	Next(last *RPCResult) (RPC, bool)
}

var _, _ Program = (*URLMove)(nil), (*STUNSet)(nil)

// done tells whether the CPE did as it was asked.
func (r *RPCResult) done() bool {
	return r.FaultCode == "" && !r.Ignored && !r.Unreadable && !r.Unknown
}

// value returns what the CPE reported for a parameter.
func (r *RPCResult) value(name string) (string, bool) {
	i := slices.IndexFunc(r.Values, func(p cwmp.Param) bool { return p.Name == name })
	if i < 0 {
		return "", false
	}
	return r.Values[i].Value, true
}

// fault says in one line what the CPE refused: the code of the parameter at
// fault where one is named, which says more than 9003.
func (r *RPCResult) fault() (code, parameter string) {
	for _, f := range r.ParamFaults {
		if f.Code != "" {
			return f.Code, f.Name
		}
	}
	return r.FaultCode, ""
}

func getValues(names ...string) RPC {
	return RPC{Method: cwmp.MethodGetParameterValues, Names: names}
}

func setValues(params ...cwmp.Param) RPC {
	return RPC{Method: cwmp.MethodSetParameterValues, Values: params}
}
