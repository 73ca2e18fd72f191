package cwmp

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	gocmp "github.com/google/go-cmp/cmp"
)

// envelopeOf wraps what goes into Header and Body.
func envelopeOf(header, body string) string {
	return `<soap-env:Envelope xmlns:soap-env="http://schemas.xmlsoap.org/soap/envelope/" xmlns:cwmp="urn:dslforum-org:cwmp-1-0">` +
		`<soap-env:Header>` + header + `</soap-env:Header><soap-env:Body>` + body + `</soap-env:Body></soap-env:Envelope>`
}

const deviceXML = `<DeviceId><Manufacturer>Make</Manufacturer><OUI>00D09E</OUI><ProductClass>HG8245</ProductClass><SerialNumber>SN1</SerialNumber></DeviceId>`

var testDevice = DeviceID{"Make", "00D09E", "HG8245", "SN1"}

// informOf is an Inform with the elements given after its DeviceId.
func informOf(rest string) string {
	return envelopeOf(`<cwmp:ID>7</cwmp:ID>`, `<cwmp:Inform>`+deviceXML+rest+`</cwmp:Inform>`)
}

func paramOf(name, value string) string {
	return `<ParameterValueStruct><Name>` + name + `</Name><Value>` + value + `</Value></ParameterValueStruct>`
}

func mustScan(t *testing.T, body string, opts Options) Message {
	t.Helper()
	m, err := Scan([]byte(body), opts)
	if err != nil {
		t.Fatalf("scan: %v\n%s", err, body)
	}
	return m
}

// TestC50_PrefixesAndNamespaces is the corpus of six prefixes by six
// namespaces, each with the declarations on the envelope and close to their
// use.
func TestC50_PrefixesAndNamespaces(t *testing.T) {
	prefixes := []string{"SOAP-ENV", "soapenv", "soap-env", "soap_env", "soap", ""}
	namespaces := []string{
		"urn:dslforum-org:cwmp-1-0", "urn:dslforum-org:cwmp-1-1", "urn:dslforum-org:cwmp-1-2",
		"urn:dslforum-org:cwmp-1-3", "urn:dslforum-org:cwmp-1-4", "urn:example:unknown",
	}
	for _, prefix := range prefixes {
		for _, namespace := range namespaces {
			for _, where := range []string{"Envelope", "Body", "Inform"} {
				body := c50Body(prefix, namespace, where)
				m := mustScan(t, body, Options{})
				want := Dialect{prefix, "cwmp", namespace}
				if m.Kind != Request || m.Method != MethodInform || m.ID != "7" || m.Device != testDevice || m.Dialect != want {
					t.Errorf("prefix %q namespace %q declared on %s: %+v", prefix, namespace, where, m)
				}
			}
		}
	}
}

func c50Body(prefix, namespace, where string) string {
	p, declare := prefix+":", "xmlns:"+prefix
	if prefix == "" {
		p, declare = "", "xmlns"
	}
	on := func(element string) string {
		if element == where {
			return fmt.Sprintf(` xmlns:cwmp='%s'`, namespace)
		}
		return ""
	}
	return fmt.Sprintf(`<%[1]sEnvelope %[2]s="http://schemas.xmlsoap.org/soap/envelope/"%[3]s><%[1]sHeader><cwmp:ID %[1]smustUnderstand="1">7</cwmp:ID></%[1]sHeader>`+
		`<%[1]sBody%[4]s><cwmp:Inform%[5]s>%[6]s</cwmp:Inform></%[1]sBody></%[1]sEnvelope>`,
		p, declare, on("Envelope"), on("Body"), on("Inform"), deviceXML)
}

func TestC50_DefaultNamespaceOnTheRPC(t *testing.T) {
	m := mustScan(t, `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Header><ID xmlns="urn:x">9</ID></Header>`+
		`<Body><Inform xmlns="urn:dslforum-org:cwmp-1-1">`+deviceXML+`</Inform></Body></Envelope>`, Options{})
	if want := (Dialect{"", "", "urn:dslforum-org:cwmp-1-1"}); m.Dialect != want || m.ID != "9" || m.Device != testDevice {
		t.Errorf("%+v", m)
	}
}

