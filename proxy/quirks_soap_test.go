package proxy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// routeByOUI sends devices of the OUI 00D09E to "b", all others and what has no
// device to "a".
func routeByOUI(_ *Config, d *Deps) {
	d.Route = func(in RouteInput) Route {
		if in.Known && in.Device.OUI == "00D09E" {
			return Route{ACS: "b", Home: "b", Rule: "oui"}
		}
		return Route{ACS: "a", Home: "a", Rule: "default"}
	}
}

var (
	soapPrefixes   = []string{"SOAP-ENV", "soapenv", "soap-env", "soap_env", "soap", ""}
	cwmpNamespaces = []string{
		"urn:dslforum-org:cwmp-1-0", "urn:dslforum-org:cwmp-1-1", "urn:dslforum-org:cwmp-1-2", "urn:dslforum-org:cwmp-1-3",
		"urn:dslforum-org:cwmp-1-4", "urn:example-com:unknown-9",
	}
)

// envelope writes an RPC by hand, with any SOAP prefix, CWMP prefix and
// namespace; "" is a default namespace.
func envelope(soap, prefix, namespace, rpc, inner string) string {
	s, declare := soap+":", "xmlns:"+soap
	if soap == "" {
		s, declare = "", "xmlns"
	}
	c, declareC := prefix+":", "xmlns:"+prefix
	if prefix == "" {
		c, declareC = "", "xmlns"
	}
	return fmt.Sprintf("<%[1]sEnvelope %[2]s=\"http://schemas.xmlsoap.org/soap/envelope/\">\r\n<%[1]sHeader><%[3]sID %[4]s='%[5]s' %[1]smustUnderstand=\"1\">77</%[3]sID></%[1]sHeader>\n"+
		"<%[1]sBody ><%[3]s%[6]s %[4]s='%[5]s'>%[7]s</%[3]s%[6]s></%[1]sBody></%[1]sEnvelope>\n", s, declare, c, declareC, namespace, rpc, inner)
}

const deviceIDXML = `<DeviceId><Manufacturer>M</Manufacturer><OUI>00D09E</OUI><ProductClass>HG1</ProductClass><SerialNumber>1</SerialNumber></DeviceId>`

// TestC50_C51_U14_Spellings: six prefixes by six namespaces by three spellings
// of the CWMP prefix are routed by OUI, and no byte changes in either direction.
func TestC50_C51_U14_Spellings(t *testing.T) {
	t.Parallel()
	var answer string
	a, b := newACS(t, nil), newACS(t, func(r seen) string {
		if r.body == "" {
			return plainACS(r)
		}
		return xml200([]byte(answer))
	})
	g := newGate(t, []*fakeACS{a, b}, routeByOUI, quietly)
	for _, soap := range soapPrefixes {
		for _, namespace := range cwmpNamespaces {
			for _, prefix := range []string{"cwmp", "ns1", ""} {
				body := envelope(soap, prefix, namespace, "Inform", deviceIDXML)
				answer = envelope(soap, prefix, namespace, "InformResponse", "<MaxEnvelopes>1</MaxEnvelopes>")
				before := len(b.requests())
				p := g.dial()
				got := p.ask(post(body))
				if statusOf(t, got, 200); got.body != answer {
					t.Errorf("%q %q %q: the CPE got %q", soap, namespace, prefix, got.body)
				}
				statusOf(t, p.ask(post("")), 204)
				if r := b.requests()[before:]; len(r) != 2 || r[0].body != body {
					t.Errorf("%q %q %q: the device's ACS got %d requests", soap, namespace, prefix, len(r))
				}
			}
		}
	}
	if n := len(a.requests()); n != 0 {
		t.Errorf("%d requests on the default route", n)
	}
	for _, outcome := range g.outcomes(108) {
		if outcome != Complete {
			t.Errorf("outcome %q", outcome)
		}
	}
}

