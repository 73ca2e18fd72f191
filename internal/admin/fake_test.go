package admin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/journal"
)

const (
	adminToken  = "admin-0123456789abcdefghi"
	tenantToken = "tenant-0123456789abcdefgh"
)

// fakeGateway is what a gateway does, in memory.
type fakeGateway struct {
	API
	journal *journal.Journal

	mu       sync.Mutex
	assigned map[cwmp.Key]string
	woken    []string
	created  int
	campaign CampaignView
	captures []CaptureView
	reload   error
}

// Devices of a fakeGateway: the second is the tenant's, the third has a script for a
// serial number.
var (
	oddDevice    = cwmp.DeviceID{OUI: "00D09E", ProductClass: "HG-1", SerialNumber: "S/N 1%"}
	tenantDevice = cwmp.DeviceID{OUI: "AABBCC", SerialNumber: "T1"}
	scriptDevice = cwmp.DeviceID{OUI: "00D09E", SerialNumber: `<script>alert("1")</script>`}
)

func fakeDevices() []cwmp.DeviceID { return []cwmp.DeviceID{oddDevice, tenantDevice, scriptDevice} }

func acsOf(cwmp.DeviceID) string { return "north" }

// startFake runs a gateway with an admin, an operator, a viewer and a tenant's
// operator until the test ends.
func startFake(t *testing.T, change func(*Config)) (*fakeGateway, *Server) {
	t.Helper()
	j, err := journal.New(journal.Config{}, journal.Deps{Metrics: prometheus.NewRegistry(), Now: time.Now, Log: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeGateway{journal: j, assigned: map[cwmp.Key]string{}, campaign: CampaignView{Status: "draft", Revision: 7}}
	f.campaign.Name = "move"
	f.fill()
	c := Config{
		Address: "127.0.0.1:0",
		Tenants: []TenantConfig{{Name: "acme", ScopeConfig: ScopeConfig{OUI: []string{"aa-bb-cc"}}}},
		Tokens: []TokenConfig{
			{Name: "root", Role: RoleAdmin, TokenFile: writeToken(t, adminToken)},
			{Name: "noc", Role: RoleOperator, TokenFile: writeToken(t, operatorToken)},
			{Name: "wall", Role: RoleViewer, TokenFile: writeToken(t, viewerToken)},
			{Name: "acme", Role: RoleOperator, TokenFile: writeToken(t, tenantToken), Tenant: "acme"},
		},
	}
	if change != nil {
		change(&c)
	}
	c.SetDefaults()
	c.Validate(func(key, value, problem string) { t.Errorf("%s: %q %s", key, value, problem) })
	s, err := New(c, Deps{Registry: prometheus.NewRegistry(), Live: ok, Ready: ok, API: &f.API, Log: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- s.Run(ctx) }()
	go func() { done <- j.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-done, <-done); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return f, s
}

func (f *fakeGateway) fill() {
	known := func(id cwmp.DeviceID) bool {
		return slices.ContainsFunc(fakeDevices(), func(x cwmp.DeviceID) bool { return x.Key() == id.Key() })
	}
	f.Device = func(id cwmp.DeviceID) (DeviceView, bool) {
		f.mu.Lock()
		defer f.mu.Unlock()
		return DeviceView{
			Device: id.String(), OUI: id.OUI, SerialNumber: id.SerialNumber, ACS: acsOf(id), AssignedACS: f.assigned[id.Key()],
			Decision: []StepView{{Kind: "rule", Name: "secret rule", Result: "no"}},
		}, known(id)
	}
	f.Wake = func(_ context.Context, id cwmp.DeviceID) (WakeResult, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.woken = append(f.woken, id.String())
		return WakeResult{Device: id.String(), OK: true, Transport: "udp", TookMS: int64(len(f.woken))}, nil
	}
	f.WakeMany = func(_ context.Context, s Selection, tell func(Progress)) (Progress, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.woken = append(f.woken, s.Names...)
		tell(Progress{Total: len(s.Devices)})
		return Progress{Total: len(s.Devices), Asked: len(s.Devices)}, nil
	}
	f.Campaigns = f.fakeCampaigns()
	f.Return = func(string) error { return nil }
	f.Resources = Resources{
		Devices: f.devices,
		Sessions: func(s Scope, limit int) (rows []SessionRow) {
			for _, id := range fakeDevices() {
				if len(rows) < limit && s.Matches(id, acsOf(id)) {
					rows = append(rows, SessionRow{Device: id.String(), ACS: acsOf(id), Listener: "cpe", Source: "192.0.2.1", Started: "2026-01-02T03:04:05Z"})
				}
			}
			return rows
		},
		ACSs: func() []ACSView {
			return []ACSView{{Name: "north", URL: "http://n/"}, {Name: "south", URL: "http://s/"}}
		},
		Bindings: func(_ context.Context, q BindingQuery) (BindingPage, error) {
			page := BindingPage{Counts: BindingCount{Total: 3, Fresh: 3, Kinds: map[string]int{"none": 3}, Ages: []AgeCount{{30, 3}}, At: "now"}}
			for _, id := range fakeDevices() {
				if q.Scope.Matches(id, acsOf(id)) {
					page.Bindings = append(page.Bindings, BindingRow{Device: id.String(), BindingView: BindingView{Local: "l", Remote: "r"}})
				}
			}
			return page, nil
		},
		Overview: func() Overview {
			return Overview{ACS: f.ACSs(), Campaigns: []CampaignView{f.campaign}, Certificates: f.Certificates()}
		},
		Series: func(since time.Time) Series {
			one := 1.0
			return Series{Begin: since.Format(time.RFC3339), StepS: 5, Times: []int64{1, 2}, Lines: []SeriesLine{{Name: "x", Unit: "1/s", Values: []*float64{nil, &one}}}}
		},
		Certificates: func() []CertificateView { return []CertificateView{{Source: "file", State: "valid"}} },
		Config:       func() ConfigView { return ConfigView{LoadedAt: "now", Effective: "a: b\n", Revision: "1"} },
		Reload:       func(context.Context) error { return f.reload },
		Timeline: func(id cwmp.DeviceID, limit int) Timeline {
			return Timeline{Device: id.String(), Entries: []TimelineEntry{{ID: 1, Kind: journal.KindInform, Text: fmt.Sprint(limit), Data: []byte(`{"a":1}`)}}}
		},
		Assign: func(_ context.Context, id cwmp.DeviceID, was, acs string) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.assigned[id.Key()] != was {
				return ErrConflict
			}
			f.assigned[id.Key()] = acs
			return nil
		},
		InScope:  func(s Scope, id cwmp.DeviceID) bool { return known(id) && s.Matches(id, acsOf(id)) },
		Events:   f.journal.Subscribe,
		Publish:  f.journal.Publish,
		Captures: f.fakeCaptures(),
	}
}

func (f *fakeGateway) devices(_ context.Context, q DeviceQuery) (DevicePage, error) {
	if q.Cursor != "" && q.Cursor != "2" {
		return DevicePage{}, fmt.Errorf("cursor %q: %w", q.Cursor, ErrInvalid)
	}
	page := DevicePage{Total: len(fakeDevices())}
	for i, id := range fakeDevices() {
		if q.Cursor == "2" && i < 2 || q.OUI != "" && q.OUI != id.OUI || !q.Scope.Matches(id, acsOf(id)) {
			continue
		}
		if len(page.Devices) == q.Limit {
			page.Next = "2"
			break
		}
		page.Devices = append(page.Devices, DeviceRow{Device: id.String(), OUI: id.OUI, SerialNumber: id.SerialNumber})
	}
	return page, nil
}

func (f *fakeGateway) fakeCampaigns() *Campaigns {
	return &Campaigns{
		List: func() []CampaignView { return []CampaignView{f.campaign} },
		Get: func(name string) (CampaignView, bool) {
			f.mu.Lock()
			defer f.mu.Unlock()
			return f.campaign, name == f.campaign.Name
		},
		Create: func(_ context.Context, r CampaignRequest) (CampaignView, error) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.created++
			return CampaignView{CampaignRequest: r, Status: "draft", Revision: 1}, nil
		},
		Preview: func(context.Context, CampaignRequest) iter.Seq2[MoveView, error] {
			return func(yield func(MoveView, error) bool) { yield(MoveView{Device: oddDevice.String(), Moves: true}, nil) }
		},
		Act: func(_ context.Context, _, action string) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.campaign.Revision++
			f.campaign.Status = action
			return nil
		},
		Members: func(string, string) iter.Seq[MemberView] {
			return func(yield func(MemberView) bool) { yield(MemberView{Device: oddDevice.String(), State: "arrived"}) }
		},
	}
}

