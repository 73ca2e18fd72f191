package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAPI_BadRequestsChangeNothing(t *testing.T) {
	f, s := startFake(t, nil)
	device := "devices/" + oddDevice.String()
	for _, test := range []struct {
		method, path, body string
		status             int
		text               string
	}{
		{"GET", "devices?limit=100000", "", 400, `"name":"limit"`},
		{"GET", "devices?colour=red", "", 400, "is no parameter of this resource"},
		{"GET", "devices?acs=a&acs=b", "", 400, "more than once"},
		{"GET", "devices?cursor=nonsense", "", 400, "cursor"},
		{"GET", "devices?acs=a;oui=b", "", 400, "cannot be read"},
		{"GET", device + "?x=1", "", 400, "it has none"},
		{"GET", "devices/00D09E", "", 400, "OUI-Serial"},
		{"GET", "devices/00D09E-unknown", "", 404, "not known"},
		{"GET", "devices/", "", 404, ""},
		{"GET", "nothing", "", 404, "no part of the API"},
		{"GET", "", "", 404, ""},
		{"GET", "devices//acs", "", 400, "path"},
		{"GET", "devices/../acs", "", 400, "path"},
		{"GET", "devices/%2e%2e/acs", "", 400, "path"},
		{"GET", "devices/%2F", "", 404, ""},
		{"GET", "devices/00D09E-1%2F..%2Facs", "", 404, "not known"},
		{"GET", "acs/..%2Fdevices", "", 404, "there is no ACS"},
		{"GET", "captures/..%2F..%2Fetc%2Fpasswd/text", "", 404, "there is no capture"},
		{"DELETE", "devices", "", 405, "GET, HEAD"},
		{"POST", "devices", "{}", 405, ""},
		{"PATCH", device, "{}", 405, ""},
		{"OPTIONS", "devices", "", 405, ""},
		{"GET", "devices/x/connection-request", "", 405, "POST"},
		{"PUT", device + "/assignment", `{"acs":"south","for":"ever"}`, 400, `"name":"for"`},
		{"PUT", device + "/assignment", `{"acs":5,"colour":1}`, 400, `"errors":[{"name":"acs","detail":"is a number, not a string"},{"name":"colour","detail":"is not known"}]`},
		{"PUT", device + "/assignment", `{"ACS":"south"}`, 400, `"name":"ACS"`},
		{"PUT", device + "/assignment", `{"acs":"elsewhere"}`, 400, "none of the ACSs"},
		{"PUT", device + "/assignment", ``, 400, "is missing"},
		{"PUT", device + "/assignment", `null`, 400, "one JSON object"},
		{"PUT", device + "/assignment", `[]`, 400, ""},
		{"PUT", device + "/assignment", `{"acs":"south"}{}`, 400, "more than one JSON document"},
		{"PUT", device + "/assignment", `{"acs":"south"`, 400, "ends too early"},
		{"PUT", device + "/assignment", `{"acs":"north","acs":"south"}`, 400, "more than once"},
		{"PUT", device + "/assignment", `{"acs":"` + strings.Repeat("x", maxSmallBody) + `"}`, 413, ""},
		{"DELETE", device + "/assignment", `{}`, 400, "takes no body"},
		{"POST", device + "/connection-request", `{}`, 400, "takes no body"},
		{"POST", device + "/captures", `{"duration":"1y"}`, 400, "duration"},
		{"POST", device + "/captures", `{"duration":"2h"}`, 400, "duration"},
		{"POST", device + "/captures", `{"duration":"1ms"}`, 400, "duration"},
		{"POST", "devices/00D09E-unknown/captures", ``, 404, "not known"},
		{"POST", "campaigns", `{"name":"x","too":"south","selector":{"ouis":[]}}`, 400, `"errors":[{"name":"selector"`},
		{"POST", "campaigns", `{"criteria":{"within":"soon"}}`, 400, "not a duration"},
		{"POST", "campaigns/none/start", ``, 404, "no such campaign"},
		{"POST", "campaigns/move/explode", ``, 404, ""},
		{"POST", "acs/none/return", ``, 404, "there is no ACS"},
		{"GET", "series?since=1000h", ``, 400, "168h"},
		{"GET", "events?kinds=inform,gossip", ``, 400, "gossip"},
		{"GET", "events?device=x", ``, 400, "device"},
		{"GET", "events?device=-", ``, 400, "names no device"},
	} {
		t.Run(test.method+" "+fmt.Sprintf("%.60s %.60s", test.path, test.body), func(t *testing.T) {
			api(t, s, adminToken, test.method, test.path, test.body, "If-Match", "*").wantStatus(t, test.status).wantText(t, test.text)
		})
	}
	if len(f.woken)+len(f.captures)+len(f.assigned)+f.created != 0 || f.campaign.Status != "draft" {
		t.Errorf("something was done: %+v", f.woken)
	}
	api(t, s, adminToken, "PUT", device+"/assignment", `{"acs":"south"}`, "If-Match", "*", "Content-Type", "text/plain").wantStatus(t, 415)
	if got := api(t, s, adminToken, "DELETE", "devices", ""); got.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("Allow: %q", got.Header.Get("Allow"))
	}
}

