package cwmp

// node is the role of an element, by its place in the envelope. Elements that
// Scan has no use for are nodeOther.
type node uint8

const (
	nodeOther node = iota
	nodeDocument
	nodeEnvelope
	nodeHeader
	nodeID
	nodeHoldRequests
	nodeNoMoreRequests
	nodeSessionTimeout
	nodeBody
	nodeRPC // a method without parts of interest
	nodeInform
	nodeDeviceID
	nodeManufacturer
	nodeOUI
	nodeProductClass
	nodeSerialNumber
	nodeEvents
	nodeEvent
	nodeEventCode
	nodeCommandKey
	nodeMaxEnvelopes
	nodeRetryCount
	nodeParamRPC // a method whose argument is a list of values
	nodeParamList
	nodeParam
	nodeParamName
	nodeParamValue
	nodeFault
	nodeSOAPFaultCode
	nodeSOAPFaultString
	nodeDetail
	nodeCWMPFault
	nodeFaultCode
	nodeFaultString
	nodeCount
)

// edge leads from an element to a child by the child's local name.
type edge struct {
	local string
	to    node
}

// grammar holds the places that count (XSD of CWMP, SOAP 1.1). An element of
// the same name anywhere else means nothing. The first edge without a name
// takes all other children.
var grammar = [nodeCount][]edge{
	nodeDocument: {{"Envelope", nodeEnvelope}},
	nodeEnvelope: {{"Header", nodeHeader}, {"Body", nodeBody}},
	nodeHeader: {
		{"ID", nodeID},
		{"HoldRequests", nodeHoldRequests},
		{"NoMoreRequests", nodeNoMoreRequests},
		{"SessionTimeout", nodeSessionTimeout},
	},
	nodeBody: {
		{MethodInform, nodeInform},
		{MethodGetParameterValues + responseSuffix, nodeParamRPC},
		{MethodSetParameterValues, nodeParamRPC},
		{MethodFault, nodeFault},
		{"", nodeRPC},
	},
	nodeInform: {
		{"DeviceId", nodeDeviceID},
		{"Event", nodeEvents},
		{"MaxEnvelopes", nodeMaxEnvelopes},
		{"RetryCount", nodeRetryCount},
		{"ParameterList", nodeParamList},
	},
	nodeDeviceID: {
		{"Manufacturer", nodeManufacturer},
		{"OUI", nodeOUI},
		{"ProductClass", nodeProductClass},
		{"SerialNumber", nodeSerialNumber},
	},
	nodeEvents:    {{"EventStruct", nodeEvent}},
	nodeEvent:     {{"EventCode", nodeEventCode}, {"CommandKey", nodeCommandKey}},
	nodeParamRPC:  {{"ParameterList", nodeParamList}},
	nodeParamList: {{"ParameterValueStruct", nodeParam}},
	nodeParam:     {{"Name", nodeParamName}, {"Value", nodeParamValue}},
	nodeFault: {
		{"faultcode", nodeSOAPFaultCode},
		{"faultstring", nodeSOAPFaultString},
		{"detail", nodeDetail},
	},
	nodeDetail:    {{MethodFault, nodeCWMPFault}},
	nodeCWMPFault: {{"FaultCode", nodeFaultCode}, {"FaultString", nodeFaultString}},
}

// child returns the role of a child of n.
func (n node) child(local []byte) node {
	for _, e := range grammar[n] {
		if string(local) == e.local || e.local == "" {
			return e.to
		}
	}
	return nodeOther
}

// isIdentity reports whether n is a part of the identity of a device, which
// must not be there twice with different contents (quirk C-54).
func (n node) isIdentity() bool { return nodeDeviceID <= n && n <= nodeSerialNumber }

// isIdentifier reports whether n holds a text that maxIdentifier bounds.
func (n node) isIdentifier() bool {
	switch n {
	case nodeID, nodeManufacturer, nodeOUI, nodeProductClass, nodeSerialNumber,
		nodeEventCode, nodeCommandKey, nodeSOAPFaultCode, nodeFaultCode:
		return true
	}
	return false
}
