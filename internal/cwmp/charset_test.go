package cwmp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"unicode/utf16"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
)

func utf16Of(order binary.AppendByteOrder, s string) []byte {
	var out []byte
	for _, unit := range utf16.Encode([]rune(s)) {
		out = order.AppendUint16(out, unit)
	}
	return out
}

// TestC52_Charsets reads one Inform in many charsets, told in many ways.
func TestC52_Charsets(t *testing.T) {
	const latin, chinese = "Stra\u00dfe \u00e9", "\u4e2d\u6587 \u8def\u7531\u5668"
	with := func(declaration, maker string) string {
		return declaration + strings.Replace(informOf(""), "Make", maker, 1)
	}
	latin1, _ := charmap.ISO8859_1.NewEncoder().String(with("", latin))
	latin1Declared, _ := charmap.ISO8859_1.NewEncoder().String(with(`<?xml version="1.0" encoding="ISO-8859-1"?>`, latin))
	euro, _ := charmap.Windows1252.NewEncoder().String(with(`<?xml version='1.0' encoding='Windows-1252' ?>`, "\u20ac"))
	gbk, _ := simplifiedchinese.GBK.NewEncoder().String(with(`<?xml version="1.0" encoding="GB2312"?>`, chinese))
	gbkCDATA, _ := simplifiedchinese.GBK.NewEncoder().String(with(`<?xml version="1.0" encoding="gbk"?>`, "<![CDATA["+chinese+"]]>&amp;"))
	tests := []struct {
		name, body, hint string
		charset, maker   string
	}{
		{"UTF-8", with("", latin), "", "utf-8", latin},
		{"UTF-8 by a mark, against all else", "\uFEFF" + with(`<?xml version="1.0" encoding="ISO-8859-1"?>`, latin), "gbk", "utf-8", latin},
		{"UTF-8 by the declaration, against the header", with(`<?xml version="1.0" encoding="utf-8"?>`, latin), "iso-8859-1", "utf-8", latin},
		{"Latin-1 by the header", latin1, "iso-8859-1", "iso-8859-1", latin},
		{"Latin-1 under another name", latin1, "ISO8859_1", "iso-8859-1", latin},
		{"Latin-1 by a quoted header", latin1, `"ISO-8859-1"`, "iso-8859-1", latin},
		{"Latin-1 by the declaration", latin1Declared, "utf-8", "iso-8859-1", latin},
		{"Latin-1 that says nothing", latin1, "", "utf-8", latin},
		{"windows-1252", euro, "", "windows-1252", "\u20ac"},
		{"GBK", gbk, "", "gb2312", chinese},
		{"GBK in CDATA", gbkCDATA, "", "gbk", chinese + "&"},
		{"broken GBK", with(`<?xml version="1.0" encoding="gbk"?>`, "\xff\xff"), "", "gbk", "\u00ff\u00ff"},
		{"unknown charset", with(`<?xml version="1.0" encoding="klingon"?>`, latin), "", "utf-8", latin},
		{"UTF-16 that is not", with(`<?xml version="1.0" encoding="UTF-16"?>`, latin), "utf-16", "utf-8", latin},
		{"UTF-16LE with a mark", string(utf16Of(binary.LittleEndian, "\uFEFF"+with("", chinese))), "", "utf-16le", chinese},
		{"UTF-16BE with a mark", string(utf16Of(binary.BigEndian, "\uFEFF"+with(`<?xml version="1.0" encoding="UTF-16"?>`, latin))), "", "utf-16be", latin},
		{"UTF-16LE without", string(utf16Of(binary.LittleEndian, with("", latin))), "", "utf-16le", latin},
		{"UTF-16BE without, after a newline", string(utf16Of(binary.BigEndian, "\n"+with("", latin))), "", "utf-16be", latin},
		{"UTF-16 beyond the BMP", string(utf16Of(binary.LittleEndian, "\uFEFF"+with("", "\U0001F600"))), "", "utf-16le", "\U0001F600"},
	}
	for _, tt := range tests {
		m := mustScan(t, tt.body, Options{Charset: tt.hint})
		want := testDevice
		want.Manufacturer = tt.maker
		if m.Charset != tt.charset || m.Device != want {
			t.Errorf("%s: %q %+v, want %q %+v", tt.name, m.Charset, m.Device, tt.charset, want)
		}
	}
}

