package console

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
)

// preview is what a campaign would do.
type preview struct {
	Moves, Stays int
	Why, Reasons []part // why devices move, and why others stay
	Waves        []part
	First        []admin.MoveView // of those that move
	Cut          bool             // not all devices were looked at
	To           string
}

// Bounds of previews: how long devices are looked at, how many reasons are told
// apart, and how many devices are listed.
const (
	previewTime = 20 * time.Second
	maxReasons  = 12
	maxFirst    = 50
)

// previewOf looks at what a campaign would do.
func (c *Console) previewOf(v *visit, request admin.CampaignRequest) (*preview, error) {
	if !c.previews.enter() {
		return nil, admin.ErrBusy
	}
	defer c.previews.leave()
	extend(v.w, 2*previewTime)
	ctx, cancel := context.WithTimeout(v.r.Context(), previewTime)
	defer cancel()
	found, why, reasons := &preview{To: request.To}, map[string]int{}, map[string]int{}
	waves := map[int]int{}
	for move, err := range c.api.Campaigns.Preview(ctx, request) {
		switch {
		case errors.Is(err, context.DeadlineExceeded) && found.Moves+found.Stays > 0:
			found.Cut = true
		case errors.Is(err, context.DeadlineExceeded):
			return nil, fail(http.StatusServiceUnavailable, "The devices could not be looked at within %s. acsgate campaigns preview takes the time that it needs.", span(previewTime))
		case err != nil:
			return nil, err
		case !move.Moves:
			found.Stays++
			countReason(reasons, move.Reason)
		default:
			found.Moves++
			waves[move.Wave]++
			countReason(why, move.Reason)
			if len(found.First) < maxFirst {
				found.First = append(found.First, move)
			}
		}
	}
	found.Why, found.Reasons = partsOf(why, found.Moves), partsOf(reasons, found.Stays)
	for wave, count := range waves {
		found.Waves = append(found.Waves, part{Name: number(wave + 1), Count: count, Of: wave})
	}
	slices.SortFunc(found.Waves, func(a, b part) int { return a.Of - b.Of })
	return found, nil
}

// countReason counts devices by reason. Beyond a number of them, reasons count
// together.
func countReason(reasons map[string]int, reason string) {
	if _, known := reasons[reason]; !known && len(reasons) >= maxReasons {
		reason = "for other reasons"
	}
	reasons[reason]++
}
