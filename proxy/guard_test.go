package proxy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/acsgate/acsgate/internal/cwmp"
)

const (
	acsURL  = "http://acs.isp.example/cwmp?a=1&b=<2>"
	cpeURL  = "https://gate.example/cwmp?x=1&y=<2>"
	evilURL = "http://elsewhere.example/"
	// The same as XML carries them.
	acsURLText = "http://acs.isp.example/cwmp?a=1&amp;b=&lt;2&gt;"
	cpeURLText = "https://gate.example/cwmp?x=1&amp;y=&lt;2&gt;"
)

// translate is a guard that knows the ACS's own URL, refuses one that leads away
// and passes all others.
func translate() *Guard {
	return &Guard{
		ToCPE: func(url string) URLVerdict {
			switch url {
			case acsURL:
				return URLVerdict{Action: URLReplace, Value: cpeURL}
			case evilURL:
				return URLVerdict{Action: URLRefuse, Fault: cwmp.FaultNotWritable, Alarm: true, Reason: "leads away"}
			}
			return URLVerdict{Value: url}
		},
		ToACS: func(url string) (string, bool) { return acsURL, url == cpeURL },
	}
}

func guardedBy(g *Guard) option {
	return func(_ *Config, d *Deps) { d.Guard = func(GuardInput) *Guard { return g } }
}

// script is an ACS that accepts Informs and then answers in this order, and with
// 204 once that is done.
func script(answers ...string) func(seen) string {
	var mu sync.Mutex
	return func(r seen) string {
		mu.Lock()
		defer mu.Unlock()
		if r.msg.Method == cwmp.MethodInform || len(answers) == 0 {
			return plainACS(r)
		}
		next := answers[0]
		answers = answers[1:]
		return next
	}
}

// setWith is a SetParameterValues written by hand.
func setWith(params ...string) string {
	return envelope("SOAP-ENV", "cwmp", "urn:dslforum-org:cwmp-1-0", "SetParameterValues", paramList(params...)+"<ParameterKey>key&#x3c;"+acsURLText+"</ParameterKey>")
}

// offered is what the CPE gets of what the ACS says to its empty POST.
func offered(t *testing.T, said string, fields []string, options ...option) (*gate, *fakeACS, answered) {
	t.Helper()
	acs := newACS(t, script(ok200(said, fields...)))
	g := newGate(t, []*fakeACS{acs}, options...)
	p := g.dial()
	statusOf(t, p.ask(post(inform("1"))), 200)
	got := p.ask(post(""))
	if n := got.fields.Get("Content-Length"); got.status == 200 && n != strconv.Itoa(len(got.body)) {
		t.Errorf("Content-Length %s for %d bytes", n, len(got.body))
	}
	return g, acs, got
}

