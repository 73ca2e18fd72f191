package cwmp

import (
	"errors"
	"strings"
	"testing"
)

// TestHostile_Bodies feeds what is meant to break parsers. Each is several
// megabytes where size is the weapon: anything but linear time would keep the
// test from ending.
func TestHostile_Bodies(t *testing.T) {
	const many = 1 << 20
	long := strings.Repeat("a", many)
	tests := []struct {
		name, body string
		want       error // nil: it is read
	}{
		{"billion laughs", `<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol1 "&lol;&lol;">]>` + informOf(""), ErrDTD},
		{"external entity", `<!doctype x SYSTEM "file:///etc/passwd">` + informOf(""), ErrDTD},
		{"DTD inside the envelope", envelopeOf("<!DOCTYPE x>", ""), ErrDTD},
		{"DTD behind the envelope", informOf("") + "<!DOCTYPE x>", ErrDTD},
		{"DTD in a comment", informOf("<!-- <!DOCTYPE x> -->"), nil},
		{"DTD in CDATA", informOf("<![CDATA[<!DOCTYPE x>]]>"), nil},
		{"entity declaration", "<!ENTITY x 'y'>" + informOf(""), ErrSyntax},
		{"HTML", "<html><body>502 Bad Gateway</body></html>", ErrNotSOAP},
		{"HTML5", "<!DOCTYPE html><html></html>", ErrDTD},
		{"text", "Unauthorized", ErrNotSOAP},
		{"JSON", `{"a": "<Envelope"}`, ErrTruncated},
		{"nothing but a bracket", "<", ErrNotSOAP},
		{"end tag first", "</Envelope><Envelope/>", ErrNotSOAP},
		{"wrong end tag", "<Envelope><Body></Envelope></Body>", ErrSyntax},
		{"end tag without a name", "<Envelope></></Envelope>", ErrSyntax},
		{"bracket in a tag", "<Envelope <Body></Body></Envelope>", ErrSyntax},
		{"unclosed quote", `<Envelope a="><Body></Body></Envelope>`, ErrTruncated},
		{"unclosed comment", "<Envelope><!-- </Envelope>", ErrTruncated},
		{"unclosed CDATA", "<Envelope><![CDATA[ </Envelope>", ErrTruncated},
		{"unclosed instruction", "<Envelope><? </Envelope>", ErrTruncated},
		{"unknown section", "<Envelope><![IF[ ]]></Envelope>", ErrSyntax},
		{"deep", strings.Repeat("<Envelope>", many), ErrDepth},
		{"deep below the RPC", envelopeOf("", strings.Repeat("<a>", 1000)), ErrDepth},
		{"many tags", "<Envelope>" + strings.Repeat("<a/>", DefaultMaxTokens+1), ErrTokens},
		{"many envelopes in one", "<Envelope>" + strings.Repeat("<Envelope></Envelope>", many/32) + "</Envelope>", nil},
		{"many attributes", "<Envelope " + strings.Repeat(`xmlns:a="b" `, many) + "><Header>" + strings.Repeat("<ID/>", many/8) + "</Header></Envelope>", nil},
		{"attributes without end", "<Envelope " + strings.Repeat(`a='`, many), ErrTruncated},
		{"long names", "<Envelope><" + long + "><x/></" + long + "></Envelope>", nil},
		{"long names with selected children", "<Envelope><Body><M><" + long + ">" + strings.Repeat("<URL/>", 60000) + "</" + long + "></M></Body></Envelope>", nil},
		{"brackets", "<Envelope>" + strings.Repeat("< ", 4*many) + "</Envelope>", nil},
		{"open comments", "<Envelope><!--" + strings.Repeat("<!--", many) + "--></Envelope>", nil},
		{"ampersands", informOf("<ParameterList>" + paramOf("Device.X", strings.Repeat("&", 4*many)) + "</ParameterList>"), nil},
		{"references without end", informOf("<ParameterList>" + paramOf("Device.X", strings.Repeat("&#1", many)) + "</ParameterList>"), nil},
		{"long references", informOf("<ParameterList>" + paramOf("Device.X", "&#"+strings.Repeat("0", 4*many)+"65;") + "</ParameterList>"), nil},
		{"sections in a value", informOf("<ParameterList>" + paramOf("Device.X", strings.Repeat("<![CDATA[x]]><!-- y -->", many/8)) + "</ParameterList>"), nil},
		{"line ends", informOf("<ParameterList>" + paramOf("Device.X", "<![CDATA["+strings.Repeat("\r", many)+"]]>"+strings.Repeat("\r", many)) + "</ParameterList>"), nil},
		{"long serial", strings.Replace(informOf(""), "SN1", long, 1), ErrTooLong},
		{"long ID", envelopeOf("<ID>"+long+"</ID>", ""), ErrTooLong},
		{"long method", envelopeOf("", "<"+long+"/>"), ErrTooLong},
		{"long prefix", envelopeOf("", "<"+long+":Inform/>"), ErrTooLong},
		{"long event", informOf("<Event><EventStruct><EventCode>" + long + "</EventCode></EventStruct></Event>"), ErrTooLong},
		{"many events", informOf("<Event>" + strings.Repeat("<EventStruct/>", many/4) + "</Event>"), nil},
		{"many instructions behind", informOf("") + strings.Repeat("<?xml?>", many), nil},
		{"charset that shifts", `<?xml version="1.0" encoding="ISO-2022-JP"?>` + informOf(""), ErrCharset},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := Scan([]byte(tt.body), Options{Params: everything, Elements: []string{"X/URL", "URL"}})
			if !errors.Is(err, tt.want) {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			if err != nil && (m.Kind != Unknown || m.Method != "" || m.Device != (DeviceID{})) {
				t.Errorf("%+v with an error", m)
			}
			if len(m.Events) > maxEvents {
				t.Errorf("%d events", len(m.Events))
			}
		})
	}
}

