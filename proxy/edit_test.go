package proxy

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/httpwire"
)

const (
	ownURL   = "http://10.1.2.3:7547/own"
	ownUDP   = "10.1.2.3:5060"
	shownURL = "http://gate.example:8080/token?a=1&b=<2>\"'"
	shownUDP = "gate.example:20001"
	// shownURLText is shownURL as XML carries it.
	shownURLText = `http://gate.example:8080/token?a=1&amp;b=&lt;2&gt;&quot;'`
)

var bothShown = Shown{shownURL, shownUDP}

// shows makes a proxy show something, and remembers what it was asked.
type shows struct {
	mu    sync.Mutex
	asked []Reported
}

func (w *shows) option(shown Shown) option {
	return func(_ *Config, d *Deps) {
		d.Shown = func(_ cwmp.DeviceID, told Reported) Shown {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.asked = append(w.asked, told)
			return shown
		}
	}
}

func showing(shown Shown) option { return new(shows).option(shown) }

// param writes a ParameterValueStruct whose value is written as it is.
func param(name, value string) string {
	return "<ParameterValueStruct>\n <Name>" + name + "</Name><Value xsi:type=\"xsd:string\">" + value + "</Value></ParameterValueStruct>\r\n"
}

func paramList(params ...string) string {
	return fmt.Sprintf("<ParameterList x:arrayType='c:ParameterValueStruct[%03d]' >%s</ParameterList>", len(params), strings.Join(params, "<!-- & -->"))
}

// informWith writes an Inform by hand.
func informWith(params ...string) string {
	return envelope("SOAP-ENV", "cwmp", "urn:dslforum-org:cwmp-1-0", "Inform", deviceIDXML+paramList(params...))
}

func valuesWith(params ...string) string {
	return envelope("soap", "ns1", "urn:dslforum-org:cwmp-1-2", "GetParameterValuesResponse", paramList(params...))
}

const igd, dev2 = "InternetGatewayDevice.", "Device."

func ownParams(root string) []string {
	return []string{
		param(root+"DeviceInfo.SoftwareVersion", "1 &amp; <![CDATA[2]]>"),
		param(root+"ManagementServer.ConnectionRequestURL", ownURL),
		param(root+"ManagementServer.ParameterKey", ""),
		param(root+"ManagementServer.UDPConnectionRequestAddress", ownUDP),
	}
}

// presented is what the ACS gets of one session's Inform, with what it must.
func presented(t *testing.T, request, want string, options ...option) (*gate, seen) {
	t.Helper()
	acs := newACS(t, func(seen) string { return xml200(cwmp.InformResponse(cwmp.DefaultDialect, "1")) })
	g := newGate(t, []*fakeACS{acs}, options...)
	statusOf(t, g.dial().ask(request), 200)
	got := acs.requests()[0]
	if got.body != want {
		t.Errorf("the ACS got\n%q, want\n%q", got.body, want)
	}
	if n := got.head.Fields.Get("Content-Length"); n != strconv.Itoa(len(got.body)) {
		t.Errorf("Content-Length %s for %d bytes", n, len(got.body))
	}
	return g, got
}

// own replaces what the CPE tells by what is shown.
var own = strings.NewReplacer(ownURL, shownURLText, ownUDP, shownUDP)

// TestC61_S39_Inform: both values are shown, of both roots and in all spellings;
// every other byte is the CPE's, and the registry is told the CPE's own values.
func TestC61_S39_Inform(t *testing.T) {
	t.Parallel()
	for _, root := range []string{igd, dev2} {
		for _, soap := range soapPrefixes {
			for _, prefix := range []string{"cwmp", ""} {
				body := envelope(soap, prefix, "urn:dslforum-org:cwmp-1-0", "Inform", deviceIDXML+paramList(ownParams(root)...))
				g, _ := presented(t, post(body), own.Replace(body), showing(bothShown), quietly)
				in := g.started[0]
				if in.ConnectionRequestURL != ownURL || in.UDPConnectionRequestAddress != ownUDP || in.SoftwareVersion != "1 & 2" {
					t.Errorf("the registry was told %+v", in)
				}
				if g.counter("acsgate_edits_total") != 1 {
					t.Errorf("%v edits", g.counter("acsgate_edits_total"))
				}
			}
		}
	}
}