// TestC60_C63_Replace: what the ACS sets the URL to is replaced, of both roots and
// however it is spelled, and every other byte is the ACS's.
func TestC60_C63_Replace(t *testing.T) {
	t.Parallel()
	wide := "<?xml version='1.0' encoding='UTF-16'?>" + setWith(param(igd+"ManagementServer.URL", acsURLText))
	latin := "<?xml version='1.0' encoding='ISO-8859-1'?>" + setWith(param(igd+"DeviceInfo.ProvisioningCode", "\xe4"), param(igd+"ManagementServer.URL", acsURLText))
	becomes := func(s string) string {
		return strings.ReplaceAll(s, ">"+acsURLText+"</Value>", ">"+cpeURLText+"</Value>")
	}
	var cases []struct {
		name, said, want string
		fields           []string
	}
	add := func(name, said, want string, fields ...string) {
		cases = append(cases, struct {
			name, said, want string
			fields           []string
		}{name, said, want, fields})
	}
	for _, root := range []string{igd, dev2} {
		url := root + "ManagementServer.URL"
		plain := setWith(param(root+"ManagementServer.PeriodicInformInterval", "300"), param(url, acsURLText), param(root+"X."+url, acsURLText+" "))
		add(root+" plain", plain, becomes(plain))
		add(root+" CDATA", setWith(param(url, "<![CDATA["+acsURL+"]]>")), setWith(param(url, cpeURLText)))
		add(root+" entities", setWith(param(url, "&#104;"+acsURLText[1:])), setWith(param(url, cpeURLText)))
		add(root+" blanks", setWith(param(url, "\r\n "+acsURLText+"\t")), setWith(param(url, cpeURLText)))
		add(root+" name in CDATA", setWith(param("<![CDATA["+url+"]]>", acsURLText)), setWith(param("<![CDATA["+url+"]]>", cpeURLText)))
		add(root+" two envelopes", plain+plain, becomes(plain+plain))
		add(root+" behind another", string(cwmp.GetRPCMethods(cwmp.DefaultDialect, "g"))+plain, string(cwmp.GetRPCMethods(cwmp.DefaultDialect, "g"))+becomes(plain))
	}
	add("UTF-16", utf16Text("\uFEFF"+wide, true), utf16Text("\uFEFF"+becomes(wide), true))
	add("Latin-1", latin, becomes(latin))
	add("declared by type", strings.SplitN(latin, "?>", 2)[1], becomes(strings.SplitN(latin, "?>", 2)[1]), "Content-Type: text/xml; charset=iso-8859-1")
	large := setWith(param(igd+"X", strings.Repeat("x", 3*pooledBody)), param(igd+"ManagementServer.URL", acsURLText))
	add("large", large, becomes(large), "Content-MD5: x", "Digest: y")
	add("gzip", gzipped(t, setWith(param(igd+"ManagementServer.URL", acsURLText))), setWith(param(igd+"ManagementServer.URL", cpeURLText)), "Content-Encoding: gzip")
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			_, acs, got := offered(t, tc.said, tc.fields, guardedBy(translate()), quietly)
			if got.status != 200 || got.body != tc.want {
				t.Errorf("the CPE got %d\n%q, want\n%q", got.status, got.body, tc.want)
			}
			if got.fields.Has("Content-MD5") || got.fields.Has("Digest") || got.fields.Has("Content-Encoding") {
				t.Errorf("fields of another body: %s", got.raw)
			}
			if len(acs.requests()) != 2 {
				t.Errorf("the ACS got %d requests", len(acs.requests()))
			}
		})
	}
}

// TestC60_LeavesTheRest: what the guard keeps, other parameters, other messages and
// all without a guard are passed byte by byte.
func TestC60_LeavesTheRest(t *testing.T) {
	t.Parallel()
	own := setWith(param(igd+"ManagementServer.URL", acsURLText))
	for name, tc := range map[string]struct {
		said string
		with option
	}{
		"no guard":        {own, quietly},
		"nil guard":       {own, guardedBy(nil)},
		"empty guard":     {own, guardedBy(&Guard{})},
		"kept":            {setWith(param(igd+"ManagementServer.URL", "http://other/")), guardedBy(translate())},
		"replaced by it":  {own, guardedBy(&Guard{ToCPE: func(u string) URLVerdict { return URLVerdict{Action: URLReplace, Value: u} }})},
		"other names":     {setWith(param(igd+"ManagementServer.URLx", acsURLText), param("Device.X.ManagementServer.URL", acsURLText), param("device.ManagementServer.URL", acsURLText), param(igd+"ManagementServer.ConnectionRequestURL", acsURLText)), guardedBy(translate())},
		"other method":    {strings.ReplaceAll(own, "SetParameterValues", "X_SetParameterValues"), guardedBy(translate())},
		"not CWMP":        {"<html>" + acsURLText + "</html>", guardedBy(translate())},
		"asked for":       {string(cwmp.GetParameterValues(cwmp.DefaultDialect, "1", []string{igd + "ManagementServer.URL"})), guardedBy(translate())},
		"files not asked": {download("Download", acsURLText), guardedBy(translate())},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, got := offered(t, tc.said, []string{"Content-MD5: x"}, tc.with)
			if got.body != tc.said || !got.fields.Has("Content-MD5") {
				t.Errorf("the CPE got %q", got.body)
			}
		})
	}
}

