package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/journal"
)

// hostile is what a CPE may call itself.
const hostile = `<script>alert(1)</script>"'` + "`" + `javascript:alert(2)`

// fake is a gateway that exists in words alone.
type fake struct {
	now time.Time

	mu       sync.Mutex
	calls    []string // that change something
	query    admin.DeviceQuery
	bindings admin.BindingQuery
	scope    admin.Scope
	status   string // of the drain
	created  admin.CampaignRequest
	reload   error
	capture  *admin.CaptureView
	// wake holds Connection Requests back until it is closed, if it is not nil.
	wake chan struct{}
}

func (f *fake) called(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
}

// did returns what was changed.
func (f *fake) did() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

func (f *fake) at(ago time.Duration) string { return f.now.Add(-ago).UTC().Format(time.RFC3339) }

// set gives the campaigns another status.
func (f *fake) set(status string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status = status
}

var (
	reachable   = cwmp.DeviceID{OUI: "00D09E", ProductClass: "HG8245", SerialNumber: "4857544331A2"}
	unreachable = cwmp.DeviceID{OUI: "001D20", ProductClass: "DSL-2750", SerialNumber: "CT88120045"}
	newcomer    = cwmp.DeviceID{OUI: "001D20", ProductClass: "DSL", SerialNumber: "NEW1"} // which no ACS has accepted yet
	evil        = cwmp.DeviceID{OUI: "0A0B0C", ProductClass: `"><img src=x>`, SerialNumber: hostile}
)

// api returns all functions. The journal may be nil.
func (f *fake) api(j *journal.Journal) *admin.API {
	f.status = "running"
	a := &admin.API{
		Device: f.device, Wake: f.wakeDevice,
		Campaigns: &admin.Campaigns{
			List: f.campaigns, Get: f.campaign, Create: f.create, Preview: f.preview, Act: f.act, Members: f.members,
		},
		Return: func(name string) error {
			f.called("return %s", name)
			if name != "south" {
				return fmt.Errorf("acs %q: its sessions are on no backup", name)
			}
			return nil
		},
	}
	a.Resources = admin.Resources{
		Devices: f.devices, Sessions: f.sessions, ACSs: f.acss, Bindings: f.bindingPage, Overview: f.overview, Series: f.series,
		Certificates: f.certificates, Config: f.config, Timeline: f.timeline,
		Reload: func(context.Context) error { f.called("reload"); return f.reload },
		InScope: func(s admin.Scope, id cwmp.DeviceID) bool {
			return s.Matches(id, "north")
		},
		Captures: admin.Captures{Start: f.startCapture, Stop: f.stopCapture, Get: f.getCapture, List: f.captures, Write: f.writeCapture},
	}
	if j != nil {
		a.Events, a.Publish = j.Subscribe, j.Publish
	}
	return a
}

func (f *fake) row(id cwmp.DeviceID, i int) admin.DeviceRow {
	r := admin.DeviceRow{
		Device: id.String(), Manufacturer: "Huawei Technologies", OUI: id.OUI, ProductClass: id.ProductClass, SerialNumber: id.SerialNumber,
		SoftwareVersion: "V5R019C10S125", ACS: []string{"north", "south"}[i%2], Source: fmt.Sprintf("198.51.100.%d:%d", i+10, 40000+i*17),
		LastInform: f.at(time.Duration(i*i) * 40 * time.Second), LastEvents: []string{"2 PERIODIC"}, Sessions: uint32(i*37 + 4), NAT: "keeps", Binding: "fresh",
	}
	if i%5 == 3 {
		r.Failed, r.Binding, r.NAT, r.LastEvents = 7, "stale", "symmetric", []string{"1 BOOT", "4 VALUE CHANGE"}
	}
	if i%7 == 5 {
		r.Binding, r.NAT, r.Campaign = "none", "", "move-2026"
	}
	return r
}

