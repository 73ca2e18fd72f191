package main

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/binding"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/device"
	"github.com/acsgate/acsgate/internal/device/devicetest"
	"github.com/acsgate/acsgate/internal/store"
	"github.com/acsgate/acsgate/internal/store/boltstore"
)

// boundFleet is a population of CPEs whose STUN bindings are known.
type boundFleet struct {
	size int
	stun netip.AddrPort // where they keep their bindings alive
	port uint16         // of all CPEs
}

// fillFleet makes a data directory whose store knows the devices of a fleet and
// their bindings, as if each had come and kept its binding alive just now.
func fillFleet(ctx context.Context, dir string, f boundFleet) error {
	s, err := openFilled(dir)
	if err != nil {
		return err
	}
	err = devicetest.Fill(ctx, s, f.size, f.record)
	if err == nil {
		err = f.storeBindings(ctx, s)
	}
	return errors.Join(err, s.Close())
}

// openFilled makes a data directory with an empty store.
func openFilled(dir string) (*boltstore.Store, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	return openStore(dir)
}

func openStore(dir string) (*boltstore.Store, error) {
	var c boltstore.Config
	c.SetDefaults()
	c.Path = filepath.Join(dir, c.Path)
	return boltstore.Open(c, time.Now)
}

func (f boundFleet) source(n int) netip.AddrPort { return netip.AddrPortFrom(fleetAddress(n), f.port) }

func (f boundFleet) record(n int) device.Record {
	now := time.Now()
	return device.Record{
		ID: numberedDevice(n), CurrentACS: gatewayACS, Rule: "default", Listener: "cpe", Source: f.source(n),
		SoftwareVersion: "V3R017C10S130", Root: "InternetGatewayDevice.",
		UDPConnectionRequestAddress: f.source(n).String(),
		FirstSeen:                   now, LastInform: now, LastEvents: []string{cwmp.EventPeriodic}, Sessions: 1,
	}
}

// note tells a table of the fleet's sessions and keep-alives.
func (f boundFleet) note(t *binding.Table) {
	for n := range f.size {
		id, source, now := numberedDevice(n), f.source(n), time.Now()
		t.NoteClaim(binding.Claim{Device: id, Source: source.Addr(), Reported: source, At: now})
		t.NoteSighting(&binding.Sighting{Local: f.stun, Source: source, Username: []byte(stunUser(id)), At: now})
	}
}

func (f boundFleet) storeBindings(ctx context.Context, s store.Store) error {
	t, err := newTable(s, prometheus.NewRegistry())
	if err != nil {
		return err
	}
	f.note(t)
	return writeTable(ctx, t)
}

func newTable(s store.Store, metrics prometheus.Registerer) (*binding.Table, error) {
	return binding.New(binding.Config{}, binding.Deps{Store: s, Log: zap.NewNop(), Metrics: metrics, Now: time.Now})
}

// writeTable writes what the store does not have: a table does so when it ends.
func writeTable(ctx context.Context, t *binding.Table) error {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	return t.Run(ended)
}