// TestC52_Corpus: what is merely untidy is routed by OUI, what cannot be read
// goes to the default route, and every byte reaches the ACS.
func TestC52_Corpus(t *testing.T) {
	t.Parallel()
	plain := inform("1")
	replace := func(old, with string) string {
		if !strings.Contains(plain, old) {
			t.Fatalf("no %q in %s", old, plain)
		}
		return strings.ReplaceAll(plain, old, with)
	}
	latin1, err := charmap.ISO8859_1.NewEncoder().String("<?xml version='1.0' encoding='iso-8859-1'?>" + replace("Maker", "Müller"))
	if err != nil {
		t.Fatal(err)
	}
	gbk, err := simplifiedchinese.GBK.NewEncoder().String("<?xml version=\"1.0\" encoding=\"GBK\"?>" + replace("Maker", "华为"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, body, acs string }{
		{"plain", plain, "b"},
		{"byte order mark", "\uFEFF<?xml version=\"1.0\"?>" + plain, "b"},
		{"newlines before the declaration", "\r\n \n<?xml version=\"1.0\"?>" + plain, "b"},
		{"trailing NULs", plain + "\x00\x00", "b"},
		{"leading NULs", "\x00" + plain, "b"},
		{"trailing dirt", plain + "\r\n\r\n--end\x7f", "b"},
		{"Latin-1", latin1, "b"},
		{"Latin-1 undeclared", strings.TrimPrefix(latin1, "<?xml version='1.0' encoding='iso-8859-1'?>"), "b"},
		{"GBK", gbk, "b"},
		{"UTF-16 little endian", utf16Text("\uFEFF"+plain, false), "b"},
		{"UTF-16 big endian", utf16Text("\uFEFF"+plain, true), "b"},
		{"UTF-16 without a mark", utf16Text("<?xml version='1.0' encoding='UTF-16'?>"+plain, false), "b"},
		{"control characters", replace("Maker", "Ma\x01\x02\x1bker"), "b"},
		{"unescaped ampersand", replace("Maker", "A & B && C&D;"), "b"},
		{"unescaped <", replace("Maker", "a < b"), "b"},
		{"blanks around values", replace("00D09E", "\r\n\t 00D09E "), "b"},
		{"OUI in lower case", replace("00D09E", "00d09e"), "b"},
		{"OUI with colons", replace("00D09E", "00:d0:9e"), "b"},
		{"empty Manufacturer and ProductClass", strings.NewReplacer("Maker", "", "HG1", "").Replace(plain), "b"},
		{"null values", strings.NewReplacer("Maker", "(null)", "HG1", "(null)").Replace(plain), "b"},
		{"attributes", replace("<OUI>", `<OUI xsi:type="xsd:string">`), "b"}, // quirk C-65
		{"empty OUI", replace("00D09E", ""), "a"},
		{"OUI that is no hex", replace("00D09E", "ACMEXX"), "a"},
		{"null OUI", replace("00D09E", "(null)"), "a"},
		{"no DeviceId", strings.ReplaceAll(plain, "DeviceId", "DevId"), "a"},
		{"cut off", plain[:len(plain)/2], "a"},
		{"no XML", "hello", "a"},
		{"HTML", "<html><body>login</body></html>", "a"},
		{"binary", "\xff\xd8\xff\xe0\x00\x10JFIF", "a"},
		{"lone surrogates", "\xff\xfe<\x00\x00\xd8", "a"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			fine := func(seen) string { return xml200(cwmp.InformResponse(cwmp.DefaultDialect, "1")) }
			acs := map[string]*fakeACS{"a": newACS(t, fine), "b": newACS(t, fine)}
			g := newGate(t, []*fakeACS{acs["a"], acs["b"]}, routeByOUI)
			statusOf(t, g.dial().ask(post(tc.body, "Content-Type: text/xml")), 200)
			if r := acs[tc.acs].requests(); len(r) != 1 || r[0].body != tc.body {
				t.Errorf("ACS %s got %d requests; the other %d", tc.acs, len(r), len(acs["a"].requests())+len(acs["b"].requests())-len(r))
			}
		})
	}
}

func utf16Text(s string, bigEndian bool) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(s)) {
		high, low := byte(u>>8), byte(u)
		if bigEndian {
			high, low = low, high
		}
		b.WriteByte(low)
		b.WriteByte(high)
	}
	return b.String()
}