// TestC50_Dialect shows where the dialect comes from when the RPC cannot tell.
func TestC50_Dialect(t *testing.T) {
	tests := []struct {
		name, body string
		want       Dialect
	}{
		{"SOAP fault, from the ID", `<s:Envelope xmlns:c="urn:c"><s:Header><c:ID>1</c:ID></s:Header><s:Body><s:Fault/></s:Body></s:Envelope>`, Dialect{"s", "c", "urn:c"}},
		{"SOAP fault, from the detail", `<s:Envelope><s:Body><s:Fault><detail><c:Fault xmlns:c="urn:d"/></detail></s:Fault></s:Body></s:Envelope>`, Dialect{"s", "c", "urn:d"}},
		{"empty body", `<s:Envelope xmlns:c="urn:c"><s:Header><c:HoldRequests>1</c:HoldRequests></s:Header><s:Body/></s:Envelope>`, Dialect{"s", "c", "urn:c"}},
		{"undeclared prefix", `<s:Envelope><s:Body><c:Inform/></s:Body></s:Envelope>`, Dialect{"s", "c", ""}},
		{"foreign headers tell nothing", `<s:Envelope><s:Header><w:Security xmlns:w="urn:w"/></s:Header><s:Body><c:Reboot xmlns:c="urn:c"/></s:Body></s:Envelope>`, Dialect{"s", "c", "urn:c"}},
		{"the RPC wins over the header", `<s:Envelope xmlns:a="urn:a" xmlns:b="urn:b"><s:Header><a:ID>1</a:ID></s:Header><s:Body><b:Reboot/></s:Body></s:Envelope>`, Dialect{"s", "b", "urn:b"}},
		{"the inner declaration wins", `<s:Envelope xmlns:c="urn:outer"><s:Body xmlns:c="urn:inner"><c:Reboot/></s:Body></s:Envelope>`, Dialect{"s", "c", "urn:inner"}},
		{"a namespace with an entity", `<s:Envelope xmlns:c="urn:a&amp;b"><s:Body><c:Reboot/></s:Body></s:Envelope>`, Dialect{"s", "c", "urn:a&b"}},
	}
	for _, tt := range tests {
		if m := mustScan(t, tt.body, Options{}); m.Dialect != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, m.Dialect, tt.want)
		}
	}
}

