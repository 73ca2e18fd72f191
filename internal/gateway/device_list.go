package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/binding"
	"github.com/acsgate/acsgate/internal/device"
	"github.com/acsgate/acsgate/internal/search"
)

// searchTurn is held by one at a time. A search among a million devices keeps all
// processors but one busy for some ten milliseconds: two at once would keep sessions
// waiting.
type searchTurn chan struct{}

func (t searchTurn) enter(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t searchTurn) leave() { <-t }

// devicePage is a page of devices.
func (g *Gateway) devicePage(ctx context.Context, q admin.DeviceQuery) (admin.DevicePage, error) {
	find := device.Query{
		All: []device.Filter{deviceFilter(&q, time.Now())}, Limit: q.Limit, After: search.Cursor(q.Cursor), Order: device.ByLastInform,
	}
	if err := g.narrow(ctx, &find, &q); err != nil {
		return admin.DevicePage{}, err
	}
	if !q.Scope.Whole() {
		find.All = append(find.All, scopeFilter(&q.Scope))
	}
	if err := g.searching.enter(ctx); err != nil {
		return admin.DevicePage{}, err
	}
	page, err := g.devices.Find(ctx, find)
	g.searching.leave()
	if err != nil {
		return admin.DevicePage{}, queryError(err)
	}
	view := admin.DevicePage{Devices: make([]admin.DeviceRow, len(page.Records)), Next: string(page.Next), Total: g.devices.Len()}
	for i := range page.Records {
		view.Devices[i] = g.deviceRow(&page.Records[i])
	}
	return view, nil
}

func deviceFilter(q *admin.DeviceQuery, now time.Time) device.Filter {
	f := device.Filter{
		Text: q.Text, OUI: some(q.OUI), ProductClass: some(q.ProductClass), SoftwareVersion: some(q.SoftwareVersion),
		ACS: some(q.ACS), Failing: q.Failing,
	}
	if q.InformedWithin > 0 {
		f.InformedAfter = now.Add(-q.InformedWithin)
	}
	if q.SilentFor > 0 {
		f.InformedBefore = now.Add(-q.SilentFor)
	}
	return f
}

func scopeFilter(s *admin.Scope) device.Filter {
	return device.Filter{OUI: s.OUI, ProductClass: s.ProductClass, Serial: s.Serial, ACS: s.ACS}
}

// some is a list of one text, or an empty one for "".
func some(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

func (g *Gateway) deviceRow(r *device.Record) admin.DeviceRow {
	row := admin.DeviceRow{
		Device: r.ID.String(), Manufacturer: r.ID.Manufacturer, OUI: r.ID.OUI, ProductClass: r.ID.ProductClass,
		SerialNumber: r.ID.SerialNumber, SoftwareVersion: r.SoftwareVersion, ACS: r.CurrentACS, LastInform: clock(r.LastInform),
		LastEvents: r.LastEvents, Sessions: r.Sessions, Failed: r.Failed,
	}
	if r.Source.IsValid() {
		row.Source = r.Source.Addr().Unmap().String()
	}
	b := g.reach.bindings.Brief(r.ID)
	if row.Binding = b.State.String(); b.State != binding.NoBinding {
		row.NAT = natName(b.Kind)
	}
	row.Campaign, _, _ = g.moves.campaigns.Of(r.ID)
	return row
}

// natName is how queries name a kind of NAT.
func natName(k binding.Kind) string {
	if k == binding.KindNAT {
		return "keeps"
	}
	return k.String()
}

// bindingPage is a page of STUN bindings.
func (g *Gateway) bindingPage(ctx context.Context, q admin.BindingQuery) (admin.BindingPage, error) {
	find := binding.Query{Text: q.Text, Limit: q.Limit, After: search.Cursor(q.Cursor)}
	for kind := binding.KindUnknown; kind <= binding.KindUnstable; kind++ {
		if natName(kind) == q.NAT {
			find.Kinds = []binding.Kind{kind}
		}
	}
	for _, state := range []binding.State{binding.Fresh, binding.Stale} {
		if state.String() == q.State {
			find.State = state
		}
	}
	if !q.Scope.Whole() {
		find.Allow = g.devices.TesterForSearch(scopeFilter(&q.Scope))
	}
	if err := g.searching.enter(ctx); err != nil {
		return admin.BindingPage{}, err
	}
	page, err := g.reach.bindings.Find(ctx, find)
	g.searching.leave()
	if err != nil {
		return admin.BindingPage{}, queryError(err)
	}
	view := admin.BindingPage{Bindings: make([]admin.BindingRow, len(page.Bindings)), Next: string(page.Next), Counts: g.tally.bindingCounts()}
	now := time.Now()
	for i := range page.Bindings {
		b := &page.Bindings[i]
		view.Bindings[i] = admin.BindingRow{Device: b.Device.String(), BindingView: *bindingView(&b.Binding, now)}
	}
	return view, nil
}

// queryError makes what is wrong with a query the API's error for that.
func queryError(err error) error {
	wrong := []error{device.ErrQuery, binding.ErrQuery, search.ErrMalformed, search.ErrOtherRun}
	if slices.ContainsFunc(wrong, func(e error) bool { return errors.Is(err, e) }) {
		return fmt.Errorf("%w: %w", admin.ErrInvalid, err)
	}
	return err
}