// TestC53_DevicesStayApart: serials that repeat across product classes and OUIs,
// and serials that look alike to careless code, are devices of their own: all
// have sessions at once, each on its own connection.
func TestC53_DevicesStayApart(t *testing.T) {
	t.Parallel()
	id := func(oui, class, serial string) cwmp.DeviceID {
		return cwmp.DeviceID{Manufacturer: "M", OUI: oui, ProductClass: class, SerialNumber: serial}
	}
	devices := []cwmp.DeviceID{
		id("00D09E", "HG1", "1"), id("00D09E", "HG2", "1"), id("00D09E", "", "1"), id("00D09F", "HG1", "1"), id("", "HG1", "1"),
		id("ACME-X", "HG1", "1"), id("00D09E", "HG1-1", ""), id("00D09E", "HG1", "1-1"), id("00D09E", "HG1", "01"),
		id("00D09E", "HG1", "SN 1"), id("00D09E", "HG1", "SN%201"), id("00D09E", "HG1", "SN%2F1"), id("00D09E", "HG1", "SN/1"),
		id("00D09E", "HG1", "/64:68:0c:00"), id("00D09E", "HG1", "sn1"), id("00D09E", "HG1", "SN1"), id("00D09E", "HG1", "ä&<>\"'"),
		id("00D09E", "hg1", "1"), id("00D09E", "HG1", "*"), id("00D09E", "HG1", "1;x=y"),
	}
	acs := newACS(t, nil)
	g := newGate(t, []*fakeACS{acs})
	phones := make([]*phone, len(devices))
	for i, d := range devices {
		phones[i] = g.dial()
		statusOf(t, phones[i].ask(post(informOf(d))), 200)
	}
	if n := g.SessionCount(""); n != len(devices) {
		t.Errorf("%d sessions of %d devices", n, len(devices))
	}
	for _, p := range phones {
		statusOf(t, p.ask(post("")), 204)
	}
	for i, outcome := range g.outcomes(len(devices)) {
		if outcome != Complete || g.ended[i].Device != devices[i] {
			t.Errorf("%+v: %s", g.ended[i].Device, outcome)
		}
	}
	perConn := map[int]int{}
	for _, r := range acs.requests() {
		perConn[r.conn]++
	}
	if len(perConn) != len(devices) {
		t.Errorf("%d connections for %d devices", len(perConn), len(devices))
	}
}

// TestC53_OneDeviceTwoSpellings: the case and the dashes of an OUI make no other
// device.
func TestC53_OneDeviceTwoSpellings(t *testing.T) {
	t.Parallel()
	g := newGate(t, []*fakeACS{newACS(t, nil)})
	for _, oui := range []string{"00D09E", "00d09e", "00-D0-9E"} {
		d := device("1")
		d.OUI = oui
		statusOf(t, g.dial().ask(post(informOf(d))), 200)
	}
	if got := g.outcomes(2); !slices.Equal(got, []string{Superseded, Superseded}) || g.SessionCount("") != 1 {
		t.Errorf("outcomes %q, %d sessions", got, g.SessionCount(""))
	}
}