// TestC52_Tolerance lists what CPEs get wrong and Scan reads all the same.
func TestC52_Tolerance(t *testing.T) {
	plain := informOf("")
	tests := []struct{ name, body string }{
		{"plain", plain},
		{"byte order mark", "\uFEFF" + plain},
		{"byte order mark and declaration", "\uFEFF<?xml version=\"1.0\"?>" + plain},
		{"newlines before the declaration", "\r\n\n  <?xml version=\"1.0\"?>\n" + plain},
		{"NULs before", "\x00\x00" + plain},
		{"trailing NULs", plain + "\x00\x00\x00"},
		{"trailing garbage", plain + "\r\n0\r\n\r\n<<>&</x>"},
		{"trailing comment that never ends", plain + "<!-- "},
		{"trailing bytes of an older message", plain + "ber></DeviceId></cwmp:Inform>"},
		{"text between elements", strings.ReplaceAll(plain, "><", ">\x01 &  < 5 \x7f<")},
		{"processing instructions", strings.ReplaceAll(plain, "<cwmp:Inform>", "<?x <y> ?><cwmp:Inform>")},
		{"comment with a look-alike", strings.ReplaceAll(plain, "<DeviceId>", "<!-- <DeviceId><SerialNumber>EVIL</SerialNumber></DeviceId> --><DeviceId>")},
		{"comment inside a value", strings.ReplaceAll(plain, "SN1", "S<!-- <x> -->N1")},
		{"CDATA", strings.ReplaceAll(plain, "SN1", "<![CDATA[SN1]]>")},
		{"CDATA in parts", strings.ReplaceAll(plain, "SN1", "S<![CDATA[N]]>1")},
		{"numeric references", strings.ReplaceAll(plain, "SN1", "&#83;&#x4e;&#x00031;")},
		{"white space around values", strings.ReplaceAll(plain, "SN1", "\r\n\t SN1 \x00")},
		{"white space in tags", strings.NewReplacer("<OUI>", "<OUI \r\n\t>", "</OUI>", "</OUI \n>").Replace(plain)},
		{"attributes with markup", strings.ReplaceAll(plain, "<OUI>", `<OUI a='/>' b="<OUI>" c>`)},
		{"single quotes", strings.ReplaceAll(plain, `"`, "'")},
		{"elements that nobody asked for", strings.ReplaceAll(plain, "<DeviceId>", "<X_Extra><DeviceId><SerialNumber>EVIL</SerialNumber></DeviceId></X_Extra><DeviceId>")},
		{"body before header", bodyFirst(plain)},
		{"lower-case OUI with dashes", strings.ReplaceAll(plain, "00D09E", "00-d0-9e")},
		{"OUI without its zeros", strings.ReplaceAll(plain, "00D09E", "D09E")},
		{"the identity twice", strings.ReplaceAll(plain, deviceXML, deviceXML+deviceXML)},
	}
	for _, tt := range tests {
		m := mustScan(t, tt.body, Options{})
		if m.Kind != Request || m.Method != MethodInform || m.Device != testDevice || m.ID != "7" {
			t.Errorf("%s: %+v", tt.name, m)
		}
	}
}

func bodyFirst(body string) string {
	a, b := strings.Index(body, "<soap-env:Header>"), strings.Index(body, "<soap-env:Body>")
	c := strings.Index(body, "</soap-env:Envelope>")
	return body[:a] + body[b:c] + body[a:b] + body[c:]
}

// TestC52_Values lists values as sent and as reported.
func TestC52_Values(t *testing.T) {
	tests := []struct{ raw, want string }{
		{"", ""},
		{"(null)", "(null)"},
		{"a & b", "a & b"},
		{"http://x/?a=1&b=2&amp;c=3", "http://x/?a=1&b=2&c=3"},
		{"&lt;&gt;&amp;&quot;&apos;", `<>&"'`},
		{"&nbsp;&unknown;&", "&nbsp;&unknown;&"},
		{"&#0;&#x110000;&#xD800;&#;&#x;&#12", "\x00&#x110000;&#xD800;&#;&#x;&#12"},
		{"&#x1F600;", "\U0001F600"},
		{"&#99999999999999999999;", "&#99999999999999999999;"},
		{"a\r\nb\rc\nd", "a\nb\nc\nd"},
		{"x<![CDATA[<b>&amp;\r\n]]]]>y", "x<b>&amp;\n]]y"},
		{"<![CDATA[]]>", ""},
		{"5 < 6", "5 < 6"},
		{"<string>inner</string>", "inner"},
		{"control \x01\x08 characters", "control \x01\x08 characters"},
		{"caf\u00e9", "caf\u00e9"},
		{"caf\xe9", "caf\u00e9"}, // Latin-1 in what says to be UTF-8
	}
	for _, tt := range tests {
		m := mustScan(t, informOf("<ParameterList>"+paramOf("Device.X", tt.raw)+"</ParameterList>"), Options{Params: everything})
		if len(m.Params) != 1 {
			t.Fatalf("%q: %+v", tt.raw, m.Params)
		}
		if want := strings.Trim(tt.want, blanks); m.Params[0].Value != want {
			t.Errorf("%q: value %q, want %q", tt.raw, m.Params[0].Value, want)
		}
	}
}

