package policy

import "strings"

// Values of URLRules.Mode: what becomes of a ManagementServer.URL that an ACS
// sets on a CPE.
const (
	URLPass      = "pass"      // it is set as the ACS wrote it
	URLPin       = "pin"       // the CPE gets the gateway's URL whatever the ACS wrote
	URLTranslate = "translate" // the ACS's own URL becomes the gateway's, others pass
	URLRefuse    = "refuse"    // the ACS's own URL becomes the gateway's, others are refused
)

// URLRules says what ManagementServer.URL means between one ACS and its CPEs
// (quirk C-60). Except with URLPass, a CPE is given the gateway's URL in place
// of the ACS's own, which it may not reach and which leads past the gateway, and
// the ACS is shown its own where the CPE has the gateway's.
//
// With URLTranslate, ToACS gives back what ToCPE was given, but for the spelling
// of scheme, host, default port and no path, and unless the ACS itself wrote the
// gateway's URL: that reads back as the ACS's own.
type URLRules struct {
	Mode       string
	ACSURL     string // the ACS's own, `url`
	CPEURL     string // what stands for it on a CPE, `cpe_url`
	GatewayURL string // the gateway's public URL, which stands for it where CPEURL is empty
}

// URLAction is what becomes of a value.
type URLAction string

// URLActions.
const (
	URLKept     URLAction = "kept"
	URLReplaced URLAction = "replaced"
	URLRefused  URLAction = "refused"
)

// URLVerdict is what becomes of a value that an ACS sets.
type URLVerdict struct {
	Action URLAction
	Value  string // what the CPE gets; "" when refused
	// Fault is the fault code of the answer to the ACS when refused: 9001, request
	// denied, or 9007 of the parameter, a value that the CPE cannot keep.
	Fault  string
	Alarm  bool   // an operator should know
	Reason string // for people
}

// Faults with which the gateway answers an ACS in a CPE's place (TR-069 A.5).
const (
	faultDenied    = "9001"
	faultArguments = "9003"
	faultValue     = "9007"
)

// Problem says what is missing for the mode to work, "" when nothing is.
func (u URLRules) Problem() string {
	switch u.Mode {
	case URLPass:
		return ""
	case URLPin, URLTranslate, URLRefuse:
	default:
		return "is not one of " + strings.Join([]string{URLPass, URLPin, URLTranslate, URLRefuse}, ", ")
	}
	if u.onCPE() == "" {
		return "needs cpe_url: what a CPE is given in place of the ACS's own URL"
	}
	return ""
}

// onCPE is the URL that stands for the ACS on a CPE.
func (u URLRules) onCPE() string {
	if u.CPEURL != "" {
		return u.CPEURL
	}
	return u.GatewayURL
}

// ToCPE says what becomes of a ManagementServer.URL that the ACS sets on a CPE
// with this data-model root.
func (u URLRules) ToCPE(root, value string) URLVerdict {
	own, isOwn := under(u.ACSURL, value)
	v := URLVerdict{Action: URLKept, Value: value}
	switch {
	case u.Mode == URLPass:
		v.Reason = "the ACS may set any URL"
	case u.Mode == URLPin:
		v = u.pin(value, isOwn)
	case isOwn:
		v = u.replace(value, u.prefixes().toCPE(own), "the ACS's own URL")
	case u.isGateways(value):
		v.Reason = "the gateway's own URL"
	case u.Mode == URLRefuse:
		return URLVerdict{Action: URLRefused, Fault: faultDenied, Alarm: true, Reason: "leads the CPE away from the gateway"}
	default:
		v.Alarm, v.Reason = true, "leads the CPE away from the gateway"
	}
	if v.Action == URLReplaced && len(v.Value) > urlLimit(root) {
		return URLVerdict{Action: URLRefused, Fault: faultValue, Alarm: true, Reason: "the gateway's URL for it is longer than a CPE keeps"}
	}
	return v
}

// pin gives the CPE the gateway's URL, and raises an alarm where the ACS meant
// another place.
func (u URLRules) pin(value string, isOwn bool) URLVerdict {
	v := u.replace(value, u.onCPE(), "pinned to the gateway")
	v.Alarm = !isOwn && !u.isGateways(value)
	return v
}

func (u URLRules) replace(value, with, reason string) URLVerdict {
	if with == value {
		return URLVerdict{Action: URLKept, Value: value, Reason: reason}
	}
	return URLVerdict{Action: URLReplaced, Value: with, Reason: reason}
}

// ToACS returns what the ACS is shown of a ManagementServer.URL that a CPE
// reports: its own in place of the gateway's, anything else as it is.
func (u URLRules) ToACS(value string) string {
	if u.Mode == URLPass {
		return value
	}
	if suffix, ok := under(u.onCPE(), value); ok {
		return u.prefixes().toACS(suffix)
	}
	if u.isGateways(value) {
		return u.ACSURL
	}
	return value
}

// isGateways tells whether a value leads to the gateway.
func (u URLRules) isGateways(value string) bool {
	_, ok := under(u.onCPE(), value)
	return ok || u.GatewayURL != "" && SameURL(u.GatewayURL, value)
}

func (u URLRules) prefixes() prefixes { return prefixes{u.ACSURL, u.onCPE()} }

// prefixes are two URLs that stand for each other, with all that is below them.
// Whether each ends with a slash is the operator's choice. toACS undoes toCPE.
type prefixes struct{ acs, cpe string }

func (p prefixes) toCPE(suffix string) string {
	if suffix != "" && p.slash() > 0 {
		suffix = "/" + suffix
	}
	return p.cpe + suffix
}

func (p prefixes) toACS(suffix string) string {
	switch {
	case p.slash() > 0:
		suffix = strings.TrimPrefix(suffix, "/")
	case p.slash() < 0 && suffix != "" && !begins(suffix):
		suffix = "/" + suffix
	}
	return p.acs + suffix
}

// slash tells which of the two alone ends its path with a slash: 1 the ACS's,
// -1 the CPE's, 0 both or none.
func (p prefixes) slash() int {
	acs, cpe := strings.HasSuffix(p.acs, "/"), strings.HasSuffix(p.cpe, "/")
	switch {
	case acs && !cpe:
		return 1
	case cpe && !acs:
		return -1
	}
	return 0
}
