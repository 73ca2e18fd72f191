package main

import (
	"context"
	"time"

	"github.com/acsgate/acsgate/internal/binding"
	"github.com/acsgate/acsgate/internal/device"
	"github.com/acsgate/acsgate/internal/device/devicetest"
	"github.com/acsgate/acsgate/internal/search"
)

// searchCase is one kind of search.
type searchCase struct {
	name string
	want int // how many it finds, -1 for any number
	run  func() (found int, err error)
}

const (
	searchPage = 50
	anyNumber  = -1
)

// searches returns all kinds of searches: the usual ones, and those that have to
// look at everything.
func (f *searchFleet) searches(ctx context.Context) ([]searchCase, error) {
	middle, err := f.middle(ctx)
	if err != nil {
		return nil, err
	}
	one := devicetest.ID(f.size * 7 / 9)
	full := min(searchPage, f.size)
	devices := func(name string, want int, q device.Query, bound ...func(binding.Brief) bool) searchCase {
		q.Limit = searchPage
		return searchCase{"devices: " + name, want, func() (int, error) {
			if len(bound) > 0 {
				q.Match = f.bindings.Having(bound[0])
			}
			page, err := f.devices.Find(ctx, q)
			return len(page.Records), err
		}}
	}
	by := func(filter device.Filter) device.Query { return device.Query{All: []device.Filter{filter}} }
	cases := []searchCase{
		devices("first page", full, device.Query{}),
		devices("a page in the middle", full, device.Query{After: middle}),
		devices("first page, newest Inform first", full, device.Query{Order: device.ByLastInform}),
		devices("a serial number", 1, by(device.Filter{Serial: []string{one.SerialNumber}})),
		devices("part of one serial number", 1, by(device.Filter{Text: one.SerialNumber[4:]})),
		devices("an identity", 1, by(device.Filter{Text: one.String()})),
		devices("part of an address", anyNumber, by(device.Filter{Text: "100.71.3"})),
		devices("a text that is nowhere", 0, by(device.Filter{Text: "nowhere"})),
		devices("ACS and product class", full, by(device.Filter{ACS: []string{"north"}, ProductClass: []string{one.ProductClass}})),
		devices("an ACS that has none", 0, by(device.Filter{ACS: []string{"none"}})),
		devices("last session failed", anyNumber, by(device.Filter{Failing: true})),
		devices("silent for a week", 0, by(device.Filter{InformedBefore: time.Now().AddDate(0, 0, -7)})),
	}
	for _, m := range []struct {
		name string
		want int
		fits func(binding.Brief) bool
	}{
		{"NAT that is unstable", anyNumber, func(b binding.Brief) bool { return b.State != binding.NoBinding && b.Kind == binding.KindUnstable }},
		{"symmetric NAT, which none has", 0, func(b binding.Brief) bool { return b.State != binding.NoBinding && b.Kind == binding.KindPerPeer }},
		{"no binding", full, func(b binding.Brief) bool { return b.State == binding.NoBinding }},
		{"stale binding", full, func(b binding.Brief) bool { return b.State == binding.Stale }},
	} {
		cases = append(cases, devices(m.name, m.want, device.Query{}, m.fits))
	}
	return append(append(cases, f.bindingSearches(ctx, full)...), searchCase{"devices by ACS, counted", 1, func() (int, error) {
		counts, err := f.devices.CountByACS(ctx)
		return len(counts), err
	}}), nil
}

func (f *searchFleet) bindingSearches(ctx context.Context, full int) []searchCase {
	one := devicetest.ID(f.size * 2 / 3 &^ 1)
	bindings := func(name string, want int, q binding.Query, ofACS ...string) searchCase {
		q.Limit = searchPage
		return searchCase{"bindings: " + name, want, func() (int, error) {
			if len(ofACS) > 0 {
				q.Allow = f.devices.TesterForSearch(device.Filter{ACS: ofACS})
			}
			page, err := f.bindings.Find(ctx, q)
			return len(page.Bindings), err
		}}
	}
	return []searchCase{
		bindings("first page", full, binding.Query{}),
		bindings("stale", full, binding.Query{State: binding.Stale}),
		bindings("symmetric NAT, which none has", 0, binding.Query{Kinds: []binding.Kind{binding.KindPerPeer}}),
		bindings("part of one serial number", 1, binding.Query{Text: one.SerialNumber[4:]}),
		bindings("a text that is nowhere", 0, binding.Query{Text: "nowhere"}),
		bindings("of devices of an ACS that has none", 0, binding.Query{}, "none"),
		{"bindings by kind, state and age, counted", anyNumber, func() (int, error) {
			counts, err := f.bindings.Count(ctx, time.Now())
			return counts.Total, err
		}},
	}
}

// middle returns the cursor of a page in the middle.
func (f *searchFleet) middle(ctx context.Context) (search.Cursor, error) {
	var after search.Cursor
	for read := 0; read < f.size/2; read += device.MaxLimit {
		page, err := f.devices.Find(ctx, device.Query{Limit: min(device.MaxLimit, f.size/2), After: after})
		if err != nil {
			return "", err
		}
		after = page.Next
	}
	return after, nil
}