// TestC60_EmptyAndNoContent: a value that is empty is judged like any other.
func TestC60_EmptyAndNoContent(t *testing.T) {
	t.Parallel()
	pin := guardedBy(&Guard{ToCPE: func(string) URLVerdict { return URLVerdict{Action: URLReplace, Value: "http://gate/"} }})
	closed := strings.Replace(setWith(param(dev2+"ManagementServer.URL", "")), `<Value xsi:type="xsd:string"></Value>`, "<Value/>", 1)
	_, _, got := offered(t, closed, nil, pin)
	if want := strings.Replace(closed, "<Value/>", "<Value>http://gate/</Value>", 1); got.body != want {
		t.Errorf("the CPE got %q, want %q", got.body, want)
	}
}

// TestC60_OtherStatus: a status that the CPE is told as 200 does not pass the guard
// by.
func TestC60_OtherStatus(t *testing.T) {
	t.Parallel()
	said := setWith(param(igd+"ManagementServer.URL", acsURLText))
	acs := newACS(t, script(strings.Replace(ok200(said), "200 OK", "202 Accepted", 1)))
	g := newGate(t, []*fakeACS{acs}, guardedBy(translate()))
	p := g.dial()
	p.ask(post(inform("1")))
	if got := p.ask(post("")); got.status != 200 || strings.Contains(got.body, ">"+acsURLText+"</Value>") {
		t.Errorf("the CPE got %d %q", got.status, got.body)
	}
}

// TestC60_ToACS: what the CPE reports is the ACS's own value in an Inform, which
// notifications are, and in answers, together with how the CPE is reached, and the
// guard is asked for once a session.
func TestC60_ToACS(t *testing.T) {
	t.Parallel()
	for _, root := range []string{igd, dev2} {
		acs := newACS(t, script(xml200(cwmp.GetParameterValues(cwmp.DefaultDialect, "1", []string{root}))))
		var asked []GuardInput
		g := newGate(t, []*fakeACS{acs}, showing(bothShown), func(_ *Config, d *Deps) {
			d.Guard = func(in GuardInput) *Guard { asked = append(asked, in); return translate() }
		})
		url := param(root+"ManagementServer.URL", "<![CDATA["+cpeURL+"]]>")
		reported := append(ownParams(root), url, param(root+"ManagementServer.URL", "http://other/"))
		becomes := strings.NewReplacer(ownURL, shownURLText, ownUDP, shownUDP, "<![CDATA["+cpeURL+"]]>", acsURLText)
		p := g.dial()
		bodies := []string{informWith(reported...), "", valuesWith(reported...)}
		for _, body := range bodies {
			p.ask(post(body, "Content-MD5: x"))
		}
		for i, r := range acs.requests() {
			if want := becomes.Replace(bodies[i]); r.body != want || r.head.Fields.Get("Content-Length") != strconv.Itoa(len(want)) {
				t.Errorf("the ACS got %q, want %q", r.body, want)
			}
			if i != 1 && r.head.Fields.Has("Content-MD5") {
				t.Error("a hash of the body as it was")
			}
		}
		if want := []GuardInput{{Device: cwmp.DeviceID{Manufacturer: "M", OUI: "00D09E", ProductClass: "HG1", SerialNumber: "1"}, Root: root, ACS: "a", Home: "a"}}; !slices.Equal(asked, want) {
			t.Errorf("asked %+v, want %+v", asked, want)
		}
		if n := g.counter("acsgate_edits_total"); n != 2 {
			t.Errorf("%v bodies were edited, want 2, once each", n)
		}
		if n := g.counter("acsgate_guard_total", "acs", "a", "action", "restored"); n != 2 {
			t.Errorf("%v values restored", n)
		}
	}
}