func TestC52_EmptyIdentity(t *testing.T) {
	for _, device := range []string{
		"", "<DeviceId/>", "<DeviceId></DeviceId>",
		"<DeviceId><Manufacturer/><OUI></OUI><ProductClass> </ProductClass><SerialNumber>\x00</SerialNumber></DeviceId>",
	} {
		m := mustScan(t, envelopeOf("", "<cwmp:Inform>"+device+"</cwmp:Inform>"), Options{})
		if m.Kind != Request || m.Device != (DeviceID{}) {
			t.Errorf("%s: %+v", device, m)
		}
	}
}

// TestC52_DuplicateParameters: both are reported, so that both can be edited.
func TestC52_DuplicateParameters(t *testing.T) {
	list := "<ParameterList>" + paramOf("Device.X", "1") + paramOf("Device.X", "2") + "</ParameterList>"
	m := mustScan(t, informOf(list), Options{Params: everything})
	if len(m.Params) != 2 || m.Params[0].Value != "1" || m.Params[1].Value != "2" {
		t.Errorf("%+v", m.Params)
	}
}

// TestC53_IdentitiesStayDifferent: what differs on the wire differs as a key.
func TestC53_IdentitiesStayDifferent(t *testing.T) {
	parts := [][3]string{
		{"00D09E", "A", "1"}, {"00D09E", "B", "1"}, {"00D09E", "", "1"}, {"00D09E", "A", "1/2"},
		{"00D09E", "A", "1 2"}, {"00D09E", "A", "1%202"}, {"00D09E", "A", "1:2"}, {"00D09E", "A", "1-2"},
		{"00D09E", "A-1", "2"}, {"", "A", "1"}, {"ISP", "A", "1"}, {"00D09E", "A", "é"}, {"00D09E", "A", "\xe9\x01"},
	}
	seen := map[Key]bool{}
	for _, p := range parts {
		m := mustScan(t, envelopeOf("", fmt.Sprintf(`<cwmp:Inform><DeviceId><OUI>%s</OUI><ProductClass>%s</ProductClass><SerialNumber>%s</SerialNumber></DeviceId></cwmp:Inform>`, p[0], p[1], p[2])), Options{})
		if seen[m.Device.Key()] {
			t.Errorf("%q: %+v was seen before", p, m.Device.Key())
		}
		seen[m.Device.Key()] = true
	}
}

// TestC54_SecondIdentity: an Inform must not show one identity to the gateway
// and another to the ACS.
func TestC54_SecondIdentity(t *testing.T) {
	other := strings.Replace(deviceXML, "SN1", "SN2", 1)
	tests := []struct{ name, body string }{
		{"two DeviceIds", informOf(other)},
		{"two serials", strings.Replace(informOf(""), "</SerialNumber>", "</SerialNumber><SerialNumber>SN2</SerialNumber>", 1)},
		{"an empty serial after the true one", strings.Replace(informOf(""), "</SerialNumber>", "</SerialNumber><SerialNumber/>", 1)},
		{"two Informs in a body", strings.Replace(informOf(""), "</cwmp:Inform>", "</cwmp:Inform><cwmp:Inform>"+other+"</cwmp:Inform>", 1)},
		{"an Inform behind another RPC", envelopeOf("", "<cwmp:Kicked/><cwmp:Inform>"+deviceXML+"</cwmp:Inform>")},
		{"an Inform in a second Body", strings.Replace(informOf(""), "</soap-env:Body>", "</soap-env:Body><soap-env:Body><cwmp:Inform>"+other+"</cwmp:Inform></soap-env:Body>", 1)},
	}
	for _, tt := range tests {
		if m, err := Scan([]byte(tt.body), Options{}); !errors.Is(err, ErrAmbiguous) || m.Kind != Unknown || m.Device != (DeviceID{}) {
			t.Errorf("%s: %v %+v", tt.name, err, m)
		}
	}
}

