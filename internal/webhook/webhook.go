package webhook

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	random "math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/journal"
)

// lastWord is how long, at the end, a delivery may take that would be lost otherwise.
const lastWord = 3 * time.Second

// Deps is what webhooks need of others.
type Deps struct {
	// Subscribe is that of the journal.
	Subscribe func(journal.Filter, uint64) (*journal.Reader, error)
	Metrics   prometheus.Registerer
	Now       func() time.Time
	Log       *zap.Logger
}

// Webhooks tells all those of a configuration.
type Webhooks struct {
	deps    Deps
	metrics *metrics
	hooks   []*hook
}

// hook is one who is told.
type hook struct {
	Hook
	secret  []byte
	client  *http.Client
	queue   *queue
	metrics *metrics
	now     func() time.Time
	log     *zap.Logger
	failing bool // the last attempt was not taken
}

// delivery is some events that are sent together.
type delivery struct {
	id   string
	body []byte
	n    int // events
}

// New returns the webhooks of a configuration and registers their metrics. It reads
// the files that are named, and starts nothing. Missing configuration is filled in
// with the defaults.
func New(cfg Config, deps Deps) (*Webhooks, error) {
	cfg.SetDefaults()
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, err
	}
	w := &Webhooks{deps: deps, metrics: m}
	for i := range cfg.Webhooks {
		h := &hook{Hook: cfg.Webhooks[i], queue: newQueue(), metrics: m, now: deps.Now}
		if h.secret, err = readSecret(h.SecretFile); err != nil {
			return nil, fmt.Errorf("webhook %q: secret_file %q: %w", h.Name, h.SecretFile, err)
		}
		if h.client, err = newClient(&h.Hook); err != nil {
			return nil, fmt.Errorf("webhook %q: %w", h.Name, err)
		}
		h.log = deps.Log.Named("webhook").With(zap.String("webhook", h.Name))
		m.start(h.Name)
		w.hooks = append(w.hooks, h)
	}
	return w, nil
}

// Run delivers events until ctx ends, and then what is left, if it can be done at once.
func (w *Webhooks) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	for _, h := range w.hooks {
		reader, err := w.deps.Subscribe(h.filter(), 0)
		if err != nil {
			return fmt.Errorf("webhook %q: %w", h.Name, err)
		}
		all.Go(func() {
			defer reader.Close()
			h.gather(ctx, reader)
		})
		all.Go(func() { h.deliver(ctx) })
	}
	<-ctx.Done()
	return nil
}

func (h *hook) filter() journal.Filter {
	f := journal.Filter{ACS: h.ACS}
	for _, kind := range h.Kinds {
		f.Kinds = append(f.Kinds, journal.Kind(kind))
	}
	return f
}

// gather puts events into the queue until ctx or the journal ends.
func (h *hook) gather(ctx context.Context, reader *journal.Reader) {
	for {
		frames, lost, err := reader.Next(ctx)
		if err != nil {
			if ctx.Err() == nil && !errors.Is(err, io.EOF) {
				h.log.Error("events cannot be read", zap.Error(err))
			}
			return
		}
		dropped := int(lost)
		for _, f := range frames {
			dropped += h.queue.push(bytes.Clone(f.JSON)) // it would hold on to all that was read with it
		}
		h.drop(dropped)
	}
}

func (h *hook) drop(events int) { h.metrics.dropped.WithLabelValues(h.Name).Add(float64(events)) }

// deliver sends what is in the queue until ctx ends.
func (h *hook) deliver(ctx context.Context) {
	defer h.client.CloseIdleConnections()
	for {
		select {
		case <-h.queue.ready:
		case <-ctx.Done():
			h.last(ctx, nil)
			return
		}
		for {
			body, n := h.queue.take()
			if n == 0 {
				break
			}
			d := &delivery{id: rand.Text(), body: body, n: n}
			if !h.send(ctx, d) {
				h.last(ctx, d)
				return
			}
		}
	}
}

// send tries to make a delivery until it is taken or given up. It returns false when
// ctx has ended before.
func (h *hook) send(ctx context.Context, d *delivery) bool {
	for n := 1; ; n++ {
		r, after, err := h.attempt(ctx, d)
		if ctx.Err() != nil && r != delivered {
			return false
		}
		h.note(r, err)
		switch {
		case r == delivered:
			return true
		case r == refused, n == maxAttempts:
			h.log.Warn("events were given up", zap.Int("events", d.n), zap.Int("attempts", n), zap.Error(err))
			h.drop(d.n)
			return true
		}
		wait := time.NewTimer(max(after, delay(n, random.Float64()))) //nolint:gosec // it protects nothing
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return false
		}
	}
}

// note counts an attempt, and logs when it is the first that fails, or the first that
// does not.
func (h *hook) note(r result, err error) {
	h.metrics.deliveries.WithLabelValues(h.Name, string(r)).Inc()
	switch {
	case r == delivered && h.failing:
		h.log.Info("events are delivered again")
	case r == failed && !h.failing:
		h.log.Warn("events cannot be delivered, trying again", zap.Error(err))
	}
	h.failing = r == failed
}

// last makes the deliveries that are left, beginning with d if there is one, unless
// there is no hope or no time.
func (h *hook) last(ctx context.Context, d *delivery) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWord)
	defer cancel()
	for {
		if d == nil {
			body, n := h.queue.take()
			if n == 0 {
				return
			}
			d = &delivery{id: rand.Text(), body: body, n: n}
		}
		r := failed
		if !h.failing {
			var err error
			r, _, err = h.attempt(ctx, d)
			h.note(r, err)
		}
		if r != delivered {
			h.drop(d.n)
		}
		d = nil
	}
}
