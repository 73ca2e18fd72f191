package cwmp

import "strings"

// The RPC methods of TR-069 annex A. Those of a CPE are called by the ACS.
const (
	MethodGetRPCMethods          = "GetRPCMethods" // of both sides
	MethodSetParameterValues     = "SetParameterValues"
	MethodGetParameterValues     = "GetParameterValues"
	MethodGetParameterNames      = "GetParameterNames"
	MethodSetParameterAttributes = "SetParameterAttributes"
	MethodGetParameterAttributes = "GetParameterAttributes"
	MethodAddObject              = "AddObject"
	MethodDeleteObject           = "DeleteObject"
	MethodReboot                 = "Reboot"
	MethodDownload               = "Download"
	MethodScheduleDownload       = "ScheduleDownload"
	MethodUpload                 = "Upload"
	MethodFactoryReset           = "FactoryReset"
	MethodGetQueuedTransfers     = "GetQueuedTransfers" // deprecated
	MethodGetAllQueuedTransfers  = "GetAllQueuedTransfers"
	MethodCancelTransfer         = "CancelTransfer"
	MethodScheduleInform         = "ScheduleInform"
	MethodChangeDUState          = "ChangeDUState"
	MethodSetVouchers            = "SetVouchers" // deprecated
	MethodGetOptions             = "GetOptions"  // deprecated
)

// The RPC methods of an ACS, called by the CPE.
const (
	MethodInform                          = "Inform"
	MethodTransferComplete                = "TransferComplete"
	MethodAutonomousTransferComplete      = "AutonomousTransferComplete"
	MethodDUStateChangeComplete           = "DUStateChangeComplete"
	MethodAutonomousDUStateChangeComplete = "AutonomousDUStateChangeComplete"
	MethodRequestDownload                 = "RequestDownload"
	MethodKicked                          = "Kicked" // deprecated
)

// MethodFault is what Message.Method holds for a SOAP fault.
const MethodFault = "Fault"

// responseSuffix ends the name of every RPC response.
const responseSuffix = "Response"

// Methods lists every RPC method of the standard, those of the CPE first.
// The slice is the caller's own.
func Methods() []string {
	return []string{
		MethodGetRPCMethods, MethodSetParameterValues, MethodGetParameterValues,
		MethodGetParameterNames, MethodSetParameterAttributes, MethodGetParameterAttributes,
		MethodAddObject, MethodDeleteObject, MethodReboot, MethodDownload,
		MethodScheduleDownload, MethodUpload, MethodFactoryReset,
		MethodGetQueuedTransfers, MethodGetAllQueuedTransfers, MethodCancelTransfer,
		MethodScheduleInform, MethodChangeDUState, MethodSetVouchers, MethodGetOptions,
		MethodInform, MethodTransferComplete, MethodAutonomousTransferComplete,
		MethodDUStateChangeComplete, MethodAutonomousDUStateChangeComplete,
		MethodRequestDownload, MethodKicked,
	}
}

// MetricName maps the name of an RPC request or response to one of a bounded
// set, fit for a metric label: itself when the standard knows it, "vendor" for
// X_ methods, "other" for everything else.
func MetricName(method string) string {
	if name, ok := methodNames[method]; ok {
		return name
	}
	if strings.HasPrefix(method, "X_") {
		return "vendor"
	}
	return "other"
}

// methodNames maps each known request and response name, and Fault, to itself.
var methodNames = func() map[string]string {
	names := map[string]string{MethodFault: MethodFault}
	for _, m := range Methods() {
		names[m] = m
		names[m+responseSuffix] = m + responseSuffix
	}
	return names
}()