// TestLookAlikes: an element of the right name in the wrong place is nothing.
func TestLookAlikes(t *testing.T) {
	m := mustScan(t, envelopeOf(
		`<x:Wrap><cwmp:ID>wrong</cwmp:ID><cwmp:HoldRequests>1</cwmp:HoldRequests></x:Wrap>`,
		`<cwmp:GetParameterValues><ID>wrong</ID><DeviceId><SerialNumber>wrong</SerialNumber></DeviceId><Fault><FaultCode>9000</FaultCode></Fault>`+
			`<ParameterList>`+paramOf("Device.Wrong", "x")+`</ParameterList></cwmp:GetParameterValues><Header><ID>wrong</ID></Header>`),
		Options{Params: everything})
	want := Message{Kind: Request, Method: MethodGetParameterValues, Dialect: DefaultDialect, Charset: "utf-8"}
	if diff := gocmp.Diff(want, m); diff != "" {
		t.Error(diff)
	}
}

// TestC55_Headers reads HoldRequests and NoMoreRequests in all spellings.
func TestC55_Headers(t *testing.T) {
	tests := []struct {
		header         string
		hold, noMore   bool
		sessionTimeout int
		wantID         string
	}{
		{header: ``},
		{header: `<cwmp:HoldRequests>1</cwmp:HoldRequests>`, hold: true},
		{header: `<cwmp:HoldRequests> TRUE
</cwmp:HoldRequests>`, hold: true},
		{header: `<cwmp:HoldRequests>0</cwmp:HoldRequests>`},
		{header: `<cwmp:HoldRequests>false</cwmp:HoldRequests>`},
		{header: `<cwmp:HoldRequests/>`},
		{header: `<cwmp:NoMoreRequests>true</cwmp:NoMoreRequests>`, noMore: true},
		{header: `<cwmp:SessionTimeout>60</cwmp:SessionTimeout>`, sessionTimeout: 60},
		{header: `<cwmp:SessionTimeout>2147483647</cwmp:SessionTimeout>`, sessionTimeout: 1<<31 - 1},
		{header: `<cwmp:SessionTimeout>2147483648</cwmp:SessionTimeout>`},
		{header: `<cwmp:SessionTimeout>1 2</cwmp:SessionTimeout>`},
		{header: `<cwmp:SessionTimeout>-5</cwmp:SessionTimeout>`},
		{header: `<cwmp:SessionTimeout>99999999999999999999</cwmp:SessionTimeout>`},
		{header: `<cwmp:SessionTimeout>(null)</cwmp:SessionTimeout>`},
		{header: `<x:ID xmlns:x="urn:x"> a b </x:ID><cwmp:ID>second</cwmp:ID>`, wantID: "a b"},
	}
	for _, tt := range tests {
		m := mustScan(t, envelopeOf(tt.header, `<cwmp:InformResponse/>`), Options{})
		if m.HoldRequests != tt.hold || m.NoMore != tt.noMore || m.SessionTimeout != tt.sessionTimeout || m.ID != tt.wantID {
			t.Errorf("%s: %+v", tt.header, m)
		}
	}
}

// TestC56_SeveralEnvelopes: each is read, with offsets in the whole body.
func TestC56_SeveralEnvelopes(t *testing.T) {
	one := informOf("<ParameterList>" + paramOf("Device.A", "1") + "</ParameterList>")
	two := "<?xml version='1.0'?>\n" + envelopeOf("<cwmp:ID>8</cwmp:ID>", "<cwmp:SetParameterValues><ParameterList>"+paramOf("Device.B", "2")+"</ParameterList></cwmp:SetParameterValues>")
	body := one + "\r\n<!-- <Envelope> -->\x00" + two + "\x00"
	first := mustScan(t, body, Options{})
	if want := strings.Index(body, two); first.Rest != want {
		t.Errorf("rest %d, want %d", first.Rest, want)
	}
	all, err := ScanAll([]byte(body), Options{Params: everything})
	if err != nil || len(all) != 2 {
		t.Fatalf("%v %+v", err, all)
	}
	if all[0].Method != MethodInform || all[1].Method != MethodSetParameterValues || all[1].ID != "8" || all[1].Rest != 0 {
		t.Errorf("%+v", all)
	}
	for i, want := range []string{"1", "2"} {
		if at := all[i].Params[0].At; body[at.Start:at.End] != want {
			t.Errorf("envelope %d: value %q", i, body[at.Start:at.End])
		}
	}
	if at := all[1].Declaration; body[at.Start:at.End] != "<?xml version='1.0'?>" {
		t.Errorf("declaration %q", body[at.Start:at.End])
	}
}