// TestC61_Spellings: however the value is written, it is replaced as a whole.
func TestC61_Spellings(t *testing.T) {
	t.Parallel()
	url := igd + "ManagementServer.ConnectionRequestURL"
	latin := "<?xml version='1.0' encoding='ISO-8859-1'?>" + strings.Replace(informWith(param(url, "http://h\xe4/")), ">M<", ">M\xfcller<", 1)
	wide := "<?xml version='1.0' encoding='UTF-16'?>" + informWith(ownParams(igd)...)
	for name, tc := range map[string]struct {
		body, want string
		fields     []string
	}{
		"CDATA":           {informWith(param(url, "<![CDATA["+ownURL+"]]>")), informWith(param(url, shownURLText)), nil},
		"entities":        {informWith(param(url, "http:&#47;&#x2f;a?b&amp;c")), informWith(param(url, shownURLText)), nil},
		"blanks":          {informWith(param(url, "\r\n\t"+ownURL+" ")), informWith(param(url, shownURLText)), nil},
		"comment":         {informWith(param(url, "http://<!-- x -->a/")), informWith(param(url, shownURLText)), nil},
		"name in CDATA":   {informWith(param("<![CDATA["+url+"]]>", ownURL)), informWith(param("<![CDATA["+url+"]]>", shownURLText)), nil},
		"blanks in name":  {informWith(param(" "+url+"\n", ownURL)), informWith(param(" "+url+"\n", shownURLText)), nil},
		"Latin-1":         {latin, strings.Replace(latin, "http://h\xe4/", shownURLText, 1), nil},
		"Latin-1 by type": {strings.SplitN(latin, "?>", 2)[1], strings.Replace(strings.SplitN(latin, "?>", 2)[1], "http://h\xe4/", shownURLText, 1), []string{"Content-Type: text/xml; charset=iso-8859-1"}},
		"UTF-16":          {utf16Text(wide, false), utf16Text(own.Replace(wide), false), nil},
		"UTF-16 with BOM": {utf16Text("\uFEFF"+wide, true), utf16Text("\uFEFF"+own.Replace(wide), true), nil},
		"BOM and dirt":    {"\uFEFF" + informWith(ownParams(dev2)...) + "\x00\x00", "\uFEFF" + own.Replace(informWith(ownParams(dev2)...)) + "\x00\x00", nil},
		"twice":           {informWith(param(url, ownURL), param(url, "x")), informWith(param(url, shownURLText), param(url, shownURLText)), nil},
		"already":         {informWith(param(url, shownURLText)), informWith(param(url, shownURLText)), nil},
	} {
		t.Run(name, func(t *testing.T) {
			presented(t, post(tc.body, tc.fields...), tc.want, showing(bothShown))
		})
	}
}

// TestC61_LeavesOtherNames: nothing but these parameters of the root's own
// ManagementServer is touched.
func TestC61_LeavesOtherNames(t *testing.T) {
	t.Parallel()
	body := informWith(
		param("InternetGatewayDevice.X_VENDOR.ManagementServer.ConnectionRequestURL", ownURL),
		param("ManagementServer.ConnectionRequestURL", ownURL), param("Device.ManagementServer.ConnectionRequestURLx", ownURL),
		param("Device.ManagementServer.URL", ownURL), param("Device.ManagementServer.STUNServerAddress", ownUDP),
		param("device.ManagementServer.ConnectionRequestURL", ownURL), param("Device.Services.Device.ManagementServer.ConnectionRequestURL", ownURL),
		"<ParameterValueStruct><Name>Device.ManagementServer.ConnectionRequestURL</Name></ParameterValueStruct>",
	)
	presented(t, post(body), body, showing(bothShown))
}

