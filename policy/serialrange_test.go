package policy

import (
	"math/big"
	"regexp"
	"strings"
	"testing"
)

func TestSerialRange(t *testing.T) {
	long := strings.Repeat("9", 40)
	for _, test := range []struct {
		entry, serial string
		want          bool
	}{
		{"SN2000-SN2999", "SN2000", true},
		{"SN2000-SN2999", "SN2999", true},
		{"SN2000-SN2999", "SN2500", true},
		{"SN2000-SN2999", "SN1999", false},
		{"SN2000-SN2999", "SN3000", false},
		{"SN2000-SN2999", "SN250", false},
		{"SN2000-SN2999", "SN25000", false},
		{"SN2000-SN2999", "sn2500", false}, // serial numbers have regard to case
		{"SN2000-SN2999", "SN25A0", false},
		{"SN2000-SN2999", "SN2000-SN2999", false},
		{"SN2000-SN2999", "", false},
		{"0000-0009", "0005", true},
		{"0000-0009", "5", false},
		{"5-5", "5", true},
		{"A-1-100-A-1-199", "A-1-150", true},
		{"A-1-100-A-1-199", "A-2-150", false},
		{"SN 1-SN 3", "SN 2", true},
		{"1" + long + "-3" + long, "2" + long, true}, // more digits than any integer type has
		{"1" + long + "-3" + long, "4" + long, false},
	} {
		r, problem := parseRange(test.entry)
		if problem != "" {
			t.Errorf("%q: %s", test.entry, problem)
		} else if got := r.contains(test.serial); got != test.want {
			t.Errorf("range %q contains %q: %v", test.entry, test.serial, got)
		}
	}
}

func TestIsRange(t *testing.T) {
	for entry, want := range map[string]bool{
		"SN1-SN2": true, "SN-1": true, "SN1": false, "SN?1": false, "SN1-*": false, "": false,
	} {
		if got := isRange(entry); got != want {
			t.Errorf("isRange(%q): %v", entry, got)
		}
	}
}

// numbered splits a serial number into what precedes its digits, and these.
var numbered = regexp.MustCompile(`(?s)^(.*?)([0-9]+)$`)

// bigRange is the oracle: ranges by arithmetic.
func bigRange(first, last, serial string) bool {
	a, b, s := numbered.FindStringSubmatch(first), numbered.FindStringSubmatch(last), numbered.FindStringSubmatch(serial)
	if a == nil || b == nil || s == nil || len(serial) != len(first) || !strings.HasPrefix(serial, a[1]) {
		return false
	}
	number := func(s string) *big.Int {
		n, ok := new(big.Int).SetString(s, 10)
		if !ok {
			return nil
		}
		return n
	}
	from, to, n := number(a[2]), number(b[2]), number(serial[len(a[1]):])
	allDigits := strings.Trim(serial[len(a[1]):], "0123456789") == ""
	return allDigits && n.Cmp(from) >= 0 && n.Cmp(to) <= 0
}

func FuzzSerialRange(f *testing.F) {
	f.Add("SN2000-SN2999", "SN2500")
	f.Add("SN2999-SN2000", "SN2500")
	f.Add("A-1-100-A-1-199", "A-1-150")
	f.Add("SN900-SN1000", "SN950")
	f.Add("--", "-")
	f.Add("0-9", "٣") // a digit, but not one of ours
	f.Fuzz(func(t *testing.T, entry, serial string) {
		r, problem := parseRange(entry)
		if problem != "" {
			return
		}
		first, last := r.prefix+r.from, r.prefix+r.to
		if first+"-"+last != entry {
			t.Fatalf("%q was read as %q to %q", entry, first, last)
		}
		if !r.contains(first) || !r.contains(last) {
			t.Fatalf("%q does not contain its ends", entry)
		}
		if got, want := r.contains(serial), bigRange(first, last, serial); got != want {
			t.Fatalf("range %q contains %q: %v, by arithmetic %v", entry, serial, got, want)
		}
	})
}
