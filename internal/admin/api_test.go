package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
)

const (
	operatorToken = "operator-0123456789abcdef"
	viewerToken   = "viewer-0123456789abcdefgh"
)

// startAPI runs a server with two tokens until the test ends.
func startAPI(t *testing.T, api *API) *Server {
	t.Helper()
	c := Config{Address: "127.0.0.1:0", Tokens: []TokenConfig{
		{Name: "noc", Role: RoleOperator, TokenFile: writeToken(t, operatorToken)},
		{Name: "wall", Role: RoleViewer, TokenFile: writeToken(t, viewerToken)},
	}}
	c.Validate(func(key, value, problem string) { t.Errorf("%s: %q %s", key, value, problem) })
	s, err := New(c, Deps{Registry: prometheus.NewRegistry(), Live: ok, Ready: ok, API: api, Log: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return s
}

func writeToken(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// fakeAPI knows one device, whose every part is odd.
func fakeAPI() (*API, cwmp.DeviceID) {
	odd := cwmp.DeviceID{OUI: "00D09E", ProductClass: "HG-1", SerialNumber: "S/N 1%"}
	return &API{
		Device: func(id cwmp.DeviceID) (DeviceView, bool) {
			return DeviceView{Device: id.String(), SerialNumber: id.SerialNumber}, id.Key() == odd.Key()
		},
		Wake: func(_ context.Context, id cwmp.DeviceID) (WakeResult, error) {
			switch {
			case id.SerialNumber == "busy":
				return WakeResult{}, ErrBusy
			case id.Key() != odd.Key():
				return WakeResult{}, ErrUnknownDevice
			}
			return WakeResult{Device: id.String(), OK: true, Transport: "udp", TookMS: 42, Attempts: []WakeAttempt{{Transport: "udp", Sent: 1}}}, nil
		},
		WakeMany: func(_ context.Context, s Selection, tell func(Progress)) (Progress, error) {
			tell(Progress{Total: len(s.Devices), Asked: 1})
			if s.OUI == "BAD000" {
				return Progress{}, errors.New("stopped")
			}
			return Progress{Total: len(s.Devices), Asked: len(s.Devices), Confirmed: len(s.Devices)}, nil
		},
	}, odd
}

func TestAPI_WakesADeviceWithOddCharacters(t *testing.T) {
	api, odd := fakeAPI()
	s := startAPI(t, api)
	t.Setenv(TokenVariable, operatorToken)
	c := Client{Address: s.Addr().String()}
	got, err := c.Wake(t.Context(), odd)
	if err != nil || !got.OK || got.Transport != "udp" || got.Device != odd.String() || len(got.Attempts) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	view, err := c.Device(t.Context(), odd)
	if err != nil || view.SerialNumber != "S/N 1%" {
		t.Errorf("%+v, %v", view, err)
	}
}

// TestAPI_NothingWithoutItsRole: also not on loopback.
func TestAPI_NothingWithoutItsRole(t *testing.T) {
	api, odd := fakeAPI()
	api.Wake = func(context.Context, cwmp.DeviceID) (WakeResult, error) {
		t.Error("a device was woken")
		return WakeResult{}, nil
	}
	s := startAPI(t, api)
	path := PathAPI + "devices/" + odd.String()
	for _, test := range []struct {
		method, path, authorization string
		want                        int
	}{
		{"GET", path, "", 401},
		{"GET", path, "Bearer " + viewerToken[:10], 401},
		{"GET", path, "Basic " + viewerToken, 401},
		{"GET", path, "Bearer " + viewerToken, 200},
		{"GET", path, "bearer  " + operatorToken, 200},
		{"POST", path + "/connection-request", "", 401},
		{"POST", path + "/connection-request", "Bearer " + viewerToken, 403},
		{"POST", PathAPI + "connection-requests", "Bearer " + viewerToken, 403},
		{"GET", PathAPI + "nothing", "Bearer " + viewerToken, 404},
		{"GET", PathAPI + "devices/00D09E", "Bearer " + viewerToken, 400},
		{"GET", PathAPI + "devices/00D09E-%2F", "Bearer " + viewerToken, 404},
		{"GET", PathAPI + "devices/a-b-c-d", "Bearer " + viewerToken, 400},
	} {
		status, kind, body := do(t, s, test.method, test.path, test.authorization, "")
		if status != test.want {
			t.Errorf("%s %s as %q: %d, want %d: %s", test.method, test.path, test.authorization, status, test.want, body)
		}
		if test.want != 200 && kind != "application/problem+json" {
			t.Errorf("%s %s: an error as %s", test.method, test.path, kind)
		}
	}
}

func TestAPI_WithoutTokensNobodyMay(t *testing.T) {
	api, odd := fakeAPI()
	s := start(t, Deps{Live: ok, Ready: ok, API: api})
	status, _, body := do(t, s, "POST", PathAPI+"devices/"+odd.String()+"/connection-request", "Bearer ", "")
	if status != 403 || !strings.Contains(body, "admin.tokens") {
		t.Errorf("%d %s", status, body)
	}
}

func TestAPI_WakeErrors(t *testing.T) {
	api, _ := fakeAPI()
	s := startAPI(t, api)
	for path, want := range map[string]int{"00D09E-busy": 503, "00D09E-unknown": 404} {
		if status, _, body := do(t, s, "POST", PathAPI+"devices/"+path+"/connection-request", "Bearer "+operatorToken, ""); status != want {
			t.Errorf("%s: %d %s, want %d", path, status, body, want)
		}
	}
}

func TestAPI_BulkWakeTellsItsProgress(t *testing.T) {
	api, odd := fakeAPI()
	s := startAPI(t, api)
	c := Client{Address: s.Addr().String(), TokenFile: writeToken(t, operatorToken)}
	var told []int
	last, err := c.WakeMany(t.Context(), Selection{Devices: []cwmp.DeviceID{odd, odd, odd}}, func(p Progress) { told = append(told, p.Asked) })
	if err != nil || !last.Done || last.Confirmed != 3 || !slices.Equal(told, []int{1, 3}) {
		t.Errorf("%+v, %v, %v", last, told, err)
	}
	if _, err := c.WakeMany(t.Context(), Selection{OUI: "BAD000"}, func(Progress) {}); err == nil || err.Error() != "stopped" {
		t.Errorf("an error at the end: %v", err)
	}
}

func TestAPI_BadSelectionsWakeNobody(t *testing.T) {
	api, _ := fakeAPI()
	api.WakeMany = func(_ context.Context, s Selection, _ func(Progress)) (Progress, error) {
		t.Errorf("devices were woken: %+v", s)
		return Progress{}, nil
	}
	s := startAPI(t, api)
	for _, body := range []string{
		"", "{}", "[]", `{"devices":[]}`, `{"device":["00D09E-1"]}`, `{"devices":["1"]}`, `{"all":true,"acs":"north","devices":["00D09E-1"]}`,
		`{"all":true,"per_second":-1}`, `{"all":true}{"all":true}`, `{"oui":5}`,
		`{"all":true}]`, `{"all":true}x`, `{"ALL":true}`, `{"devices":["00D09E-1"],"devices":["00D09E-2"]}`, `{"-":[{"OUI":"00D09E"}]}`,
		`{"all":true,"per_second":1e-12}`, // as a time between two it has no number, and would be no limit
	} {
		status, kind, text := do(t, s, "POST", PathAPI+"connection-requests", "Bearer "+operatorToken, body)
		if status != 400 || kind != "application/problem+json" {
			t.Errorf("%q: %d %s", body, status, text)
		}
	}
}

func TestConfig_ValidatesTokens(t *testing.T) {
	good := writeToken(t, operatorToken)
	c := Config{Address: DefaultAddress, Tokens: []TokenConfig{
		{Role: "operator", TokenFile: good}, {Name: "a", Role: "root", TokenFile: writeToken(t, viewerToken)}, {Name: "a", Role: "admin"},
		{Name: "b", Role: "admin", TokenFile: good + "x"}, {Name: "c", Role: "admin", TokenFile: writeToken(t, "short")},
	}}
	var got []string
	c.Validate(func(key, _, _ string) { got = append(got, key) })
	want := []string{"tokens[0].name", "tokens[1].role", "tokens[2].name", "tokens[2].token_file", "tokens[3].token_file", "tokens[4].token_file"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func FuzzReadSelection(f *testing.F) {
	f.Add([]byte(`{"devices":["00D09E-1"],"per_second":5}`))
	f.Add([]byte(`{"oui":"00d09e","acs":"north"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := readSelection(bytes.NewReader(body))
		if err != nil {
			return
		}
		if len(s.Devices) != len(s.Names) || len(s.Names) == 0 && !s.All && s.ACS == "" && s.OUI == "" {
			t.Errorf("%q selects %+v", body, s)
		}
		again, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := readSelection(bytes.NewReader(again)); err != nil || len(back.Devices) != len(s.Devices) {
			t.Errorf("%q does not survive: %+v, %v", body, back, err)
		}
	})
}

// do sends one request and returns status, content type and body.
func do(t *testing.T, s *Server, method, path, authorization, body string) (status int, kind, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.Addr().String()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	all, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header.Get("Content-Type"), string(all)
}

// TestAPI_ManyWakesLeaveRoom: those that wait for their CPEs do not keep others from
// metrics and health.
func TestAPI_ManyWakesLeaveRoom(t *testing.T) {
	api, odd := fakeAPI()
	release := make(chan struct{})
	api.Wake = func(ctx context.Context, id cwmp.DeviceID) (WakeResult, error) {
		select {
		case <-release:
		case <-ctx.Done():
		}
		return WakeResult{Device: id.String(), OK: true}, nil
	}
	s := startAPI(t, api)
	answers := make(chan int, maxWakes+8)
	for range maxWakes + 8 {
		go func() {
			status, _, _ := do(t, s, "POST", PathAPI+"devices/"+odd.String()+"/connection-request", "Bearer "+operatorToken, "")
			answers <- status
		}()
	}
	for range 8 {
		if status := <-answers; status != 503 {
			t.Errorf("%d while all are waited for", status)
		}
	}
	if err := Probe(t.Context(), s.Addr().String(), PathReady); err != nil {
		t.Errorf("health: %v", err)
	}
	close(release)
	for range maxWakes {
		if status := <-answers; status != 200 {
			t.Errorf("%d", status)
		}
	}
}