// TestC61_OnlyWhatIsShown: each value by itself; an empty one is left, and without
// Shown all is.
func TestC61_OnlyWhatIsShown(t *testing.T) {
	t.Parallel()
	body := informWith(ownParams(igd)...)
	presented(t, post(body), strings.Replace(body, ownURL, "u", 1), showing(Shown{ConnectionRequestURL: "u"}))
	presented(t, post(body), strings.Replace(body, ownUDP, "a:1", 1), showing(Shown{UDPConnectionRequestAddress: "a:1"}))
	presented(t, post(body), body, showing(Shown{}))
	presented(t, post(body), body)
	g, _ := presented(t, post(body), body, showing(Shown{ConnectionRequestURL: "a\x00b"}))
	if g.counter("acsgate_edits_left_total", "reason", "text") != 1 {
		t.Error("a text that XML cannot carry is not counted")
	}
	many := informWith(strings.Repeat(param("Device.ManagementServer.ConnectionRequestURL", ownURL), maxEdits+1))
	g, _ = presented(t, post(many), many, showing(bothShown))
	if g.counter("acsgate_edits_left_total", "reason", "too_many") != 1 {
		t.Error("a body with too many is not counted")
	}
}

// TestC61_C62_Bodies: compressed and chunked bodies are sent plain with their own
// length, and fields that hash the body go.
func TestC61_C62_Bodies(t *testing.T) {
	t.Parallel()
	body := informWith(ownParams(igd)...)
	packed := gzipped(t, body)
	_, got := presented(t, post(packed, "Content-Encoding: gzip", "Content-MD5: x", "Content-Digest: y"), own.Replace(body), showing(bothShown))
	for _, name := range []string{"Content-Encoding", "Content-MD5", "Content-Digest"} {
		if got.head.Fields.Has(name) {
			t.Errorf("%s is passed", name)
		}
	}
	chunked := "POST /cwmp HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", 100, body[:100], len(body)-100, body[100:])
	_, got = presented(t, chunked, own.Replace(body), showing(bothShown))
	if got.head.Fields.Has("Transfer-Encoding") {
		t.Error("chunked toward the ACS")
	}
	if _, got = presented(t, post(body, "Content-MD5: x"), body, showing(Shown{})); !got.head.Fields.Has("Content-MD5") {
		t.Error("Content-MD5 of a body that was not edited is gone")
	}
	large := informWith(append(ownParams(igd), param("Device.X", strings.Repeat("x", 3*pooledBody)))...)
	presented(t, post(large), own.Replace(large), showing(bothShown))
}

// TestC56_C61_SeveralEnvelopes: each of them is edited.
func TestC56_C61_SeveralEnvelopes(t *testing.T) {
	t.Parallel()
	body := informWith(ownParams(igd)...) + "\r\n" + valuesWith(ownParams(igd)...) + valuesWith(ownParams(dev2)...)
	presented(t, post(body), own.Replace(body), showing(bothShown))
}

