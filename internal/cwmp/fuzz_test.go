package cwmp

import (
	"encoding/binary"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	gocmp "github.com/google/go-cmp/cmp"
)

// seedBodies starts the fuzzers with real messages and with what the tables
// hold of odd ones.
func seedBodies(f *testing.F, add func(body []byte)) {
	for name, body := range captures(f) {
		if strings.HasPrefix(name, "netcwmp/0") || strings.HasPrefix(name, "easycwmp/0") {
			add(body)
		}
	}
	for _, body := range built(DefaultDialect, "1") {
		add(body)
	}
	for _, s := range []string{
		informOf("<ParameterList>" + paramOf("Device.A", "<![CDATA[a]]>&#65;&amp;<!-- x -->\r\n") + "<ParameterValueStruct><Name>Device.B</Name><Value a='>'/></ParameterValueStruct></ParameterList>"),
		informOf("") + "<?xml version='1.0'?>" + envelopeOf("<ID>2</ID>", "<Fault><faultcode>a:b</faultcode></Fault>"),
		"\uFEFF<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<!-- <Envelope/> --><Envelope xmlns='urn:e'><Header/><Body><Download xmlns='urn:c'><URL>x</URL></Download></Body></Envelope>\x00",
		"<Envelope><Body><Inform><DeviceId><OUI>1</OUI></DeviceId><DeviceId/></Inform></Body></Envelope>",
		"<!DOCTYPE a><Envelope/>",
		"",
	} {
		add([]byte(s))
	}
}

// FuzzScan holds Scan against encoding/xml: what that reads as well-formed,
// Scan reads the same. All else may fail, but never by a panic.
func FuzzScan(f *testing.F) {
	seedBodies(f, func(body []byte) { f.Add(body, "") })
	f.Add([]byte("<?xml version='1.0' encoding='gbk'?><Envelope><Body><Inform><![CDATA[\x81]]></Inform></Body></Envelope>"), "gbk")
	f.Fuzz(func(t *testing.T, body []byte, charset string) {
		opts := Options{Params: everything, Elements: testPaths, Charset: charset}
		compareWithXML(t, body, opts)
		checkSpans(t, body, opts)
	})
}

// checkSpans demands that offsets lie in the body and errors empty the
// message.
func checkSpans(t *testing.T, body []byte, opts Options) {
	t.Helper()
	m, err := Scan(body, opts)
	if err != nil && (m.Kind != Unknown || m.Method != "" || m.ID != "" || m.Device != (DeviceID{}) || ScanReason(err) == "other") {
		t.Errorf("%+v with the error %v", m, err)
	}
	spans := []Span{m.Declaration, {m.Rest, len(body)}}
	for _, p := range append(m.Params, m.Elements...) {
		spans = append(spans, p.At)
	}
	for _, s := range spans {
		if s.Start < 0 || s.End < s.Start || s.End > len(body) {
			t.Errorf("span %v in %d bytes", s, len(body))
		}
	}
	all, allErr := ScanAll(body, opts)
	if err == nil {
		if diff := gocmp.Diff(m, all[0]); diff != "" {
			t.Errorf("ScanAll differs from Scan (error %v):\n%s", allErr, diff)
		}
	}
}

// FuzzRewrite edits whatever Scan reports: outside the edit no byte changes,
// and the text is read back.
func FuzzRewrite(f *testing.F) {
	seedBodies(f, func(body []byte) {
		f.Add(body, "", "http://acs.example/?a=1&b=<2>\r\n]]>")
		f.Add(body, "iso-8859-1", "\u00e9\u4e2d")
	})
	f.Fuzz(func(t *testing.T, body []byte, charset, text string) {
		if _, illegal := illegalChar(text); illegal || len(text) > 64 || len(body) > 1<<13 {
			t.Skip("not a text that can be written")
		}
		checkRewrite(t, body, charset, text)
		if len(body) > 0 {
			_, _ = Rewrite(body, charset, []Edit{{Span{len(text) % len(body), len(text) % len(body)}, text}})
		}
	})
}

// FuzzUTF16 reads a body as UTF-8 and as UTF-16 and demands the same of both,
// also after an edit.
func FuzzUTF16(f *testing.F) {
	seedBodies(f, func(body []byte) { f.Add(string(body), true); f.Add(string(body), false) })
	f.Fuzz(func(t *testing.T, body string, big bool) {
		body = strings.TrimPrefix(body, "\uFEFF")
		if !utf8.ValidString(body) || len(body) > 1<<13 || strings.Contains(body, "encoding") || strings.HasPrefix(body, "\x00") {
			t.Skip("not to be compared: what begins with a mark and a NUL is UTF-32")
		}
		var order binary.AppendByteOrder = binary.LittleEndian
		if big {
			order = binary.BigEndian
		}
		opts := Options{Params: everything, Elements: testPaths}
		narrowed, err := ScanAll([]byte("\uFEFF"+body), opts)
		wide := utf16Of(order, "\uFEFF"+body)
		widened, wideErr := ScanAll(wide, opts)
		if len(wide) < 4 {
			t.Skip("too short to be recognised")
		}
		if ScanReason(err) != ScanReason(wideErr) || len(narrowed) != len(widened) {
			t.Fatalf("UTF-8: %d, %v; UTF-16: %d, %v", len(narrowed), err, len(widened), wideErr)
		}
		for i := range narrowed {
			if diff := gocmp.Diff(bare(narrowed[i]), bare(widened[i])); diff != "" {
				t.Errorf("UTF-8 and UTF-16 differ:\n%s", diff)
			}
		}
		checkRewrite(t, wide, "", "\u00e9 & \U0001F600")
	})
}

