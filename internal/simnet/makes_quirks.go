package simnet

import (
	"slices"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// icwmp is the iopsys agent: libcurl, TR-181, the prefixes of easycwmp.
func icwmp() Make {
	m := easycwmp()
	m.Name, m.Summary = "icwmp", "icwmp of iopsys (C, libcurl), TR-181"
	m.Device = cwmp.DeviceID{Manufacturer: "iopsys", OUI: "002207", ProductClass: "DG400PRIME", SerialNumber: "ICW"}
	m.Root, m.Inform = "Device.", informParams("Device.", "1.0", "iopsys-7.1.0")
	m.Style.Declaration, m.Style.Base = `<?xml version="1.0" encoding="UTF-8"?>`+"\n", 0
	m.Header = headerWith(m.Header, "User-Agent: iopsys-cwmp")
	m.Rules = Rules{Statuses: []int{200, 204, 301, 302, 307, 401, 415}, PrefixedOnly: true}
	m.URLChange = URLChange{When: URLAtSessionEnd, ValueChange: true}
	return m
}

// icwmpGzip is icwmp with HTTPCompression on; a 415 turns it off, quirk C-32.
func icwmpGzip() Make {
	m := icwmp()
	m.Name, m.Summary = "icwmp-gzip", "icwmp with compressed bodies, plain again after a 415"
	m.Device.SerialNumber = "ICZ"
	m.Encoding = "gzip"
	m.Header = slices.Insert(slices.Clone(m.Header), len(m.Header)-1, HeaderLine{"Content-Encoding: {encoding}", WithBody})
	return m
}

func rdkb() Make {
	m := generic()
	m.Name, m.Summary = "rdkb", "RDK-B; 200-empty is a failure, any Set-Cookie replaces the jar, one stray POST after the end"
	m.Device = cwmp.DeviceID{Manufacturer: "RDK", OUI: "0018BC", ProductClass: "XB3", SerialNumber: "RDK"}
	m.Inform = informParams(m.Root, "1.0", "RDKB-6.2")
	m.Style.Prefix, m.Style.EncPrefix, m.Style.Namespace = "SOAP-ENV", "SOAP-ENC", "urn:dslforum-org:cwmp-1-0"
	m.Header = []HeaderLine{
		{"Host: {host}", Always},
		{"User-Agent: HTTP Client V1.0", Always},
		{"Accept: */*", Always},
		{"Connection: keep-alive", Always},
		{"Authorization: {authorization}", Always},
		{"Cookie: {cookie}", Always},
		{"Content-Type: text/xml; charset=utf-8", WithBody},
		{"SOAPAction:", WithBody},
		{"Content-Length: {length}", Always},
	}
	m.Cookies, m.StrayPost = CookiesReplace, true
	m.URLChange = URLChange{When: URLAtSessionEnd}
	m.Rules = Rules{Statuses: []int{200, 204, 301, 302, 307, 401}, EmptyNeeds204: true, IDUnderstood: true, MaxID: 127}
	return m
}

// fritzBox answers a challenge on a new connection, quirk C-01.
func fritzBox() Make {
	m := sagemcom()
	m.Name, m.Summary = "fritzbox", "FritzBox; answers a challenge on a new connection, folds its Authorization field"
	m.Device = cwmp.DeviceID{Manufacturer: "AVM", OUI: "00040E", ProductClass: "FRITZ!Box", SerialNumber: "AVM"}
	m.Inform = informParams(m.Root, "FRITZ!Box 7590", "154.07.12")
	m.Style.Prefix, m.Style.EncPrefix = "soap", "soapenc"
	m.Header = []HeaderLine{
		{"Host: {host}", Always},
		{"User-Agent: AVM FRITZ!Box", Always},
		{"Connection: keep-alive", Always},
		{`Content-Type: text/xml; charset="utf-8"`, WithBody},
		{"SOAPAction: ", WithBody},
		{"Cookie: {cookie}", Always},
		{"Authorization: {authorization}", Always},
		{"Content-Length: {length}", Always},
	}
	m.CloseAfter401 = true
	m.Digest = DigestForm{Folded: true, QuotedNC: true}
	return m
}

// sagemcom is a gSOAP device; its empty POST carries everything (G#74).
func sagemcom() Make {
	root := "InternetGatewayDevice."
	style := compactStyle()
	style.Prefix, style.EncPrefix = "SOAP-ENV", "SOAP-ENC"
	return Make{
		Name: "sagemcom", Summary: "Sagemcom (gSOAP 2.7); Content-Type and SOAPAction on empty POSTs",
		Device: cwmp.DeviceID{Manufacturer: "Sagemcom", OUI: "149182", ProductClass: "F@ST5366", SerialNumber: "SAG"},
		Root:   root, Inform: informParams(root, "1", "SG4K100021"),
		Style: style,
		Header: []HeaderLine{
			{"Host: {host}", Always},
			{"User-Agent: gSOAP/2.7", Always},
			{"Content-Type: text/xml; charset=utf-8", Always},
			{"Content-Length: {length}", Always},
			{"Connection: keep-alive", Always},
			{"Authorization: {authorization}", Always},
			{"Cookie: {cookie}", Always},
			{`SOAPAction: ""`, Always},
		},
	}
}

func evcpe() Make {
	m := generic()
	m.Name, m.Summary = "evcpe", "evcpe (open-tr069); reads the first Set-Cookie and returns its attributes as cookies"
	m.Device = cwmp.DeviceID{Manufacturer: "evcpe", OUI: "4F4D41", ProductClass: "evcpe", SerialNumber: "EVC"}
	m.Root, m.Inform = "InternetGatewayDevice.", informParams("InternetGatewayDevice.", "1", "0.5")
	m.Style.Namespace = "urn:dslforum-org:cwmp-1-0"
	m.Header = []HeaderLine{
		{"host: {host}", Always},
		{"user-agent: evcpe", Always},
		{"content-type: text/xml", Always},
		{`soapaction: ""`, WithBody},
		{"authorization: {authorization}", Always},
		{"cookie: {cookie}", Always},
		{"content-length: {length}", WithBody},
	}
	m.Cookies = CookiesEcho
	m.Rules = Rules{MaxCookie: 512}
	return m
}

// avs is the client of avs_commons: chunked bodies that wait for a 100.
func avs() Make {
	m := generic()
	m.Name, m.Summary = "avs", "avs_commons; chunked bodies with Expect: 100-continue, RFC 2965 cookies"
	m.Device = cwmp.DeviceID{Manufacturer: "AVS", OUI: "0014C1", ProductClass: "libcwmp", SerialNumber: "AVS"}
	m.Style.Prefix, m.Style.EncPrefix, m.Style.Namespace = "soapenv", "soapenc", "urn:dslforum-org:cwmp-1-4"
	m.Header = headerWith(m.Header, "User-Agent: avs_http")
	m.Chunked, m.Expect = true, true
	m.Cookies = CookiesRFC2965
	m.Digest = DigestForm{URI: "absolute", AuthInt: true}
	return m
}

func cwmpSim() Make {
	m := generic()
	m.Name, m.Summary = "cwmp-sim", "cwmp-sim; does not reconnect, repeats nc=00000001"
	m.Device = cwmp.DeviceID{Manufacturer: "sim", OUI: "0A0B0C", ProductClass: "cwmp sim/1", SerialNumber: "SIM 100%/"}
	m.Style.Namespace = "urn:dslforum-org:cwmp-1-1"
	m.Header = headerWith(m.Header, "User-Agent: Go-http-client/1.1")
	m.NoReconnect = true
	m.Digest = DigestForm{FixedNC: true}
	return m
}

// legacy is an old stack: HTTP/1.0, no Host, a connection for each POST, one
// dirty envelope form after another.
func legacy() Make {
	m := sagemcom()
	m.Name, m.Summary = "legacy", "HTTP/1.0 without Host, a connection per POST, dirt around the envelope"
	m.Device = cwmp.DeviceID{Manufacturer: "", OUI: "e0-91-53", ProductClass: "DSL-2640", SerialNumber: "OLD:"}
	m.Inform = informParams(m.Root, "(null)", "1.00")
	m.Style.LeadingNewlines, m.Style.TrailingNULs = 2, 3
	m.Header = []HeaderLine{
		{"Content-Type: text/html", WithBody},
		{"Authorization: {authorization}", Always},
		{"Cookie: {cookie}", Always},
		{"content-length : {length}", Always},
	}
	m.HTTP10, m.Connection = true, PerPost
	return m
}

// headerWith replaces the line of the same name.
func headerWith(lines []HeaderLine, text string) []HeaderLine {
	lines = slices.Clone(lines)
	for i := range lines {
		if lineName(lines[i].Text) == lineName(text) {
			lines[i].Text = text
		}
	}
	return lines
}