func (f *fakeGateway) fakeCaptures() Captures {
	return Captures{
		Start: func(id cwmp.DeviceID, by string, last time.Duration) (CaptureView, error) {
			f.mu.Lock()
			defer f.mu.Unlock()
			v := CaptureView{ID: fmt.Sprintf("c%d", len(f.captures)), Device: id.String(), By: by, Ends: last.String(), Running: true}
			f.captures = append(f.captures, v)
			return v, nil
		},
		Stop: func(string) error { return nil },
		Get: func(id string) (CaptureView, bool) {
			f.mu.Lock()
			defer f.mu.Unlock()
			at := slices.IndexFunc(f.captures, func(v CaptureView) bool { return v.ID == id })
			if at < 0 {
				return CaptureView{}, false
			}
			return f.captures[at], true
		},
		List: func() iter.Seq[CaptureView] {
			f.mu.Lock()
			defer f.mu.Unlock()
			return slices.Values(slices.Clone(f.captures))
		},
		Write: func(w io.Writer, id, format string) error {
			if id == "c1" {
				return errors.New("its disk is gone")
			}
			_, err := fmt.Fprintf(w, `{"capture":%q,"format":%q}`, id, format)
			return err
		},
	}
}

// reply is an answer that was read.
type reply struct {
	*http.Response
	body string
}