func (f *fake) devices(_ context.Context, q admin.DeviceQuery) (page admin.DevicePage, err error) {
	f.mu.Lock()
	f.query = q
	f.mu.Unlock()
	if q.Cursor == "broken" {
		return page, fmt.Errorf("cursor: %w", admin.ErrInvalid)
	}
	page.Total = 1_042_817
	if strings.Contains(q.Text, "nothing") {
		return page, nil
	}
	ids := []cwmp.DeviceID{reachable, unreachable, evil}
	for i := range 17 {
		ids = append(ids, cwmp.DeviceID{OUI: "00D09E", ProductClass: "HG8245", SerialNumber: fmt.Sprintf("48575443%04X", i*977+4096)})
	}
	for i, id := range ids {
		if q.Scope.Matches(id, "north") && strings.Contains(strings.ToLower(id.SerialNumber), strings.ToLower(q.Text)) {
			page.Devices = append(page.Devices, f.row(id, i))
		}
	}
	if q.Text == "" && q.Cursor == "" {
		page.Next = "n2"
	}
	return page, nil
}

func (f *fake) device(id cwmp.DeviceID) (admin.DeviceView, bool) {
	v := admin.DeviceView{
		Device: id.String(), Manufacturer: "Huawei Technologies", OUI: id.OUI, ProductClass: id.ProductClass, SerialNumber: id.SerialNumber,
		SoftwareVersion: "V5R019C10S125", ACS: "north", Rule: "fibre", Source: "198.51.100.17:41020", LastInform: f.at(4 * time.Minute),
		LastEvents: []string{"2 PERIODIC", "4 VALUE CHANGE"}, Sessions: 214, Failed: 2,
		Decision: []admin.StepView{
			{Kind: "rule", Name: "pilot", Result: "no match", Detail: `serial "` + id.SerialNumber + `" is not SN1*`},
			{Kind: "rule", Name: "fibre", Result: "match", Detail: "product_class HG*"},
			{Kind: "acs", Name: "north", Result: "up", Detail: "north is up since Friday"},
			{Kind: "decision", Name: "north", Result: "first", Detail: "rule fibre"}, {Kind: "decision", Name: "south", Result: "fallback", Detail: "its backup"},
		},
		Journal: []admin.JournalView{{At: f.at(26 * time.Hour), What: "url_move", Text: "set ManagementServer.URL to https://acs.isp.example/north"}},
	}
	switch id.Key() {
	case reachable.Key(), evil.Key():
		v.Reach = &admin.ReachView{
			Reported: admin.ConnectionView{URL: "http://192.168.1.1:7547/" + id.SerialNumber, UDPAddress: "198.51.100.17:50112"},
			Binding: &admin.BindingView{
				Local: "203.0.113.10:3478", Remote: "198.51.100.17:50112", Evidence: "signature", NAT: "keeps", FirstSeen: f.at(80 * time.Hour),
				LastSeen: f.at(21 * time.Second), Changes: 3, KeepAliveS: 30, SurvivedS: 118,
			},
			NotByHTTP: "its URL has a private address, 192.168.1.1",
		}
		v.LastRequest = &admin.WakeResult{OK: true, Transport: "udp", TookMS: 412, Attempts: []admin.WakeAttempt{{Transport: "udp", To: "198.51.100.17:50112", Sent: 1, TookMS: 412}}}
		v.Campaign = &admin.MembershipView{Name: "move-2026", MemberView: admin.MemberView{State: "arrived", At: f.at(3 * time.Hour)}}
	case unreachable.Key():
		v.Failed, v.AssignedACS, v.Pending, v.SoftwareVersion = 131, "south", "set ManagementServer.STUNEnable", "EU_1.04"
		v.Reach = &admin.ReachView{
			Reported: admin.ConnectionView{URL: "http://10.20.30.40:30005/cr"},
			NotByUDP: "it has sent no STUN packet", NotByHTTP: "its URL has a private address, 10.20.30.40",
		}
	default:
		return v, false
	}
	return v, true
}

