package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/journal"
)

// eventStats is what a process that publishes events tells.
type eventStats struct {
	Sessions int     // published so far, each of which is two events
	Lost     float64 // by readers
	Dropped  float64 // by the journal
}

// runEvents publishes the events of sessions at a rate and serves them as the API
// does, to whoever asks. It answers each line of in by a line of JSON.
func runEvents(args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet(roleEvents, flag.ContinueOnError)
	address := flags.String("listen", "127.0.0.1:0", "address")
	rate := flags.Int("rate", eventRate, "sessions a second")
	if err := flags.Parse(args); err != nil {
		return err
	}
	metrics := prometheus.NewRegistry()
	j, err := journal.New(journal.Config{}, journal.Deps{Metrics: metrics, Now: time.Now, Log: zap.NewNop()})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp4", *address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: eventHandler(j), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(l) }() // until it is closed
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- j.Run(ctx) }()
	p := newSessionEvents(j)
	published := make(chan int, 1)
	published <- 0
	go p.run(ctx, *rate, published)
	err = answerLines(in, out, func() any {
		n := <-published
		published <- n
		return eventStats{n, counted(metrics, "acsgate_journal_lost_total"), counted(metrics, "acsgate_journal_dropped_total")}
	})
	cancel()
	return errors.Join(err, <-ended, server.Close())
}

// eventHandler serves events to anybody, as what the query says.
func eventHandler(j *journal.Journal) http.Handler {
	api := &admin.API{Resources: admin.Resources{Events: j.Subscribe}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		api.ServeEvents(w, r, admin.Identity{Name: r.Header.Get("From"), Role: admin.RoleAdmin})
	})
}

// counted sums a counter over its labels.
func counted(metrics prometheus.Gatherer, name string) (sum float64) {
	families, _ := metrics.Gather()
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// sessionEvents makes what the gateway publishes of a session.
type sessionEvents struct {
	journal *journal.Journal
	random  *rand.Rand
}

func newSessionEvents(j *journal.Journal) *sessionEvents {
	return &sessionEvents{j, rand.New(rand.NewPCG(1, 2))} //nolint:gosec // a load that is the same in each run
}

// run publishes so many sessions a second, a few at a time.
func (p *sessionEvents) run(ctx context.Context, rate int, published chan int) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	began, n := time.Now(), 0
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for due := int(time.Since(began).Seconds() * float64(rate)); n < due; n++ {
			p.publish()
		}
		<-published
		published <- n
	}
}

// publish tells of a session as any other: an Inform, a question of the ACS, and what
// both took.
func (p *sessionEvents) publish() {
	now := time.Now()
	id := numberedDevice(p.random.IntN(1_000_000))
	took := func(most float64) float64 { return float64(int(p.random.Float64()*most*1e3)) / 1e3 }
	from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{100, 64, byte(p.random.Uint32()), byte(p.random.Uint32())}), uint16(p.random.Uint32())).String()
	events, reason := []string{cwmp.EventPeriodic, cwmp.EventValueChange}, "the first route that fits"
	p.journal.Publish(journal.Event{
		At: now, Kind: journal.KindInform, Device: id, ACS: gatewayACS, Text: "2 PERIODIC, 4 VALUE CHANGE to " + gatewayACS + ": " + reason,
		Data: &journal.Inform{Events: events, Source: from, Listener: "tls", Rule: "default", Reason: reason},
	})
	p.journal.Publish(journal.Event{
		At: now, Kind: journal.KindSession, Device: id, ACS: gatewayACS, Text: "ok after 3 exchanges in 84ms with " + gatewayACS,
		Data: &journal.Session{
			Outcome: "ok", Started: now, TookMS: took(200), Listener: "tls", Source: from, TLS: "1.2", Rule: "default", Reason: reason,
			Events: events, RPCs: []string{"GetParameterValues"},
			Legs: []journal.Leg{
				{AtMS: took(2), TookMS: took(50), ACSMS: took(40), Request: "Inform", Answer: "InformResponse", Status: 200, In: informSize, Out: 512, New: true},
				{AtMS: took(60), TookMS: took(50), ACSMS: took(40), Request: "empty", Answer: "GetParameterValues", Status: 200, Out: rpcSize},
				{AtMS: took(99), TookMS: took(50), ACSMS: took(40), Request: "GetParameterValuesResponse", Answer: "empty", Status: 204, In: rpcResponseSize},
			},
		},
	})
}
