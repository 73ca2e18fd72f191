package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/campaign"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
	"github.com/acsgate/acsgate/policy"
)

// campaignStats is what a process with a large campaign tells.
type campaignStats struct {
	Members    int
	States     map[string]int
	Heap       int64   // bytes in use after a collection
	EmptyHeap  int64   // the same before the campaign
	Took       float64 // seconds, for making or reading it
	File       int64   // bytes of the store
	Lookup     lookup  // of members
	LookupElse lookup  // of devices that are none
}

// lookup is what asking where a device belongs costs, in CPU time.
type lookup struct{ Nanoseconds, Allocations float64 }

const (
	largeCampaign = "million"
	largeRate     = 100_000 // devices a second, the most that there is
	lookups       = 2_000_000
)

// runCampaign makes a large campaign or reads one from the store, and answers each
// line of in by a line of JSON.
func runCampaign(args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet(roleCampaign, flag.ContinueOnError)
	dir := flags.String("dir", "", "data directory")
	members := flags.Int("members", 0, "devices")
	create := flags.Bool("create", false, "make the directory and the campaign")
	if err := flags.Parse(args); err != nil {
		return err
	}
	open, work := openStore, readCampaign
	if *create {
		open, work = openFilled, makeCampaign
	}
	s, err := open(*dir)
	if err != nil {
		return err
	}
	stats, e, err := work(s, *members)
	if err == nil {
		stats.read(e, *dir)
		err = answerLines(in, out, func() any { return stats })
	}
	runtime.KeepAlive(e)
	return errors.Join(err, s.Close())
}

func newEngine(s store.Store, devices int) (*campaign.Engine, error) {
	return campaign.New(campaign.Config{}, campaign.Deps{
		Store: s, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(), Now: time.Now,
		ACSs: func() []string { return []string{gatewayACS, "other"} },
		Devices: func() iter.Seq[campaign.Candidate] {
			return func(yield func(campaign.Candidate) bool) {
				for i := range devices {
					if !yield(campaign.Candidate{Device: numberedDevice(i), Current: gatewayACS, Home: gatewayACS}) {
						return
					}
				}
			}
		},
	})
}

// readCampaign measures a gateway that goes on with a campaign.
func readCampaign(s store.Store, members int) (stats campaignStats, e *campaign.Engine, err error) {
	if e, err = newEngine(s, 0); err != nil {
		return stats, nil, err
	}
	stats.EmptyHeap = liveHeap()
	start := time.Now()
	if err := e.Load(context.Background()); err != nil {
		return stats, nil, err
	}
	stats.Took = time.Since(start).Seconds()
	stats.Heap = liveHeap()
	if stats.Lookup, err = lookUp(e, members, numberedDevice, "other"); err == nil {
		stats.LookupElse, err = lookUp(e, members, func(n int) cwmp.DeviceID { return numberedDevice(members + n) }, "")
	}
	return stats, e, err
}

// lookUp asks where devices belong, in no order that the memory would follow. The
// devices are made before, some at a time.
func lookUp(e *campaign.Engine, members int, device func(int) cwmp.DeviceID, want string) (lookup, error) {
	ids := make([]cwmp.DeviceID, min(members, 100_000))
	for i := range ids {
		ids[i] = device(i * 611_953 % members)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start, err := cpuTime(os.Getpid()) // others may have the processor meanwhile
	if err != nil {
		return lookup{}, err
	}
	for i := range lookups {
		if acs, _, _ := e.Placement(ids[i%len(ids)]); acs != want {
			return lookup{}, fmt.Errorf("device %s is placed on %q, want %q", ids[i%len(ids)], acs, want)
		}
	}
	end, err := cpuTime(os.Getpid())
	if err != nil {
		return lookup{}, err
	}
	runtime.ReadMemStats(&after)
	return lookup{float64((end - start).Nanoseconds()) / lookups, float64(after.Mallocs-before.Mallocs) / lookups}, nil
}

// makeCampaign makes a campaign and carries it to where it has much to remember: the
// URL and the user name of each device from before they were set.
func makeCampaign(s store.Store, members int) (stats campaignStats, e *campaign.Engine, err error) {
	if e, err = newEngine(s, members); err != nil {
		return stats, nil, err
	}
	start := time.Now()
	ctx, cancel := context.WithCancel(context.Background())
	if err := e.Load(ctx); err != nil {
		cancel()
		return stats, nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	err = carry(ctx, e, members)
	cancel()
	stats.Took = time.Since(start).Seconds()
	return stats, e, errors.Join(err, <-ended)
}

func carry(ctx context.Context, e *campaign.Engine, members int) error {
	_, err := e.Create(ctx, campaign.Definition{
		Name: largeCampaign, Kind: campaign.Migration, From: []string{gatewayACS}, To: "other", Mode: campaign.Rewrite,
		Everything: true, RatePerSecond: largeRate, ArriveWithin: 24 * time.Hour,
	})
	if err == nil {
		err = e.Start(ctx, largeCampaign)
	}
	if err != nil {
		return err
	}
	var first error
	var once sync.Once
	inParallel(store.MaxWrites, members, func(n int) {
		if err := rewrite(ctx, e, n); err != nil {
			once.Do(func() { first = err })
		}
	})
	return first
}

// rewrite sets the URL of a device as soon as its turn has come.
func rewrite(ctx context.Context, e *campaign.Engine, n int) error {
	id := numberedDevice(n)
	task, due := e.Due(id)
	for end := time.Now().Add(time.Minute); !due; task, due = e.Due(id) {
		if time.Now().After(end) {
			return fmt.Errorf("the turn of device %s does not come", id)
		}
		time.Sleep(10 * time.Millisecond)
	}
	was := campaign.Was{URL: "http://acs.before.example:7547/cwmp", Username: stunUser(id)}
	if err := e.Begin(ctx, id, task, was); err != nil {
		return err
	}
	return e.Conclude(ctx, campaign.Rewritten{Device: id, Task: task, MoveOutcome: policy.MoveOutcome{Result: policy.MoveSet, URL: was.URL, Detail: "Status 0"}})
}

func (s *campaignStats) read(e *campaign.Engine, dir string) {
	if v, ok := e.Get(largeCampaign); ok {
		s.Members, s.States = v.Total, v.Counts.Map()
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			s.File += info.Size()
		}
	}
}