// TestC61_GetParameterValuesResponse: what the ACS asks for later it sees as in the
// Inform, and other messages that name the parameters stay as they are, in both
// directions. The decision is made once for each parameter.
func TestC61_GetParameterValuesResponse(t *testing.T) {
	t.Parallel()
	set := string(cwmp.SetParameterValues(cwmp.DefaultDialect, "1", []cwmp.Param{{Name: igd + "ManagementServer.ConnectionRequestURL", Value: shownURL}}, ""))
	acs := newACS(t, func(r seen) string {
		if r.msg.Method == "GetParameterValuesResponse" {
			return xml200([]byte(set))
		}
		return plainACS(r)
	})
	var w shows
	g := newGate(t, []*fakeACS{acs}, w.option(bothShown))
	p := g.dial()
	first := informWith(param(igd+"ManagementServer.ConnectionRequestURL", ownURL))
	p.ask(post(first))
	for _, body := range []string{valuesWith(ownParams(igd)...), valuesWith(ownParams(dev2)...)} {
		if got := p.ask(post(body)); got.body != set {
			t.Errorf("the CPE got %q", got.body)
		}
		requests := acs.requests()
		if got := requests[len(requests)-1].body; got != own.Replace(body) {
			t.Errorf("the ACS got %q", got)
		}
	}
	fault := envelope("s", "c", "urn:dslforum-org:cwmp-1-0", "GetParameterNamesResponse", paramList(ownParams(igd)...))
	p.ask(post(fault))
	if got := acs.requests(); got[len(got)-1].body != fault {
		t.Error("another message was edited")
	}
	if fmt.Sprint(w.asked) != fmt.Sprint([]Reported{{ownURL, ""}}) {
		t.Errorf("asked with %q", w.asked)
	}
}

// TestC61_DecidedOnce: the repeated Inform of a challenge brings the same values.
func TestC61_DecidedOnce(t *testing.T) {
	t.Parallel()
	var w shows
	a := newACS(t, digestACS)
	g := newGate(t, []*fakeACS{a}, w.option(bothShown), quietly)
	body := informWith(ownParams(dev2)...)
	p := g.dial()
	statusOf(t, p.ask(post(body)), 401)
	statusOf(t, p.ask(post(body, digestLine("n1", "u"))), 200)
	for _, r := range a.requests() {
		if r.body != own.Replace(body) {
			t.Errorf("the ACS got %q", r.body)
		}
	}
	if len(w.asked) != 1 {
		t.Errorf("asked %d times in a session", len(w.asked))
	}
}

// TestC61_StaysDecided: what is shown of one parameter does not change when another
// is told later, whatever is configured meanwhile.
func TestC61_StaysDecided(t *testing.T) {
	t.Parallel()
	acs := newACS(t, nil)
	n := 0
	g := newGate(t, []*fakeACS{acs}, func(_ *Config, d *Deps) {
		d.Shown = func(_ cwmp.DeviceID, told Reported) Shown {
			n++
			shown := Shown{ConnectionRequestURL: fmt.Sprint("url", n)}
			if told.UDPConnectionRequestAddress != "" {
				shown.UDPConnectionRequestAddress = fmt.Sprint("udp", n)
			}
			return shown
		}
	})
	p := g.dial()
	p.ask(post(informWith(param(igd+"ManagementServer.ConnectionRequestURL", ownURL))))
	p.ask(post(valuesWith(ownParams(igd)...)))
	p.ask(post(valuesWith(ownParams(igd)...)))
	want := strings.NewReplacer(ownURL, "url1", ownUDP, "udp2").Replace(valuesWith(ownParams(igd)...))
	if got := acs.requests(); got[1].body != want || got[2].body != want || n != 2 {
		t.Errorf("asked %d times, the ACS got %q", n, got[2].body)
	}
}

// TestC61_Fallback: the other ACS is sent the edited body too.
func TestC61_Fallback(t *testing.T) {
	t.Parallel()
	var w shows
	gone, b := newACS(t, silent), newACS(t, nil)
	g := newGate(t, []*fakeACS{gone, b}, w.option(bothShown), routeTo("a", "b"))
	body := informWith(ownParams(igd)...)
	statusOf(t, g.dial().ask(post(body)), 200)
	if got := b.requests(); len(got) != 1 || got[0].body != own.Replace(body) || len(w.asked) != 1 {
		t.Errorf("%d requests, asked %d times", len(got), len(w.asked))
	}
	if in := g.started[0]; in.ACS != "b" || in.ConnectionRequestURL != ownURL {
		t.Errorf("the registry was told %+v", in)
	}
}

