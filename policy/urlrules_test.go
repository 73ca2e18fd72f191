package policy

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

const (
	internalURL = "http://10.0.0.5:7547/cwmp"
	publicURL   = "https://gw.isp.example"
)

func rules(mode string) URLRules {
	return URLRules{Mode: mode, ACSURL: internalURL, CPEURL: oldURL, GatewayURL: publicURL}
}

func TestC60_ToCPE(t *testing.T) {
	const foreign = "https://other.example/"
	long := internalURL + "/" + strings.Repeat("x", 240)
	for _, test := range []struct {
		name  string
		rules URLRules
		value string
		want  URLVerdict
	}{
		{"pass", rules(URLPass), internalURL, URLVerdict{Action: URLKept, Value: internalURL}},
		{"pass elsewhere", rules(URLPass), foreign, URLVerdict{Action: URLKept, Value: foreign}},

		{"pin", rules(URLPin), internalURL, URLVerdict{Action: URLReplaced, Value: oldURL}},
		{"pin what is there", rules(URLPin), oldURL, URLVerdict{Action: URLKept, Value: oldURL}},
		{"pin a path", rules(URLPin), internalURL + "/x", URLVerdict{Action: URLReplaced, Value: oldURL}},
		{"pin elsewhere", rules(URLPin), foreign, URLVerdict{Action: URLReplaced, Value: oldURL, Alarm: true}},
		{"pin nothing", rules(URLPin), "", URLVerdict{Action: URLReplaced, Value: oldURL, Alarm: true}},
		{"pin the gateway's", rules(URLPin), publicURL + "/", URLVerdict{Action: URLReplaced, Value: oldURL}},

		{"translate", rules(URLTranslate), internalURL, URLVerdict{Action: URLReplaced, Value: oldURL}},
		{"translate in another spelling", rules(URLTranslate), " HTTP://10.0.0.5:7547/cwmp", URLVerdict{Action: URLReplaced, Value: oldURL}},
		{"translate a path", rules(URLTranslate), internalURL + "/a?b=c", URLVerdict{Action: URLReplaced, Value: oldURL + "/a?b=c"}},
		{"translate a longer name", rules(URLTranslate), internalURL + "x", URLVerdict{Action: URLKept, Value: internalURL + "x", Alarm: true}},
		{"translate another port", rules(URLTranslate), "http://10.0.0.5/cwmp", URLVerdict{Action: URLKept, Value: "http://10.0.0.5/cwmp", Alarm: true}},
		{"translate elsewhere", rules(URLTranslate), foreign, URLVerdict{Action: URLKept, Value: foreign, Alarm: true}},
		{"translate the gateway's", rules(URLTranslate), publicURL, URLVerdict{Action: URLKept, Value: publicURL}},
		{"translate the CPE's", rules(URLTranslate), oldURL, URLVerdict{Action: URLKept, Value: oldURL}},
		{"translate without cpe_url", URLRules{Mode: URLTranslate, ACSURL: internalURL, GatewayURL: publicURL}, internalURL, URLVerdict{Action: URLReplaced, Value: publicURL}},
		{"translate to what is too long", rules(URLTranslate), long, URLVerdict{Action: URLRefused, Fault: "9007", Alarm: true}},
		{"translate nonsense", rules(URLTranslate), "http://[", URLVerdict{Action: URLKept, Value: "http://[", Alarm: true}},

		{"refuse its own", rules(URLRefuse), internalURL, URLVerdict{Action: URLReplaced, Value: oldURL}},
		{"refuse the CPE's", rules(URLRefuse), oldURL, URLVerdict{Action: URLKept, Value: oldURL}},
		{"refuse elsewhere", rules(URLRefuse), foreign, URLVerdict{Action: URLRefused, Fault: "9001", Alarm: true}},
		{"refuse nothing", rules(URLRefuse), "", URLVerdict{Action: URLRefused, Fault: "9001", Alarm: true}},
	} {
		got := test.rules.ToCPE(RootTR098, test.value)
		if got.Reason == "" {
			t.Errorf("%s: no reason", test.name)
		}
		if got.Reason = ""; got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
	if got := rules(URLTranslate).ToCPE(RootDevice, long); got.Action != URLReplaced {
		t.Errorf("TR-181 keeps 2048 characters: %+v", got)
	}
}

func TestC60_ToACS(t *testing.T) {
	for _, test := range []struct{ mode, value, want string }{
		{URLPass, oldURL, oldURL},
		{URLPin, oldURL, internalURL},
		{URLTranslate, oldURL, internalURL},
		{URLRefuse, oldURL, internalURL},
		{URLTranslate, "https://ACS.isp.example:443/north", internalURL},
		{URLTranslate, oldURL + "/a", internalURL + "/a"},
		{URLTranslate, oldURL + "er", oldURL + "er"},
		{URLTranslate, publicURL + "/", internalURL},
		{URLTranslate, publicURL + "/else", publicURL + "/else"},
		{URLTranslate, "https://other.example/", "https://other.example/"},
		{URLTranslate, "", ""},
	} {
		if got := rules(test.mode).ToACS(test.value); got != test.want {
			t.Errorf("%s: %q is shown as %q, want %q", test.mode, test.value, got, test.want)
		}
	}
}

// TestC60_RoundTrip: what an ACS sets it reads back, wherever slashes stand.
func TestC60_RoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	for range 20_000 {
		u := URLRules{
			Mode:       URLTranslate,
			ACSURL:     "http://10.0.0.5:7547" + pick("/", "/cwmp", "/cwmp/", "/a/b"),
			CPEURL:     "https://acs.isp.example" + pick("", "/", "/north", "/north/"),
			GatewayURL: pick("", publicURL),
		}
		value := pick(u.ACSURL, u.ACSURL, "http://other.example/", "http://10.0.0.5:7547/cwmp", "http://10.0.0.5:7547")
		for range r.IntN(5) {
			value += pick("/", "?", "a", "north", "#", "%20", "//")
		}
		if _, rest := splitURL(value); rest == "" || rest[0] != '/' {
			continue // spelled without a path
		}
		v := u.ToCPE(RootDevice, value)
		if got := u.ToACS(v.Value); got != value {
			t.Fatalf("%+v: %q became %+v and reads %q", u, value, v, got)
		}
		if v.Action == URLReplaced && strings.Contains(v.Value, "10.0.0.5") {
			t.Fatalf("%+v: %q became %+v, which shows the inside", u, value, v)
		}
		if again := u.ToCPE(RootDevice, v.Value); v.Action == URLReplaced && again.Value != v.Value {
			t.Fatalf("%+v: %q became %q, and that %q", u, value, v.Value, again.Value)
		}
	}
}

