package gateway

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/acsgate/acsgate/connreq"
	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/admin/console"
	"github.com/acsgate/acsgate/internal/binding"
	"github.com/acsgate/acsgate/internal/config"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/device"
	"github.com/acsgate/acsgate/proxy"
)

// api is what the admin listener can do.
func (g *Gateway) api() *admin.API {
	return &admin.API{
		Device: g.deviceView, Wake: g.wake, WakeMany: g.wakeMany, Campaigns: g.campaignAPI(), Return: g.returnACS,
		Resources: g.resources(),
	}
}

// adminConfig is how the admin listener is made. What is written by it is recorded
// beside the store, unless there is none that lasts.
func adminConfig(cfg *config.Config) admin.Config {
	c := cfg.Admin
	if c.AuditFile == "" && cfg.Store.Memory == nil {
		c.AuditFile = filepath.Join(cfg.DataDir, auditFile)
	}
	return c
}

const auditFile = "audit.log"

// console is the gateway in a browser.
func (g *Gateway) console(who *admin.Authenticator, api *admin.API) http.Handler {
	return console.New(console.Deps{API: api, Auth: who, Now: time.Now, Log: g.log})
}

// originAPI is who asked for a request that came by the API.
const originAPI = "api"

func (g *Gateway) wake(ctx context.Context, id cwmp.DeviceID) (admin.WakeResult, error) {
	result, err := g.reach.requests.Request(ctx, id, originAPI)
	switch {
	case errors.Is(err, connreq.ErrUnknownDevice):
		return admin.WakeResult{}, admin.ErrUnknownDevice
	case errors.Is(err, connreq.ErrBusy), errors.Is(err, connreq.ErrStopped):
		return admin.WakeResult{}, admin.ErrBusy
	case err != nil:
		return admin.WakeResult{}, err
	}
	return wakeResult(&result), nil
}

func wakeResult(r *connreq.Result) admin.WakeResult {
	out := admin.WakeResult{
		Device: r.Device.String(), OK: r.OK, Transport: r.Transport, TookMS: r.Took.Milliseconds(), Joined: r.Joined,
		Attempts: []admin.WakeAttempt{},
	}
	for _, a := range r.Attempts {
		out.Attempts = append(out.Attempts, admin.WakeAttempt{
			Transport: a.Transport, To: a.To, Sent: a.Sent, TookMS: a.Took.Milliseconds(), Reason: a.Reason,
		})
	}
	return out
}

// wakeMany wakes the devices of a selection.
func (g *Gateway) wakeMany(ctx context.Context, s admin.Selection, tell func(admin.Progress)) (admin.Progress, error) {
	ids, total := g.selected(&s)
	show := func(p connreq.Progress) admin.Progress {
		failed := 0
		for _, n := range p.Failed {
			failed += n
		}
		return admin.Progress{Total: total, Asked: p.Asked, Confirmed: p.Confirmed, Failed: failed, Reasons: p.Failed}
	}
	last, err := g.reach.requests.Bulk(ctx, ids, s.PerSecond, originAPI, func(p connreq.Progress) { tell(show(p)) })
	return show(last), err
}

// selected returns the devices of a selection and how many they are. Devices that
// come meanwhile are not among them.
func (g *Gateway) selected(s *admin.Selection) (iter.Seq[cwmp.DeviceID], int) {
	if len(s.Devices) > 0 {
		return slices.Values(s.Devices), len(s.Devices)
	}
	var handles []device.Handle
	for record := range g.devices.All() {
		if s.ACS != "" && s.ACS != record.CurrentACS || s.OUI != "" && s.OUI != record.ID.OUI {
			continue
		}
		if handle, ok := g.devices.Handle(record.ID); ok {
			handles = append(handles, handle)
		}
	}
	return func(yield func(cwmp.DeviceID) bool) {
		for _, handle := range handles {
			if id, ok := g.devices.At(handle); ok && !yield(id) {
				return
			}
		}
	}, len(handles)
}

// deviceView tells what is known of a device.
func (g *Gateway) deviceView(id cwmp.DeviceID) (admin.DeviceView, bool) {
	r, ok := g.devices.Lookup(id)
	if !ok {
		return admin.DeviceView{}, false
	}
	v := admin.DeviceView{
		Device: r.ID.String(), Manufacturer: r.ID.Manufacturer, OUI: r.ID.OUI, ProductClass: r.ID.ProductClass,
		SerialNumber: r.ID.SerialNumber, SoftwareVersion: r.SoftwareVersion, ACS: r.CurrentACS, AssignedACS: r.HomeACS,
		Rule: r.Rule, Source: r.Source.Addr().String(), LastInform: clock(r.LastInform), LastEvents: r.LastEvents,
		Sessions: r.Sessions, Failed: r.Failed, Reach: g.reachView(&r),
	}
	g.explainView(&r, &v)
	if g.reach.cfg.URLBase != "" || g.reach.cfg.Relay != nil {
		shown := g.shown(r.ID, proxy.Reported{ConnectionRequestURL: r.ConnectionRequestURL, UDPConnectionRequestAddress: r.UDPConnectionRequestAddress})
		v.ACSSees = &admin.ConnectionView{URL: withoutLogin(shown.ConnectionRequestURL), UDPAddress: shown.UDPConnectionRequestAddress}
	}
	if last, ok := g.reach.requests.Last(r.ID); ok {
		result := wakeResult(&last)
		v.LastRequest = &result
	}
	return v, true
}

func (g *Gateway) reachView(r *device.Record) *admin.ReachView {
	view := &admin.ReachView{
		Reported: admin.ConnectionView{URL: withoutLogin(r.ConnectionRequestURL), UDPAddress: r.UDPConnectionRequestAddress},
	}
	target, _ := g.target(r.ID)
	view.NotByUDP, view.NotByHTTP = g.reach.requests.Obstacles(&target)
	if b, ok := g.reach.bindings.Lookup(r.ID); ok {
		view.Binding = bindingView(&b, time.Now())
	}
	return view
}

// withoutLogin takes the user information out of a URL: a CPE may have put its
// password there, with a slash in it, and without a scheme. What stands behind an
// IP address is a path.
func withoutLogin(text string) string {
	at := strings.LastIndexByte(text, '@')
	if at < 0 {
		if strings.Contains(text, "%40") {
			return "***"
		}
		return text
	}
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		if strings.Contains(text[:at], ":") {
			return "***" + text[at:]
		}
		return text
	}
	authority := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority = rest[:end]
	}
	if in := strings.LastIndexByte(authority, '@'); in >= 0 {
		return scheme + "://***" + rest[in:]
	}
	if literal(authority) {
		return text
	}
	return scheme + "://***" + text[at:]
}

// literal tells whether an authority is an IP address, with a port or without.
func literal(authority string) bool {
	if _, err := netip.ParseAddrPort(authority); err == nil {
		return true
	}
	_, err := netip.ParseAddr(strings.Trim(authority, "[]"))
	return err == nil
}

func bindingView(b *binding.Binding, now time.Time) *admin.BindingView {
	return &admin.BindingView{
		Local: b.Local.String(), Remote: b.Remote.String(), Evidence: b.Evidence.String(), NAT: natName(b.Kind),
		FirstSeen: clock(b.FirstSeen), LastSeen: clock(b.LastSeen), Stale: b.Stale(now), Changes: b.Changes,
		KeepAliveS: b.KeepAlive.Seconds(), SurvivedS: b.Survived.Seconds(), LostS: b.Lost.Seconds(), Candidate: address(b.Candidate),
	}
}

// clock writes a time as the API does, "" for none.
func clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func address(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