// TestC61_UnknownUntilTold: a CPE that does not know its address yet is asked for
// again once it does.
func TestC61_UnknownUntilTold(t *testing.T) {
	t.Parallel()
	acs := newACS(t, nil)
	g := newGate(t, []*fakeACS{acs}, func(_ *Config, d *Deps) {
		d.Shown = func(_ cwmp.DeviceID, told Reported) Shown {
			if told.ConnectionRequestURL == "" {
				return Shown{}
			}
			return bothShown
		}
	})
	p := g.dial()
	empty := informWith(param(igd+"ManagementServer.ConnectionRequestURL", ""))
	p.ask(post(empty))
	p.ask(post(valuesWith(ownParams(igd)...)))
	if got := acs.requests(); got[0].body != empty || got[1].body != own.Replace(valuesWith(ownParams(igd)...)) {
		t.Errorf("the ACS got %q", got[1].body)
	}
}

// TestU7_C62_AuthIntIsNotEdited: a body that the digest covers stays, compressed or
// not, and is counted.
func TestU7_C62_AuthIntIsNotEdited(t *testing.T) {
	t.Parallel()
	body := informWith(ownParams(igd)...)
	auth := `Authorization: Digest username="u", nonce="n", qop=auth-int, response="0"`
	for _, request := range []string{post(body, auth), post(gzipped(t, body), auth, "Content-Encoding: gzip")} {
		_, want, _ := strings.Cut(request, "\r\n\r\n")
		g, _ := presented(t, request, want, showing(bothShown))
		if g.counter("acsgate_edits_left_total", "reason", "auth_int") != 1 || g.counter("acsgate_edits_total") != 0 {
			t.Error("not counted")
		}
		if g.started[0].ConnectionRequestURL != ownURL {
			t.Errorf("the registry was told %+v", g.started[0])
		}
	}
	presented(t, post(body, strings.Replace(auth, "auth-int", "auth", 1)), own.Replace(body), showing(bothShown))
}

// TestU7_C62_Challenge: where bodies may be edited the CPE is not offered auth-int,
// if there is another choice; else the challenge is the ACS's byte for byte.
func TestU7_C62_Challenge(t *testing.T) {
	t.Parallel()
	field := `Digest realm="GenieACS, qop=\"auth-int\"",qop="auth,auth-int",nonce="abc", opaque="x=1"`
	acs := newACS(t, func(seen) string {
		return "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: " + field + "\r\nX-Other: qop=\"auth,auth-int\"\r\nContent-Length: 0\r\n\r\n"
	})
	for _, tc := range []struct {
		options []option
		want    string
	}{
		{[]option{showing(Shown{})}, strings.Replace(field, `"auth,auth-int"`, `"auth"`, 1)},
		{nil, field},
	} {
		g := newGate(t, []*fakeACS{acs}, tc.options...)
		for _, body := range []string{"", informWith()} {
			got := g.dial().ask(post(body))
			if got.fields.Get("WWW-Authenticate") != tc.want || got.fields.Get("X-Other") != `qop="auth,auth-int"` {
				t.Errorf("%s, want %s", got.raw, tc.want)
			}
		}
	}
}