// TestC56_SeveralEnvelopes in one body pass unchanged in both directions, and
// each is noted.
func TestC56_SeveralEnvelopes(t *testing.T) {
	t.Parallel()
	d := cwmp.DefaultDialect
	fromCPE := inform("1") + "\r\n" + string(cwmp.TransferComplete(d, "2", cwmp.TransferCompleteData{}))
	fromACS := string(cwmp.InformResponse(d, "1")) + string(cwmp.TransferCompleteResponse(d, "2"))
	rpcs := string(cwmp.GetRPCMethods(d, "3")) + "\n" + string(cwmp.Reboot(d, "4", "k"))
	faults := string(cwmp.GetRPCMethodsResponse(d, "3", nil)) + string(cwmp.FaultEnvelope(d, "4", "9001", "no"))
	acs := newACS(t, func(r seen) string {
		switch r.body {
		case fromCPE:
			return xml200([]byte(fromACS))
		case "":
			return xml200([]byte(rpcs))
		}
		return "HTTP/1.1 204 No Content\r\n\r\n"
	})
	g := newGate(t, []*fakeACS{acs})
	p := g.dial()
	if a := p.ask(post(fromCPE)); a.body != fromACS {
		t.Errorf("the CPE got %q", a.body)
	}
	if a := p.ask(post("")); a.body != rpcs {
		t.Errorf("the CPE got %q", a.body)
	}
	statusOf(t, p.ask(post(faults)), 204)
	if r := acs.requests(); len(r) != 3 || r[0].body != fromCPE || r[2].body != faults {
		t.Errorf("the ACS got %d requests", len(r))
	}
	g.outcomes(1)
	if s := g.ended[0]; !slices.Equal(s.RPCs, []string{"Inform", "TransferComplete", "GetRPCMethods", "Reboot"}) || !slices.Equal(s.Faults, []string{"9001"}) {
		t.Errorf("RPCs %q, faults %q", s.RPCs, s.Faults)
	}
	for method, side := range map[string]string{"TransferComplete": "cpe", "Reboot": "acs"} {
		if n := g.counter("acsgate_rpcs_total", "method", method, "side", side); n != 1 {
			t.Errorf("%s counted %v times", method, n)
		}
	}
}

// TestC54_SecondEnvelope: nobody informs of another device behind the back of
// the envelope that was routed.
func TestC54_SecondEnvelope(t *testing.T) {
	t.Parallel()
	acs := newACS(t, nil)
	g := newGate(t, []*fakeACS{acs})
	statusOf(t, g.dial().ask(post(inform("1")+inform("2"))), 400)
	statusOf(t, g.dial().ask(post(string(cwmp.TransferComplete(cwmp.DefaultDialect, "2", cwmp.TransferCompleteData{}))+inform("2"))), 400)
	if n := len(acs.requests()); n != 0 {
		t.Errorf("%d requests at the ACS", n)
	}
	statusOf(t, g.dial().ask(post(inform("1")+inform("1"))), 200)
}

// TestC54_OthersNonce: an Inform of another device with the victim's nonce and
// user name, from the victim's address, gets a session of its own.
func TestC54_OthersNonce(t *testing.T) {
	t.Parallel()
	acs := newACS(t, digestACS)
	g := newGate(t, []*fakeACS{acs})
	victim := g.dial()
	statusOf(t, victim.ask(post(inform("1"))), 401)
	statusOf(t, g.dial().ask(post(inform("2"), digestLine("n1", "u"))), 401)
	statusOf(t, victim.ask(post(inform("1"), digestLine("n1", "u"))), 200)
	statusOf(t, g.dial().ask(post(inform("2"), digestLine("n1", "u"))), 401)
	statusOf(t, victim.ask(post("", digestLine("n1", "u"))), 204)
	for _, r := range acs.requests() {
		if r.device.SerialNumber == "2" && r.conn == 1 {
			t.Error("the other device spoke on the victim's connection")
		}
	}
}

// TestC57_FallsBackToAnOlderNamespace: refused in cwmp-1-1, the CPE comes back
// in cwmp-1-0; it is the same device at the same ACS.
func TestC57_FallsBackToAnOlderNamespace(t *testing.T) {
	t.Parallel()
	const old = "urn:dslforum-org:cwmp-1-0"
	acs := newACS(t, func(r seen) string {
		if r.msg.Method == "Inform" && r.msg.Dialect.Namespace != old {
			return xml200(cwmp.FaultEnvelope(r.msg.Dialect, r.msg.ID, "8006", "unsupported version"))
		}
		return plainACS(r)
	})
	g := newGate(t, []*fakeACS{newACS(t, nil), acs}, routeByOUI)
	p := g.dial()
	for _, namespace := range []string{"urn:dslforum-org:cwmp-1-1", old} {
		a := p.ask(post(envelope("soapenv", "cwmp", namespace, "Inform", deviceIDXML)))
		if statusOf(t, a, 200); !strings.Contains(a.body, namespace) {
			t.Errorf("the answer is not in %s: %s", namespace, a.body)
		}
	}
	statusOf(t, p.ask(post("")), 204)
	if got := g.outcomes(2); !slices.Equal(got, []string{ACSRefused, Complete}) || g.ended[0].Device != g.ended[1].Device {
		t.Errorf("outcomes %q of %v and %v", got, g.ended[0].Device, g.ended[1].Device)
	}
}