// TestC60_C62_U7_AuthInt: auth-int is taken out of the choice where a guard may
// edit, and a body that it covers nonetheless is left.
func TestC60_C62_U7_AuthInt(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		with option
		want string
	}{{guardedBy(translate()), `qop="auth"`}, {filtered("Inform"), `qop="auth"`}, {guardedBy(nil), `qop="auth,auth-int"`}} {
		acs := newACS(t, func(seen) string { return strings.Replace(challenge("n"), `qop="auth"`, `qop="auth,auth-int"`, 1) })
		g := newGate(t, []*fakeACS{acs}, tc.with)
		if got := g.dial().ask(post(inform("1"))); !strings.Contains(got.fields.Get("WWW-Authenticate"), tc.want) {
			t.Errorf("the CPE is offered %q, want %s", got.fields.Get("WWW-Authenticate"), tc.want)
		}
	}
	body := informWith(param(igd+"ManagementServer.URL", cpeURLText))
	auth := strings.Replace(digestLine("n", "u"), "qop=auth", "qop=auth-int", 1)
	g, _ := presented(t, post(body, auth), body, guardedBy(translate()))
	if g.counter("acsgate_edits_left_total", "reason", "auth_int") != 1 {
		t.Error("a body that was left is not counted")
	}
	presented(t, post(body, digestLine("n", "u")), strings.Replace(body, cpeURLText, acsURLText, 1), guardedBy(translate()))
}

// TestC60_Fallback: the ACS that the session falls back to has its own guard, and
// is shown its own value.
func TestC60_Fallback(t *testing.T) {
	t.Parallel()
	body := informWith(append(ownParams(igd), param(igd+"ManagementServer.URL", cpeURLText))...)
	for _, first := range []string{"http://a/", ""} {
		gone, b := newACS(t, silent), newACS(t, nil)
		newGate(t, []*fakeACS{gone, b}, routeTo("a", "b"), showing(bothShown), func(_ *Config, d *Deps) {
			d.Guard = func(in GuardInput) *Guard {
				shown := map[string]string{"a": first, "b": "http://b/"}[in.ACS]
				return &Guard{ToACS: func(string) (string, bool) { return shown, shown != "" }}
			}
		}).dial().ask(post(body))
		if got := b.requests(); len(got) != 1 || got[0].body != own.Replace(strings.Replace(body, cpeURLText, "http://b/", 1)) {
			t.Errorf("b got %d requests: %+v", len(got), got)
		}
	}
}

// download writes a request with file URLs by hand; each "" is an empty element.
func download(method, url string, more ...string) string {
	inner := "<CommandKey>" + url + "</CommandKey><FileType>1</FileType><URL>" + url + "</URL><Username>u</Username>"
	for i, name := range []string{"SuccessURL", "FailureURL"} {
		if i < len(more) {
			inner += "<" + name + ">" + more[i] + "</" + name + ">"
		}
	}
	return envelope("SOAP-ENV", "cwmp", "urn:dslforum-org:cwmp-1-0", method, inner+"<Other><URL>"+url+"</URL></Other>")
}

// TestC60_FileURLs: those of the five arguments are replaced toward the CPE, those
// of AutonomousTransferComplete toward the ACS, within the limits of the standard.
func TestC60_FileURLs(t *testing.T) {
	t.Parallel()
	long := "http://files/" + strings.Repeat("x", maxFileURL-len("http://files/"))
	for name, tc := range map[string]struct {
		said, want string
		to         string
		kinds      []string
		action     string
	}{
		"Download":          {download("Download", "f://a", "f://b", "f://c"), "f", "g", []string{"Download.URL", "Download.SuccessURL", "Download.FailureURL"}, "file_replaced"},
		"Download, empty":   {download("Download", "f://a", "", ""), "f", "g", []string{"Download.URL"}, "file_replaced"},
		"Upload":            {download("Upload", "f://a", "f://b"), "f", "g", []string{"Upload.URL"}, "file_replaced"},
		"ScheduleDownload":  {download("ScheduleDownload", "f://a", "f://b"), "f", "g", []string{"ScheduleDownload.URL"}, "file_replaced"},
		"another":           {download("X_Fetch", "f://a"), "", "g", nil, ""},
		"as long as it may": {download("Upload", "f://a"), "f", long, []string{"Upload.URL"}, "file_replaced"},
		"too long":          {download("Upload", "f://a"), "", long + "y", []string{"Upload.URL"}, "file_too_long"},
		"wide, not long":    {download("Upload", "f://a"), "f", "http://files/" + strings.Repeat("ä", maxFileURL-13), []string{"Upload.URL"}, "file_replaced"},
	} {
		t.Run(name, func(t *testing.T) {
			var kinds []string
			g, _, got := offered(t, tc.said, nil, guardedBy(&Guard{FileURL: func(kind, url string) (string, bool) {
				kinds = append(kinds, kind)
				return tc.to, strings.HasPrefix(url, "f://")
			}}))
			want := tc.said
			if tc.want != "" {
				for _, kind := range tc.kinds {
					_, element, _ := strings.Cut(kind, ".")
					at := strings.Index(want, "<"+element+">") + len(element) + 2
					end := at + strings.Index(want[at:], "<")
					want = want[:at] + tc.to + want[end:]
				}
			}
			if got.body != want || !slices.Equal(kinds, tc.kinds) {
				t.Errorf("asked of %v, the CPE got\n%q, want\n%q", kinds, got.body, want)
			}
			if tc.action != "" && g.counter("acsgate_guard_total", "action", tc.action) != float64(len(tc.kinds)) {
				t.Errorf("%v are counted as %s", g.counter("acsgate_guard_total", "action", tc.action), tc.action)
			}
		})
	}
}

