package cwmp

import (
	"encoding/binary"
	"strings"
	"testing"
)

// spanOf is the span of the only occurrence of part in body.
func spanOf(t *testing.T, body, part string) Span {
	t.Helper()
	if strings.Count(body, part) != 1 {
		t.Fatalf("%q is not in the body once", part)
	}
	i := strings.Index(body, part)
	return Span{i, i + len(part)}
}

// TestC51_RewriteForms replaces values in all their forms as a whole.
func TestC51_RewriteForms(t *testing.T) {
	const text = `http://acs.example/?a=1&b=2`
	const escaped = `http://acs.example/?a=1&amp;b=2`
	tests := []struct{ name, value, want string }{
		{"text", `<Value>old</Value>`, `<Value>` + escaped + `</Value>`},
		{"entities", `<Value>a&amp;b&#65;</Value>`, `<Value>` + escaped + `</Value>`},
		{"CDATA", `<Value><![CDATA[a&b]]></Value>`, `<Value>` + escaped + `</Value>`},
		{"a comment", `<Value>a<!-- </Value> -->b</Value>`, `<Value>` + escaped + `</Value>`},
		{"nothing", `<Value></Value>`, `<Value>` + escaped + `</Value>`},
		{"an empty element", `<Value/>`, `<Value>` + escaped + `</Value>`},
		{"an empty element with attributes", `<x:Value  a="/>" b='>' />`, `<x:Value  a="/>" b='>' >` + escaped + `</x:Value>`},
		{"an empty element with a bare attribute", `<Value a=b//>`, `<Value a=b/ >` + escaped + `</Value>`},
		{"an element that holds an empty one", `<Value><a/></Value>`, `<Value>` + escaped + `</Value>`},
	}
	for _, tt := range tests {
		body := "\r\n" + informOf("<ParameterList><ParameterValueStruct><Name>Device.A</Name>"+tt.value+"</ParameterValueStruct><x/></ParameterList>") + "\x00"
		m := mustScan(t, body, Options{Params: everything})
		out, err := Rewrite([]byte(body), "", []Edit{{m.Params[0].At, text}})
		if want := strings.Replace(body, tt.value, tt.want, 1); err != nil || string(out) != want {
			t.Errorf("%s: %v\n%s\nwant\n%s", tt.name, err, out, want)
		}
		if again := mustScan(t, string(out), Options{Params: everything}); again.Params[0].Value != text {
			t.Errorf("%s: read again as %q", tt.name, again.Params[0].Value)
		}
	}
}