func (f *fake) timeline(id cwmp.DeviceID, _ int) admin.Timeline {
	switch id {
	case reachable, unreachable, evil:
	case newcomer:
		data, _ := json.Marshal(&journal.Session{Outcome: "acs_refused", Error: "acs north: 403 Forbidden", Source: "198.51.100.80:4000"})
		return admin.Timeline{Device: id.String(), Entries: []admin.TimelineEntry{{ID: 9, At: f.now.Add(-time.Minute), Kind: journal.KindSession, ACS: "north", Text: "acs_refused after 1 exchanges", Data: data}}}
	default:
		return admin.Timeline{Device: id.String()}
	}
	t := admin.Timeline{Device: id.String(), Advice: []string{"It can be woken by UDP. HTTP is out: its URL has a private address, 192.168.1.1."}}
	if id == unreachable {
		t.Advice = []string{
			"It cannot be woken, and is reached in its own sessions alone. UDP is out: it has sent no STUN packet. HTTP is out: its URL has a private address, 10.20.30.40.",
			"It is behind a NAT (its own address is 10.20.30.40, it comes from 198.51.100.17) and sends no STUN: switch STUN on in the CPE, or by stun_provisioning.",
			"131 of its 214 sessions have failed: see the outcomes in the timeline.",
		}
	}
	for i, e := range f.happened(id) {
		data, _ := json.Marshal(e.Data)
		t.Entries = append(t.Entries, admin.TimelineEntry{ID: uint64(1000 - i), At: e.At, Kind: e.Kind, ACS: e.ACS, Text: e.Text, Data: data})
	}
	return t
}

// happened are events of a device, the newest first.
func (f *fake) happened(id cwmp.DeviceID) []journal.Event {
	ago := func(d time.Duration) time.Time { return f.now.Add(-d) }
	session := &journal.Session{
		Outcome: "complete", Started: ago(4 * time.Minute), TookMS: 1864.2, Listener: "tls", Source: "198.51.100.17:41020", TLS: "TLS 1.2", Rule: "fibre",
		Reason: "product_class HG* by rule fibre", Events: []string{"2 PERIODIC", "4 VALUE CHANGE"}, RPCs: []string{"Inform", "GetParameterValues", "gw:SetParameterValues"},
		Faults: []string{"9005"}, Reconnects: 1,
		Legs: []journal.Leg{
			{AtMS: 0, TookMS: 210, ACSMS: 196, Request: "Inform", Answer: "InformResponse", Status: 200, In: 3120, Out: 540, Edits: []string{"ConnectionRequestURL", "UDPConnectionRequestAddress"}, New: true},
			{AtMS: 320, TookMS: 88, ACSMS: 80, Request: "empty", Answer: "GetParameterValues", Status: 200, Out: 892},
			{AtMS: 790, TookMS: 412, ACSMS: 399, Request: "GetParameterValuesResponse " + id.SerialNumber, Answer: "GetParameterAttributes", Status: 200, In: 48211, Out: 700, New: true},
			{AtMS: 1240, TookMS: 3, Request: "Fault 9005", Answer: "SetParameterValues", Status: 200, In: 910, Out: 1204, Own: true},
			{AtMS: 1600, TookMS: 64, ACSMS: 55, Request: "SetParameterValuesResponse", Answer: "empty", Status: 204, In: 620},
		},
		LegsCut: 2, Injections: []journal.Injection{{Name: "stun", Outcome: "done", Text: "ManagementServer.STUNEnable"}},
	}
	failed := &journal.Session{
		Outcome: "acs_failed", Error: "acs north: EOF after 12 bytes", Started: ago(2 * time.Hour), TookMS: 5012, Listener: "plain", Source: "198.51.100.17:41991",
		Events: []string{"1 BOOT"}, Legs: []journal.Leg{{TookMS: 5010, ACSMS: 5009, Request: "Inform", Answer: "503", Status: 503, In: 3011, New: true}},
	}
	return []journal.Event{
		{At: ago(4 * time.Minute), Kind: journal.KindSession, Device: id, ACS: "north", Text: "complete after 5 exchanges in 1.864s with north, faults 9005", Data: session},
		{At: ago(4*time.Minute + 2*time.Second), Kind: journal.KindInform, Device: id, ACS: "north", Text: "2 PERIODIC, 4 VALUE CHANGE to north: product_class HG* by rule fibre",
			Data: &journal.Inform{Events: []string{"2 PERIODIC"}, Source: "198.51.100.17:41020", Listener: "tls", Rule: "fibre", Reason: "product_class HG*"}},
		{At: ago(5 * time.Minute), Kind: journal.KindConnectionRequest, Device: id, Text: "asked for by acs: the CPE came by udp after 412ms",
			Data: &journal.ConnectionRequest{OK: true, Origin: "acs", Transport: "udp", TookMS: 412, Attempts: []journal.Attempt{{Transport: "udp", To: "198.51.100.17:50112", Sent: 1, TookMS: 412}}}},
		{At: ago(50 * time.Minute), Kind: journal.KindBinding, Device: id, Text: "moved from 198.51.100.17:50077 to 198.51.100.17:50112",
			Data: &journal.Binding{Change: "moved", Local: "203.0.113.10:3478", Remote: "198.51.100.17:50112", Former: "198.51.100.17:50077", Evidence: "signature", NAT: "keeps"}},
		{At: ago(2 * time.Hour), Kind: journal.KindSession, Device: id, ACS: "north", Text: "acs_failed after 1 exchanges in 5.012s with north: acs north: EOF after 12 bytes", Data: failed},
		{At: ago(3 * time.Hour), Kind: journal.KindMove, Device: id, ACS: "north", Text: "campaign move-2026, south to north: arrived, it holds sessions there",
			Data: &journal.Move{From: "south", To: "north", Campaign: "move-2026", State: "arrived", Reason: "it holds sessions there"}},
		{At: ago(4 * time.Hour), Kind: journal.KindConnectionRequest, Device: id, Text: "asked for by api: the CPE did not come: " + hostile,
			Data: &journal.ConnectionRequest{Origin: "api", TookMS: 30012, Attempts: []journal.Attempt{{Transport: "udp", To: "198.51.100.17:50077", Sent: 5, TookMS: 30010, Reason: "no Inform came within 30s"}}}},
	}
}

