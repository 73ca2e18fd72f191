package connreq

import (
	"context"
	"iter"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Progress is how far a bulk of requests has come.
type Progress struct {
	Asked     int            // requests that were begun or refused
	Sent      int            // delivered by a transport, as far as can be known
	Confirmed int            // devices that came
	Failed    map[string]int // those that did not, by reason
}

// Bulk wakes many devices.
func (s *Service) Bulk(ctx context.Context, ids iter.Seq[cwmp.DeviceID], perSecond float64, origin string, progress func(Progress)) (Progress, error) {
	return Progress{}, ctx.Err()
}
