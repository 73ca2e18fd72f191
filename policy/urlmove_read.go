package policy

import (
	"maps"
	"slices"
	"strings"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Parameters of the ManagementServer object, below the root.
const (
	managementServer        = "ManagementServer."
	paramURL                = managementServer + "URL"
	paramUsername           = managementServer + "Username"
	paramPassword           = managementServer + "Password" // reads as ""
	paramPeriodicEnable     = managementServer + "PeriodicInformEnable"
	paramPeriodicInterval   = managementServer + "PeriodicInformInterval"
	paramRequestUsername    = managementServer + "ConnectionRequestUsername"
	paramSTUNEnable         = managementServer + "STUNEnable"
	paramSTUNServer         = managementServer + "STUNServerAddress"
	paramSTUNPort           = managementServer + "STUNServerPort"
	paramSTUNUsername       = managementServer + "STUNUsername"
	paramSTUNPassword       = managementServer + "STUNPassword" // reads as ""
	paramSTUNMinimum        = managementServer + "STUNMinimumKeepAlivePeriod"
	paramSTUNMaximum        = managementServer + "STUNMaximumKeepAlivePeriod"
	paramUDPRequestAddress  = managementServer + "UDPConnectionRequestAddress"
	maxModelText            = 256 // characters of the texts of ManagementServer in TR-098
	xsdBoolean, xsdUnsigned = "boolean", "unsignedInt"
)

// start asks for the URL and for what is worth knowing before it changes.
func (m *URLMove) start(*RPCResult) (RPC, bool) {
	m.step = m.listed
	return getValues(m.wanted()...), true
}

// wanted are the full names of the parameters to read.
func (m *URLMove) wanted() []string {
	var names []string
	for _, p := range []string{
		paramURL, paramUsername, paramPeriodicEnable, paramPeriodicInterval,
		paramRequestUsername, paramSTUNEnable, paramSTUNServer,
	} {
		names = append(names, m.name(p))
	}
	for _, p := range m.c.Side {
		if !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
	}
	return names
}

// listed takes the answer to the list of names. One that the model lacks spoils
// it all (fault 9005), and the fault does not say which: the whole object tells.
func (m *URLMove) listed(r *RPCResult) (RPC, bool) {
	if r.FaultCode == "" {
		return m.readings(r)
	}
	m.step = m.object
	return getValues(m.name(managementServer)), true
}

// object takes the answer for the whole object. A CPE that knows no paths, or
// has no memory for the answer, may still tell its URL.
func (m *URLMove) object(r *RPCResult) (RPC, bool) {
	if r.FaultCode == "" {
		return m.readings(r)
	}
	m.step = m.alone
	return getValues(m.name(paramURL)), true
}

func (m *URLMove) alone(r *RPCResult) (RPC, bool) {
	if r.FaultCode != "" {
		return m.failed(r, MoveUnreadable, "the CPE does not tell its URL")
	}
	return m.readings(r)
}

// readings keeps what was read.
func (m *URLMove) readings(r *RPCResult) (RPC, bool) {
	if m.broken(r, "tell its URL") {
		return RPC{}, false
	}
	m.outcome.Former = former(r, m.c.Root, m.wanted())
	return m.compare(r)
}

// former returns the values of some parameters by their name without the root.
func former(r *RPCResult, root string, names []string) map[string]string {
	values := map[string]string{}
	for _, name := range names {
		if v, ok := r.value(name); ok {
			values[strings.TrimPrefix(name, root)] = v
		}
	}
	return values
}

// differing returns the side parameters that the CPE has not as they are to be.
// Those that the model lacks are left out; where the CPE told only its URL,
// nothing is known to be lacking.
func (m *URLMove) differing(r *RPCResult) []cwmp.Param {
	all := slices.Clone(m.c.Side)
	on, _ := r.value(m.name(paramSTUNEnable))
	if server, ok := r.value(m.name(paramSTUNServer)); ok && server == "" && isTrue(on) && m.c.STUNServer != "" {
		all = append(all, cwmp.Param{Name: m.name(paramSTUNServer), Value: m.c.STUNServer})
	}
	var out []cwmp.Param
	for _, p := range all {
		now, ok := r.value(p.Name)
		switch {
		case !ok && len(r.Values) > 1:
			m.outcome.Left = append(m.outcome.Left, p.Name)
		case !ok || !sameValue(now, p):
			out = append(out, p)
		}
	}
	return out
}

// sameValue tells whether a CPE has a value, whichever way it writes booleans.
func sameValue(now string, want cwmp.Param) bool {
	if want.Type == xsdBoolean {
		return isTrue(now) == isTrue(want.Value)
	}
	return now == want.Value
}

// isTrue reads an xs:boolean, and what CPEs write in its place.
func isTrue(s string) bool { return s == "1" || strings.EqualFold(s, "true") }

// changed tells whether any of the values differ from what they were.
func changed(before, after map[string]string) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if was, ok := before[name]; ok && was != after[name] {
			names = append(names, name)
		}
	}
	return names
}