func (f *fake) wakeDevice(ctx context.Context, id cwmp.DeviceID) (admin.WakeResult, error) {
	f.called("wake %s", id)
	if f.wake != nil {
		select {
		case <-f.wake:
		case <-ctx.Done():
			return admin.WakeResult{}, ctx.Err()
		}
	}
	switch id {
	case reachable:
		return admin.WakeResult{Device: id.String(), OK: true, Transport: "udp", TookMS: 388, Attempts: []admin.WakeAttempt{{Transport: "udp", To: "198.51.100.17:50112", Sent: 1, TookMS: 388}}}, nil
	case unreachable:
		return admin.WakeResult{Device: id.String(), TookMS: 12, Attempts: []admin.WakeAttempt{{Transport: "http", To: "10.20.30.40:30005", TookMS: 1, Reason: "its URL has a private address"}}}, nil
	}
	return admin.WakeResult{}, fmt.Errorf("%s: %w", id, admin.ErrUnknownDevice)
}

func (f *fake) sessions(s admin.Scope, _ int) (rows []admin.SessionRow) {
	f.mu.Lock()
	f.scope = s
	f.mu.Unlock()
	for i, id := range []cwmp.DeviceID{reachable, unreachable, evil} {
		if s.Matches(id, "north") {
			rows = append(rows, admin.SessionRow{
				Device: id.String(), ACS: "north", Rule: "fibre", Listener: "tls", Source: fmt.Sprintf("198.51.100.%d:41020", 17+i), TLS: "TLS 1.3",
				Started: f.at(3 * time.Second), AgeS: 3.2 + float64(i)*20, IdleS: 0.4, Exchanges: 3 + i, LastRPC: "GetParameterValues",
			})
		}
	}
	return rows
}

func (f *fake) acss() []admin.ACSView {
	return []admin.ACSView{
		{Name: "north", URL: "https://10.0.0.5:7547/cwmp", CPEURL: "https://acs.isp.example/north", Backup: "south", FailoverMode: "route", State: "up", Since: f.at(61 * time.Hour), Devices: 702_113, Sessions: 84,
			Observed: map[string]uint64{"probe_ok": 43201, "probe_failed": 3, "session_ok": 9_112_009, "session_failed": 1204}, Campaigns: []string{"move-2026"}},
		{Name: "south", URL: "http://10.0.1.5:7547/", Backup: "north", FailoverMode: "rewrite", State: "down", Since: f.at(11 * time.Minute), Reason: "3 probes failed: dial tcp 10.0.1.5:7547: connection refused",
			Away: true, Manual: true, Devices: 331_020, Observed: map[string]uint64{"probe_ok": 41000, "probe_failed": 131}},
		{Name: "lab/1", URL: "http://10.9.9.9/", State: "suspect", Since: f.at(40 * time.Second), Reason: "1 probe failed: timeout", Devices: 9684, Sessions: 1},
	}
}

