package admin

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acsgate/acsgate/internal/cwmp"
)

func TestParseDeviceQuery(t *testing.T) {
	got, err := ParseDeviceQuery("q=+S%2FN&oui=00-d0-9e&product_class=HG&software_version=1&acs=north&campaign=c&nat=symmetric&binding=stale" +
		"&informed_within=24h&silent_for=90s&failing=true&limit=7&cursor=abc")
	want := DeviceQuery{
		Text: " S/N", OUI: "00D09E", ProductClass: "HG", SoftwareVersion: "1", ACS: "north", Campaign: "c", NAT: "symmetric", Binding: "stale",
		InformedWithin: 24 * time.Hour, SilentFor: 90 * time.Second, Failing: true, Limit: 7, Cursor: "abc",
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if got, err := ParseDeviceQuery("q=&nat=&limit="); err != nil || !cmp.Equal(got, DeviceQuery{Limit: defaultPage}) {
		t.Errorf("what a form sends that was not filled in: %+v %v", got, err)
	}
	if got, err := ParseBindingQuery("nat=none&state=fresh&q=x"); err != nil || !cmp.Equal(got, BindingQuery{NAT: "none", State: "fresh", Text: "x", Limit: defaultPage}) {
		t.Errorf("%+v %v", got, err)
	}
}

func TestParseDeviceQuery_SaysEverythingThatIsWrong(t *testing.T) {
	_, err := ParseDeviceQuery("limit=1001&limt=5&acs=a&acs=b&nat=cone&failing=yes&silent_for=-1h&informed_within=1d&q=%00&product_class=" + strings.Repeat("x", maxText+1))
	var p *problem
	if !errors.As(err, &p) || p.Status != 400 {
		t.Fatal(err)
	}
	var names []string
	for _, bad := range p.Errors {
		names = append(names, bad.Name)
	}
	want := []string{"acs", "failing", "informed_within", "limit", "limt", "nat", "product_class", "q", "silent_for"}
	if !slices.Equal(names, want) {
		t.Errorf("%q, want %q: %v", names, want, err)
	}
	for _, raw := range []string{"limit=0", "limit=-1", "limit=1e2", "limit=99999999999999999999", "a;b", "%zz", "q=%ff", "\x00=1", strings.Repeat("a", maxQuery+1), "binding=fresh,stale"} {
		if _, err := ParseDeviceQuery(raw); err == nil {
			t.Errorf("%.40q is taken", raw)
		}
	}
}

func FuzzParseDeviceQuery(f *testing.F) {
	f.Add("q=a&limit=5")
	f.Add("oui=00d09e&failing=true&silent_for=1h0m0s&cursor=%2e")
	f.Add("limit=1001&a=%3Cscript%3E&a=2")
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := ParseDeviceQuery(raw)
		if err != nil {
			var p *problem
			if !errors.As(err, &p) || p.Status != 400 || len(p.Detail) > 64<<10 {
				t.Fatalf("%q: %v", raw, err)
			}
			return
		}
		if q.Limit < 1 || q.Limit > maxPage || q.InformedWithin < 0 || q.SilentFor < 0 || !q.Scope.Whole() {
			t.Fatalf("%q: %+v", raw, q)
		}
		// What was understood is all that was said, and says the same again.
		given, _ := url.ParseQuery(raw)
		for name, values := range given {
			if len(values) != 1 || !slices.ContainsFunc(deviceParameters(), func(p parameter) bool { return p.name == name }) {
				t.Fatalf("%q: %s is taken", raw, name)
			}
		}
		again, err := ParseDeviceQuery(q.values().Encode())
		if err != nil || !cmp.Equal(q, again) {
			t.Fatalf("%q: %+v, then %+v, %v", raw, q, again, err)
		}
	})
}

func TestDeviceOfPath(t *testing.T) {
	for path, want := range map[string]cwmp.DeviceID{
		"00D09E-HG%2D1-S%2FN%201%25":                 {OUI: "00D09E", ProductClass: "HG-1", SerialNumber: "S/N 1%"},
		"00d09e-1/timeline":                          {OUI: "00D09E", SerialNumber: "1"},
		"AABBCC-%2E%2E":                              {OUI: "AABBCC", SerialNumber: ".."},
		"AABBCC-..%2F..%2Fetc":                       {OUI: "AABBCC", SerialNumber: "../../etc"},
		"AABBCC-%3Cscript%3E/captures":               {OUI: "AABBCC", SerialNumber: "<script>"},
		"AABBCC-%00":                                 {OUI: "AABBCC", SerialNumber: "\x00"},
		"AABBCC-x%2Fconnection%2Drequest/assignment": {OUI: "AABBCC", SerialNumber: "x/connection-request"},
	} {
		if got, err := deviceOfPath(PathAPI + "devices/" + path); err != nil || got != want {
			t.Errorf("%s: %+v %v", path, got, err)
		}
	}
	for _, path := range []string{"", "/", "..", "%2e%2e", "%2F", "00D09E", "a-b-c-d", "a--b", "00D09E-a%", "00D09E-a%2", "00D09E-\u00e9", "00D09E-a b"} {
		if got, err := deviceOfPath(PathAPI + "devices/" + path); err == nil {
			t.Errorf("%q is %+v", path, got)
		}
	}
	if _, err := deviceOfPath("/api/v1/%64evices/00D09E-1"); err == nil {
		t.Error("another path names a device")
	}
}

// FuzzDeviceOfPath: whatever a path is, a device that is read of it is written as
// the part of the path that it was, but for case and for what need not be escaped.
func FuzzDeviceOfPath(f *testing.F) {
	f.Add("/api/v1/devices/00D09E-HG%2D1-S%2FN%201%25/timeline")
	f.Add("/api/v1/devices/../acs")
	f.Add("/api/v1/devices/%2e%2e/%2F")
	f.Add("//api/v1/devices//00D09E-1")
	f.Fuzz(func(t *testing.T, path string) {
		u, err := url.ParseRequestURI(path)
		if err != nil || !cleanPath(u) {
			return
		}
		id, err := deviceOfPath(u.EscapedPath())
		if err != nil {
			return
		}
		part, _, _ := strings.Cut(strings.TrimPrefix(u.EscapedPath(), PathAPI+"devices/"), "/")
		text, err := url.PathUnescape(part)
		if err != nil || strings.Contains(part, "/") || part == "" {
			t.Fatalf("%q gives %+v", path, id)
		}
		plain, _ := url.PathUnescape(id.String())
		if oui, rest, _ := strings.Cut(text, "-"); !strings.HasSuffix(plain, rest) && !strings.Contains(oui, ":") {
			t.Fatalf("%q gives %+v, which is %q", path, id, plain)
		}
		if back, err := deviceOfPath(PathAPI + "devices/" + id.String()); err != nil || back.Key() != id.Key() {
			t.Fatalf("%q gives %+v, then %+v, %v", path, id, back, err)
		}
	})
}
