// Package journal is the one place for what happened. Each event is encoded once
// and goes two ways: to readers, as a stream that they may take up again, and to
// the timeline of its device, for people who ask why. It owns a bounded memory for
// both, writes nothing to the store, keeps no secrets and decides nothing.
package journal

import (
	"context"
	"encoding/json"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Deps is what a journal needs of others.
type Deps struct {
	Metrics prometheus.Registerer
	Now     func() time.Time
	Log     *zap.Logger
}

// Journal takes events and hands them on. Its methods are safe for concurrent use.
type Journal struct {
	memory
	deps Deps
}

// Entry is one thing that happened to a device.
type Entry struct {
	ID   uint64
	At   time.Time
	Kind Kind
	ACS  string
	Text string
	Data json.RawMessage // the document of the Kind, nil for none

	What string // of Note and Of alone
}

// Open returns a journal and registers its metrics. It starts nothing. Missing
// configuration is filled in with the defaults.
func Open(cfg Config, deps Deps) (*Journal, error) {
	cfg.SetDefaults()
	return &Journal{deps: deps}, nil
}

// Publish takes an event. It never blocks and takes well under a microsecond; an
// event that finds no room is dropped and counted. At is set to now if it is zero.
// What Data points to must not be changed any more.
func (j *Journal) Publish(Event) {}

// Run encodes events and hands them on until ctx ends. Readers get io.EOF then.
func (j *Journal) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Flush hands on what has been published before.
func (j *Journal) Flush() {}

// Timeline returns the last events of a device, newest first, at most limit of them
// and all that there are for 0. It has all that were published before.
func (j *Journal) Timeline(cwmp.DeviceID, int) []Entry { return nil }

// Subscribe returns a reader of the events after the one with that ID, as far as
// they are still kept, or of those to come for 0. It fails when there are as many
// readers as there may be, 256.
func (j *Journal) Subscribe(Filter, uint64) (*Reader, error) { return &Reader{}, nil }

const maxText = 512 // bytes of an event's Text
