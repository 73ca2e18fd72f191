package cwmp

import (
	"strings"
	"testing"
)

func TestDeviceID_String(t *testing.T) {
	tests := []struct {
		id   DeviceID
		want string
	}{
		{DeviceID{OUI: "00D09E", ProductClass: "HG8245", SerialNumber: "SN1"}, "00D09E-HG8245-SN1"},
		{DeviceID{OUI: "00D09E", SerialNumber: "SN1"}, "00D09E-SN1"},
		{DeviceID{}, "-"},
		{DeviceID{ProductClass: "P"}, "-P-"},
		{DeviceID{SerialNumber: "S"}, "-S"},
		{DeviceID{OUI: "00D09E", ProductClass: "A-B", SerialNumber: "1 2/3%4:5"}, "00D09E-A%2DB-1%202%2F3%254%3A5"},
		{DeviceID{OUI: "00D09E", ProductClass: "a.b_c~d", SerialNumber: "\u00e9\x00\xff"}, "00D09E-a.b_c~d-%C3%A9%00%FF"},
		{DeviceID{Manufacturer: "ignored", OUI: "ISP", SerialNumber: "1"}, "ISP-1"},
	}
	for _, tt := range tests {
		if got := tt.id.String(); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.id, got, tt.want)
		}
		back, err := ParseDeviceID(tt.want)
		if err != nil || back.Key() != tt.id.Key() {
			t.Errorf("%q: %+v %v", tt.want, back, err)
		}
	}
}

func TestParseDeviceID_Tolerance(t *testing.T) {
	got, err := ParseDeviceID("00-d0")
	if err != nil || got != (DeviceID{OUI: "000000", SerialNumber: "d0"}) {
		t.Errorf("%+v %v", got, err)
	}
	got, err = ParseDeviceID("00d09e-%c3%a9%2d-%41")
	if err != nil || got != (DeviceID{OUI: "00D09E", ProductClass: "\u00e9-", SerialNumber: "A"}) {
		t.Errorf("%+v %v", got, err)
	}
}

func TestParseDeviceID_Refusals(t *testing.T) {
	tests := []struct{ s, want string }{
		{"", "1 parts: want OUI-ProductClass-Serial or OUI-Serial"},
		{"00D09E", "1 parts"},
		{"00D09E-A-B-C", "4 parts: want OUI-ProductClass-Serial or OUI-Serial, with a dash inside a part written as %2D"},
		{"00D09E--SN1", "empty product class: want OUI-Serial"},
		{"00D09E-A B-C", `character ' ' must be written as %20`},
		{"00D09E-A/B", `%2F`},
		{"00D09E-A%", "two hexadecimal digits"},
		{"00D09E-A%2", "two hexadecimal digits"},
		{"00D09E-A%G0", "itself written as %25"},
		{"00D09E-\u00e9", "%C3"},
	}
	for _, tt := range tests {
		id, err := ParseDeviceID(tt.s)
		if err == nil || !strings.Contains(err.Error(), tt.want) || id != (DeviceID{}) {
			t.Errorf("%q: %+v %v, want %q", tt.s, id, err, tt.want)
		}
	}
}

func TestNormalizeOUI(t *testing.T) {
	tests := map[string]string{
		"00D09E": "00D09E", "00d09e": "00D09E", "00-D0-9E": "00D09E", "00:d0:9e": "00D09E", "00.d0.9e": "00D09E",
		" 00 D0 9E\t": "00D09E", "D09E": "00D09E", "1": "000001", "": "", " ": "", "-": "-", "00D09E1122": "00D09E1122",
		"isp": "ISP", " Acme-net ": "ACME-NET", "(null)": "(NULL)", "\u00e9a": "\u00e9A", "\xffa": "\xffA", "0x00D09E": "0X00D09E", "?": "?",
	}
	for in, want := range tests {
		if got := NormalizeOUI(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
		if got := NormalizeOUI(want); got != want {
			t.Errorf("%q becomes %q", want, got)
		}
	}
	if n := testing.AllocsPerRun(10, func() { NormalizeOUI("00D09E") }); n != 0 {
		t.Errorf("%v allocations for the normal form", n)
	}
}
