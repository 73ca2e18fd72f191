package gateway

import (
	"context"
	"errors"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/binding"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/device"
	"github.com/acsgate/acsgate/internal/search"
)

// fewDevices is how many devices are looked up one by one rather than looked for
// among all: it takes less time up to some ten thousands.
const fewDevices = 4096

// narrow makes a search one for what the registry does not know: the binding and the
// campaign of a device. Where few devices can fit, it names them; else the search
// has to ask of many, but does not go far, since its page is soon full.
func (g *Gateway) narrow(ctx context.Context, find *device.Query, q *admin.DeviceQuery) (err error) {
	var tests []func([]cwmp.DeviceID, []bool)
	if q.NAT != "" || q.Binding != "" {
		fits := bindingTest(q)
		tests = append(tests, g.reach.bindings.Having(fits))
		if !fits(binding.Brief{State: binding.NoBinding}) {
			if find.Among, _, err = g.reach.bindings.Fitting(ctx, fits, fewDevices); err != nil {
				return err
			}
		}
	}
	if q.Campaign != "" {
		tests = append(tests, g.belonging(q.Campaign))
		if members, few := g.fewMembers(q.Campaign); few {
			find.Among = members
		}
	}
	if len(tests) > 0 {
		find.Match = func(ids []cwmp.DeviceID, keep []bool) {
			for _, test := range tests {
				test(ids, keep)
			}
		}
	}
	return nil
}

// bindingTest is a query's test of bindings.
func bindingTest(q *admin.DeviceQuery) func(binding.Brief) bool {
	nat, state := q.NAT, q.Binding
	return func(b binding.Brief) bool {
		return (state == "" || b.State.String() == state) && (nat == "" || b.State != binding.NoBinding && natName(b.Kind) == nat)
	}
}

var errManyMembers = errors.New("a campaign has many members")

// belonging returns a test of devices, for one search among all, that clears what
// does not belong to a campaign.
func (g *Gateway) belonging(campaign string) func([]cwmp.DeviceID, []bool) {
	few := search.NewFew(func(few *search.Few) (err error) {
		g.moves.campaigns.EachMember(campaign, func(oui, class, serial []byte) bool {
			if !search.AddFew(few, oui, class, serial) {
				err = errManyMembers
			}
			return err == nil
		})
		return err
	})
	return func(ids []cwmp.DeviceID, keep []bool) {
		if few.Ask(len(ids)) {
			for i := range ids {
				keep[i] = keep[i] && !few.Excludes(ids[i].OUI, ids[i].ProductClass, ids[i].SerialNumber)
			}
		}
		g.moves.campaigns.Keep(campaign, ids, keep)
	}
}

// fewMembers returns the members of a campaign, if they are few.
func (g *Gateway) fewMembers(campaign string) (ids []cwmp.DeviceID, few bool) {
	ids, few = []cwmp.DeviceID{}, true
	g.moves.campaigns.EachMember(campaign, func(oui, class, serial []byte) bool {
		if few = len(ids) < fewDevices; few {
			ids = append(ids, cwmp.DeviceID{OUI: string(oui), ProductClass: string(class), SerialNumber: string(serial)})
		}
		return few
	})
	if !few {
		return nil, false
	}
	return ids, true
}