func (f *fake) counts() admin.BindingCount {
	return admin.BindingCount{
		Total: 640_211, Fresh: 611_004, Stale: 29_207, At: f.at(6 * time.Second),
		Kinds: map[string]int{"keeps": 571_000, "symmetric": 32_144, "none": 21_067, "unstable": 6000, "unknown": 10_000},
		Ages:  []admin.AgeCount{{WithinS: 60, Count: 470_000}, {WithinS: 300, Count: 141_004}, {WithinS: 3600, Count: 20_000}, {Count: 9207}},
	}
}

func (f *fake) bindingPage(_ context.Context, q admin.BindingQuery) (page admin.BindingPage, err error) {
	f.mu.Lock()
	f.bindings = q
	f.mu.Unlock()
	page.Counts = f.counts()
	if strings.Contains(q.Text, "nothing") {
		return page, nil
	}
	for i, id := range []cwmp.DeviceID{reachable, evil} {
		if q.Scope.Matches(id, "north") {
			page.Bindings = append(page.Bindings, admin.BindingRow{Device: id.String(), BindingView: admin.BindingView{
				Local: "203.0.113.10:3478", Remote: fmt.Sprintf("198.51.100.%d:50112", 17+i), Evidence: "signature", NAT: []string{"keeps", "symmetric"}[i],
				FirstSeen: f.at(80 * time.Hour), LastSeen: f.at(21 * time.Second), Stale: i == 1, Changes: 3, KeepAliveS: 30, SurvivedS: 118,
			}})
		}
	}
	page.Next = "b2"
	return page, nil
}

func (f *fake) overview() admin.Overview {
	return admin.Overview{
		At: f.at(0), Version: "v0.5.0", Started: f.at(61 * time.Hour), Ready: true, Devices: 1_042_817, Sessions: 85,
		ACS: f.acss(), Bindings: f.counts(), Campaigns: f.campaigns()[:1], Certificates: f.certificates(),
		Problems: []admin.Problem{
			{Severity: "error", Subject: "acs south", Text: "is down: 3 probes failed: dial tcp 10.0.1.5:7547: connection refused", Since: f.at(11 * time.Minute)},
			{Severity: "warning", Subject: "acs lab/1", Text: "is suspect: 1 probe failed: timeout", Since: f.at(40 * time.Second)},
			{Severity: "warning", Subject: "certificate cwmp.isp.example", Text: "expires on 2026-12-01: acme: rate limited"},
		},
	}
}

func (f *fake) series(since time.Time) admin.Series {
	s := admin.Series{StepS: 5, Times: []int64{}}
	for at := f.now.Add(-time.Hour).Truncate(5 * time.Second); at.Before(f.now); at = at.Add(5 * time.Second) {
		if at.Unix() > since.Unix() {
			s.Times = append(s.Times, at.Unix())
		}
	}
	add := func(name, unit string, base, swing, period float64, labels ...string) {
		line := admin.SeriesLine{Name: name, Unit: unit, Labels: map[string]string{}}
		for i := 0; i+1 < len(labels); i += 2 {
			line.Labels[labels[i]] = labels[i+1]
		}
		for i, at := range s.Times {
			x := base + swing*math.Sin(float64(at)/period) + swing*.12*math.Sin(float64(at)/17)
			v := max(0, x)
			if i%97 == 3 {
				line.Values = append(line.Values, nil)
				continue
			}
			line.Values = append(line.Values, &v)
		}
		s.Lines = append(s.Lines, line)
	}
	for i, acs := range []string{"north", "south", "lab/1"} {
		n := 1 / float64(i*i*4+1)
		add("sessions_per_second", "1/s", 310*n, 60*n, 240, "acs", acs, "outcome", "complete")
		add("sessions_per_second", "1/s", 9*n, 7*n, 100, "acs", acs, "outcome", "acs_failed")
		add("sessions_per_second", "1/s", 5*n, 3*n, 170, "acs", acs, "outcome", "cpe_silent")
		add("exchange_seconds", "s", .04*float64(i+1), .01, 200, "acs", acs, "quantile", "0.5")
		add("exchange_seconds", "s", .16*float64(i+1), .05, 200, "acs", acs, "quantile", "0.95")
		add("exchange_seconds", "s", .4*float64(i+1), .05, 200, "acs", acs, "quantile", "0.99")
		add("sessions", "sessions", 84*n, 20*n, 300, "acs", acs)
	}
	add("bindings", "bindings", 611_000, 3000, 700, "state", "fresh")
	add("bindings", "bindings", 29_000, 3000, 700, "state", "stale")
	add("wake_success", "share", .94, .03, 400)
	add("connection_requests_per_second", "1/s", 12, 4, 200, "transport", "udp", "result", "came")
	add("connection_requests_per_second", "1/s", 3, 2, 200, "transport", "http", "result", "came")
	add("connection_requests_per_second", "1/s", 1, 1, 200, "transport", "udp", "result", "timeout")
	return s
}