// ask sends a request with a token. Headers are given as name, value, name, value.
func ask(t *testing.T, s *Server, token, method, path, body string, headers ...string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.Addr().String()+path, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
			continue
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{response, string(text)}
}

// api is ask below PathAPI.
func api(t *testing.T, s *Server, token, method, path, body string, headers ...string) reply {
	t.Helper()
	return ask(t, s, token, method, PathAPI+path, body, headers...)
}

// wantStatus checks the status, and that errors are problem documents.
func (r reply) wantStatus(t *testing.T, status int) reply {
	t.Helper()
	if r.StatusCode != status {
		t.Errorf("%s %s: %d, want %d: %s", r.Request.Method, r.Request.URL.Path, r.StatusCode, status, r.body)
	}
	if r.StatusCode >= 400 && r.Request.Method != http.MethodHead {
		checkProblem(t, r)
	}
	return r
}

func (r reply) wantText(t *testing.T, text string) reply {
	t.Helper()
	if !strings.Contains(r.body, text) {
		t.Errorf("%s %s: %s lacks %q", r.Request.Method, r.Request.URL.Path, r.body, text)
	}
	return r
}

// doWith is ask for other goroutines than the test's.
func doWith(s *Server, token, method, path string, headers ...string) (status int, replayed bool, body string) {
	r, err := http.NewRequest(method, "http://"+s.Addr().String()+path, nil)
	if err != nil {
		return 0, false, err.Error()
	}
	r.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		return 0, false, err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	text, _ := io.ReadAll(response.Body)
	return response.StatusCode, response.Header.Get(headerReplay) == "true", string(text)
}
