package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/binding"
	"github.com/acsgate/acsgate/internal/device"
	"github.com/acsgate/acsgate/internal/device/devicetest"
	"github.com/acsgate/acsgate/internal/store/memstore"
)

// searchTiming is what one kind of search took, alone and while sessions go on.
type searchTiming struct {
	Name     string
	P50, P99 float64 // milliseconds
	CPU      float64 // milliseconds, of all processors together
	Found    int
	BusyP50  float64
	BusyP99  float64
}

// What goes on in the meantime: sessions as a fleet of a million with an Inform
// each quarter of an hour has them, and keep-alives of half of it each 30 seconds.
const (
	searchInforms    = 1000   // a second
	searchKeepAlives = 16_000 // a second
	searchTick       = 10 * time.Millisecond
)

// searchFleet is a registry and a table of bindings with many devices.
type searchFleet struct {
	size     int
	devices  *device.Registry
	bindings *binding.Table
}

// runSearch fills a registry and a table of bindings, measures each kind of search,
// and answers a line of in by a line of JSON.
func runSearch(args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet(roleSearch, flag.ContinueOnError)
	size := flags.Int("devices", 0, "devices")
	runs := flags.Int("runs", 1, "of each search")
	if err := flags.Parse(args); err != nil {
		return err
	}
	f, err := newSearchFleet(*size)
	if err != nil {
		return err
	}
	timings, err := f.measure(*runs)
	if err != nil {
		return err
	}
	err = answerLines(in, out, func() any { return timings })
	runtime.KeepAlive(f)
	return err
}

func newSearchFleet(size int) (*searchFleet, error) {
	s, registry := memstore.New(time.Now), prometheus.NewRegistry()
	f := &searchFleet{size: size}
	var err error
	f.devices, err = device.New(device.Config{}, device.Deps{Store: s, Log: zap.NewNop(), Metrics: registry, Now: time.Now})
	if err != nil {
		return nil, err
	}
	f.bindings, err = binding.New(binding.Config{}, binding.Deps{
		Store: s, Log: zap.NewNop(), Metrics: registry, Now: time.Now, Changed: func([]binding.Change) {},
	})
	if err != nil {
		return nil, err
	}
	now := time.Now()
	for i := range size {
		f.inform(i, now.Add(-time.Duration(i*7919%86_400)*time.Second))
		if i%2 == 0 {
			f.bind(i, now)
		}
	}
	runtime.GC()
	return f, nil
}

// inform has a device begin a session. One of a thousand fails in it.
func (f *searchFleet) inform(i int, at time.Time) {
	rec := devicetest.Record(i)
	f.devices.NoteInform(device.Sighting{
		ID: rec.ID, ACS: rec.CurrentACS, Rule: rec.Rule, Listener: rec.Listener, Source: rec.Source, Root: rec.Root,
		SoftwareVersion: rec.SoftwareVersion, ConnectionRequestURL: rec.ConnectionRequestURL,
		UDPConnectionRequestAddress: rec.UDPConnectionRequestAddress, Events: rec.LastEvents, At: at,
	})
	f.devices.NoteEnd(rec.ID, device.End{Failed: i%1000 == 7})
}

var searchSocket = netip.MustParseAddrPort("192.0.2.1:3478")

// bind has a device keep its binding alive. One in ten was last heard an hour ago,
// and one in a thousand has a NAT that is unstable.
func (f *searchFleet) bind(i int, now time.Time) {
	rec := devicetest.Record(i)
	if i%20 == 0 {
		now = now.Add(-time.Hour)
	}
	f.bindings.NoteClaim(binding.Claim{Device: rec.ID, Source: rec.Source.Addr(), Own: netip.MustParseAddr("192.168.1.1"), At: now})
	s := f.keepAlive(i, now)
	f.bindings.NoteSighting(&s)
	for n := uint16(1); i%1000 == 10 && n < 9; n++ {
		s.Source, s.Change, s.At = netip.AddrPortFrom(s.Source.Addr(), 1000+n), true, s.At.Add(30*time.Second)
		f.bindings.NoteSighting(&s)
	}
}

func (f *searchFleet) keepAlive(i int, at time.Time) binding.Sighting {
	rec := devicetest.Record(i)
	return binding.Sighting{
		Local: searchSocket, Source: rec.Source, At: at,
		Username: []byte(rec.ID.OUI + "-" + rec.ID.ProductClass + "-" + rec.ID.SerialNumber),
	}
}

// goOn has sessions and keep-alives go on until ctx ends.
func (f *searchFleet) goOn(ctx context.Context) {
	ticks := time.NewTicker(searchTick)
	defer ticks.Stop()
	perTick := func(rate int) int { return rate * int(searchTick) / int(time.Second) }
	sightings := make([]binding.Sighting, perTick(searchKeepAlives))
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		now := time.Now()
		for i := range perTick(searchInforms) {
			f.inform((n*perTick(searchInforms)+i)*611_953%f.size, now)
		}
		for i := range sightings {
			sightings[i] = f.keepAlive((n*len(sightings)+i)*611_953%f.size/20*20+2, now) // none of the stale ones
		}
		f.bindings.NoteSightings(sightings)
	}
}

// measure takes each search a number of times alone, and then again while
// sessions go on.
func (f *searchFleet) measure(runs int) ([]searchTiming, error) {
	searches, err := f.searches(context.Background())
	if err != nil {
		return nil, err
	}
	timings := make([]searchTiming, len(searches))
	for i, s := range searches {
		t := &timings[i]
		t.Name = s.name
		if t.P50, t.P99, t.CPU, t.Found, err = s.take(runs); err != nil {
			return nil, err
		}
		if s.want >= 0 && t.Found != s.want {
			return nil, fmt.Errorf("%s: found %d, want %d", s.name, t.Found, s.want)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { f.goOn(ctx) })
	for i, s := range searches {
		t := &timings[i]
		var failed error
		t.BusyP50, t.BusyP99, _, _, failed = s.take(runs)
		err = errors.Join(err, failed)
	}
	cancel()
	group.Wait()
	return timings, err
}

// take measures a search.
func (s *searchCase) take(runs int) (p50, p99, cpu float64, found int, err error) {
	took := make([]time.Duration, runs)
	before, err := cpuTime(os.Getpid())
	if err != nil {
		return 0, 0, 0, 0, err
	}
	for i := range took {
		start := time.Now()
		if found, err = s.run(); err != nil {
			return 0, 0, 0, 0, fmt.Errorf("%s: %w", s.name, err)
		}
		took[i] = time.Since(start)
	}
	after, err := cpuTime(os.Getpid())
	slices.Sort(took)
	return milliseconds(quantile(took, 0.5)), milliseconds(quantile(took, 0.99)), milliseconds(after-before) / float64(runs), found, err
}
