package policy

// Values of URLRules.Mode: what becomes of a ManagementServer.URL that an ACS
// sets on a CPE.
const (
	URLPass      = "pass"      // it is set as the ACS wrote it
	URLPin       = "pin"       // the CPE gets the gateway's URL whatever the ACS wrote
	URLTranslate = "translate" // the ACS's own URL becomes the gateway's, others pass
	URLRefuse    = "refuse"    // the ACS's own URL becomes the gateway's, others are refused
)

// URLRules says what ManagementServer.URL means between one ACS and its CPEs.
type URLRules struct {
	Mode       string
	ACSURL     string // the ACS's own, `url`
	CPEURL     string // what stands for it on a CPE, `cpe_url`
	GatewayURL string // the gateway's public URL, used where CPEURL is empty
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
	Fault  string // fault code of the answer to the ACS when refused
	Alarm  bool   // an operator should know
	Reason string // for people
}