func TestC51_RewriteToNothing(t *testing.T) {
	body := informOf("<ParameterList>" + paramOf("Device.A", "x") + "<ParameterValueStruct><Name>Device.B</Name><Value/></ParameterValueStruct></ParameterList>")
	m := mustScan(t, body, Options{Params: everything})
	out, err := Rewrite([]byte(body), "", []Edit{{m.Params[1].At, ""}, {m.Params[0].At, ""}})
	if want := strings.Replace(body, "<Value>x</Value>", "<Value></Value>", 1); err != nil || string(out) != want {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestC51_RewriteSeveralEmptyElements(t *testing.T) {
	one := "<ParameterValueStruct><Name>Device.A</Name><Value /></ParameterValueStruct>"
	text := "\u4e2d<Envelope><Body><Inform><ParameterList>" + one + "<!-- <Value/> -->" + one + one + "</ParameterList></Inform></Body></Envelope>"
	for name, body := range map[string][]byte{"utf-8": []byte(text), "utf-16be": utf16Of(binary.BigEndian, "\uFEFF"+text)} {
		m, err := Scan(body, Options{Params: everything})
		if err != nil || len(m.Params) != 3 {
			t.Fatal(name, err, len(m.Params))
		}
		out, err := Rewrite(body, "", []Edit{{m.Params[2].At, "3"}, {m.Params[0].At, "1"}, {m.Params[1].At, ""}})
		if err != nil {
			t.Fatal(name, err)
		}
		m, err = Scan(out, Options{Params: everything})
		if err != nil || m.Params[0].Value+m.Params[1].Value+m.Params[2].Value != "13" {
			t.Errorf("%s: %v %+v\n%s", name, err, m.Params, out)
		}
	}
}

func TestRewrite_Refusals(t *testing.T) {
	body := informOf("<a/>")
	serial, maker := spanOf(t, body, "SN1"), spanOf(t, body, "Make")
	slash := strings.Index(body, "/>")
	tests := []struct {
		name  string
		edits []Edit
		want  string
	}{
		{"overlap", []Edit{{serial, "a"}, {Span{serial.Start - 1, serial.Start + 1}, "b"}}, "overlaps"},
		{"the same twice", []Edit{{serial, "a"}, {maker, "b"}, {serial, "a"}}, "overlaps"},
		{"the same place twice", []Edit{{Span{maker.Start, maker.Start}, "a"}, {Span{maker.Start, maker.Start}, "b"}}, "overlaps"},
		{"the rest of an empty element", []Edit{{Span{slash, slash}, "a"}, {Span{slash + 1, slash + 2}, "b"}}, "overlaps"},
		{"beyond the end", []Edit{{Span{len(body), len(body) + 1}, "a"}}, "outside the body"},
		{"negative", []Edit{{Span{-1, 1}, "a"}}, "outside the body"},
		{"backwards", []Edit{{Span{5, 4}, "a"}}, "outside the body"},
		{"a control character", []Edit{{serial, "a\x01"}}, "U+0001, which XML cannot carry"},
		{"not UTF-8", []Edit{{serial, "a\xff"}}, "XML cannot carry"},
		{"a non-character", []Edit{{serial, "\uFFFE"}}, "U+FFFE"},
	}
	for _, tt := range tests {
		out, err := Rewrite([]byte(body), "", tt.edits)
		if err == nil || !strings.Contains(err.Error(), tt.want) || out != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	odd := `<Envelope a="x/>y"></Envelope>`
	at := strings.Index(odd, "/>")
	if _, err := Rewrite([]byte(odd), "", []Edit{{Span{at, at}, "t"}}); err == nil || !strings.Contains(err.Error(), "not the content of an element") {
		t.Errorf("a slash in an attribute: %v", err)
	}
}

// TestRewrite_KeepsItsArguments: neither body nor edits change.
func TestRewrite_KeepsItsArguments(t *testing.T) {
	body := informOf("")
	edits := []Edit{{spanOf(t, body, "SN1"), "SN2"}, {spanOf(t, body, "Make"), "Other"}}
	in := []byte(body)
	out, err := Rewrite(in, "", edits)
	if err != nil || string(in) != body || edits[0].Text != "SN2" {
		t.Errorf("%v %q %v", err, in, edits)
	}
	if want := strings.NewReplacer("SN1", "SN2", "Make", "Other").Replace(body); string(out) != want {
		t.Errorf("%s", out)
	}
}

// TestC69_StripDeclaration leaves the envelope as the first bytes.
func TestC69_StripDeclaration(t *testing.T) {
	const declaration = `<?xml version="1.0" encoding="UTF-8"?>`
	plain := envelopeOf("", "<cwmp:Reboot/>")
	tests := []struct{ name, body, want string }{
		{"none", plain, plain},
		{"none but a mark", "\uFEFF" + plain, "\uFEFF" + plain},
		{"alone", declaration + plain, plain},
		{"with white space", "\r\n" + declaration + "\n\n " + plain, plain},
		{"with a mark", "\uFEFF" + declaration + plain, plain},
		{"behind a comment", "<!-- x -->" + declaration + "\n" + plain, "<!-- x -->" + plain},
		{"other instructions stay", declaration + "<?x y?>" + plain, "<?x y?>" + plain},
		{"not the second one's", plain + declaration + plain, plain + declaration + plain},
	}
	for _, tt := range tests {
		body := []byte(tt.body)
		if got := StripDeclaration(body, mustScan(t, tt.body, Options{})); string(got) != tt.want || string(body) != tt.body {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
	wide := utf16Of(binary.LittleEndian, "\uFEFF"+declaration+plain)
	m, err := Scan(wide, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(StripDeclaration(wide, m)), string(utf16Of(binary.LittleEndian, "\uFEFF"+plain)); got != want {
		t.Errorf("UTF-16: %q", got)
	}
	if got := StripDeclaration([]byte("x"), Message{Declaration: Span{3, 9}}); string(got) != "x" {
		t.Errorf("a message of another body: %q", got)
	}
}