func (f *fake) certificates() []admin.CertificateView {
	return []admin.CertificateView{
		{Names: []string{"acs.isp.example", "*.acs.isp.example"}, Source: "acme", Issuer: "R11, Let's Encrypt", NotBefore: f.at(600 * time.Hour), NotAfter: f.at(-1500 * time.Hour), State: "valid"},
		{Names: []string{"cwmp.isp.example"}, Source: "file", Issuer: "Old ISP CA", NotBefore: f.at(8000 * time.Hour), NotAfter: f.at(-90 * time.Hour), State: "expiring", Reason: "acme: rate limited"},
	}
}

func (f *fake) config() admin.ConfigView {
	return admin.ConfigView{
		File: "/etc/acsgate/acsgate.yaml", LoadedAt: f.at(61 * time.Hour), Revision: "9f2c11ab03d4e5f6", Changed: true,
		Problems:  []string{`/etc/acsgate/acsgate.yaml:14:5: acs[1].ur: is unknown, did you mean "url"?`, "needs a restart: stun.listen"},
		Effective: "listen:\n  - name: tls\n    address: \":443\"\nacs:\n  - name: north\n    url: https://10.0.0.5:7547/cwmp\n    password: \"***\"\n  - name: " + hostile + "\n",
	}
}

func (f *fake) campaigns() []admin.CampaignView {
	f.mu.Lock()
	status := f.status
	f.mu.Unlock()
	faults := 2.0
	move := admin.CampaignView{
		CampaignRequest: admin.CampaignRequest{
			Name: "move-2026", Kind: "migration", From: []string{"south"}, To: "north", Mode: "rewrite", RatePerSecond: 50, Wake: true, Mirror: true,
			Waves: []admin.CampaignWave{
				{Percent: 1, Criteria: admin.CampaignGoals{Arrived: 95, FaultRate: &faults}}, {Percent: 10, Criteria: admin.CampaignGoals{Arrived: 95}},
				{Percent: 50, Criteria: admin.CampaignGoals{Arrived: 90}}, {Percent: 100},
			},
		},
		Status: status, Reason: "started by token noc", Verdict: "wave 3: 71.2 % of 90 % arrived", Wave: 2, Total: 331_020,
		Counts:     map[string]int{"pending": 180_000, "asked": 2100, "setting": 300, "set": 4000, "arrived": 144_000, "failed": 420, "skipped": 200, "routed": 0},
		WaveTotals: []int{3310, 29_792, 132_408, 165_510}, Moved: 147_900, Phase: 1, WaveStarted: f.at(5 * time.Hour),
		WaveCounts: []map[string]int{
			{"arrived": 3280, "failed": 20, "skipped": 10}, {"arrived": 29_400, "failed": 202, "skipped": 190},
			{"arrived": 111_320, "asked": 2100, "setting": 300, "set": 4000, "failed": 198, "pending": 14_490}, {"pending": 165_510},
		},
		Created: f.at(30 * time.Hour), Started: f.at(29 * time.Hour),
	}
	over := admin.CampaignView{CampaignRequest: admin.CampaignRequest{Name: "pilot", Kind: "migration", From: []string{"south"}, To: "north", Mode: "route"},
		Status: "done", Total: 1200, Counts: map[string]int{"arrived": 1196, "failed": 4}, Created: f.at(300 * time.Hour), Started: f.at(299 * time.Hour)}
	return []admin.CampaignView{move, over}
}

