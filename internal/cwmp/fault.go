package cwmp

// Fault codes that the gateway and its simulated peers use by name; FaultText
// knows all of TR-069 A.5.
const (
	FaultACSMethodNotSupported = "8000"
	FaultACSRequestDenied      = "8001"
	FaultACSInternalError      = "8002"
	FaultACSInvalidArguments   = "8003"
	FaultACSResourcesExceeded  = "8004"
	FaultACSRetryRequest       = "8005"
	FaultACSVersion            = "8006"

	FaultMethodNotSupported   = "9000"
	FaultRequestDenied        = "9001"
	FaultInternalError        = "9002"
	FaultInvalidArguments     = "9003"
	FaultResourcesExceeded    = "9004"
	FaultInvalidName          = "9005"
	FaultInvalidType          = "9006"
	FaultInvalidValue         = "9007"
	FaultNotWritable          = "9008"
	FaultNotificationRejected = "9009"
	FaultFileTransfer         = "9010"
)

// faultTexts is TR-069 A.5.1 (CPE, 9xxx) and A.5.2 (ACS, 8xxx).
var faultTexts = map[string]string{
	"8000": "Method not supported",
	"8001": "Request denied",
	"8002": "Internal error",
	"8003": "Invalid arguments",
	"8004": "Resources exceeded",
	"8005": "Retry request",
	"8006": "ACS version incompatible with CPE",

	"9000": "Method not supported",
	"9001": "Request denied",
	"9002": "Internal error",
	"9003": "Invalid arguments",
	"9004": "Resources exceeded",
	"9005": "Invalid parameter name",
	"9006": "Invalid parameter type",
	"9007": "Invalid parameter value",
	"9008": "Attempt to set a non-writable parameter",
	"9009": "Notification request rejected",
	"9010": "File transfer failure",
	"9011": "Upload failure",
	"9012": "File transfer server authentication failure",
	"9013": "Unsupported protocol for file transfer",
	"9014": "File transfer failure: unable to join multicast group",
	"9015": "File transfer failure: unable to contact file server",
	"9016": "File transfer failure: unable to access file",
	"9017": "File transfer failure: unable to complete download",
	"9018": "File transfer failure: file corrupted or otherwise unusable",
	"9019": "File transfer failure: file authentication failure",
	"9020": "File transfer failure: unable to complete download within specified time windows",
	"9021": "Cancelation of file transfer not permitted in current transfer state",
	"9022": "Invalid UUID format",
	"9023": "Unknown execution environment",
	"9024": "Disabled execution environment",
	"9025": "Deployment unit to execution environment mismatch",
	"9026": "Duplicate deployment unit",
	"9027": "System resources exceeded",
	"9028": "Unknown deployment unit",
	"9029": "Invalid deployment unit state",
	"9030": "Invalid deployment unit update: downgrade not permitted",
	"9031": "Invalid deployment unit update: version not specified",
	"9032": "Invalid deployment unit update: version already exists",
}

// FaultText returns the standard's text of a fault code, "Vendor defined
// fault" for 8800-8899 and 9800-9899, and "" for an unknown code.
func FaultText(code string) string {
	if text, ok := faultTexts[code]; ok {
		return text
	}
	if isVendorFault(code) {
		return "Vendor defined fault"
	}
	return ""
}

func isVendorFault(code string) bool {
	return len(code) == 4 && (code[0] == '8' || code[0] == '9') && code[1] == '8' &&
		isDigit(code[2]) && isDigit(code[3])
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// FaultMetricName maps a fault code to one of a bounded set, fit for a metric
// label: itself when the standard knows it, "vendor", or "other".
func FaultMetricName(code string) string {
	if known, ok := vocabulary[code]; ok && faultTexts[known] != "" {
		return known
	}
	if isVendorFault(code) {
		return "vendor"
	}
	return "other"
}

// soapFaultCode says whose mistake a fault is (TR-069 A.5): Client when the
// request was wrong, Server otherwise.
func soapFaultCode(code string) string {
	switch code {
	case "8003", "9003", "9005", "9006", "9007", "9008", "9020", "9021":
		return "Client"
	}
	return "Server"
}