// TestC60_FileURLsReported: AnnounceURL and TransferURL are the ACS's own again, in
// any envelope.
func TestC60_FileURLsReported(t *testing.T) {
	t.Parallel()
	done := func(announce, transfer string) string {
		return envelope("s", "c", "urn:dslforum-org:cwmp-1-0", cwmp.MethodAutonomousTransferComplete,
			"<AnnounceURL>"+announce+"</AnnounceURL><TransferURL>"+transfer+"</TransferURL><IsDownload>1</IsDownload>")
	}
	behind := string(cwmp.GetRPCMethods(cwmp.DefaultDialect, "g"))
	for _, tc := range []struct {
		to   string
		want string
		long float64
	}{{"f://1", "f://1", 0}, {strings.Repeat("x", maxReportedURL), strings.Repeat("x", maxReportedURL), 0}, {strings.Repeat("x", maxReportedURL+1), "g://1", 1}} {
		acs := newACS(t, nil)
		g := newGate(t, []*fakeACS{acs}, guardedBy(&Guard{FileURL: func(_, url string) (string, bool) { return tc.to, url == "g://1" }}))
		p := g.dial()
		p.ask(post(inform("1")))
		p.ask(post(done("g://1", "h://2") + behind + done("", "<![CDATA[g://1]]>")))
		want := done(tc.want, "h://2") + behind + done("", tc.want)
		if tc.long > 0 {
			want = done("g://1", "h://2") + behind + done("", "<![CDATA[g://1]]>")
		}
		if got := acs.requests(); len(got) != 2 || got[1].body != want {
			t.Errorf("the ACS got\n%q, want\n%q", got[len(got)-1].body, want)
		}
		if n := g.counter("acsgate_guard_total", "action", "file_too_long"); n != 2*tc.long {
			t.Errorf("%v too long", n)
		}
	}
}

// TestC60_FileKindsAreBounded: the table and what is read agree.
func TestC60_FileKindsAreBounded(t *testing.T) {
	t.Parallel()
	for _, kind := range FileKinds() {
		_, element, _ := strings.Cut(kind, ".")
		if !slices.Contains(offeredFiles, element) && !slices.Contains(reportedFiles, element) {
			t.Errorf("%s is never read", kind)
		}
	}
	if n := len(FileKinds()); n != 7 {
		t.Error(fmt.Sprint(n, " kinds"))
	}
}

// TestC60_NoSecretsInAlarms: a URL in a log line holds no password and no token.
func TestC60_NoSecretsInAlarms(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"http://u:secret@h/p?token=1#x": "http://u:xxxxx@h/p", "http://h/%zz": "unreadable", "mailto:secret": "unreadable", " http://h/ ": "http://h/", "": "",
	} {
		if got := presentable(raw); got != want {
			t.Errorf("%q is logged as %q, want %q", raw, got, want)
		}
	}
	if len(presentable("http://h/"+strings.Repeat("x", 1<<10))) > maxLoggedURL {
		t.Error("a long URL fills the log")
	}
}
