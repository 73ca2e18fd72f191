package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// numberedDevice is the n-th device of the measured population.
func numberedDevice(n int) cwmp.DeviceID {
	return cwmp.DeviceID{
		Manufacturer: "Example Networks Ltd", OUI: "00D09E", ProductClass: "HG8245H",
		SerialNumber: fmt.Sprintf("BENCH%09d", n),
	}
}

// Sizes of the bodies of one session in bytes; real captures are near these.
const (
	informSize       = 3000
	rpcSize          = 700
	rpcResponseSize  = 1500
	envelopeOverhead = 64 // what padding parameters may miss the size by
)

const (
	envelopeOpen = `<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
		`<soap-env:Envelope xmlns:soap-env="http://schemas.xmlsoap.org/soap/envelope/" ` +
		`xmlns:soap-enc="http://schemas.xmlsoap.org/soap/encoding/" ` +
		`xmlns:xsd="http://www.w3.org/2001/XMLSchema" ` +
		`xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ` +
		`xmlns:cwmp="urn:dslforum-org:cwmp-1-0">` +
		`<soap-env:Header><cwmp:ID soap-env:mustUnderstand="1">%s</cwmp:ID></soap-env:Header>` +
		`<soap-env:Body>`
	envelopeClose = `</soap-env:Body></soap-env:Envelope>`
)

// Marks by which each side knows a message; all lie in its first kilobyte.
const (
	markInform         = "<cwmp:Inform>"
	markInformResponse = "<cwmp:InformResponse>"
	markRPC            = "<cwmp:GetParameterValues>"
	markRPCResponse    = "<cwmp:GetParameterValuesResponse>"
	markSetting        = "<cwmp:SetParameterValues>"
)

// informTemplate is an Inform cut at the four places where a device differs.
type informTemplate [5]string

// newInformTemplate builds the Inform of a router that reports a value change.
func newInformTemplate(size int) informTemplate {
	return informOf(size, []string{cwmp.EventPeriodic, cwmp.EventValueChange}, informParameters)
}

// informOf builds an Inform with some events whose ParameterList begins with the
// given parameters.
func informOf(size int, events []string, parameters [][2]string) informTemplate {
	const slot = "\x00"
	text := fmt.Sprintf(envelopeOpen, "1") + markInform +
		`<DeviceId><Manufacturer>` + slot + `</Manufacturer><OUI>` + slot +
		`</OUI><ProductClass>` + slot + `</ProductClass><SerialNumber>` + slot + `</SerialNumber></DeviceId>` +
		fmt.Sprintf(`<Event soap-enc:arrayType="cwmp:EventStruct[%d]">`, len(events))
	for _, event := range events {
		text += `<EventStruct><EventCode>` + event + `</EventCode><CommandKey></CommandKey></EventStruct>`
	}
	text += `</Event>` +
		`<MaxEnvelopes>1</MaxEnvelopes><CurrentTime>2026-03-01T12:00:00+00:00</CurrentTime><RetryCount>0</RetryCount>`
	end := `</cwmp:Inform>` + envelopeClose
	text += paddedParameters(parameters, size-len(text)-len(end)) + end
	return informTemplate(strings.SplitN(text, slot, 5))
}

// body appends the Inform of d to dst.
func (t informTemplate) body(dst []byte, d cwmp.DeviceID) []byte {
	for i, field := range [4]string{d.Manufacturer, d.OUI, d.ProductClass, d.SerialNumber} {
		dst = append(append(dst, t[i]...), field...)
	}
	return append(dst, t[4]...)
}

// informParameters are the forced Inform parameters of InternetGatewayDevice:1.
var informParameters = [][2]string{
	{"InternetGatewayDevice.DeviceSummary", "InternetGatewayDevice:1.4[](Baseline:1, EthernetLAN:1, WiFiLAN:1)"},
	{"InternetGatewayDevice.DeviceInfo.SpecVersion", "1.0"},
	{"InternetGatewayDevice.DeviceInfo.HardwareVersion", "HW-2.1"},
	{"InternetGatewayDevice.DeviceInfo.SoftwareVersion", "V3R017C10S130"},
	{"InternetGatewayDevice.DeviceInfo.ProvisioningCode", "residential.fibre"},
	{"InternetGatewayDevice.ManagementServer.ConnectionRequestURL", "http://192.0.2.17:7547/tr069/5f2b"},
	{"InternetGatewayDevice.ManagementServer.ParameterKey", "20260228T0300"},
	{"InternetGatewayDevice.WANDevice.1.WANConnectionDevice.1.WANIPConnection.1.ExternalIPAddress", "192.0.2.17"},
}

// rpcBody is the GetParameterValues that the ACS sends, padded with parameter
// names to about size bytes.
func rpcBody(size int) string {
	open := fmt.Sprintf(envelopeOpen, "2") + markRPC
	end := `</ParameterNames></cwmp:GetParameterValues>` + envelopeClose
	var list strings.Builder
	list.WriteString("<string>InternetGatewayDevice.DeviceInfo.UpTime</string>")
	count := 1
	for ; len(open)+list.Len()+2*envelopeOverhead+len(end) < size; count++ {
		list.WriteString("<string>InternetGatewayDevice.LANDevice." + strconv.Itoa(count) + ".</string>")
	}
	return open + fmt.Sprintf(`<ParameterNames soap-enc:arrayType="xsd:string[%d]">`, count) + list.String() + end
}

// rpcResponseBody is the CPE's answer, padded to about size bytes.
func rpcResponseBody(size int) string {
	open := fmt.Sprintf(envelopeOpen, "2") + markRPCResponse
	end := `</cwmp:GetParameterValuesResponse>` + envelopeClose
	return open + paddedParameters(nil, size-len(open)-len(end)) + end
}

// settingBody is the SetParameterValues of an ACS that writes ManagementServer.URL
// and some other parameters, padded to about size bytes.
func settingBody(url string, size int) string {
	open := fmt.Sprintf(envelopeOpen, "2") + markSetting
	end := `<ParameterKey>20260301T1200</ParameterKey></cwmp:SetParameterValues>` + envelopeClose
	return open + paddedParameters([][2]string{{urlParameter, url}}, size-len(open)-len(end)) + end
}

// setBody is the CPE's answer to it.
func setBody() string {
	return fmt.Sprintf(envelopeOpen, "2") + `<cwmp:SetParameterValuesResponse><Status>0</Status></cwmp:SetParameterValuesResponse>` + envelopeClose
}

// urlParameter is where a CPE keeps its ACS.
const urlParameter = "InternetGatewayDevice.ManagementServer.URL"

// informResponseBody is the ACS's answer to an Inform.
func informResponseBody() string {
	return fmt.Sprintf(envelopeOpen, "1") + markInformResponse +
		`<MaxEnvelopes>1</MaxEnvelopes></cwmp:InformResponse>` + envelopeClose
}

// paddedParameters is a ParameterList of about size bytes that starts with the
// given parameters.
func paddedParameters(first [][2]string, size int) string {
	var list strings.Builder
	count := 0
	add := func(name, value string) {
		list.WriteString(`<ParameterValueStruct><Name>` + name +
			`</Name><Value xsi:type="xsd:string">` + value + `</Value></ParameterValueStruct>`)
		count++
	}
	for _, p := range first {
		add(p[0], p[1])
	}
	for frame := 2 * envelopeOverhead; list.Len()+frame < size; {
		add("InternetGatewayDevice.LANDevice.1.Hosts.Host."+strconv.Itoa(count)+".HostName", "host-"+strconv.Itoa(count))
	}
	return fmt.Sprintf(`<ParameterList soap-enc:arrayType="cwmp:ParameterValueStruct[%d]">`, count) +
		list.String() + `</ParameterList>`
}
