package cwmp

import (
	"strconv"
	"time"
)

// InformData holds the arguments of an Inform and of its headers.
type InformData struct {
	Device         DeviceID
	Events         []Event
	MaxEnvelopes   int // 0 is written as 1, the only value since Amendment 1
	CurrentTime    time.Time
	RetryCount     int
	SessionTimeout int // seconds; no header when 0
	Params         []Param
}

// Inform returns the message that opens a session (TR-069 A.3.3.1).
func Inform(d Dialect, id string, in InformData) []byte {
	w := newWriter(d, header{id: id, sessionTimeout: in.SessionTimeout})
	return w.rpc(MethodInform, func() {
		w.deviceID(in.Device)
		w.structs("Event", "EventStruct", len(in.Events), func(i int) {
			w.element("EventCode", in.Events[i].Code)
			w.element("CommandKey", in.Events[i].CommandKey)
		})
		w.number("MaxEnvelopes", max(in.MaxEnvelopes, 1))
		w.time("CurrentTime", in.CurrentTime)
		w.number("RetryCount", in.RetryCount)
		w.params(in.Params)
	}).bytes()
}

func (w *writer) deviceID(id DeviceID) {
	w.raw("<DeviceId>")
	w.element("Manufacturer", id.Manufacturer)
	w.element("OUI", id.OUI)
	w.element("ProductClass", id.ProductClass)
	w.element("SerialNumber", id.SerialNumber)
	w.raw("</DeviceId>")
}

// GetParameterValuesResponse returns the answer to GetParameterValues.
func GetParameterValuesResponse(d Dialect, id string, params []Param) []byte {
	w := newWriter(d, header{id: id})
	return w.rpc("GetParameterValuesResponse", func() { w.params(params) }).bytes()
}

// SetParameterValuesResponse returns the answer to SetParameterValues: status
// 0 when the values are in force, 1 when that needs, say, a reboot.
func SetParameterValuesResponse(d Dialect, id string, status int) []byte {
	return Call(d, id, "SetParameterValuesResponse", Argument{"Status", strconv.Itoa(status)})
}

// SetParameterAttributesResponse returns the answer to SetParameterAttributes.
func SetParameterAttributesResponse(d Dialect, id string) []byte {
	return Call(d, id, "SetParameterAttributesResponse")
}

// ParamInfo is one entry of a GetParameterNamesResponse.
type ParamInfo struct {
	Name     string // ends in a dot for an object
	Writable bool
}

// GetParameterNamesResponse returns the answer to GetParameterNames.
func GetParameterNamesResponse(d Dialect, id string, names []ParamInfo) []byte {
	w := newWriter(d, header{id: id})
	return w.rpc("GetParameterNamesResponse", func() {
		w.structs("ParameterList", "ParameterInfoStruct", len(names), func(i int) {
			w.element("Name", names[i].Name)
			w.boolean("Writable", names[i].Writable)
		})
	}).bytes()
}

// RebootResponse returns the answer to Reboot.
func RebootResponse(d Dialect, id string) []byte { return Call(d, id, "RebootResponse") }

// DownloadResponse returns the answer to Download: status 0 when the file is
// in place, 1 when a TransferComplete will tell.
func DownloadResponse(d Dialect, id string, status int, start, complete time.Time) []byte {
	w := newWriter(d, header{id: id})
	return w.rpc("DownloadResponse", func() {
		w.number("Status", status)
		w.time("StartTime", start)
		w.time("CompleteTime", complete)
	}).bytes()
}

// TransferCompleteData holds the arguments of TransferComplete (TR-069
// A.3.3.2).
type TransferCompleteData struct {
	CommandKey      string
	FaultCode       string // "" is written as "0", success
	FaultString     string
	Start, Complete time.Time
}

// TransferComplete returns the report of a finished transfer.
func TransferComplete(d Dialect, id string, in TransferCompleteData) []byte {
	if in.FaultCode == "" {
		in.FaultCode = "0"
	}
	w := newWriter(d, header{id: id})
	return w.rpc(MethodTransferComplete, func() {
		w.element("CommandKey", in.CommandKey)
		w.raw("<FaultStruct>")
		w.element("FaultCode", in.FaultCode)
		w.element("FaultString", in.FaultString)
		w.raw("</FaultStruct>")
		w.time("StartTime", in.Start)
		w.time("CompleteTime", in.Complete)
	}).bytes()
}

// ParamFault is what was wrong with one parameter of a SetParameterValues.
type ParamFault struct{ Name, Code, Text string }

// FaultEnvelope returns a fault with a CWMP code, of either side (TR-069 3.5
// and A.5). An empty text is filled in from the standard. params are the
// SetParameterValuesFaults of code 9003.
func FaultEnvelope(d Dialect, id, code, text string, params ...ParamFault) []byte {
	w := newWriter(d, header{id: id})
	w.raw("<").env("Fault").raw(">")
	w.element("faultcode", soapFaultCode(code))
	w.element("faultstring", "CWMP fault")
	w.raw("<detail>")
	w.rpc(MethodFault, func() {
		w.faultFields(code, text)
		for _, p := range params {
			w.raw("<SetParameterValuesFault>")
			w.element("ParameterName", p.Name)
			w.faultFields(p.Code, p.Text)
			w.raw("</SetParameterValuesFault>")
		}
	})
	w.raw("</detail></").env("Fault").raw(">")
	return w.bytes()
}

func (w *writer) faultFields(code, text string) {
	if text == "" {
		text = FaultText(code)
	}
	w.element("FaultCode", code)
	w.element("FaultString", text)
}