// TestAPI_ScriptsOfDevicesStayText: a CPE can say anything.
func TestAPI_ScriptsOfDevicesStayText(t *testing.T) {
	_, s := startFake(t, nil)
	for _, path := range []string{"devices", "devices/" + scriptDevice.String(), "devices/00D09E-%3Cscript%3Enone"} {
		got := api(t, s, adminToken, "GET", path, "")
		if strings.Contains(got.body, "<script") || got.Header.Get("X-Content-Type-Options") != "nosniff" ||
			!strings.HasPrefix(got.Header.Get("Content-Security-Policy"), "default-src 'none'") || !json.Valid([]byte(got.body)) {
			t.Errorf("%s: %s %v", path, got.body, got.Header)
		}
	}
}

// TestAPI_TwoRolesMayNothingOfTheThird goes through all endpoints: each needs its
// role, and nothing happens without.
func TestAPI_EachEndpointNeedsItsRole(t *testing.T) {
	f, s := startFake(t, nil)
	for _, e := range (&API{}).endpoints() {
		path := strings.NewReplacer("devices/{id}", "devices/"+oddDevice.String(), "captures/{id}", "captures/c0", "{name}", "move").Replace(e.path)
		if e.role == "" {
			api(t, s, "", e.method, path, "").wantStatus(t, 200)
			continue
		}
		got := api(t, s, "", e.method, path, "", "If-Match", "*").wantStatus(t, 401)
		if got.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: 401 does not say how to log in", e.id)
		}
		if e.role != RoleViewer {
			api(t, s, viewerToken, e.method, path, "", "If-Match", "*").wantStatus(t, 403).wantText(t, e.role)
		}
		if e.role == RoleAdmin {
			api(t, s, operatorToken, e.method, path, "", "If-Match", "*").wantStatus(t, 403).wantText(t, e.role)
		}
	}
	if len(f.woken)+len(f.captures)+len(f.assigned)+f.created != 0 || f.campaign.Status != "draft" {
		t.Error("something was done")
	}
}

func TestAPI_WhatAGatewayLacksIsNotFound(t *testing.T) {
	s := startAPI(t, &API{})
	for _, path := range []string{"devices", "campaigns", "events", "acs", "captures", "overview", "devices/00D09E-1"} {
		api(t, s, operatorToken, "GET", path, "").wantStatus(t, 404)
	}
	api(t, s, operatorToken, "GET", "whoami", "").wantStatus(t, 200).wantText(t, `"name":"noc","role":"operator"`)
}

func TestAPI_AReloadThatFailsListsWhatIsWrong(t *testing.T) {
	f, s := startFake(t, nil)
	f.reload = errors.New("acs[0].url: is missing\nlisten: is missing")
	api(t, s, adminToken, "POST", "reload", "").wantStatus(t, 422).wantText(t, `{"name":"file","detail":"listen: is missing"}`)
}

