package simnet

import (
	"strconv"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// inform is what a CPE tells when it opens a session.
type inform struct {
	device     cwmp.DeviceID
	events     []cwmp.Event
	now        time.Time
	retryCount int
	params     []Parameter
}

// write writes the Inform in the style s. Element order is TR-069 A.3.3.1.
func (in inform) write(s *Style, id string) []byte {
	e := newEnvelope(s, s.Prefix, id, "")
	method := s.CWMPPrefix + ":Inform"
	e.open(method, "")
	e.deviceID(in.device)
	e.array("Event", s.CWMPPrefix+":EventStruct", len(in.events))
	for _, event := range in.events {
		e.open("EventStruct", "")
		e.leaf("EventCode", e.typed("xsd:string"), event.Code)
		e.leafEnding("CommandKey", "", event.CommandKey, s.EmptyKey)
		e.close("EventStruct")
	}
	e.close("Event")
	e.leaf("MaxEnvelopes", e.typed("xsd:unsignedInt"), "1")
	e.leaf("CurrentTime", e.typed("xsd:dateTime"), in.now.UTC().Format(s.TimeLayout))
	e.leaf("RetryCount", e.typed("xsd:unsignedInt"), strconv.Itoa(in.retryCount))
	e.parameterList(in.params, s.InformCount)
	e.close(method)
	return e.finish()
}

func (e *envelope) deviceID(id cwmp.DeviceID) {
	attr := e.typed("xsd:string")
	e.open("DeviceId", e.typed(e.style.CWMPPrefix+":DeviceIdStruct"))
	e.leaf("Manufacturer", attr, id.Manufacturer)
	e.leaf("OUI", attr, id.OUI)
	e.leaf("ProductClass", attr, id.ProductClass)
	e.leaf("SerialNumber", attr, id.SerialNumber)
	e.close("DeviceId")
}

// parameterList writes a ParameterList of values; count, if not zero, is the
// size that it claims to have.
func (e *envelope) parameterList(params []Parameter, count int) {
	setDefault(&count, len(params))
	e.array("ParameterList", e.style.CWMPPrefix+":ParameterValueStruct", count)
	for i := range params {
		e.open("ParameterValueStruct", "")
		e.leaf("Name", e.typed("xsd:string"), params[i].Name)
		e.leafEnding("Value", ` xsi:type="`+params[i].typeName()+`"`, params[i].Value, e.style.EmptyValue)
		e.close("ParameterValueStruct")
	}
	e.close("ParameterList")
}

// fault writes a SOAP fault with a cwmp:Fault detail. TR-069 A.5.1.
func (e *envelope) fault(code, text string, params []paramFault) {
	s := e.style
	e.open(e.env+":Fault", "")
	e.leaf("faultcode", "", faultSide(code))
	e.leaf("faultstring", "", "CWMP fault")
	e.open("detail", "")
	e.open(s.CWMPPrefix+":Fault", "")
	e.leaf("FaultCode", "", code)
	e.leaf("FaultString", "", text)
	for _, p := range params {
		e.open("SetParameterValuesFault", "")
		e.leaf("ParameterName", "", p.name)
		e.leaf("FaultCode", "", p.code)
		e.leaf("FaultString", "", cwmp.FaultText(p.code))
		e.close("SetParameterValuesFault")
	}
	e.close(s.CWMPPrefix + ":Fault")
	e.close("detail")
	e.close(e.env + ":Fault")
}

// paramFault is one entry of a fault to SetParameterValues.
type paramFault struct{ name, code string }

// faultSide says whose mistake a fault is. TR-069 A.5.1.
func faultSide(code string) string {
	switch code {
	case cwmp.FaultInvalidArguments, cwmp.FaultInvalidName, cwmp.FaultInvalidType, cwmp.FaultInvalidValue, cwmp.FaultNotWritable:
		return "Client"
	}
	return "Server"
}
