package main

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/acsgate/acsgate/internal/binding"
	"github.com/acsgate/acsgate/internal/device"
	"github.com/acsgate/acsgate/internal/device/devicetest"
)

// operateFleet is the devices that a gateway is operated with: home gateways, every
// second of which keeps a STUN binding alive, and every fourth of which is on
// another ACS.
type operateFleet struct {
	size int
	now  time.Time
}

// Shares of a fleet, as one in so many.
const (
	operateBound     = 2    // keep a binding alive
	operateElsewhere = 4    // are on another ACS
	operateSilent    = 100  // were not heard for more than a week
	operateStale     = 20   // have a binding that was not heard for an hour
	operateFailing   = 1000 // had a session that failed last
	operateSymmetric = 2000 // are behind a symmetric NAT
	operateRest      = 2    // is left when the number of a device with one of the last four is divided by the share
)

var (
	operateSocket = netip.MustParseAddrPort("192.0.2.1:3478")
	operateOther  = netip.MustParseAddrPort("192.0.2.2:3478") // which tells symmetric NATs from others
)

// fill makes a data directory whose store knows the fleet.
func (f operateFleet) fill(ctx context.Context, dir string) error {
	s, err := openFilled(dir)
	if err != nil {
		return err
	}
	err = devicetest.Fill(ctx, s, f.size, f.record)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	table, err := newTable(s, prometheus.NewRegistry())
	if err == nil {
		for i := 0; i < f.size; i += operateBound {
			f.bind(table, i)
		}
		err = writeTable(ctx, table)
	}
	return errors.Join(err, s.Close())
}

// having is how many devices have what one in so many has.
func (f operateFleet) having(share int) int { return (f.size + share - operateRest - 1) / share }

// record describes the i-th device. The last Informs are spread over a day, but for
// devices that are silent.
func (f operateFleet) record(i int) device.Record {
	rec := devicetest.Record(i)
	rec.CurrentACS, rec.Assignment = gatewayACS, device.Assignment{}
	if i%operateElsewhere == 0 {
		rec.CurrentACS = drainOther
	}
	rec.LastInform = f.now.Add(-time.Duration(i*7919%86_400) * time.Second)
	if i%operateSilent == operateRest {
		rec.LastInform = rec.LastInform.AddDate(0, 0, -8-i/operateSilent%30)
	}
	rec.FirstSeen = rec.LastInform.AddDate(-1, 0, 0)
	rec.LastFailed = i%operateFailing == operateRest
	return rec
}

// bind tells a table of the i-th device's keep-alives.
func (f operateFleet) bind(t *binding.Table, i int) {
	rec, at := devicetest.Record(i), f.now
	if i%operateStale == operateRest {
		at = at.Add(-time.Hour)
	}
	t.NoteClaim(binding.Claim{Device: rec.ID, Source: rec.Source.Addr(), Own: netip.MustParseAddr("192.168.1.1"), At: at})
	heard := func(local netip.AddrPort, port uint16) {
		t.NoteSighting(&binding.Sighting{
			Local: local, Source: netip.AddrPortFrom(rec.Source.Addr(), port), Username: []byte(stunUser(rec.ID)), At: at,
		})
	}
	heard(operateSocket, rec.Source.Port())
	if i%operateSymmetric == operateRest {
		heard(operateOther, rec.Source.Port()^1)
		heard(operateSocket, rec.Source.Port())
	}
}
