package cwmp

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

var testTime = time.Date(2026, 11, 21, 4, 0, 0, 0, time.FixedZone("", 2*3600))

// built is every builder's output with the name of its RPC.
func built(d Dialect, id string) map[string][]byte {
	params := []Param{
		{Name: "Device.ManagementServer.URL", Value: "http://x/?a=1&b=<2>"},
		{Name: "Device.ManagementServer.PeriodicInformEnable", Value: "true", Type: "boolean"},
		{Name: "Device.ManagementServer.PeriodicInformInterval", Value: "300", Type: "unsignedInt"},
	}
	return map[string][]byte{
		"Inform": Inform(d, id, InformData{
			Device: testDevice, Events: []Event{{Code: EventBoot}, {"M Reboot", "key"}}, CurrentTime: testTime,
			RetryCount: 2, SessionTimeout: 60, Params: params,
		}),
		"InformResponse":                 InformResponse(d, id),
		"GetRPCMethods":                  GetRPCMethods(d, id),
		"GetRPCMethodsResponse":          GetRPCMethodsResponse(d, id, []string{"Inform", "GetRPCMethods"}),
		"GetParameterValues":             GetParameterValues(d, id, []string{"Device.", "Device.X"}),
		"GetParameterValuesResponse":     GetParameterValuesResponse(d, id, params),
		"SetParameterValues":             SetParameterValues(d, id, params, "key"),
		"SetParameterValuesResponse":     SetParameterValuesResponse(d, id, 1),
		"SetParameterAttributes":         SetParameterAttributes(d, id, []Attribute{{"Device.X", 2}, {"Device.Y", 0}}),
		"SetParameterAttributesResponse": SetParameterAttributesResponse(d, id),
		"GetParameterNames":              GetParameterNames(d, id, "Device.", true),
		"GetParameterNamesResponse":      GetParameterNamesResponse(d, id, []ParamInfo{{"Device.A.", false}, {"Device.A.B", true}}),
		"Reboot":                         Reboot(d, id, "key"),
		"RebootResponse":                 RebootResponse(d, id),
		"Download":                       Download(d, id, DownloadData{CommandKey: "key", FileType: "1 Firmware Upgrade Image", URL: "http://f/?a&b", FileSize: 99, Delay: 90 * time.Second}),
		"DownloadResponse":               DownloadResponse(d, id, 0, testTime, time.Time{}),
		"TransferComplete":               TransferComplete(d, id, TransferCompleteData{CommandKey: "key", Start: testTime}),
		"TransferCompleteResponse":       TransferCompleteResponse(d, id),
		"Fault":                          FaultEnvelope(d, id, "9003", "", ParamFault{"Device.X", "9007", "no & no"}, ParamFault{Name: "Device.Y", Code: "9005"}),
		"AddObject":                      Call(d, id, MethodAddObject, Argument{"ObjectName", "Device.X."}, Argument{"ParameterKey", ""}),
	}
}

var testDialects = []Dialect{
	DefaultDialect,
	{"SOAP-ENV", "cwmp", "urn:dslforum-org:cwmp-1-2"},
	{"soap_env", "c", "urn:dslforum-org:cwmp-1-4"},
}