func TestC56_ProblemInTheSecond(t *testing.T) {
	all, err := ScanAll([]byte(informOf("")+"<Envelope><Body>"), Options{})
	if !errors.Is(err, ErrTruncated) || len(all) != 1 || all[0].Device != testDevice {
		t.Errorf("%v %+v", err, all)
	}
	all, err = ScanAll([]byte(strings.Repeat("<Envelope/>", maxEnvelopes+1)), Options{})
	if !errors.Is(err, ErrEnvelopes) || len(all) != maxEnvelopes {
		t.Errorf("%v, %d envelopes", err, len(all))
	}
}

// TestC57_OtherNamespaceNextTime: nothing of a scan stays for the next.
func TestC57_OtherNamespaceNextTime(t *testing.T) {
	for _, namespace := range []string{"urn:dslforum-org:cwmp-1-1", "urn:dslforum-org:cwmp-1-0"} {
		m := mustScan(t, strings.ReplaceAll(informOf(""), "urn:dslforum-org:cwmp-1-0", namespace), Options{})
		if m.Dialect.Namespace != namespace || m.Device != testDevice {
			t.Errorf("%+v", m)
		}
	}
}

// TestC59_Faults counts on the code: of the detail, else of SOAP.
func TestC59_Faults(t *testing.T) {
	tests := []struct{ body, code, text string }{
		{`<s:Fault><faultcode>Client</faultcode><faultstring>CWMP fault</faultstring><detail><cwmp:Fault><FaultCode>9005</FaultCode><FaultString>Bad &amp; name</FaultString></cwmp:Fault></detail></s:Fault>`, "9005", "Bad & name"},
		{`<s:Fault><faultcode>SOAP-ENV:Server</faultcode><faultstring>no such thing</faultstring></s:Fault>`, "Server", "no such thing"},
		{`<s:Fault><faultcode>Client</faultcode><detail><cwmp:Fault><FaultCode> </FaultCode></cwmp:Fault></detail></s:Fault>`, "Client", ""},
		{`<s:Fault/>`, "", ""},
		{`<s:Fault><detail><cwmp:Fault><FaultCode>9003</FaultCode><SetParameterValuesFault><FaultCode>9007</FaultCode></SetParameterValuesFault></cwmp:Fault></detail></s:Fault>`, "9003", ""},
		{`<s:Fault><FaultCode>9999</FaultCode><faultcode>a:</faultcode></s:Fault>`, "a:", ""},
		{`<s:Fault><faultstring>` + strings.Repeat("é", 2000) + `</faultstring></s:Fault>`, "", strings.Repeat("é", maxIdentifier/2)},
	}
	for _, tt := range tests {
		m := mustScan(t, envelopeOf("", tt.body), Options{})
		if m.Kind != Fault || m.Method != MethodFault || m.FaultCode != tt.code || m.FaultString != tt.text {
			t.Errorf("%.200s: %v %q %q", tt.body, m.Kind, m.FaultCode, m.FaultString)
		}
	}
}