func TestHostile_Limits(t *testing.T) {
	body := []byte(informOf(""))
	if _, err := Scan(body, Options{MaxDepth: 5, MaxTokens: 20}); err != nil {
		t.Errorf("within the limits: %v", err)
	}
	if _, err := Scan(body, Options{MaxDepth: 4}); !errors.Is(err, ErrDepth) {
		t.Errorf("depth: %v", err)
	}
	if _, err := Scan(body, Options{MaxTokens: 19}); !errors.Is(err, ErrTokens) {
		t.Errorf("tokens: %v", err)
	}
	urls := envelopeOf("", "<D>"+strings.Repeat("<URL/>", maxSelected+1)+"</D>")
	if _, err := Scan([]byte(urls), Options{Elements: []string{"URL"}}); !errors.Is(err, ErrTokens) {
		t.Errorf("elements: %v", err)
	}
	params := informOf("<ParameterList>" + strings.Repeat(paramOf("A", ""), maxSelected+1) + "</ParameterList>")
	if _, err := Scan([]byte(params), Options{Params: everything}); !errors.Is(err, ErrTokens) {
		t.Errorf("parameters: %v", err)
	}
}

func TestScanError(t *testing.T) {
	_, err := Scan([]byte("<Envelope></Body></Envelope>"), Options{})
	var se *ScanError
	if !errors.As(err, &se) || se.Offset != 10 || err.Error() != "message: not well-formed (byte 10)" {
		t.Errorf("%v", err)
	}
	for _, r := range scanErrors {
		if got := ScanReason(&ScanError{r.err, 0}); got != r.name {
			t.Errorf("%v: reason %q", r.err, got)
		}
	}
	if ScanReason(nil) != "" || ScanReason(errors.New("x")) != "other" {
		t.Error("reasons of nil and of a foreign error")
	}
}