// TestC64_Envelopes checks the form of every envelope: its first bytes, its
// declarations, its ID, and that Scan reads it back in the same dialect.
func TestC64_Envelopes(t *testing.T) {
	for _, d := range testDialects {
		for method, body := range built(d, "id & 1") {
			if !strings.HasPrefix(string(body), "<"+d.EnvelopePrefix+":Envelope xmlns:"+d.EnvelopePrefix+`="http://schemas.xmlsoap.org/soap/envelope/"`) {
				t.Errorf("%s begins with %.60q", method, body)
			}
			for _, declaration := range []string{
				`xmlns:soap-enc="http://schemas.xmlsoap.org/soap/encoding/"`, `xmlns:xsd="http://www.w3.org/2001/XMLSchema"`,
				`xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"`, fmt.Sprintf(`xmlns:%s="%s"`, d.CWMPPrefix, d.Namespace),
			} {
				if tag, _, _ := strings.Cut(string(body), ">"); !strings.Contains(tag, declaration) {
					t.Errorf("%s: Envelope lacks %s", method, declaration)
				}
			}
			if id := fmt.Sprintf(`<%[1]s:ID %[2]s:mustUnderstand="1">id &amp; 1</%[1]s:ID>`, d.CWMPPrefix, d.EnvelopePrefix); !strings.Contains(string(body), id) {
				t.Errorf("%s: no %s in %s", method, id, body)
			}
			m := mustScan(t, string(body), Options{})
			if m.Method != method || m.ID != "id & 1" || m.Dialect != d || m.Rest != 0 {
				t.Errorf("%s: %+v", method, m)
			}
			checkWellFormed(t, method, body)
		}
	}
}

var arrayType = regexp.MustCompile(`^(.*)\[(\d+)\]$`)

// checkWellFormed has encoding/xml read body, and counts the entries of its
// arrays.
func checkWellFormed(t *testing.T, method string, body []byte) {
	t.Helper()
	roots, err := parseTree(body)
	if err != nil || len(roots) != 1 {
		t.Fatalf("%s: %v", method, err)
	}
	var walk func(e *element)
	walk = func(e *element) {
		for _, a := range e.attrs {
			if a.Name.Local != "arrayType" {
				continue
			}
			m := arrayType.FindStringSubmatch(a.Value)
			if m == nil || a.Name.Space != "soap-enc" || m[2] != strconv.Itoa(len(e.children)) {
				t.Errorf("%s: %s has %d entries and arrayType %q", method, e.local, len(e.children), a.Value)
				continue
			}
			for _, c := range e.children {
				if want := strings.TrimPrefix(m[1], roots[0].children[1].children[0].prefix+":"); c.local != strings.TrimPrefix(want, "xsd:") {
					t.Errorf("%s: entry %s in an array of %s", method, c.local, m[1])
				}
			}
		}
		for _, c := range e.children {
			walk(c)
		}
	}
	walk(roots[0])
}