func TestURLRules_Problem(t *testing.T) {
	for _, test := range []struct {
		rules URLRules
		want  string
	}{
		{URLRules{Mode: URLPass}, ""},
		{rules(URLRefuse), ""},
		{URLRules{Mode: URLPin, GatewayURL: publicURL}, ""},
		{URLRules{Mode: URLTranslate}, "needs cpe_url"},
		{URLRules{Mode: "block"}, "is not one of pass, pin, translate, refuse"},
	} {
		if got := test.rules.Problem(); !strings.HasPrefix(got, test.want) || test.want == "" && got != "" {
			t.Errorf("%+v: %q, want %q", test.rules, got, test.want)
		}
	}
}

func TestSameURL(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"http://a", "http://a/", true}, {"http://a", "http://a:80", true}, {"HTTPS://A:443/x", "https://a/x", true},
		{"http://[2001:DB8::1]/", "http://[2001:db8::1]:80", true}, {" http://a ", "http://a", true}, {"", "", true},
		{"http://a/x", "http://a/x/", false}, {"http://a/x", "http://a/X", false}, {"http://a", "https://a", false},
		{"http://a", "http://a:443", false}, {"http://a", "http://u@a", false}, {"http://a?x", "http://a", false},
		{"", "http://a", false}, {"a", "b", false},
	} {
		if got := SameURL(test.a, test.b); got != test.want {
			t.Errorf("%q and %q: %v", test.a, test.b, got)
		}
	}
}

var files = FileURLs{
	{From: "http://10.0.0.9/fw", To: "https://files.isp.example/north"},
	{From: "ftp://10.0.0.9/", To: "https://files.isp.example/ftp/"},
}