// TestC52_CharsetSpans: offsets and edits fit the bytes of the body, whatever
// its charset.
func TestC52_CharsetSpans(t *testing.T) {
	text := `<?xml version="1.0"?>` + informOf("<ParameterList>"+paramOf("Device.\u00e9", "old \U0001F600\u00e9")+paramOf("Device.b", "b")+
		"<ParameterValueStruct><Name>Device.c</Name><Value a='1' /></ParameterValueStruct></ParameterList>") +
		envelopeOf("", "<cwmp:Reboot/>")
	latin1, _ := charmap.ISO8859_1.NewEncoder().String(strings.Replace(text, "\U0001F600", "", 1))
	bodies := map[string][]byte{
		"utf-8":      []byte(text),
		"iso-8859-1": []byte(latin1),
		"utf-16le":   utf16Of(binary.LittleEndian, text),
		"utf-16be":   utf16Of(binary.BigEndian, "\uFEFF"+text),
	}
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			checkRewrite(t, body, name, "new \u00e9 & \U0001F600 <\u4e2d>")
			m, err := Scan(body, Options{Charset: name, Params: everything})
			if err != nil || m.Charset != name {
				t.Fatal(m.Charset, err)
			}
			if got := len(body[m.Declaration.Start:m.Declaration.End]); got != len(`<?xml version="1.0"?>`) && got != 2*len(`<?xml version="1.0"?>`) {
				t.Errorf("declaration of %d bytes", got)
			}
			second, err := Scan(body[m.Rest:], Options{Charset: name})
			if err != nil || second.Method != "Reboot" {
				t.Errorf("rest: %+v %v", second, err)
			}
		})
	}
}

// TestC52_ASCIIStaysASCII: what a charset may lack is written as a reference.
func TestC52_ASCIIStaysASCII(t *testing.T) {
	body := []byte(informOf("<ParameterList>" + paramOf("Device.a", "x") + "</ParameterList>"))
	m := mustScan(t, string(body), Options{Params: everything})
	for charset, want := range map[string]string{"": "\u00e9", "iso-8859-1": "&#233;", "gbk": "&#233;"} {
		out, err := Rewrite(body, charset, []Edit{{m.Params[0].At, "\u00e9"}})
		if err != nil || !bytes.Contains(out, []byte("<Value>"+want+"</Value>")) {
			t.Errorf("%q: %v %q", charset, err, out)
		}
	}
}

func TestCharset_Errors(t *testing.T) {
	body := []byte(`<?xml version="1.0" encoding="HZ-GB-2312"?>` + informOf(""))
	if all, err := ScanAll(body, Options{}); !errors.Is(err, ErrCharset) || all != nil {
		t.Errorf("%v %v", all, err)
	}
	if _, err := Rewrite(body, "", []Edit{{Span{0, 0}, "x"}}); !errors.Is(err, ErrCharset) {
		t.Errorf("%v", err)
	}
	wide := utf16Of(binary.LittleEndian, "<Envelope></Body>")
	var se *ScanError
	if _, err := Scan(wide, Options{}); !errors.As(err, &se) || se.Offset != 20 {
		t.Errorf("offset in UTF-16: %v", err)
	}
	if _, err := Rewrite(wide, "", []Edit{{Span{1, 3}, "x"}}); err == nil {
		t.Error("an edit split a character")
	}
}

// TestWide_Restore maps every character's offset there and back.
func TestWide_Restore(t *testing.T) {
	text := "a\u00e9\u4e2d\U0001F600\uFFFDz"
	for _, o := range []wideOrder{littleEndian, bigEndian} {
		body := o.appendWide(nil, text)
		decoded := o.decodeWide(body)
		if diff := gocmp.Diff(text, string(decoded)); diff != "" {
			t.Fatal(diff)
		}
		want := 0
		for i, r := range text {
			got := i
			restore(decoded, []*int{&got})
			if got != want {
				t.Errorf("%q at %d: %d, want %d", r, i, got, want)
			}
			want += len(o.appendWide(nil, string(r)))
		}
	}
}

func TestWide_LoneSurrogates(t *testing.T) {
	body := []byte{0xFF, 0xFE, '<', 0, 0x00, 0xD8, 'a', 0, 0x00, 0xDC, 0x3D, 0xD8, 'z'}
	if got := string(littleEndian.decodeWide(body)); got != "\uFEFF<\uFFFDa\uFFFD\uFFFD" {
		t.Errorf("%q", got)
	}
}