// TestC64_Bodies compares what is inside Body with the standard's sequences.
func TestC64_Bodies(t *testing.T) {
	const params = `<ParameterList soap-enc:arrayType="cwmp:ParameterValueStruct[3]">` +
		`<ParameterValueStruct><Name>Device.ManagementServer.URL</Name><Value xsi:type="xsd:string">http://x/?a=1&amp;b=&lt;2&gt;</Value></ParameterValueStruct>` +
		`<ParameterValueStruct><Name>Device.ManagementServer.PeriodicInformEnable</Name><Value xsi:type="xsd:boolean">1</Value></ParameterValueStruct>` +
		`<ParameterValueStruct><Name>Device.ManagementServer.PeriodicInformInterval</Name><Value xsi:type="xsd:unsignedInt">300</Value></ParameterValueStruct></ParameterList>`
	want := map[string]string{
		"Inform": deviceXML + `<Event soap-enc:arrayType="cwmp:EventStruct[2]"><EventStruct><EventCode>1 BOOT</EventCode><CommandKey></CommandKey></EventStruct>` +
			`<EventStruct><EventCode>M Reboot</EventCode><CommandKey>key</CommandKey></EventStruct></Event><MaxEnvelopes>1</MaxEnvelopes>` +
			`<CurrentTime>2026-11-21T02:00:00Z</CurrentTime><RetryCount>2</RetryCount>` + params,
		"InformResponse":                 `<MaxEnvelopes>1</MaxEnvelopes>`,
		"GetRPCMethods":                  ``,
		"GetRPCMethodsResponse":          `<MethodList soap-enc:arrayType="xsd:string[2]"><string>Inform</string><string>GetRPCMethods</string></MethodList>`,
		"GetParameterValues":             `<ParameterNames soap-enc:arrayType="xsd:string[2]"><string>Device.</string><string>Device.X</string></ParameterNames>`,
		"GetParameterValuesResponse":     params,
		"SetParameterValues":             params + `<ParameterKey>key</ParameterKey>`,
		"SetParameterValuesResponse":     `<Status>1</Status>`,
		"SetParameterAttributesResponse": ``,
		"SetParameterAttributes": `<ParameterList soap-enc:arrayType="cwmp:SetParameterAttributesStruct[2]">` +
			`<SetParameterAttributesStruct><Name>Device.X</Name><NotificationChange>1</NotificationChange><Notification>2</Notification><AccessListChange>0</AccessListChange><AccessList soap-enc:arrayType="xsd:string[0]"></AccessList></SetParameterAttributesStruct>` +
			`<SetParameterAttributesStruct><Name>Device.Y</Name><NotificationChange>1</NotificationChange><Notification>0</Notification><AccessListChange>0</AccessListChange><AccessList soap-enc:arrayType="xsd:string[0]"></AccessList></SetParameterAttributesStruct></ParameterList>`,
		"GetParameterNames": `<ParameterPath>Device.</ParameterPath><NextLevel>1</NextLevel>`,
		"GetParameterNamesResponse": `<ParameterList soap-enc:arrayType="cwmp:ParameterInfoStruct[2]"><ParameterInfoStruct><Name>Device.A.</Name><Writable>0</Writable></ParameterInfoStruct>` +
			`<ParameterInfoStruct><Name>Device.A.B</Name><Writable>1</Writable></ParameterInfoStruct></ParameterList>`,
		"Reboot":         `<CommandKey>key</CommandKey>`,
		"RebootResponse": ``,
		"Download": `<CommandKey>key</CommandKey><FileType>1 Firmware Upgrade Image</FileType><URL>http://f/?a&amp;b</URL><Username></Username><Password></Password>` +
			`<FileSize>99</FileSize><TargetFileName></TargetFileName><DelaySeconds>90</DelaySeconds><SuccessURL></SuccessURL><FailureURL></FailureURL>`,
		"DownloadResponse": `<Status>0</Status><StartTime>2026-11-21T02:00:00Z</StartTime><CompleteTime>0001-01-01T00:00:00Z</CompleteTime>`,
		"TransferComplete": `<CommandKey>key</CommandKey><FaultStruct><FaultCode>0</FaultCode><FaultString></FaultString></FaultStruct>` +
			`<StartTime>2026-11-21T02:00:00Z</StartTime><CompleteTime>0001-01-01T00:00:00Z</CompleteTime>`,
		"TransferCompleteResponse": ``,
		"AddObject":                `<ObjectName>Device.X.</ObjectName><ParameterKey></ParameterKey>`,
	}
	for method, body := range built(DefaultDialect, "1") {
		_, inner, _ := strings.Cut(string(body), "<soap-env:Body>")
		inner, _, _ = strings.Cut(inner, "</soap-env:Body>")
		expected := "<cwmp:" + method + ">" + want[method] + "</cwmp:" + method + ">"
		if method == "Fault" {
			expected = `<soap-env:Fault><faultcode>Client</faultcode><faultstring>CWMP fault</faultstring><detail><cwmp:Fault><FaultCode>9003</FaultCode><FaultString>Invalid arguments</FaultString>` +
				`<SetParameterValuesFault><ParameterName>Device.X</ParameterName><FaultCode>9007</FaultCode><FaultString>no &amp; no</FaultString></SetParameterValuesFault>` +
				`<SetParameterValuesFault><ParameterName>Device.Y</ParameterName><FaultCode>9005</FaultCode><FaultString>Invalid parameter name</FaultString></SetParameterValuesFault></cwmp:Fault></detail></soap-env:Fault>`
		}
		if diff := gocmp.Diff(expected, inner); diff != "" {
			t.Errorf("%s (-want +got):\n%s", method, diff)
		}
	}
}