func TestFileURLs(t *testing.T) {
	long := "http://10.0.0.9/fw/" + strings.Repeat("x", 230)
	for _, test := range []struct {
		argument, value string
		want            URLVerdict
	}{
		{FileURL, "http://10.0.0.9/fw/v2.bin?x=1", URLVerdict{Action: URLReplaced, Value: "https://files.isp.example/north/v2.bin?x=1"}},
		{FileURL, "ftp://10.0.0.9:/v2.bin", URLVerdict{Action: URLReplaced, Value: "https://files.isp.example/ftp/v2.bin"}},
		{FileURL, "http://10.0.0.9/fwx", URLVerdict{Action: URLKept, Value: "http://10.0.0.9/fwx"}},
		{FileURL, "http://cdn.example/v2.bin", URLVerdict{Action: URLKept, Value: "http://cdn.example/v2.bin"}},
		{FileURL, "", URLVerdict{Action: URLKept}},
		{FileURL, long, URLVerdict{Action: URLRefused, Fault: "9003", Alarm: true}},
		{FileSuccessURL, long, URLVerdict{Action: URLKept, Value: long, Alarm: true}},
	} {
		got := files.ToCPE(test.argument, test.value)
		if got.Reason == "" {
			t.Errorf("%q: no reason", test.value)
		}
		if got.Reason = ""; got != test.want {
			t.Errorf("%q: %+v, want %+v", test.value, got, test.want)
		}
		if back := files.ToACS(got.Value); got.Action == URLReplaced && !SameURL(back, strings.Replace(test.value, ":/v2", "/v2", 1)) {
			t.Errorf("%q reads back as %q", test.value, back)
		}
	}
}

func TestFileURLs_Validate(t *testing.T) {
	var got []string
	bad := FileURLs{
		{From: "http://a/x", To: "http://b/"}, {From: "http://a/x/y", To: "http://c/"}, {From: "http://d/", To: "http://b"},
		{From: "e", To: "http://u:hidden@" + strings.Repeat("f", 256)},
	}
	bad.Validate(func(key, value, problem string) { got = append(got, key+" "+value+" "+problem) })
	for i, want := range []string{"[1].from", "[2].to", "[3].from", "[3].to"} {
		if i >= len(got) || !strings.HasPrefix(got[i], want) || strings.Contains(got[i], "hidden") {
			t.Errorf("problem %d: %v, want %s", i, got, want)
		}
	}
	files.Validate(func(key, value, problem string) { t.Errorf("%s %q %s", key, value, problem) })
}

func TestJudgeWriteBack(t *testing.T) {
	m := LastMove{Campaign: "swap", From: []string{oldURL, internalURL}, To: newURL, At: noon}
	fought := m
	fought.WriteBacks = MaxWriteBacks - 1
	for _, test := range []struct {
		name  string
		m     LastMove
		value string
		after time.Duration
		want  WriteBack
	}{
		{"never moved", LastMove{From: []string{oldURL}}, oldURL, 0, WriteBackNone},
		{"the new URL", m, newURL, 0, WriteBackNone},
		{"a third URL", m, "http://other.example/", 0, WriteBackNone},
		{"back", m, "https://acs.isp.example:443/north", time.Minute, WriteBackHeld},
		{"back to the ACS's own", m, internalURL, time.Minute, WriteBackHeld},
		{"back again and again", fought, oldURL, time.Minute, WriteBackHalts},
		{"long after", fought, oldURL, WriteBackGuard, WriteBackNone},
		{"just before", m, oldURL, WriteBackGuard - 1, WriteBackHeld},
	} {
		if got := JudgeWriteBack(test.m, test.value, noon.Add(test.after)); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

func FuzzURLRules(f *testing.F) {
	for _, s := range []string{internalURL, oldURL, publicURL, "", "http://[", "//", "http://10.0.0.5:7547/cwmp?", "HTTP://10.0.0.5:7547/cwmp/%zz"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, mode := range []string{URLPass, URLPin, URLTranslate, URLRefuse} {
			u := rules(mode)
			v := u.ToCPE(RootTR098, value)
			if v.Action == URLKept && v.Value != value || v.Action == URLReplaced && v.Value == value || v.Action == URLRefused && v.Value != "" {
				t.Errorf("%s: %q: %+v", mode, value, v)
			}
			if mode != URLPass && v.Action == URLReplaced && !strings.HasPrefix(u.ToACS(v.Value), internalURL) {
				t.Errorf("%s: %q became %q and reads %q", mode, value, v.Value, u.ToACS(v.Value))
			}
			if mode == URLRefuse && v.Action != URLRefused && !u.isGateways(v.Value) {
				t.Errorf("%q leads a CPE away", v.Value)
			}
		}
	})
}