func TestDropAuthInt(t *testing.T) {
	for in, want := range map[string]string{
		`Digest qop="auth,auth-int", nonce="n"`:                                   `Digest qop="auth", nonce="n"`,
		`Digest qop="auth-int,auth"`:                                              `Digest qop="auth"`,
		`Digest nonce=n,QOP = "AUTH-INT , auth" , a=b`:                            `Digest nonce=n,QOP = "auth" , a=b`,
		`Digest qop="auth, auth-int, token"`:                                      `Digest qop="auth, token"`,
		`Digest qop="auth-int"`:                                                   `Digest qop="auth-int"`,
		`Digest qop="auth-int, auth-int,"`:                                        `Digest qop="auth-int, auth-int,"`,
		`Digest qop=auth-int`:                                                     `Digest qop=auth-int`,
		`Digest qop="auth"`:                                                       `Digest qop="auth"`,
		`Digest qop="auth,auth-int`:                                               `Digest qop="auth,auth-int`,
		`Digest realm="qop=\"auth,auth-int\"", nonce="n"`:                         `Digest realm="qop=\"auth,auth-int\"", nonce="n"`,
		`Basic realm="a", Digest qop="auth,auth-int", Digest qop="auth-int,auth"`: `Basic realm="a", Digest qop="auth", Digest qop="auth"`,
		``: ``, `Basic`: `Basic`, `=`: `=`,
	} {
		if got := dropAuthInt(in); got != want {
			t.Errorf("%s becomes %s, want %s", in, got, want)
		}
	}
	fields := httpwire.Fields{{Name: "A", Value: "b"}, {Name: "www-authenticate", Value: `Digest qop="auth,auth-int"`}}
	if got := withoutAuthInt(fields); got[1].Value != `Digest qop="auth"` || fields[1].Value != `Digest qop="auth,auth-int"` {
		t.Errorf("%q of %q", got, fields)
	}
}

// FuzzDropAuthInt: what is left is a part of the field, in which all parameters
// but qop are the same, and no list of more than one offers auth-int.
func FuzzDropAuthInt(f *testing.F) {
	f.Add(`Digest realm="r", qop="auth,auth-int", nonce="n"`)
	f.Add(`Digest qop="auth-int, auth", Basic realm="\"qop=", qop=x`)
	f.Fuzz(func(t *testing.T, field string) {
		out := dropAuthInt(field)
		collect := func(s string) (others []string, choices [][]string) {
			eachParam(s, func(key, value string) {
				if !strings.EqualFold(key, "qop") {
					others = append(others, key+"="+value)
					return
				}
				choices = append(choices, strings.Split(value, ","))
			})
			return others, choices
		}
		before, _ := collect(field)
		after, choices := collect(out)
		if strings.Join(before, "\x00") != strings.Join(after, "\x00") || len(out) > len(field) {
			t.Errorf("%q becomes %q", field, out)
		}
		if dropAuthInt(out) != out {
			t.Errorf("%q becomes %q, then %q", field, out, dropAuthInt(out))
		}
		for _, list := range choices {
			has, other := false, false
			for _, choice := range list {
				choice = strings.Trim(choice, " \t")
				has = has || strings.EqualFold(choice, "auth-int")
				other = other || choice != "" && !strings.EqualFold(choice, "auth-int")
			}
			if has && other && !strings.ContainsAny(field, `\`) && strings.Count(field, `"`)%2 == 0 {
				t.Errorf("%q still offers auth-int in %q", field, list)
			}
		}
	})
}

// TestInform_Local: it is told which address the CPE came to, behind a load
// balancer the one in its header.
func TestInform_Local(t *testing.T) {
	for _, tc := range []struct{ header, want string }{
		{"PROXY TCP4 198.51.100.7 203.0.113.1 40000 7547\r\n", "203.0.113.1:7547"},
		{"PROXY TCP6 2001:db8::7 2001:db8::1 40000 7547\r\n", "[2001:db8::1]:7547"},
		{"", ""}, {"PROXY UNKNOWN\r\n", ""},
	} {
		acs := newACS(t, nil)
		g := newGate(t, []*fakeACS{acs}, func(c *Config, _ *Deps) { c.Listen[0].ProxyProtocol = []string{"127.0.0.1"} })
		want := netip.MustParseAddrPort(g.addr)
		if tc.want != "" {
			want = netip.MustParseAddrPort(tc.want)
		}
		statusOf(t, g.dial().ask(tc.header+post(inform("1"))), 200)
		if got := g.started[0].Local; got != want {
			t.Errorf("%q: came to %v, want %v", tc.header, got, want)
		}
	}
}