func TestC64_Headers(t *testing.T) {
	withTimeout := string(Inform(DefaultDialect, "", InformData{SessionTimeout: 60, MaxEnvelopes: 2}))
	if !strings.Contains(withTimeout, `<soap-env:Header><cwmp:SessionTimeout soap-env:mustUnderstand="0">60</cwmp:SessionTimeout></soap-env:Header>`) {
		t.Errorf("%s", withTimeout)
	}
	if m := mustScan(t, withTimeout, Options{}); m.ID != "" || m.SessionTimeout != 60 || m.MaxEnvelopes != 2 {
		t.Errorf("%+v", m)
	}
	if bare := string(InformResponse(DefaultDialect, "")); !strings.Contains(bare, `<soap-env:Header></soap-env:Header>`) {
		t.Errorf("%s", bare)
	}
}

// TestC64_UnusableDialects: whatever a peer wrote, the envelope is well-formed
// and its five prefixes differ.
func TestC64_UnusableDialects(t *testing.T) {
	tests := []struct{ in, want Dialect }{
		{Dialect{}, DefaultDialect},
		{Dialect{"", "", "urn:x"}, Dialect{"soap-env", "cwmp", "urn:x"}},
		{Dialect{"s", "s", ""}, Dialect{"s", "cwmp", "urn:dslforum-org:cwmp-1-0"}},
		{Dialect{"cwmp", "", "urn:x"}, Dialect{"soap-env", "cwmp", "urn:x"}},
		{Dialect{"soap-enc", "xsi", "urn:x"}, Dialect{"soap-env", "cwmp", "urn:x"}},
		{Dialect{"1a", "a b", "urn:x"}, Dialect{"soap-env", "cwmp", "urn:x"}},
		{Dialect{"a1.-_", "\u00e9", "urn:x"}, Dialect{"a1.-_", "cwmp", "urn:x"}},
		{Dialect{`a"><x`, "xmlns", "urn:\"<&>'"}, Dialect{"soap-env", "cwmp", "urn:\"<&>'"}},
	}
	for _, tt := range tests {
		body := InformResponse(tt.in, "1")
		checkWellFormed(t, "InformResponse", body)
		if m := mustScan(t, string(body), Options{}); m.Dialect != tt.want {
			t.Errorf("%+v: %+v, want %+v", tt.in, m.Dialect, tt.want)
		}
	}
}

// TestC57_MirroredDialect answers a CPE as it speaks.
func TestC57_MirroredDialect(t *testing.T) {
	for name, body := range captures(t) {
		m, err := Scan(body, Options{})
		if err != nil || m.Method != MethodInform {
			continue
		}
		answer := mustScan(t, string(InformResponse(m.Dialect, m.ID)), Options{})
		if answer.Dialect != m.Dialect || answer.ID != m.ID || answer.Method != "InformResponse" || answer.Kind != Response {
			t.Errorf("%s: %+v", name, answer)
		}
	}
}

func TestBooleans(t *testing.T) {
	for in, want := range map[string]string{"true": "1", "false": "0", "1": "1", "0": "0", "": "", "maybe": "maybe"} {
		if _, got := xsdValue(Param{Value: in, Type: "boolean"}); got != want {
			t.Errorf("%q: %q", in, got)
		}
		if _, got := xsdValue(Param{Value: in}); got != in {
			t.Errorf("string %q: %q", in, got)
		}
	}
}

func TestSOAPFaultCodes(t *testing.T) {
	for code, want := range map[string]string{"9003": "Client", "9008": "Client", "8003": "Client", "9001": "Server", "8005": "Server", "9801": "Server"} {
		if body := string(FaultEnvelope(DefaultDialect, "1", code, "x")); !strings.Contains(body, "<faultcode>"+want+"</faultcode>") {
			t.Errorf("%s: %s", code, body)
		}
		if m := mustScan(t, string(FaultEnvelope(DefaultDialect, "1", code, "x")), Options{}); m.Kind != Fault || m.FaultCode != code || m.FaultString != "x" {
			t.Errorf("%s: %+v", code, m)
		}
	}
}