func TestSecured_NamesPathsAndOrigins(t *testing.T) {
	_, s := startFake(t, func(c *Config) { c.Hosts = []string{"Gate.Example"} })
	port := s.Addr().String()[strings.LastIndexByte(s.Addr().String(), ':'):]
	for host, status := range map[string]int{
		"127.0.0.1" + port: 200, "localhost" + port: 200, "LOCALHOST": 200, "[::1]:1": 200, "192.0.2.1": 200, "gate.example": 200, "gate.example.:443": 200,
		"evil.example": 421, "localhost.evil.example" + port: 421, "127.0.0.1.evil.example": 421, "gate.example.evil": 421,
	} {
		ask(t, s, "", "GET", PathReady, "", "Host", host, "Accept", "application/json").wantStatus(t, status)
		if got := api(t, s, viewerToken, "GET", "whoami", "", "Host", host); got.StatusCode != status {
			t.Errorf("%s: %d", host, got.StatusCode)
		}
	}
	wake := "devices/" + oddDevice.String() + "/connection-request"
	here := "http://" + s.Addr().String()
	for _, test := range []struct {
		method, path string
		status       int
		headers      []string
	}{
		{"POST", wake, 403, []string{"Origin", "https://evil.example"}},
		{"POST", wake, 403, []string{"Sec-Fetch-Site", "cross-site"}},
		{"POST", wake, 403, []string{"Sec-Fetch-Site", "same-site"}},
		{"POST", wake, 403, []string{"Origin", "null"}},
		{"POST", wake, 200, []string{"Sec-Fetch-Site", "same-origin", "Origin", here}},
		{"POST", wake, 200, []string{"Origin", here}},
		{"GET", "whoami", 200, []string{"Origin", "https://evil.example"}},
	} {
		got := api(t, s, adminToken, test.method, test.path, "", test.headers...).wantStatus(t, test.status)
		if got.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Error("another site may read it")
		}
	}
}

func TestHosts_AllOnlyWhereNothingElseIsKnown(t *testing.T) {
	for _, test := range []struct {
		address string
		hosts   []string
		host    string
		want    bool
	}{
		{"0.0.0.0:80", nil, "anything", true},
		{"0.0.0.0:80", []string{"a.example"}, "anything", false},
		{"0.0.0.0:80", []string{"a.example"}, "A.example:80", true},
		{"gate.example:80", []string{"a.example"}, "gate.example", true},
		{"127.0.0.1:80", nil, "anything", false},
		{"127.0.0.1:80", nil, "", true},
	} {
		if got := newHosts(&Config{Address: test.address, Hosts: test.hosts}).allow(test.host); got != test.want {
			t.Errorf("%+v: %v", test, got)
		}
	}
}

// FuzzReadBody: what is taken is what encoding/json takes of it, strictly.
func FuzzReadBody(f *testing.F) {
	f.Add([]byte(`{"name":"a","to":"south","selector":{"oui":["00D09E"]},"waves":[{"percent":5,"criteria":{"within":"1h"}}]}`))
	f.Add([]byte(`{"name":"a","name":"b"}`))
	f.Add([]byte(`{"Name":1}{`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var got, want CampaignRequest
		r := &http.Request{Body: io.NopCloser(bytes.NewReader(body))}
		if err := readBody(r, &got); err != nil {
			var p *problem
			if !errors.As(err, &p) || p.Status != 400 {
				t.Fatalf("%q: %v", body, err)
			}
			return
		}
		if len(bytes.TrimSpace(body)) == 0 {
			return
		}
		decoder := json.NewDecoder(bytes.NewReader(body))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&want); err != nil || !cmp.Equal(got, want) {
			t.Fatalf("%q: %+v, want %+v, %v", body, got, want, err)
		}
	})
}

func FuzzCleanPath(f *testing.F) {
	f.Add("/api/v1/devices/../acs")
	f.Add("/%2e%2e/a%2Fb")
	f.Fuzz(func(t *testing.T, path string) {
		u, err := url.ParseRequestURI(path)
		if err != nil || !cleanPath(u) {
			return
		}
		// A mux leads it where it stands: nothing is redirected.
		mux := http.NewServeMux()
		mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) {})
		if _, pattern := mux.Handler(&http.Request{Method: "GET", URL: u, Host: "a"}); pattern != "/" {
			t.Fatalf("%q is led to %q", path, pattern)
		}
	})
}