// TestC65_Attributes is the form of netcwmp: attributes everywhere, the XML
// Schema namespaces of 1999, a time without a zone.
func TestC65_Attributes(t *testing.T) {
	m := mustScan(t, `<SOAP-ENV:Envelope xmlns:xsi="http://www.w3.org/1999/XMLSchema-instance" xmlns:xsd="http://www.w3.org/1999/XMLSchema" xmlns:cwmp="urn:dslforum-org:cwmp-1-0"><SOAP-ENV:Body><cwmp:Inform>`+
		`<DeviceId xsi:type="cwmp:DeviceIdStruct"><Manufacturer xsi:type="xsd:string">Make</Manufacturer><OUI xsi:type="xsd:string">00D09E</OUI><ProductClass xsi:type="xsd:string">HG8245</ProductClass><SerialNumber xsi:type="xsd:string">SN1</SerialNumber></DeviceId>`+
		`<Event><EventStruct><EventCode xsi:type="xsd:string">2 PERIODIC</EventCode><CommandKey xsi:type="xsd:string">k</CommandKey></EventStruct></Event>`+
		`<MaxEnvelopes xsi:type="xsd:unsignedInt">1</MaxEnvelopes><CurrentTime xsi:type="xsd:dateTime">2026-11-21T02:55:26</CurrentTime><RetryCount xsi:type="xsd:unsignedInt">3</RetryCount>`+
		`<ParameterList><ParameterValueStruct xsi:type="x"><Name xsi:type="xsd:string">Device.X</Name><Value a="1" xsi:type=" xsd:boolean ">1</Value></ParameterValueStruct></ParameterList>`+
		`</cwmp:Inform></SOAP-ENV:Body></SOAP-ENV:Envelope>`, Options{Params: everything})
	if m.Device != testDevice || m.MaxEnvelopes != 1 || m.RetryCount != 3 || m.Root != "Device." {
		t.Errorf("%+v", m)
	}
	if len(m.Events) != 1 || m.Events[0] != (Event{EventPeriodic, "k"}) || !m.HasEvent(EventPeriodic) || m.HasEvent(EventBoot) {
		t.Errorf("events %+v", m.Events)
	}
	if len(m.Params) != 1 || m.Params[0].Name != "Device.X" || m.Params[0].Value != "1" || m.Params[0].Type != "boolean" {
		t.Errorf("params %+v", m.Params)
	}
}

func TestKinds(t *testing.T) {
	tests := []struct {
		body   string
		kind   Kind
		method string
	}{
		{"", Empty, ""},
		{" \r\n\t\x00", Empty, ""},
		{"\uFEFF\r\n", Empty, ""},
		{envelopeOf("", ""), Unknown, ""},
		{"<Envelope/>", Unknown, ""},
		{"<Envelope><Body/></Envelope>", Unknown, ""},
		{envelopeOf("", "<cwmp:Reboot/>"), Request, "Reboot"},
		{envelopeOf("", "<cwmp:RebootResponse/>"), Response, "RebootResponse"},
		{envelopeOf("", "<cwmp:R\xe9boot/>"), Request, "R\u00e9boot"},
		{envelopeOf("", "<cwmp:X_00D09E_Do/>"), Request, "X_00D09E_Do"},
		{envelopeOf("", "<s:Fault/>"), Fault, "Fault"},
		{envelopeOf("", "<cwmp:GetRPCMethods/><cwmp:Reboot/>"), Request, "GetRPCMethods"},
	}
	for _, tt := range tests {
		if m := mustScan(t, tt.body, Options{}); m.Kind != tt.kind || m.Method != tt.method {
			t.Errorf("%q: %v %q", tt.body, m.Kind, m.Method)
		}
	}
}