func (f *fake) campaign(name string) (admin.CampaignView, bool) {
	for _, c := range f.campaigns() {
		if c.Name == name || (name == "drain-south" || name == "xmove-2026") && c.Name == "move-2026" {
			return c, true
		}
	}
	return admin.CampaignView{}, false
}

func (f *fake) create(_ context.Context, r admin.CampaignRequest) (admin.CampaignView, error) {
	f.called("create %s %s %v to %s mode %s rate %v canary %v wake %v", r.Name, r.Kind, r.From, r.To, r.Mode, r.RatePerSecond, r.Canary, r.Wake)
	f.mu.Lock()
	f.created = r
	f.mu.Unlock()
	if r.Name == "move-2026" {
		return admin.CampaignView{}, fmt.Errorf("%w: campaign %q: there is one of that name: it exists already", admin.ErrRefused, r.Name)
	}
	return admin.CampaignView{CampaignRequest: r}, nil
}

func (f *fake) act(_ context.Context, name, action string) error {
	f.called("%s %s", action, name)
	if action == "start" && name == "pilot" {
		return fmt.Errorf("%w: it is over", admin.ErrRefused)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if action == "pause" {
		f.status = "paused"
	}
	return nil
}

func (f *fake) preview(ctx context.Context, r admin.CampaignRequest) iter.Seq2[admin.MoveView, error] {
	return func(yield func(admin.MoveView, error) bool) {
		if r.To == "south" && slices.Contains(r.From, "south") {
			yield(admin.MoveView{}, errors.New(`to: "south" is drained itself`))
			return
		}
		if !r.Everything && r.Kind == "migration" && r.Selector.OUI == nil && r.Selector.Devices == nil {
			yield(admin.MoveView{}, fmt.Errorf("%w: campaign %q: %w: the selector asks for nothing, and so takes every device", admin.ErrRefused, r.Name, admin.ErrRefused))
			return
		}
		for i := range 1200 {
			m := admin.MoveView{
				Device: fmt.Sprintf("00D09E-HG8245-48575443%04X", i*977), Moves: i%4 > 0, Wave: min(i%16, 2), From: "south",
				Reason: "serial 4857*" + hostile,
			}
			if !m.Moves {
				m.Reason, m.Wave = "is assigned by hand", -1
			}
			if !yield(m, nil) {
				return
			}
		}
	}
}

func (f *fake) members(_, state string) iter.Seq[admin.MemberView] {
	return func(yield func(admin.MemberView) bool) {
		for i, id := range []cwmp.DeviceID{unreachable, evil, reachable} {
			m := admin.MemberView{Device: id.String(), State: "failed", Reason: []string{"fault 9003 to SetParameterValues", hostile, "no session at north within 30m"}[i], At: f.at(time.Duration(i+1) * time.Hour), Wave: 1, From: "south"}
			if (state == "" || state == m.State) && !yield(m) {
				return
			}
		}
	}
}

func (f *fake) startCapture(id cwmp.DeviceID, by string, last time.Duration) (admin.CaptureView, error) {
	f.called("capture %s by %s for %v", id, by, last)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.capture = &admin.CaptureView{ID: "c1", Device: id.String(), Started: f.at(time.Minute), Ends: f.at(-last), Running: true, Messages: 12, Bytes: 48_211, By: by}
	return *f.capture, nil
}

func (f *fake) stopCapture(id string) error {
	f.called("stop %s", id)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.capture.Running = false
	return nil
}

func (f *fake) getCapture(id string) (admin.CaptureView, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.capture == nil || f.capture.ID != id {
		return admin.CaptureView{}, false
	}
	return *f.capture, true
}

func (f *fake) captures() iter.Seq[admin.CaptureView] {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.capture == nil {
		return maps.Values(map[string]admin.CaptureView{})
	}
	return slices.Values([]admin.CaptureView{*f.capture})
}

func (f *fake) writeCapture(w io.Writer, id, format string) error {
	_, err := fmt.Fprintf(w, "%s of %s", format, id)
	return err
}