// FuzzTruncated joins two pieces of messages at arbitrary places.
func FuzzTruncated(f *testing.F) {
	seedBodies(f, func(body []byte) { f.Add(body, uint16(100), uint16(300)) })
	f.Fuzz(func(t *testing.T, body []byte, cut, resume uint16) {
		a, b := min(int(cut), len(body)), min(int(resume), len(body))
		joined := append(append([]byte(nil), body[:a]...), body[b:]...)
		opts := Options{Params: everything, Elements: testPaths}
		compareWithXML(t, joined, opts)
		checkSpans(t, joined, opts)
		checkRewrite(t, joined, "", "x")
	})
}

// FuzzDeviceID writes and reads identities: the same comes back, and nothing
// but the canonical form gives it.
func FuzzDeviceID(f *testing.F) {
	f.Add("00D09E", "HG8245", "SN1", "00d09e-HG8245-SN1")
	f.Add("", "", "", "-")
	f.Add("isp", "A-B", "1 2/3%4:5\u00e9\xff\x00", "00D09E-%41-%2d")
	f.Add("0", "-", "%", "a--b")
	f.Fuzz(func(t *testing.T, oui, class, serial, text string) {
		id := DeviceID{OUI: NormalizeOUI(oui), ProductClass: class, SerialNumber: serial}
		if again := NormalizeOUI(id.OUI); again != id.OUI {
			t.Errorf("OUI %q becomes %q", id.OUI, again)
		}
		back, err := ParseDeviceID(id.String())
		if err != nil || back != id {
			t.Errorf("%+v is %q is %+v, %v", id, id.String(), back, err)
		}
		if parsed, err := ParseDeviceID(text); err == nil {
			if twice, err := ParseDeviceID(parsed.String()); err != nil || twice != parsed {
				t.Errorf("%q is %+v is %+v, %v", text, parsed, twice, err)
			}
		} else if !strings.Contains(err.Error(), "device") {
			t.Errorf("%v", err)
		}
	})
}

// FuzzMatchGlob holds the matcher against a regular expression.
func FuzzMatchGlob(f *testing.F) {
	for _, s := range [][2]string{{"*a?b*", "xxaybzz"}, {"", ""}, {"**?", "a"}, {"h*G", "hg-G"}, {"a*b*c", "abcabc"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if !utf8.ValidString(pattern) || !utf8.ValidString(s) || len(pattern) > 100 || len(s) > 200 {
			t.Skip("regexp reads UTF-8 alone")
		}
		quoted := strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(regexp.QuoteMeta(pattern))
		want := regexp.MustCompile(`(?s)\A` + quoted + `\z`).MatchString(s)
		if got := MatchGlob(pattern, s, false); got != want {
			t.Errorf("%q matches %q: %v", pattern, s, got)
		}
		if want && !MatchGlob(pattern, s, true) {
			t.Errorf("%q matches %q, but not without regard to case", pattern, s)
		}
		if MatchGlob(pattern, s, true) != MatchGlob(upperASCII(pattern), s, true) {
			t.Errorf("%q and %q: case counts", pattern, s)
		}
	})
}

// FuzzBuilders puts any text into envelopes and reads it back.
func FuzzBuilders(f *testing.F) {
	f.Add("soap-env", "cwmp", "urn:dslforum-org:cwmp-1-0", "7", "Device.X", "a & b < c > \" ' ]]>")
	f.Add("", "", "", "", "", "\x00\xff\r\n\u00e9")
	f.Fuzz(func(t *testing.T, env, prefix, namespace, id, name, value string) {
		if len(env)+len(prefix)+len(namespace)+len(id)+len(name)+len(value) > maxIdentifier/8 {
			t.Skip("longer than identifiers may be")
		}
		d := Dialect{env, prefix, namespace}
		body := Inform(d, id, InformData{
			Device: DeviceID{value, name, id, value},
			Events: []Event{{value, name}},
			Params: []Param{{Name: name, Value: value}},
		})
		checkWellFormed(t, "Inform", body)
		if !compareWithXML(t, body, Options{Params: everything}) {
			t.Errorf("encoding/xml does not read %q", body)
		}
		m, err := Scan(body, Options{Params: everything})
		if err != nil || len(m.Params) != 1 {
			t.Fatalf("%v in %q", err, body)
		}
		want := Param{Name: readBack(name), Value: readBack(value), Type: "string", At: m.Params[0].At}
		if m.Params[0] != want || m.ID != readBack(id) || m.Device.SerialNumber != readBack(value) {
			t.Errorf("%+v, want %+v", m, want)
		}
	})
}

// readBack is what becomes of a text that is written and read.
func readBack(s string) string {
	s = strings.Map(func(r rune) rune {
		if !isXMLChar(r) {
			return utf8.RuneError
		}
		return r
	}, s)
	return strings.Trim(s, blanks)
}
