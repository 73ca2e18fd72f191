package simnet

import (
	"errors"
	"fmt"
	"strings"
)

// acsMessage is an envelope of the ACS as the CPE understands it.
type acsMessage struct {
	envelope *element
	rpc      *element // the Body's child
	method   string   // its local name
	id       *element // cwmp:ID, nil when there is none
	hold     bool
}

// parseMessage reads an envelope that an ACS sent.
func parseMessage(body []byte) (acsMessage, error) {
	root, err := parseXML(trimEnvelope(body))
	if err != nil {
		return acsMessage{}, fmt.Errorf("reply of the ACS is not an envelope: %w", err)
	}
	m := acsMessage{envelope: root}
	soapBody := root.child("Body")
	if root.name.Local != "Envelope" || soapBody == nil || len(soapBody.nodes) == 0 {
		return m, errors.New("reply of the ACS has no Envelope with a Body")
	}
	m.rpc = soapBody.nodes[0]
	m.method = m.rpc.name.Local
	header := root.child("Header")
	m.id = header.child("ID")
	m.hold = isTrue(header.value("HoldRequests"))
	return m, nil
}

func trimEnvelope(body []byte) []byte {
	return []byte(strings.Trim(string(body), "\x00 \t\r\n\ufeff"))
}

func isTrue(s string) bool { return s == "1" || s == "true" }

// isRequest reports whether the ACS asks for something, as against answering.
func (m acsMessage) isRequest() bool {
	return m.method != "Fault" && !strings.HasSuffix(m.method, "Response")
}

// faultCode is the code of the cwmp:Fault, else of the SOAP fault.
func (m acsMessage) faultCode() string {
	if code := m.rpc.child("detail").child("Fault").value("FaultCode"); code != "" {
		return code
	}
	return m.rpc.value("faultcode")
}

// prefix is the namespace prefix of the Envelope.
func (m acsMessage) prefix() string { return m.envelope.name.Space }

// idText is the cwmp:ID, or "".
func (m acsMessage) idText() string { return m.id.trimmed() }