// TestC58_NeverAnswersSOAP: no answer of the gateway's own is an envelope, and
// none is a 200.
func TestC58_NeverAnswersSOAP(t *testing.T) {
	t.Parallel()
	down, full := newACS(t, nil), newACS(t, nil)
	down.stop()
	g := newGate(t, []*fakeACS{down, full}, func(c *Config, d *Deps) {
		c.Upstreams[1].Limits.Sessions = 1
		d.Route = func(in RouteInput) Route {
			return Route{ACS: map[string]string{"HG1": "a", "HG2": "b"}[in.Device.ProductClass]}
		}
	})
	other := device("1")
	other.ProductClass = "HG2"
	p := g.dial()
	cookie := p.ask(post(informOf(other))).cookie(t)
	another := other
	another.SerialNumber = "2"
	statusOf(t, p.ask(post("", "Cookie: "+cookie)), 204)
	rpc := string(cwmp.GetRPCMethods(cwmp.DefaultDialect, "1"))
	holder := g.dial()
	statusOf(t, holder.ask(post(informOf(other))), 200)
	for name, a := range map[string]answered{
		"ACS down":           g.dial().ask(post(inform("1"))),
		"no admission":       g.dial().ask(post(informOf(another))),
		"no ACS":             g.dial().ask(post(rpc)),
		"stray empty POST":   p.ask(post("", "Cookie: "+cookie)),
		"session over":       g.dial().ask(post(rpc, "Cookie: "+cookie)),
		"not to be read":     g.dial().ask("POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n"),
		"not even a request": g.dial().ask("<soap:Envelope/>\r\n\r\n"),
	} {
		if a.status == 200 || strings.HasPrefix(strings.TrimSpace(a.body), "<") || strings.Contains(a.fields.Get("Content-Type"), "xml") {
			t.Errorf("%s: %s%s", name, a.raw, a.body)
		}
	}
}

// TestC59_FaultsAreLeftAloneAndCounted: of both sides, by code in the metrics
// and by device in the session's summary and log line.
func TestC59_FaultsAreLeftAloneAndCounted(t *testing.T) {
	t.Parallel()
	d := cwmp.DefaultDialect
	fault := func(code string) string {
		return strings.Replace(string(cwmp.FaultEnvelope(d, "9", code, "CWMP fault & <more>")), "<detail>", "<detail >\r\n", 1)
	}
	informs := 0
	acs := newACS(t, func(r seen) string {
		switch {
		case r.msg.Method == "Inform":
			if informs++; informs == 1 {
				return xml200([]byte(fault("8005")))
			}
			return plainACS(r)
		case r.msg.Method == "TransferComplete":
			return xml200([]byte(fault("8003")))
		case r.body == "":
			return xml200(cwmp.GetRPCMethods(d, "9"))
		case strings.Contains(r.body, "9005"):
			return xml200(cwmp.Reboot(d, "9", "k"))
		}
		return plainACS(r)
	})
	core, logs := observer.New(zap.InfoLevel)
	g := newGate(t, []*fakeACS{acs}, func(_ *Config, d *Deps) { d.Log = zap.New(core) })
	p := g.dial()
	for _, step := range []struct{ say, hear string }{
		{inform("1"), fault("8005")}, {inform("1"), ""}, {string(cwmp.TransferComplete(d, "2", cwmp.TransferCompleteData{})), fault("8003")},
		{"", ""}, {fault("9005"), ""}, {fault("9801"), ""},
	} {
		a := p.ask(post(step.say))
		if step.hear != "" && a.body != step.hear {
			t.Errorf("the CPE got %q, want %q", a.body, step.hear)
		}
	}
	for i, code := range map[int]string{4: "9005", 5: "9801"} {
		if r := acs.requests(); len(r) != 6 || r[i].body != fault(code) {
			t.Errorf("the fault %s did not reach the ACS as it was", code)
		}
	}
	for _, code := range []string{"8005", "8003", "9005"} {
		if n := g.counter("acsgate_faults_total", "code", code); n != 1 {
			t.Errorf("%s counted %v times", code, n)
		}
	}
	want := []string{"8005", "8003", "9005", "9801"}
	if g.outcomes(1); !slices.Equal(g.ended[0].Faults, want) || g.ended[0].Device != device("1") {
		t.Errorf("faults %q of %v", g.ended[0].Faults, g.ended[0].Device)
	}
	if n := logs.FilterMessage("session").FilterField(zap.Strings("faults", want)).Len(); n != 1 {
		t.Errorf("%d lines with the faults: %v", n, logs.All())
	}
}