func TestParams(t *testing.T) {
	list := "<ParameterList>" + paramOf("InternetGatewayDevice.A", "1") + paramOf(" InternetGatewayDevice.&#66;\n", " 2 ") +
		"<ParameterValueStruct><Value>before its name</Value><Name>InternetGatewayDevice.C</Name></ParameterValueStruct>" +
		"<ParameterValueStruct><Name>InternetGatewayDevice.NoValue</Name></ParameterValueStruct>" +
		"<ParameterValueStruct><Value>no name</Value></ParameterValueStruct>" +
		"<ParameterValueStruct><Name>InternetGatewayDevice.D</Name><Value/></ParameterValueStruct></ParameterList>"
	for _, method := range []string{"Inform", "GetParameterValuesResponse", "SetParameterValues"} {
		body := envelopeOf("", "<cwmp:"+method+">"+list+"</cwmp:"+method+">")
		var asked []string
		m := mustScan(t, body, Options{Params: func(name []byte) bool {
			asked = append(asked, string(name))
			return string(name) != "InternetGatewayDevice.A"
		}})
		var got []string
		for _, p := range m.Params {
			got = append(got, p.Name+"="+p.Value+"|"+body[p.At.Start:p.At.End])
		}
		want := []string{"InternetGatewayDevice.B=2| 2 ", "InternetGatewayDevice.C=before its name|before its name", "InternetGatewayDevice.D=|"}
		if !reflect.DeepEqual(got, want) || len(asked) != 4 || m.Root != "InternetGatewayDevice." {
			t.Errorf("%s: %q, asked %q, root %q", method, got, asked, m.Root)
		}
		if m := mustScan(t, body, Options{}); m.Params != nil || m.Root != "InternetGatewayDevice." {
			t.Errorf("%s without a selection: %+v", method, m)
		}
	}
}

func TestElements(t *testing.T) {
	body := string(Download(DefaultDialect, "1", DownloadData{URL: "http://files.example/a?b&c", SuccessURL: "http://ok.example/"})) +
		string(TransferComplete(DefaultDialect, "2", TransferCompleteData{FaultCode: "9010"}))
	opts := Options{Elements: []string{"URL", "SuccessURL", "FailureURL", "FaultStruct/FaultCode", "FaultCode", ""}}
	all, err := ScanAll([]byte(body), opts)
	if err != nil || len(all) != 2 {
		t.Fatal(err, len(all))
	}
	var got []string
	for _, m := range all {
		for _, e := range m.Elements {
			got = append(got, e.Name+"="+e.Value+"|"+body[e.At.Start:e.At.End])
		}
	}
	want := []string{
		"URL=http://files.example/a?b&c|http://files.example/a?b&amp;c",
		"SuccessURL=http://ok.example/|http://ok.example/",
		"FailureURL=|",
		"FaultStruct/FaultCode=9010|9010",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
}

// TestElements_OfTheFirstRPC: neither the header nor a second child of Body is
// searched.
func TestElements_OfTheFirstRPC(t *testing.T) {
	m := mustScan(t, envelopeOf("<x><URL>1</URL></x>", "<cwmp:Download><URL>2</URL></cwmp:Download><y><URL>3</URL></y>"), Options{Elements: []string{"URL"}})
	if len(m.Elements) != 1 || m.Elements[0].Value != "2" {
		t.Errorf("%+v", m.Elements)
	}
}

// TestMemory_NothingPinsTheBody walks all strings of a message.
func TestMemory_NothingPinsTheBody(t *testing.T) {
	for name, body := range captures(t) {
		m, err := Scan(body, Options{Params: everything, Elements: testPaths})
		if err != nil {
			continue
		}
		first := uintptr(unsafe.Pointer(unsafe.SliceData(body)))
		walkStrings(reflect.ValueOf(m), func(s string) {
			at := uintptr(unsafe.Pointer(unsafe.StringData(s)))
			if len(s) > 0 && first <= at && at < first+uintptr(len(body)) {
				t.Errorf("%s: %q lies in the body", name, s)
			}
		})
	}
}

func walkStrings(v reflect.Value, visit func(string)) {
	switch v.Kind() {
	case reflect.String:
		visit(v.String())
	case reflect.Struct:
		for i := range v.NumField() {
			walkStrings(v.Field(i), visit)
		}
	case reflect.Slice:
		for i := range v.Len() {
			walkStrings(v.Index(i), visit)
		}
	}
}

// TestMemory_Allocations keeps the limit that the benchmark is held to.
func TestMemory_Allocations(t *testing.T) {
	body := benchInform()
	if n := testing.AllocsPerRun(100, func() { _, _ = Scan(body, Options{Params: selectUsual}) }); n > 8 {
		t.Errorf("%v allocations for an Inform, want at most 8", n)
	}
}
