package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/device/devicetest"
)

// pace holds sessions at an even rate until ctx ends, whether or not those before
// are over, and waits for the last.
func (l *load) pace(ctx context.Context, rate int) loadResult {
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	var mu sync.Mutex
	var all loadResult
	var sessions sync.WaitGroup
	start := time.Now()
	for n := 0; ctx.Err() == nil; n++ {
		select {
		case <-ctx.Done():
			continue
		case <-tick.C:
		}
		sessions.Go(func() {
			began := time.Now()
			err := l.session(context.WithoutCancel(ctx), newCPE(l.script, l.target.path), n, n)
			took := time.Since(began)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				all.fail(fmt.Errorf("session %d: %w", n, err))
				return
			}
			all.Latencies = append(all.Latencies, took)
		})
	}
	sessions.Wait()
	all.Took = time.Since(start)
	slices.Sort(all.Latencies)
	return all
}

// operateLoad is sessions of the fleet's devices, in no order that a gateway's memory
// would follow.
func (b *bench) operateLoad(address string) *load {
	l := b.sessionLoad(0, nil)
	l.target.address, l.script = address, newCPEScript(rpcResponseSize)
	l.device = deviceOfFleet(b.devices)
	return &l
}

// lister asks for lists.
type lister struct {
	name  string
	pause time.Duration // from the beginning of one to that of the next, 0 to go on at once
	idle  bool          // asks for nothing
}

// listers are who asks for lists while sessions are measured. That nobody does so is
// measured twice: both tell how far figures differ by chance.
var listers = []lister{
	{name: "none", idle: true},
	{name: "none again", idle: true},
	{name: "10 lists a second", pause: 100 * time.Millisecond},
	{name: "lists without a pause"},
}

// listed is sessions while somebody asks for lists.
type listed struct {
	lister
	sessions, lists int
	p50, p99        []float64 // milliseconds, of each round
}

// besideLists measures sessions while lists are asked for, in turns.
func besideLists(ctx context.Context, l *load, o *operator, f operateFleet, rounds int, last time.Duration) ([]listed, error) {
	all := make([]listed, len(listers))
	for i := range all {
		all[i].lister = listers[i]
	}
	for range rounds {
		for i := range all {
			if err := all[i].round(ctx, l, o, f, last); err != nil {
				return nil, fmt.Errorf("sessions beside %s: %w", all[i].name, err)
			}
		}
	}
	return all, nil
}

func (x *listed) round(ctx context.Context, l *load, o *operator, f operateFleet, last time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, last)
	defer cancel()
	asked := make(chan error, 1)
	go func() { asked <- x.ask(ctx, o, f) }()
	got := l.pace(ctx, operateRate)
	if err := errors.Join(<-asked, got.FirstErr); err != nil {
		return err
	}
	x.sessions += len(got.Latencies)
	x.p50 = append(x.p50, milliseconds(quantile(got.Latencies, 0.5)))
	x.p99 = append(x.p99, milliseconds(quantile(got.Latencies, 0.99)))
	return nil
}

// ask asks for one list after the other until ctx ends.
func (x *listed) ask(ctx context.Context, o *operator, f operateFleet) error {
	paths := []string{
		"devices", "devices?q=" + url.QueryEscape(f.one().SerialNumber), "devices?q=nowhere", "bindings?q=nowhere", "overview",
	}
	for n := 0; !x.idle; n++ {
		next := time.After(x.pause)
		_, err := o.get(ctx, admin.PathAPI+paths[n%len(paths)])
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		x.lists++
		select {
		case <-next:
		case <-ctx.Done():
		}
	}
	return nil
}

// deviceOfFleet numbers the devices of sessions.
func deviceOfFleet(size int) func(int) cwmp.DeviceID {
	return func(session int) cwmp.DeviceID { return devicetest.ID(session * 611_953 % size) }
}