// TestC55_Sequences: several empty POSTs, and CPE requests behind them, in one
// session on one connection to the ACS.
func TestC55_Sequences(t *testing.T) {
	t.Parallel()
	d := cwmp.DefaultDialect
	tc := string(cwmp.TransferComplete(d, "2", cwmp.TransferCompleteData{}))
	methods := string(cwmp.GetRPCMethodsResponse(d, "3", []string{"Inform"}))
	hold := func(body []byte) string {
		return xml200([]byte(strings.Replace(string(body), "</cwmp:ID>", `</cwmp:ID><cwmp:HoldRequests soap-env:mustUnderstand="1">1</cwmp:HoldRequests>`, 1)))
	}
	noMore := strings.Replace(inform("1"), "</cwmp:ID>", "</cwmp:ID><cwmp:NoMoreRequests>1</cwmp:NoMoreRequests>", 1)
	informed, asks, nothing := xml200(cwmp.InformResponse(d, "1")), xml200(cwmp.GetRPCMethods(d, "3")), "HTTP/1.1 204 No Content\r\n\r\n"
	done := xml200(cwmp.TransferCompleteResponse(d, "2"))
	type turn struct{ say, hear string }
	for name, turns := range map[string][]turn{
		"requests before the empty POST": {{inform("1"), informed}, {tc, done}, {tc, done}, {"", nothing}},
		"held, empty twice, then a request": {{inform("1"), hold(cwmp.InformResponse(d, "1"))}, {"", hold(cwmp.GetRPCMethods(d, "3"))}, {methods, nothing},
			{tc, done}, {"", nothing}},
		"held and nothing to say":  {{inform("1"), hold(cwmp.InformResponse(d, "1"))}, {"", nothing}, {"", nothing}},
		"an RPC, then empty again": {{inform("1"), informed}, {"", asks}, {methods, asks}, {methods, nothing}},
		"a request behind an RPC":  {{inform("1"), hold(cwmp.InformResponse(d, "1"))}, {"", asks}, {methods, nothing}, {tc, done}, {"", asks}, {methods, nothing}},
		"NoMoreRequests":           {{noMore, informed}, {"", asks}, {methods, nothing}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			next := 0
			acs := newACS(t, func(seen) string { next++; return turns[next-1].hear })
			g := newGate(t, []*fakeACS{acs})
			p := g.dial()
			for i, turn := range turns {
				_, want, _ := strings.Cut(turn.hear, "\r\n\r\n")
				status, _ := strconv.Atoi(turn.hear[len("HTTP/1.1 "):][:3])
				a := p.ask(post(turn.say))
				if statusOf(t, a, status); a.body != want {
					t.Errorf("turn %d: %q", i, a.body)
				}
				if ended := g.SessionCount("") == 0; ended != (i == len(turns)-1) {
					t.Fatalf("after turn %d of %d: ended %v", i+1, len(turns), ended)
				}
			}
			for i, r := range acs.requests() {
				if r.conn != 1 || r.body != turns[i].say {
					t.Errorf("request %d on connection %d: %q", i, r.conn, r.body)
				}
			}
			if got := g.outcomes(1); !slices.Equal(got, []string{Complete}) {
				t.Errorf("outcomes %q", got)
			}
		})
	}
}
