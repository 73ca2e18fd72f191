package cwmp

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestMetricName(t *testing.T) {
	tests := map[string]string{
		"Inform": "Inform", "InformResponse": "InformResponse", "Fault": "Fault", "ChangeDUStateResponse": "ChangeDUStateResponse",
		"X_00D09E_Reset": "vendor", "X_00D09E_ResetResponse": "vendor", "X": "other", "": "other", "inform": "other",
		"FaultResponse": "other", "InformResponseResponse": "other", "script": "other",
	}
	for in, want := range tests {
		if got := MetricName(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if names := Methods(); len(names) != 27 || slices.Contains(names, "") {
		t.Errorf("%d methods: %q", len(names), names)
	}
	for _, m := range Methods() {
		if MetricName(m) != m || MetricName(m+"Response") != m+"Response" {
			t.Errorf("%s is unknown", m)
		}
	}
}

func TestFaultText(t *testing.T) {
	tests := map[string]string{
		"8005": "Retry request", "9007": "Invalid parameter value", "9800": "Vendor defined fault", "8899": "Vendor defined fault",
		"9033": "", "8007": "", "": "", "98000": "", "7800": "", "98x0": "",
	}
	for code, want := range tests {
		if got := FaultText(code); got != want {
			t.Errorf("%q: %q, want %q", code, got, want)
		}
	}
	// The table is complete: 8000-8006 and 9000-9032, each with a text.
	count := 0
	for n := 8000; n < 10000; n++ {
		if text := FaultText(strconv.Itoa(n)); text != "" && text != "Vendor defined fault" {
			count++
		}
	}
	if count != 7+33 {
		t.Errorf("%d codes", count)
	}
}

func TestFaultMetricName(t *testing.T) {
	for code, want := range map[string]string{"9005": "9005", "8005": "8005", "9850": "vendor", "9999": "other", "Client": "other", "": "other", "Inform": "other"} {
		if got := FaultMetricName(code); got != want {
			t.Errorf("%q: %q, want %q", code, got, want)
		}
	}
}

// TestEventCodes: the numbers run from 0 without a gap.
func TestEventCodes(t *testing.T) {
	codes := eventCodes()
	for i := range 15 {
		number, name, _ := strings.Cut(codes[i], " ")
		if number != strconv.Itoa(i) || name == "" || strings.ToUpper(name) != name {
			t.Errorf("code %d: %q", i, codes[i])
		}
	}
	for _, code := range codes[15:] {
		if method, ok := strings.CutPrefix(code, "M "); !ok || !slices.Contains(Methods(), method) {
			t.Errorf("%q names no method", code)
		}
	}
}

func TestKind_String(t *testing.T) {
	var got []string
	for k := Unknown; k <= Fault+1; k++ {
		got = append(got, k.String())
	}
	if want := "unknown empty request response fault unknown"; strings.Join(got, " ") != want {
		t.Errorf("%q", got)
	}
}
